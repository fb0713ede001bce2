"""The real provider: built by kit, found by both products, started, and refused when it was tampered with."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kit.adapters.process import Result, run
from kit.adapters.terraform.errors import ProviderUnavailable, TerraformFailed
from kit.adapters.terraform.program import Configuration, Terraform
from kit.targets.cloud.provider import initialised
from tests.support.terraform import opentofu, program, provider_environment, supply

REQUIRED = """
terraform {
  required_providers {
    yandex = {
      source  = "yandex-cloud/yandex"
      version = ">= 0.213.0, < 1.0.0"
    }
  }
}

resource "yandex_vpc_network" "it" {
  name = "it"
}
"""
NOWHERE = """
provider_installation {
  filesystem_mirror {
    path = "%s"
  }
}
"""


def configuration(program: Path, folder: Path, environment: dict[str, str]) -> Configuration:
    folder.mkdir(exist_ok=True)
    (folder / "main.tf").write_text(REQUIRED)
    return Terraform(program, environment).at(folder, folder.with_name(f"{folder.name}-data"))


def validate(configuration: Configuration) -> None:
    configuration._run(["validate", "-json"], timeout_s=60)


@pytest.mark.parametrize("product", [program, opentofu])
def test_the_built_provider_is_installed_by_init_and_answers(product: Callable[[], Path], tmp_path: Path) -> None:
    here = configuration(product(), tmp_path / "it", provider_environment(tmp_path / "mirror"))
    here.init()
    validate(here)  # starts the provider and asks it for its schema
    (here.folder / "main.tf").write_text(REQUIRED.replace("name =", "nam ="))
    with pytest.raises(TerraformFailed, match="Unsupported argument"):
        validate(here)


@pytest.mark.parametrize("product", [program, opentofu])
def test_where_no_registry_answers_the_provider_is_built_and_mirrored(product: Callable[[], Path], tmp_path: Path) -> None:
    """As far from any registry as a configuration of the program can make it, whatever network this computer has."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "nowhere.tfrc").write_text(NOWHERE % (tmp_path / "empty"))
    here = configuration(product(), tmp_path / "it", {"TF_CLI_CONFIG_FILE": str(tmp_path / "nowhere.tfrc")})
    with pytest.raises(ProviderUnavailable):
        here.init()
    ready = initialised(here, supply(), tmp_path / "mirror")
    validate(ready)
    validate(here)  # what is installed serves without the mirror's configuration too
    calls: list[Sequence[str]] = []

    def counting(argv: Sequence[str], **options: Any) -> Result:
        calls.append(argv)
        return run(argv, **options)

    again = replace(here, terraform=replace(here.terraform, runner=counting))
    initialised(again, supply(), tmp_path / "mirror")
    assert calls == [], "what was initialised from these files is not initialised again"
    (again.folder / "more.tf").write_text("")
    initialised(again, supply(), tmp_path / "mirror")
    assert len(calls) == 1, "once a mirror was needed, no registry is asked again"


def test_a_tampered_provider_is_refused(tmp_path: Path) -> None:
    environment = provider_environment(tmp_path / "mirror")
    configuration(program(), tmp_path / "it", environment).init()
    for path in (tmp_path / "mirror").rglob("terraform-provider-*"):
        content = path.read_bytes()
        path.unlink()  # a hard link: its other name stays as it is
        path.write_bytes(content + b"\0")
        path.chmod(0o755)
    again = Terraform(program(), environment).at(tmp_path / "it", tmp_path / "other-data")
    with pytest.raises(TerraformFailed, match="provider"):
        again.init()
    assert not os.path.exists(tmp_path / "other-data" / "providers" / "yandex-cloud")
