"""Configures the mirror of KIT_REGISTRY_PREFIX in the node's containerd, which asks it before each image's own registry.

Written into the running node, not mounted: containerd reads these files at each pull, and another prefix needs no new cluster.
"""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit import files
from kit.adapters.containerd import node as nodes
from kit.host import trust
from kit.state import markers
from kit.supply.https import is_loopback
from kit.supply.registry import mirrored, prefix_from

if TYPE_CHECKING:
    from kit.adapters.docker.observed import Container
    from kit.targets.local.target import LocalTarget

HUB = "docker.io"
# Whose images a chart's pods or a user's own ask for: containerd must be told registry by registry where the mirror has which.
UPSTREAM = (HUB, "ghcr.io", "quay.io", "registry.k8s.io", "gcr.io", "us-docker.pkg.dev", "public.ecr.aws", "mcr.microsoft.com")
# Where the engine looks for a registry's authority: https://docs.docker.com/engine/security/certificates/ and, for Desktop,
# https://docs.docker.com/desktop/troubleshoot-and-support/faqs/macfaqs/, both read 2026-11-28.
AUTHORITIES = ("/etc/docker/certs.d", "~/.docker/certs.d")
MARKER = "cluster-registries"


@dataclass(frozen=True, slots=True)
class Mirror:
    """A prefix, and the authorities (PEM) that the engine trusts for its registry."""

    prefix: str
    authorities: str = ""

    @property
    def host(self) -> str:
        """With its port, as the prefix has it."""
        return self.prefix.partition("/")[0]

    @property
    def fingerprint(self) -> str:
        """Empty where there is no mirror."""
        return files.digest({"prefix": self.prefix, "ca": self.authorities}) if self.prefix else ""


@dataclass(frozen=True, slots=True)
class Way:
    """How the node reaches the mirror's registry."""

    host: str
    verified: bool  # else whatever certificate it has is taken, and plain HTTP as well: as the engine does


def wanted(environment: Mapping[str, str] = os.environ) -> Mirror:
    mirror = Mirror(prefix_from(environment).removesuffix("/"))
    return Mirror(mirror.prefix, _authorities(mirror.host)) if mirror.prefix else mirror


def set_up(local: LocalTarget, node: Container) -> str:
    """Tell the node of the wanted mirror, or of none; a mirror that it cannot reach is a note."""
    mirror = wanted()
    way = _way(local, node, mirror) if mirror.prefix else None
    nodes.use_registries(local.docker, node.name, UPSTREAM, hosts_files(mirror, way) if way else {})
    markers.record(local.markers_file, MARKER, f"{node.id} {mirror.fingerprint}")
    if way:
        return f"through {mirror.prefix}" + (f", in the node {way.host}" if way.host != mirror.host else "")
    if mirror.prefix:
        return f"{mirror.host} is this computer's own, and nothing answers the node there: what pods pull comes from upstream"
    return "through no mirror any more"


def hosts_files(mirror: Mirror, way: Way) -> Mapping[str, bytes]:
    """Path below containerd's certs.d → content, for every registry of upstream.

    https://github.com/containerd/containerd/blob/v1.7.24/docs/hosts.md, read 2026-11-28.
    """
    found: dict[str, bytes] = {}
    for upstream in UPSTREAM:
        ca = f"{nodes.CERTS}/{upstream}/ca.crt" if mirror.authorities and way.verified else None
        found[f"{upstream}/hosts.toml"] = _hosts(upstream, _path(mirror.prefix, upstream), way, ca).encode()
        if ca:
            found[f"{upstream}/ca.crt"] = mirror.authorities.encode()
    return found


def is_insecure(host: str, info: Mapping[str, Any]) -> bool:
    """Whether the engine itself takes that registry without a verified certificate, by what it says of itself."""
    config = info.get("RegistryConfig") or {}
    index = (config.get("IndexConfigs") or {}).get(host)
    if index is not None:
        return not index.get("Secure", True)
    address = _address(host)
    return address is not None and any(
        address in ipaddress.ip_network(network, strict=False) for network in config.get("InsecureRegistryCIDRs") or ()
    )


def _way(local: LocalTarget, node: Container, mirror: Mirror) -> Way | None:
    insecure = is_insecure(mirror.host, local.docker.info())
    if not is_loopback(mirror.host):
        return Way(mirror.host, not insecure)
    # The node's loopback is its own. A registry that listens for more than this computer answers at the network's gateway.
    port = mirror.host.removeprefix(_name(mirror.host)).lstrip("]:") or "443"
    reached = nodes.first_that_answers(local.docker, node.name, ("gateway", "host.docker.internal"), int(port))
    return Way(f"{reached}:{port}", verified=False) if reached else None


def _hosts(upstream: str, path: str, way: Way, ca: str | None) -> str:
    schemes = ("https",) if way.verified else ("https", "http")
    lines = ["# Written by kit, from KIT_REGISTRY_PREFIX. What the mirror has not comes from upstream."]
    for scheme in schemes:
        lines += ["", f'[host."{scheme}://{way.host}{f"/v2/{path}" if path else ""}"]', '  capabilities = ["pull", "resolve"]']
        lines += ["  override_path = true"] if path else []
        lines += [f"  ca = {json.dumps(ca)}"] if ca else []
        lines += ["  skip_verify = true"] if scheme == "https" and not way.verified else []
    return "\n".join(lines) + "\n"


def _path(prefix: str, upstream: str) -> str:
    """Where behind the mirror's host the repositories of a registry are: the same place from which kit itself pulls them."""
    named = "any/image" if upstream == HUB else f"{upstream}/any/image"
    return mirrored(named, prefix).removesuffix("/any/image").partition("/")[2]


def _authorities(host: str, folders: Sequence[str] = AUTHORITIES) -> str:
    """What can be read and is PEM; the folders are the engine's, and need be neither for whoever runs kit."""
    places = [os.path.expanduser(folder) for folder in folders]
    found = [path for place in places if os.path.isdir(f"{place}/{host}") for path in sorted(Path(place, host).glob("*.crt"))]
    return "".join(path.read_text() for path in found if trust.holds_certificates(path))


def _name(host: str) -> str:
    """Without the port: [::1]:5000 → [::1]."""
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(_name(host).strip("[]"))
    except ValueError:
        return None
