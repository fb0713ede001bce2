"""Where terraform's provider comes from, with `init` and the supply played: when it is fetched, built, and left alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit.adapters.process import Result
from kit.adapters.terraform.errors import ProviderUnavailable
from kit.adapters.terraform.program import Configuration, Terraform
from kit.supply.errors import NoSource
from kit.targets.cloud import provider
from kit.targets.cloud.errors import ProviderMissing
from kit.targets.cloud.provider import initialised

NO_REGISTRY = "Error: Failed to query available provider packages\n\nCould not connect to registry.terraform.io: refused"


@dataclass
class Init:
    """`terraform init`: what it brings lies in terraform's folder afterwards."""

    data: Path
    fails: bool = False
    calls: int = 0

    def __call__(self, argv: Sequence[str], **options: Any) -> Result:
        self.calls += 1
        if self.fails:
            return Result(tuple(argv), 1, "", NO_REGISTRY)
        platform = self.data / "providers/registry.terraform.io/yandex-cloud/yandex/0.213.0/linux_amd64"
        if platform.is_symlink():
            platform.unlink()
        platform.mkdir(parents=True, exist_ok=True)
        return Result(tuple(argv), 0, "", "")


@dataclass
class Supply:
    place: Path
    fails: bool = False
    asked: list[str] = field(default_factory=list)
    lock: Any = field(default_factory=lambda: SimpleNamespace(entries={provider.ARTIFACT: SimpleNamespace(version="0.213.0")}))

    def ensure(self, names: Sequence[str], progress: object = None) -> Mapping[str, object]:
        self.asked += names
        if self.fails:
            raise NoSource({provider.ARTIFACT: "Go is not there"})
        return {}

    def place_of(self, key: str) -> Any:
        return SimpleNamespace(place=str(self.place))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "it").mkdir()
    (tmp_path / "it" / "versions.tf").write_text("terraform {}")
    (tmp_path / "built").mkdir()
    (tmp_path / "built" / "terraform-provider-yandex_v0.213.0").write_text("a program")
    return tmp_path


def configuration(folder: Path, init: Init) -> Configuration:
    return Terraform(Path("/bin/terraform"), runner=init).at(folder / "it", folder / "data")


def test_a_registry_that_answers_is_asked_once_and_again_when_a_file_has_changed(folder: Path) -> None:
    init, supply = Init(folder / "data"), Supply(folder / "built")
    for _ in range(3):
        initialised(configuration(folder, init), supply, folder / "mirror")  # type: ignore[arg-type]
    assert (init.calls, supply.asked) == (1, [])
    (folder / "it" / "backend_override.tf").write_text("")
    initialised(configuration(folder, init), supply, folder / "mirror")  # type: ignore[arg-type]
    assert init.calls == 2


def test_what_init_brought_and_somebody_removed_is_brought_again(folder: Path) -> None:
    init, supply = Init(folder / "data"), Supply(folder / "built")
    initialised(configuration(folder, init), supply, folder / "mirror")  # type: ignore[arg-type]
    platform = next((folder / "data" / "providers").glob("*/*/*/*/*"))
    platform.rmdir()
    platform.symlink_to(folder / "nowhere")  # as a mirror's, after its cache was cleared
    initialised(configuration(folder, init), supply, folder / "mirror")  # type: ignore[arg-type]
    assert init.calls == 2


def test_a_provider_that_can_be_neither_fetched_nor_built_is_told_with_both_reasons(folder: Path) -> None:
    init, supply = Init(folder / "data", fails=True), Supply(folder / "built", fails=True)
    with pytest.raises(ProviderMissing) as missing:
        initialised(configuration(folder, init), supply, folder / "mirror")  # type: ignore[arg-type]
    assert "registry.terraform.io" in missing.value.why
    assert "Go is not there" in missing.value.why
    assert "TF_CLI_CONFIG_FILE" in missing.value.fix
    assert not isinstance(missing.value.__cause__, ProviderUnavailable), "the last attempt is the cause"
