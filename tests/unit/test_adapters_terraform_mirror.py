"""The mirror of a built provider: where both products look, whole files only, and nothing done twice."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from kit.adapters.terraform.mirror import HOSTS, mirror


@pytest.fixture
def provider(tmp_path: Path) -> Path:
    built = tmp_path / "built" / "provider"
    built.parent.mkdir()
    built.write_bytes(b"a program")
    built.chmod(0o755)
    return built


def hung(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".tfrc")


def test_both_products_find_the_one_file(tmp_path: Path, provider: Path) -> None:
    configuration = mirror(tmp_path / "mirror", provider, "0.213.0")
    found = hung(tmp_path / "mirror")
    assert [path.relative_to(tmp_path / "mirror").parts[0] for path in found] == sorted(HOSTS)
    assert all(path.samefile(provider) for path in found)
    assert all(path.name == "terraform-provider-yandex_v0.213.0" and path.parents[1].name == "0.213.0" for path in found)
    assert all(f'"{host}/yandex-cloud/yandex"' in configuration.read_text() for host in HOSTS)


def test_a_provider_on_another_disk_is_copied(tmp_path: Path, provider: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(source: object, target: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", no_link)
    mirror(tmp_path / "mirror", provider, "0.213.0")
    found = hung(tmp_path / "mirror")
    assert [path.read_bytes() for path in found] == [b"a program"] * 2
    assert all(os.access(path, os.X_OK) for path in found)
    before = [path.stat().st_ino for path in found]
    mirror(tmp_path / "mirror", provider, "0.213.0")
    assert [path.stat().st_ino for path in found] == before, "what is the same is not copied again"


def test_a_provider_that_was_built_anew_takes_the_place_of_the_old_one(tmp_path: Path, provider: Path) -> None:
    mirror(tmp_path / "mirror", provider, "0.213.0")
    provider.unlink()
    provider.write_bytes(b"b program")
    mirror(tmp_path / "mirror", provider, "0.213.0")
    assert [path.read_bytes() for path in hung(tmp_path / "mirror")] == [b"b program"] * 2
