"""Containers, volumes and networks as the engine reported them, as frozen values: the only shapes that the rest of kit knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class EngineVersion:
    version: str
    api: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Platform:
    """In the words of OCI image indexes, which are Go's: linux, amd64."""

    os: str
    architecture: str


@dataclass(frozen=True, slots=True)
class PublishedPort:
    container: int
    host: int
    address: str


@dataclass(frozen=True, slots=True)
class Container:
    id: str
    name: str
    image: str  # the reference it was created from, or an id once that tag has moved on
    state: str  # created, running, restarting, exited, paused, dead
    labels: Mapping[str, str]
    ports: tuple[PublishedPort, ...]
    addresses: Mapping[str, str]  # network name → IPv4 address


@dataclass(frozen=True, slots=True)
class Volume:
    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Network:
    id: str
    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Mount:
    """A named volume or an absolute path of the host, at `target` in the container."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    exit_code: int
    output: str  # stdout and stderr as they came


def container(raw: Mapping[str, Any]) -> Container:
    networks = (raw.get("NetworkSettings") or {}).get("Networks") or {}
    ports = {
        PublishedPort(port["PrivatePort"], port["PublicPort"], port.get("IP", ""))
        for port in raw.get("Ports") or ()
        if port.get("PublicPort")
    }
    return Container(
        id=raw["Id"],
        name=(raw.get("Names") or ["/?"])[0].lstrip("/"),
        image=raw["Image"],
        state=raw["State"],
        labels=raw.get("Labels") or {},
        ports=tuple(sorted(ports, key=lambda port: (port.container, port.host, port.address))),
        addresses={name: network.get("IPAddress", "") for name, network in networks.items()},
    )


def network(raw: Mapping[str, Any]) -> Network:
    return Network(raw["Id"], raw["Name"], raw.get("Labels") or {})


def mount_argument(mount: Mount) -> Any:
    """The SDK's own word for it."""
    from docker.types import Mount as SdkMount

    return SdkMount(
        target=mount.target,
        source=mount.source,
        type="bind" if mount.source.startswith("/") else "volume",
        read_only=mount.read_only,
    )
