"""Images as containerd keeps them when they are unpacked: one layer each, and the manifests without the layers.

An image of one layer needs no whiteouts, which the file system of a container cannot hold, so that its files can lie in another
image. Pure but for what it is given to read.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# https://github.com/opencontainers/image-spec/blob/v1.1.0/media-types.md, read 2026-11-28
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
# By the first containerd's import names an image (1.6.20, tried 2026-11-28), the second is the specification's.
NAME, REF = "io.containerd.image.name", "org.opencontainers.image.ref.name"


class Measured:
    """Pieces on their way, counted and summed: the size and digest of a layer are known once it has passed."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()
        self.size = 0

    def passing(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._sum.update(piece)
            self.size += len(piece)
            yield piece

    @property
    def digest(self) -> str:
        return f"sha256:{self._sum.hexdigest()}"


@dataclass(frozen=True, slots=True)
class Flattened:
    """One image: what the engine says of it, and its one layer as it was measured."""

    reference: str
    seen: Mapping[str, Any] = field(repr=False)  # the engine's `inspect`
    layer: str
    layer_size: int

    @property
    def config(self) -> bytes:
        known = ("Architecture", "Variant", "Os", "Created")
        about = {name.lower(): self.seen[name] for name in known if self.seen.get(name)}
        settings = {name: value for name, value in (self.seen.get("Config") or {}).items() if value}
        return _json({**about, "config": settings, "rootfs": {"type": "layers", "diff_ids": [self.layer]}})

    @property
    def manifest(self) -> bytes:
        layer = {"mediaType": LAYER, "digest": self.layer, "size": self.layer_size}
        return _json({"schemaVersion": 2, "mediaType": MANIFEST, "config": _blob(CONFIG, self.config), "layers": [layer]})

    @property
    def config_digest(self) -> str:
        return _digest(self.config)


def layout(images: Sequence[Flattened]) -> bytes:
    """A tar of an OCI layout with the manifests and configs of all, and none of the layers."""
    entries = [
        {**_blob(MANIFEST, image.manifest), "annotations": {NAME: image.reference, REF: image.reference.rpartition(":")[2]}}
        for image in images
    ]
    blobs = [blob for image in images for blob in (image.config, image.manifest)]
    files = {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        **{f"blobs/sha256/{_digest(blob).removeprefix('sha256:')}": blob for blob in blobs},
        "index.json": _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}),
    }
    return packed(files)


def packed(files: Mapping[str, bytes]) -> bytes:
    """A tar of these files, in this order."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return held.getvalue()


def _blob(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
