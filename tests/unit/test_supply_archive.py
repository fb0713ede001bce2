"""An archive brings what its manifest says, and under no other name."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest

from kit.supply import archive, saved_images
from kit.supply.errors import ArchiveInvalid

OURS, CHARTS = "kit.local/front:1-2eaaff2fb465", "docker.io/library/busybox:1.38.0"
MANIFEST = [{"Config": "c.json", "RepoTags": [OURS], "Layers": []}, {"Config": "d.json", "RepoTags": ["busybox:1.38.0"]}]


def stream(members: Iterable[tuple[str, Any]]) -> bytes:
    """A tar with these JSON files; a text is where a link leads to."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
                continue
            data = json.dumps(content).encode()
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


class Images:
    """An engine's images: what it saves was decided before, and what it is given is kept."""

    def __init__(self, saved: bytes) -> None:
        self.saved = saved
        self.loaded: list[bytes] = []

    def save(self, references: Iterable[str]) -> Iterable[bytes]:
        return [self.saved]

    def load(self, content: IO[bytes]) -> None:
        self.loaded.append(content.read())


def moved(tmp_path: Path, saved: bytes) -> Images:
    """What the engine got of an archive whose manifest says OURS and CHARTS."""
    images = Images(saved)
    supply: Any = SimpleNamespace(
        wanted=lambda names: [SimpleNamespace(key="image/front")],
        place_of=lambda key, counting: SimpleNamespace(place=OURS),
        docker=SimpleNamespace(images=images),
    )
    archive.save(supply, tmp_path / "kit.tar", others=[CHARTS])
    archive.load(supply, tmp_path / "kit.tar")
    return images


@pytest.mark.parametrize(
    "members",
    [
        [("manifest.json", MANIFEST)],
        [("./manifest.json", MANIFEST), ("repositories", {"kit.local/front": {"1-2eaaff2fb465": "a"}})],
        [
            ("index.json", {"manifests": [{"annotations": {saved_images.ANNOTATIONS[0]: CHARTS}}, {}]}),
            ("manifest.json", MANIFEST),
        ],
        [("manifest.json", [{"Config": "c.json", "RepoTags": None}])],
    ],
)
def test_what_the_manifest_says_is_loaded(tmp_path: Path, members: list[tuple[str, Any]]) -> None:
    saved = stream(members)
    assert moved(tmp_path, saved).loaded == [saved]


STRANGE: Mapping[str, list[tuple[str, Any]]] = {
    "postgres:17": [("manifest.json", [*MANIFEST, {"RepoTags": ["postgres:17"]}])],
    "kit.local/redis:8": [("manifest.json", [{"RepoTags": [OURS, "kit.local/redis:8"]}])],
    "redis:8": [("manifest.json", MANIFEST), ("repositories", {"redis": {"8": "a"}})],
    "valkey:8": [
        ("manifest.json", MANIFEST),
        ("index.json", {"manifests": [{"annotations": {saved_images.ANNOTATIONS[0]: "docker.io/library/valkey:8"}}]}),
    ],
    "mysql:9": [("manifest.json", [{"repotags": ["mysql:9"]}])],
    "nginx:1": [
        ("manifest.json", MANIFEST),
        ("index.json", {"Manifests": [{"annotations": {saved_images.ANNOTATIONS[1]: "nginx:1"}}]}),
    ],
    "twice": [("manifest.json", MANIFEST), ("./manifest.json", [])],
    "a key is in it twice": [("manifest.json", [{"RepoTags": [OURS], "repoTags": ["postgres:17"]}])],
    "x/manifest.json lies behind a link": [("manifest.json", MANIFEST), ("x", "."), ("x/manifest.json", [])],
    "no file": [("manifest.json", "blobs/x"), ("blobs/x", MANIFEST)],
    "no manifest.json": [("layer.tar", {})],
    "not of an engine": [("manifest.json", [1])],
}


@pytest.mark.parametrize("says", STRANGE)
def test_what_it_does_not_say_is_refused_before_the_engine_gets_anything(tmp_path: Path, says: str) -> None:
    images = Images(b"")
    with pytest.raises(ArchiveInvalid) as refused:
        images = moved(tmp_path, stream(STRANGE[says]))
    assert images.loaded == []
    assert says in refused.value.why


def test_a_stream_that_is_no_tar_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveInvalid):
        moved(tmp_path, b"x" * 2000)
