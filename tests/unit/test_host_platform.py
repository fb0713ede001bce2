"""The names of platforms: this computer's and the engine's are two different questions."""

from __future__ import annotations

import platform
from types import SimpleNamespace
from typing import cast

import pytest

from kit.adapters.docker.client import Docker
from kit.adapters.docker.observed import Platform
from kit.host import platform as platforms


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("Linux", "x86_64", "linux-amd64"),
        ("Linux", "aarch64", "linux-arm64"),
        ("Linux", "armv7l", "linux-arm"),
        ("Linux", "riscv64", "linux-riscv64"),
        ("Darwin", "arm64", "darwin-arm64"),
        ("Darwin", "x86_64", "darwin-amd64"),
        ("Windows", "AMD64", "windows-amd64"),
    ],
)
def test_a_computer_has_the_name_that_the_releases_of_tools_use(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, name: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert platforms.of_host() == name


def test_the_engine_of_a_mac_is_linux() -> None:
    # Docker Desktop on Apple silicon tells linux/arm64 (docker/desktop-feedback#121, 2026-02).
    assert platforms.of_engine(cast("Docker", SimpleNamespace(platform=Platform("linux", "arm64")))) == "linux-arm64"
