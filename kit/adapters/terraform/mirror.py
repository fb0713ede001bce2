"""A provider that was built here, laid out so that `terraform init` finds it where no registry answers.

A file-system mirror, not `dev_overrides`: `init`, the lock file with its checksums, and every other provider work as ever. The
two products ask different hosts by default, so the one file hangs in two trees.
"""

from __future__ import annotations

import filecmp
import os
import platform
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from kit import files

HOSTS = ("registry.terraform.io", "registry.opentofu.org")  # where Terraform and OpenTofu look for `yandex-cloud/yandex`
PROVIDER = "yandex-cloud/yandex"
HEAD = "# Written by kit."
# Read where TF_CLI_CONFIG_FILE names none: by Terraform the first, by OpenTofu either one (developer.hashicorp.com/terraform/cli/
# config/config-file, opentofu.org/docs/cli/config/config-file, read 2026-11-28).
USUAL = (".terraformrc", ".tofurc")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def users_configuration(environment: Mapping[str, str], home: Path) -> Path | None:
    """The CLI configuration of the user's own, which may lead to the provider or log in elsewhere; None where kit wrote it."""
    named = environment.get("TF_CLI_CONFIG_FILE")
    for path in [Path(named)] if named else [home / name for name in USUAL]:
        with suppress(OSError):  # terraform goes on without it, too
            if not path.read_text(errors="replace").startswith(HEAD):
                return path
    return None


def mirror(folder: Path, provider: Path, version: str) -> Path:
    """Hang `provider` into a mirror under `folder`; returns the CLI configuration to name in TF_CLI_CONFIG_FILE.

    The provider's file is linked, or copied where it lies on another disk. A second call changes nothing.
    """
    kind, name = PROVIDER.split("/")
    for host in HOSTS:
        place = folder / host / kind / name / version / _platform() / f"terraform-provider-{name}_v{version}"
        _hang(provider, place)
    names = ", ".join(f'"{host}/{PROVIDER}"' for host in HOSTS)
    configuration = folder / "cli.tfrc"
    text = f"""\
{HEAD} The provider comes from this folder; all others from where they always do.
provider_installation {{
  filesystem_mirror {{
    path    = "{folder.absolute()}"
    include = [{names}]
  }}
  direct {{
    exclude = [{names}]
  }}
}}
"""
    if not configuration.exists() or configuration.read_text() != text:
        files.write(configuration, text)
    return configuration


def _hang(provider: Path, place: Path) -> None:
    if place.exists() and (place.samefile(provider) or filecmp.cmp(place, provider, shallow=False)):
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_name(f".tmp-{place.name}")
    unfinished.unlink(missing_ok=True)
    try:
        os.link(provider, unfinished)
    except OSError:  # another disk, or one without hard links
        shutil.copy2(provider, unfinished)
    unfinished.replace(place)


def _platform() -> str:
    machine = platform.machine()
    return f"{platform.system().lower()}_{ARCHITECTURES.get(machine, machine)}"
