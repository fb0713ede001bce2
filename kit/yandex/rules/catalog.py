"""The versions and host classes that the services offer, from versions.yaml and presets.yaml."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit import yaml_file
from kit.yandex import refusal

DATA = Path(__file__).parent
GB = 1024**3


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an engine."""

    id: str
    status: str  # NEW, ACTUAL, SUPPORTED, DEPRECATED, EOL
    is_closed: bool
    channels: tuple[str, ...]  # Kubernetes only


@dataclass(frozen=True, slots=True)
class Preset:
    """A host class."""

    id: str
    cores: int
    memory_bytes: int


def versions(engine: str) -> tuple[Version, ...]:
    """All versions of an engine, also those that are closed for new clusters."""
    return tuple(
        Version(row["id"], row["status"], row.get("closed", False), tuple(row.get("channels", ())))
        for row in _read("versions.yaml")[engine]
    )


def open_versions(engine: str) -> tuple[Version, ...]:
    """The versions of an engine that new clusters may have."""
    return tuple(version for version in versions(engine) if not version.is_closed)


def check_version(engine: str, wanted: str, field: str) -> None:
    """INVALID_ARGUMENT unless new clusters of that version can be made."""
    names = ", ".join(version.id for version in open_versions(engine))
    found = next((version for version in versions(engine) if version.id == wanted), None)
    if found is None:
        raise refusal.invalid(field, f"version {wanted!r} is not available, choose one of {names}")
    if found.is_closed:
        raise refusal.invalid(field, f"version {wanted} is closed for new clusters, choose one of {names}")


def preset(name: str) -> Preset | None:
    """The host class of a name: `s3-c2-m8` or `s2.micro`; None if there is none."""
    if found := re.fullmatch(r"[a-z]+[0-9]+-c([0-9]+)-m([0-9]+)", name):
        return Preset(name, int(found[1]), int(found[2]) * GB)
    family, _, size = name.partition(".")
    table = _read("presets.yaml")
    if family not in table["families"] or size not in table["sizes"]:
        return None
    cores = table["sizes"][size]
    return Preset(name, cores, cores * table["families"][family] * GB)


def check_preset(name: str, field: str) -> Preset | None:
    """INVALID_ARGUMENT unless there is such a host class."""
    if not name:
        return None
    found = preset(name)
    if found is None:
        raise refusal.invalid(field, f"resource preset {name} does not exist")
    return found


def presets() -> tuple[Preset, ...]:
    """The host classes that are listed."""
    return tuple(found for name in _read("presets.yaml")["listed"] if (found := preset(name)) is not None)


@functools.cache
def _read(name: str) -> Any:
    return yaml_file.read(DATA / name).plain()
