"""Images in upstream's shape, made here from what kit builds: the same users, paths, volumes, environment and entry points.

A start script, a mount or a mode that only suits our own images is so found without a registry.

Each is a Dockerfile of ours after upstream's recipe, named with its revision in its first lines. The programs are those of the
image that it is made from; nothing is compiled. Nothing here is upstream's, and nothing is published.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kit.adapters.docker.client import Docker

HERE = Path(__file__).parent
SHARED = ("refuse.sh", "python.sh")  # in every build's context


@dataclass(frozen=True, slots=True)
class Shape:
    name: str  # what the lock calls the image; of what is not in the lock, any name
    folder: str  # beside this file
    base: str  # the image of the lock that it is made from, built
    reference: str  # upstream's image that it is in the shape of


SHAPES = (
    Shape("debian-trixie", "debian", "debian-trixie", "debian:trixie-20251208-slim"),
    Shape("debian-bookworm", "debian", "debian-bookworm", "debian:12.12-slim"),
    Shape("python", "python", "debian-trixie", "python:3.13.15-slim-trixie"),
    Shape("python-seed", "python", "debian-bookworm", "python:3.11.15-slim-bookworm"),
    Shape("kafka", "kafka", "kafka", "apache/kafka:4.1.1"),
    Shape("kafka-3", "kafka", "kafka-3", "apache/kafka:3.9.2"),
    Shape("postgres", "postgres", "postgres", "postgres:17.11"),
    Shape("redis", "valkey", "redis", "valkey/valkey:8.1.9"),
    Shape("clickhouse", "clickhouse-server", "clickhouse", "clickhouse/clickhouse-server:25.8.33.6"),
    Shape("s3", "minio", "s3", "minio/minio:RELEASE.2025-09-07T16-13-09Z"),
    Shape("bugsink", "bugsink", "bugsink", "bugsink/bugsink:2.5.1"),
    Shape("kind-node", "kindest-node", "kind-node", "kindest/node:v1.34.11"),
    Shape("kind-node-for-cgroup-v1", "kindest-node", "kind-node", "kindest/node:v1.34.3"),
)


def shape(name: str) -> Shape:
    return next(one for one in SHAPES if one.name == name)


@dataclass(frozen=True, slots=True)
class Made:
    reference: str  # the only name it has, under upstream.test/, where no registry is
    id: str  # of the image's configuration, sha256:…


def build(docker: Docker, one: Shape, base: Callable[[str], str], log: Path) -> Made:
    """`base` gives the reference of a built image by its name in the lock. What was made before is in the engine's own cache."""
    reference = f"upstream.test/{one.reference}"
    docker.images.build(_context(HERE / one.folder), tag=reference, labels={}, arguments={"BASE": base(one.base)}, log=log)
    made = docker.images.find(reference)
    assert made is not None, f"{reference} was not made, see {log}"
    return Made(reference, made.id)


def _context(folder: Path) -> io.BytesIO:
    """The same bytes for the same files: times and owners would make the engine build anew."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for path in sorted([*folder.iterdir(), *(HERE / name for name in SHARED)]):
            content = path.read_bytes()
            member = tarfile.TarInfo(path.name)
            member.size, member.mode = len(content), 0o755 if path.suffix == ".sh" else 0o644
            tar.addfile(member, io.BytesIO(content))
    whole.seek(0)
    return whole
