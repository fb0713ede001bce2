"""Names of platforms as Go, the releases of the tools and the lock write them: "linux-amd64", "darwin-arm64".

A program that kit starts is for this computer; what runs in a container is for the engine, which may be a Linux machine inside
a Mac. So there are two questions, and neither answer may stand for the other.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit.adapters.docker.client import Docker

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


def of_host() -> str:
    """The platform of this computer: what a tool must be made for."""
    return named(platform.system(), platform.machine())


def of_engine(docker: Docker) -> str:
    """The platform of the engine: what images, and programs inside them, must be made for. Its words are Go's already."""
    found = docker.platform
    return named(found.os, found.architecture)


def named(system: str, machine: str) -> str:
    """`Linux`, `x86_64` → `linux-amd64`. A machine that is not known keeps its own name: the lock then has nothing for it."""
    name = machine.lower()
    return f"{system.lower()}-{ARCHITECTURES.get(name, name)}"
