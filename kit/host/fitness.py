"""Tells from the engine's own answers whether kit's stores and cluster can run on it.

kit mounts folders of this computer, hands its stores files of mode 0600 by user id, and reaches them on 127.0.0.1. An engine that
shifts user ids, lies behind a network or is no Docker takes that away, and would say so late and strangely: a key that cannot be
read, an empty folder, a port where nobody is. So it is looked at before anything is made.
"""

from __future__ import annotations

import ipaddress
import os
import platform
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from kit.errors import KitError

Cause = Literal["remote", "podman", "rootless", "userns-remap", "snap"]
INSTALL = "install Docker Engine (docs.docker.com/engine/install) or Docker Desktop"

# Cause → why kit cannot run there, and what mends it. {other} is how to turn to another engine.
SENTENCES: Mapping[Cause, tuple[str, str]] = {
    "remote": (
        "it is at {address}: folders of this computer cannot be mounted there, and its ports are not on 127.0.0.1",
        "{other}; the engine must run on this computer",
    ),
    # Kind drives Podman by another provider, and kit's images are built by the classic builder, which Podman does not have.
    "podman": (
        "it is Podman: Kind and Compose would be told of a Docker that is not there",
        f"{INSTALL}; {{other}}",
    ),
    # moby#42134, moby#45919, docker/docs#24845, read 2026-11-28: ids are shifted, and uid 0 inside is the caller outside.
    "rootless": (
        "it runs rootless: user ids are shifted in its containers, so the stores cannot read keys and passwords of mode 0600",
        "use an engine that runs as root (sudo apt-get install docker.io, or Docker Desktop); {other}",
    ),
    "userns-remap": (
        "it remaps user ids (userns-remap), so the stores cannot read keys and passwords of mode 0600",
        "take `userns-remap` out of its daemon.json and restart it: sudo systemctl restart docker",
    ),
    # canonical/docker-snap#334 (2025-12): no hidden folder below the home folder; docker-archive/docker-snap#31: none outside it.
    "snap": (
        "it comes from Snap, which keeps it from reading hidden folders (.kit, ~/.local, ~/.cache) and temporary ones",
        "sudo snap remove docker, then install it from the distribution (sudo apt-get install docker.io)",
    ),
}

# What an engine inside a virtual machine calls itself: GET /info's `OperatingSystem` or `Name`, by how the text begins.
# Docker Desktop: 20.10 to 29.6 on Linux, macOS and Windows; OrbStack: 28.5; Rancher Desktop: its machine on macOS, its system in
# WSL; from printed `docker info` and set-up scripts in public files, read 2026-11-28. colima: the machine is `colima`, or
# `colima-PROFILE` (abiosoft/colima embedded/defaults/colima.yaml, read 2026-11-28).
PRODUCTS = {
    "Docker Desktop": "Docker Desktop",
    "docker-desktop": "Docker Desktop",
    "OrbStack": "OrbStack",
    "orbstack": "OrbStack",
    "colima": "colima",
    "lima-rancher-desktop": "Rancher Desktop",
    "Rancher Desktop": "Rancher Desktop",
    "lima-": "Lima",
}
# Set by Docker Desktop on its engine (its `docker info`, the same files).
DESKTOP_LABEL = "com.docker.desktop.address="


class EngineUnfit(KitError):
    """The engine answers, and the stack cannot run on it."""

    code = "KIT-ENGINE-UNFIT"
    exit_code = 35
    what = "this container engine cannot be used: {cause}"

    cause: Cause

    @classmethod
    def of(cls, cause: Cause, address: str, environment: Mapping[str, str] = os.environ) -> EngineUnfit:
        why, fix = (text.format(address=address, other=turn_to_another(environment)) for text in SENTENCES[cause])
        return cls(cause=cause, why=why, fix=fix)


class Engine(Protocol):
    """As much of `kit.adapters.docker.client.Docker` as is asked here."""

    @property
    def address(self) -> str: ...
    @property
    def api(self) -> Any: ...
    def info(self) -> Mapping[str, Any]: ...
    def doing(self, what: str) -> AbstractContextManager[None]: ...


