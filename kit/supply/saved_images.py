"""The names that a stream of `docker save` gives to the images in it, wherever an engine reads them.

`manifest.json` is read by every engine, `repositories` by old ones where that is absent (moby/moby image/tarexport/load.go),
`index.json` by those with containerd's store, which take a descriptor's image name, else its reference name (containerd
core/images/archive/importer.go and client/import.go; all read 2026-11-28). All of them are written in Go, whose JSON takes a key
in any case.
"""

from __future__ import annotations

import json
import posixpath
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import IO, Any

PARTS = ("manifest.json", "repositories", "index.json")
ANNOTATIONS = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


def names(stream: IO[bytes]) -> frozenset[str]:
    """Raises `ValueError` for what is no such stream or could be read in two ways; leaves the stream at any position."""
    found: dict[str, Any] = {}
    members, links = set[str](), set[str]()
    with tarfile.open(fileobj=stream, mode="r:") as tar:
        for member in tar:
            name = posixpath.normpath(member.name).lstrip("/")
            members.add(name)
            if member.issym():
                links.add(name)
            if name not in PARTS:
                continue
            content = tar.extractfile(member) if member.isreg() else None
            if content is None or name in found:
                raise ValueError(f"{name} is in it twice, or is no file")
            found[name] = json.load(content, object_pairs_hook=_once)
    if beyond := sorted(name for name in members if links.intersection(map(str, PurePosixPath(name).parents))):
        raise ValueError(f"{beyond[0]} lies behind a link")
    if not {"manifest.json", "index.json"} & found.keys():
        raise ValueError("it has no manifest.json")
    return frozenset(map(short, _names(found)))


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping by its keys in lower case; raises `ValueError` for one that is there twice."""
    made = {key.lower(): value for key, value in pairs}
    if len(made) < len(pairs):
        raise ValueError("a key is in it twice")
    return made


def _names(found: dict[str, Any]) -> Iterator[str]:
    for image in found.get("manifest.json", ()):
        yield from image.get("repotags") or ()
    for repository, tags in found.get("repositories", {}).items():
        yield from (f"{repository}:{tag}" for tag in tags)
    for image in found.get("index.json", {}).get("manifests") or ():
        said = image.get("annotations") or {}
        yield from [said[key] for key in ANNOTATIONS if said.get(key)][:1]


def short(reference: str) -> str:
    """As the engine shows it: `busybox:1` and `docker.io/library/busybox:1` are one image."""
    return reference.removeprefix("docker.io/").removeprefix("library/")
