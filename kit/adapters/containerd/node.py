"""Brings images into the containerd of a Kind node: into a running one, or into a node image that has them from the start.

Kind's own `load` imports every platform that an image's index names, and the engine's containerd image store hands out one alone
(kind#3795, kind#4224, read 2026-11-28): here the node's platform is imported, and nothing is written to a file on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kit.adapters import process
from kit.adapters.containerd import flattened
from kit.adapters.containerd.flattened import Flattened, Measured

if TYPE_CHECKING:
    from kit.adapters.docker.client import Docker

LOAD_TIMEOUT_S = 300.0
UNPACK_TIMEOUT_S = 300.0
# Rootless engines have fuse-overlayfs in the node: its containerd says itself which snapshotter it unpacks into.
IMPORT = (
    'snapshotter=$(containerd config dump | sed -n "s/^ *snapshotter = [\\"\']\\(.*\\)[\\"\']$/\\1/p" | head -n 1)\n'
    'exec ctr -n k8s.io images import --digests --snapshotter "${snapshotter:-overlayfs}" -'
)
CERTS = "/etc/containerd/certs.d"
# Kind's config.toml (0.33, of version 2) names no folder, and neither containerd 1.6.20 nor 2.3.4 then looks into one (both tried
# 2026-11-28; 2.3.4 takes the section up from a file of version 2). A restart of containerd is needed for that, and once only.
# Pods go on running while it does.
USE_CERTS = f"""\
if ! containerd config dump | grep -q '^ *config_path = .*/'; then
  printf '\n[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "%s"\n' {CERTS} >> /etc/containerd/config.toml
  systemctl restart containerd
fi
"""
CONNECT_S = 3
READY = "/kind/ready"  # in a node image with images: their files, by number
BLOCK = 1024 * 1024
# As Kind's own build of a node image sets them again after its commit (pkg/build/nodeimage/buildcontext.go, kind 0.33).
START = ('ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]', "CMD []")


def load(docker: Docker, node: str, references: Sequence[str]) -> None:
    """Bring images from the engine into the node, under the same names."""
    _feed(docker, node, ["sh", "-c", IMPORT], docker.images.save(references), LOAD_TIMEOUT_S)


def use_registries(docker: Docker, node: str, hosts: Sequence[str], written: Mapping[str, bytes]) -> None:
    """Replace what the node's containerd knows of the mirrors of these registries: path below certs.d → content."""
    folders = " ".join(f"{CERTS}/{host}" for host in hosts)
    docker.exec(node, ["sh", "-euc", f"rm -rf {folders}; mkdir -p {CERTS}"])
    if written:
        with docker.doing(f"write into {node}"):
            docker.api.put_archive(node, CERTS, flattened.packed(written))
        docker.exec(node, ["sh", "-euc", USE_CERTS])


def first_that_answers(docker: Docker, node: str, hosts: Sequence[str], port: int) -> str | None:
    """The first of these that takes a connection from inside the node; "gateway" is that of its network, told by address."""
    for host in hosts:
        known = "$(ip -4 route show default | sed -n 's/.* via \\([^ ]*\\).*/\\1/p')" if host == "gateway" else host
        attempt = f'host={known}; timeout {CONNECT_S} bash -c "exec 3<>/dev/tcp/$host/{port}" && echo "$host"'
        ended = docker.exec(node, ["bash", "-c", attempt], check=False)
        if ended.exit_code == 0:
            return ended.output.strip()
    return None


def can_be_given_images(info: Mapping[str, object]) -> bool:
    """Whether a node's containers can lie directly on files of the node's image, by what the engine says of itself.

    They are overlays on an overlay, of which Linux allows two, and overlay2 is refused on top of another one. A rootless
    engine's node unpacks with fuse-overlayfs, and a remapped user does not own what is in the image.
    """
    options = " ".join(str(option) for option in info.get("SecurityOptions") or ())  # type: ignore[attr-defined]
    return info.get("Driver") in ("overlay2", "overlayfs") and "rootless" not in options and "userns" not in options


def make_image(
    docker: Docker, base: str, references: Sequence[str], tag: str, *, script: Path, labels: Mapping[str, str], container: str
) -> None:
    """A node image made of `base` with these images in its containerd. Nothing bears the tag before it is whole."""
    with _running(docker, base, container):
        images = [_unpacked(docker, container, reference, f"{READY}/{number}") for number, reference in enumerate(references)]
        listed = "".join(f"{each.layer} {each.config_digest} {READY}/{number}\n" for number, each in enumerate(images))
        files = {"images.tar": flattened.layout(images), "list": listed.encode(), "add-images.sh": script.read_bytes()}
        with docker.doing(f"write into {container}"):
            docker.api.put_archive(container, READY, flattened.packed(files))
        _feed(docker, container, ["sh", f"{READY}/add-images.sh", READY], (), UNPACK_TIMEOUT_S)
        repository, _, name = tag.rpartition(":")
        changes = [*START, *(f'LABEL {label}="{value}"' for label, value in labels.items())]
        with docker.doing(f"commit {tag}"):
            docker.connect_forever.commit(container, repository=repository, tag=name, changes=changes)


def containers_of(container: str) -> frozenset[str]:
    """The names of all containers with which `make_image` works."""
    return frozenset({container, _source(container)})


def _source(container: str) -> str:
    return f"{container}-source"


@contextmanager
def _running(docker: Docker, base: str, name: str) -> Iterator[None]:
    """A container of the node image in which nothing runs; /var is a volume and /run is memory: neither is committed."""
    from docker.types import Mount

    docker.stop_and_remove(name, 0)  # what a killed run left
    with docker.doing(f"run {base}"):
        made = docker.api.create_container(
            base,
            command=["infinity"],
            entrypoint=["sleep"],
            name=name,
            host_config=docker.api.create_host_config(privileged=True, mounts=[Mount("/var", None)], tmpfs={"/run": "exec"}),
        )
        try:
            docker.api.start(made)
            yield
        finally:
            docker.remove_container(name)


def _unpacked(docker: Docker, container: str, reference: str, place: str) -> Flattened:
    """Lay an image's files, as a container would see them, into a folder of the container's own file system."""
    measured = Measured()
    source = _source(container)
    docker.stop_and_remove(source, 0)
    with docker.doing(f"read {reference}"):
        docker.api.create_container(reference, command=["none"], name=source)
        try:
            pieces = docker.connect_forever.export(source, chunk_size=BLOCK)
            tar = f"tar -x -p --numeric-owner --xattrs --xattrs-include=security.capability -C {place}/fs"
            _feed(
                docker, container, ["sh", "-c", f"mkdir -p {place}/fs && exec {tar}"], measured.passing(pieces), UNPACK_TIMEOUT_S
            )
            seen = docker.api.inspect_image(reference)
        finally:
            docker.remove_container(source)
    return Flattened(reference, seen, measured.digest, measured.size)


def _feed(docker: Docker, container: str, argv: Sequence[str], pieces: Iterable[bytes], timeout_s: float) -> None:
    """By the engine's own client, which is there where Kind is: it can end a stream over every transport that it knows."""
    process.feed(["docker", "exec", "-i", container, *argv], pieces, env=docker.child_environment(), timeout_s=timeout_s)
