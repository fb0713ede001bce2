"""Names of platforms as Go, the releases of the tools and the lock write them: "linux-amd64", "darwin-arm64".

A program that kit starts is for this computer; what runs in a container is for the engine, which may be a Linux machine inside
a Mac. So there are two questions, and neither answer may stand for the other.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

# The kernel's name of a machine (`uname -m`, as Python gives it) → Go's. Names that are alike in both are not listed.
# GOARCH: Go's doc/install-source.html, "$GOOS and $GOARCH", read 2026-11-28.
ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv6l": "arm",
    "armv7l": "arm",
    "armv8l": "arm",  # a 32-bit program on a 64-bit kernel is told this
    "i386": "386",
    "i686": "386",
}


class Engine(Protocol):
    """As much of `kit.engines.docker.Docker` as is asked here."""

    @property
    def api(self) -> Any: ...
    def doing(self, what: str) -> AbstractContextManager[None]: ...


def of_host() -> str:
    """The platform of this computer: what a tool must be made for."""
    return named(platform.system(), platform.machine())


def of_engine(docker: Engine) -> str:
    """The platform of the engine: what images, and programs inside them, must be made for."""
    with docker.doing("tell its platform"):
        return of_version(docker.api.version())


def of_version(answer: Mapping[str, Any]) -> str:
    """The platform in an engine's answer to GET /version. Its `Os` and `Arch` are Go's already, unlike those of /info."""
    return named(str(answer["Os"]), str(answer["Arch"]))


def named(system: str, machine: str) -> str:
    """`Linux`, `x86_64` → `linux-amd64`. A machine that is not known keeps its own name: the lock then has nothing for it."""
    name = machine.lower()
    return f"{system.lower()}-{ARCHITECTURES.get(name, name)}"
