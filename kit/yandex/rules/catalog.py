"""The versions and host classes that the services offer, from versions.yaml and presets.yaml."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from kit.yandex import refusal
from kit.yandex.rules import data
from kit.yandex.rules.data import GB

SPELLED_WITH_A_DOT = {"broadwell", "cascade-lake"}  # platforms of the older names: s2.micro


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

    @property
    def family(self) -> str:
        """What its name begins with: s3, hm2."""
        return re.split(r"[.-]", self.id)[0]


def versions(engine: str) -> tuple[Version, ...]:
    """All versions of an engine, also those that are closed for new clusters."""
    return tuple(
        Version(row["id"], row["status"], row.get("closed", False), tuple(row.get("channels", ())))
        for row in data.read("versions.yaml")[engine]
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
    """The host class of a name (`s3-c2-m8`, `s2.micro`), whichever service offers it; None if there is none."""
    return _presets().get(name)


def presets(engine: str) -> tuple[Preset, ...]:
    """The host classes that a service offers."""
    families = data.read("presets.yaml")["offered"][engine]["families"]
    return tuple(found for found in _presets().values() if found.family in families)


@functools.cache
def _presets() -> Mapping[str, Preset]:
    found = []
    for family, row in data.read("presets.yaml")["families"].items():
        dot = "." if row["platform"] in SPELLED_WITH_A_DOT else "-"
        sizes = dict(row.get("older", {}))
        for size in row.get("sizes", ()):
            cores, memory = re.findall(r"[0-9]+", size)
            sizes[size] = (cores, memory)
        found += [Preset(f"{family}{dot}{size}", int(cores), int(memory) * GB) for size, (cores, memory) in sizes.items()]
    return {each.id: each for each in found}