@dataclass(frozen=True, slots=True)
class Recognised:
    """An engine and the machine that it runs on, which is this computer's own only where `shares_kernel`."""

    product: str  # "Docker Engine", "Docker Desktop", "OrbStack", "colima", "Rancher Desktop", "Lima", "Podman"
    cause: Cause | None  # why kit cannot use it
    shares_kernel: bool  # what /proc says of this computer holds for its containers
    has_cgroup_v1: bool
    has_selinux: bool  # a folder of this computer needs a label before a container may read it
    memory_bytes: int
    processors: int
    root: Path  # where it keeps images and volumes, on its own machine
    runtime: str

    @property
    def root_here(self) -> Path | None:
        """Its folder where that is on a disk of this computer. Elsewhere, a path of the same name says nothing about it."""
        is_here = self.shares_kernel and self.product == "Docker Engine"  # in WSL, Desktop's is in a distribution of its own
        return self.root if is_here and os.path.isdir(self.root) else None


def check(docker: Engine) -> Recognised:
    """The engine, if it is one to run on. Raises `EngineUnfit`; one that is elsewhere is not even asked."""
    found = machine_of(docker)
    if found.cause:
        raise EngineUnfit.of(found.cause, docker.address)
    return found


def machine_of(docker: Engine) -> Recognised:
    """What the engine says of itself. Raises `EngineUnfit` only for one that is elsewhere."""
    if is_elsewhere(docker.address):
        raise EngineUnfit.of("remote", docker.address)
    info = docker.info()
    with docker.doing("tell its version"):
        version = docker.api.version()
    return recognise(info, version, platform.release())


def recognise(info: Mapping[str, Any], version: Mapping[str, Any], kernel: str) -> Recognised:
    """From the answers to GET /info and GET /version; `kernel` is this computer's own release (`uname -r`)."""
    product = _product(info, version)
    security = {option.split(",")[0] for option in info.get("SecurityOptions") or ()}
    return Recognised(
        product=product,
        cause=_cause(product, security, str(info.get("DockerRootDir", ""))),
        # A machine of its own has a kernel of its own; in WSL the engine's distribution and the user's share one.
        shares_kernel=info.get("KernelVersion") == kernel,
        has_cgroup_v1=str(info.get("CgroupVersion", "")) == "1",
        has_selinux="name=selinux" in security,
        memory_bytes=int(info.get("MemTotal") or 0),
        processors=int(info.get("NCPU") or 0),
        root=Path(str(info.get("DockerRootDir") or "/var/lib/docker")),
        runtime=str(info.get("DefaultRuntime", "")),
    )


def disk_of_images(docker: Engine) -> Path | None:
    """Where the engine keeps images and volumes, if that is on a disk of this computer. Raises nothing for an unfit engine."""
    if is_elsewhere(docker.address):
        return None
    return recognise(docker.info(), {}, platform.release()).root_here


def is_elsewhere(address: str) -> bool:
    """Whether an engine's address leads away from this computer. Sockets of Docker Desktop and its like do not."""
    parts = urlsplit(address)
    if parts.scheme == "ssh":
        return True
    if parts.scheme not in ("tcp", "http", "https"):
        return False
    host = parts.hostname or "localhost"
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host != "localhost" and not host.endswith(".localhost")
    return not (found.is_loopback or found.is_unspecified)


def turn_to_another(environment: Mapping[str, str]) -> str:
    """How to turn to another engine, by what chose this one (docs.docker.com/reference/cli/docker/context/use, 2026-11-28)."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        if environment.get(name):
            return f"unset {name}"
    return "docker context use default"


def _product(info: Mapping[str, Any], version: Mapping[str, Any]) -> str:
    # podman/pkg/api/handlers/compat/version.go, read 2026-11-28; Docker's own component is "Engine".
    if any(component.get("Name") == "Podman Engine" for component in version.get("Components") or ()):
        return "Podman"
    if any(label.startswith(DESKTOP_LABEL) for label in info.get("Labels") or ()):
        return "Docker Desktop"
    for said in (str(info.get("OperatingSystem", "")), str(info.get("Name", ""))):
        for beginning, product in PRODUCTS.items():
            if said.startswith(beginning):
                return product
    return "Docker Engine"


def _cause(product: str, security: set[str], root: str) -> Cause | None:
    """The first that fits: Podman says of itself that it is rootless, and Snap's engine may be anything else as well."""
    if product == "Podman":
        return "podman"
    # moby/daemon/info.go, fillSecurityOptions, read 2026-11-28.
    if "name=rootless" in security:
        return "rootless"
    if "name=userns" in security:
        return "userns-remap"
    # `docker info` of the snap: /var/snap/docker/common/var-lib-docker (brandonleegit/OpenSourceMonitoring#2, 2023-07).
    if PurePosixPath(root).is_relative_to("/var/snap"):
        return "snap"
    return None
