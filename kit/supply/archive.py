"""Saves and loads a complete supply as one tar: all images, all programs, and their hashes, for a machine without a registry.

The manifest comes last in the file, because only then the hashes are known; reading checks every byte before anything is used.
Images travel as one stream of the engine, so layers that they share are in it once. The hashes stand in the file itself: they
prove that it came whole, and not who made it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from kit import files
from kit.supply import download, saved_images
from kit.supply.cache import SHORT
from kit.supply.errors import ArchiveInvalid, ChecksumWrong
from kit.supply.resolve import PORTABLE

if TYPE_CHECKING:
    from kit.supply.supply import Supply

FORMAT = 2  # 1 had no platform in the names of programs
MANIFEST = "manifest.json"
IMAGES = "images.tar"
CHARTS = "charts"  # below the cache; kit.sentry.chart looks there
PROGRAM = re.compile(r"tools/([a-z]+-[a-z0-9]+)/([a-z0-9][a-z0-9.-]*-[0-9a-f]{12})/([a-z0-9][a-z0-9.-]*)")
CHART = re.compile(r"charts/([a-z0-9][a-z0-9.+-]*\.tgz)")
BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Moved:
    """What was saved or loaded: image references, program names, and the file's size."""

    images: tuple[str, ...]
    tools: tuple[str, ...]
    size_bytes: int
    charts: tuple[str, ...] = ()


def save(
    supply: Supply,
    target: Path,
    names: Iterable[str] | None = None,
    *,
    others: Iterable[str] = (),
    charts: Iterable[Path] = (),
) -> Moved:
    """Write an archive of these tools and images (None: all of the lock), which must be there as pulled or built ones.

    `others` are images of the engine that the lock does not know, `charts` archives of charts (<name>-<version>.tgz).
    """
    places = {entry.key: supply.place_of(entry.key, PORTABLE) for entry in supply.wanted(names)}
    images = {key: found.place for key, found in places.items() if key.startswith("image/")}
    images |= {f"other/{reference}": reference for reference in others}
    chart_files = {f"charts/{path.name}": path for path in charts}
    programs = {key: Path(found.place) for key, found in places.items() if key.startswith("tool/")}
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    hashes: dict[str, dict[str, Any]] = {}
    try:
        with part.open("wb") as file:
            if images:
                hashes[IMAGES] = _append(file, IMAGES, supply.docker.images.save(sorted(set(images.values()))))
            named = {f"tools/{path.parents[1].name}/{path.parent.name}/{path.name}": path for path in programs.values()}
            for name, path in {**named, **chart_files}.items():
                with path.open("rb") as content:
                    hashes[name] = _append(file, name, _blocks(content))
            manifest = {"format": FORMAT, "images": images, "files": hashes}
            _append(file, MANIFEST, [json.dumps(manifest, indent=2, sort_keys=True).encode()])
            file.write(tarfile.NUL * (2 * tarfile.BLOCKSIZE))
            file.flush()
            os.fsync(file.fileno())
        part.rename(target)
        files.sync_names(target.parent.resolve())
    finally:
        part.unlink(missing_ok=True)
    tools = tuple(path.name for path in programs.values())
    return Moved(tuple(images.values()), tools, target.stat().st_size, tuple(path.name for path in chart_files.values()))


def load(supply: Supply, source: Path) -> Moved:
    """Check every byte of an archive, then put its images into the engine, and its programs and charts into the cache."""
    try:
        with tarfile.open(source, "r:") as tar:
            manifest = _manifest(tar, source)
            _verify(tar, manifest["files"], source)
            _check_names(tar, manifest, source)
            if IMAGES in manifest["files"]:
                supply.docker.images.load(_member(tar, IMAGES, source))
            programs = [match for name in manifest["files"] if (match := PROGRAM.fullmatch(name))]
            for match in programs:
                _land(supply, match, _member(tar, match.group(), source))
            charts = [match.group(1) for name in manifest["files"] if (match := CHART.fullmatch(name))]
            for chart in charts:
                _keep(supply.cache.root / CHARTS / chart, _member(tar, f"charts/{chart}", source))
    except (tarfile.TarError, EOFError) as broken:
        raise ArchiveInvalid(path=source, why=str(broken)) from broken
    names = tuple(match.group(3) for match in programs)
    return Moved(tuple(manifest["images"].values()), names, source.stat().st_size, tuple(charts))


def _land(supply: Supply, match: re.Match[str], content: IO[bytes]) -> None:
    platform, recipe, name = match.groups()
    folder = supply.cache.root / "tools" / platform / recipe
    if (folder / name).is_file():
        return
    with (
        supply.cache.exclusive(f"tool-{name}", recipe[-SHORT:]),
        supply.cache.landing(folder) as landing,
    ):
        program = landing / name
        with program.open("wb") as file:
            download.copied(_blocks(content), file)
        program.chmod(0o755)


def _keep(target: Path, content: IO[bytes]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    files.write(target, content.read())


def _append(file: IO[bytes], name: str, blocks: Iterable[bytes]) -> dict[str, Any]:
    """Add a member whose size is only known at its end: room for the header first, the header last."""
    header_at = file.tell()
    file.write(tarfile.NUL * tarfile.BLOCKSIZE)
    digest = download.copied(blocks, file)
    size = file.tell() - header_at - tarfile.BLOCKSIZE
    file.write(tarfile.NUL * (-size % tarfile.BLOCKSIZE))
    end = file.tell()
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o755 if name.startswith("tools/") else 0o644
    file.seek(header_at)
    file.write(member.tobuf(tarfile.GNU_FORMAT))
    file.seek(end)
    return {"sha256": digest, "size": size}


def _manifest(tar: tarfile.TarFile, source: Path) -> Mapping[str, Any]:
    try:
        manifest: Mapping[str, Any] = json.load(_member(tar, MANIFEST, source))
        files, images = manifest["files"], manifest["images"]
        if manifest["format"] != FORMAT:
            raise ArchiveInvalid(path=source, why=f"its format is {manifest['format']}; this kit reads {FORMAT}")
        strange = [name for name in files if name != IMAGES and not PROGRAM.fullmatch(name) and not CHART.fullmatch(name)]
        if strange or not all(isinstance(reference, str) for reference in images.values()):
            raise ArchiveInvalid(path=source, why=f"it holds what an archive of kit does not: {', '.join(strange)}")
    except (KeyError, TypeError, AttributeError, ValueError) as broken:
        raise ArchiveInvalid(path=source, why=f"its manifest cannot be read: {broken}") from broken
    return manifest


def _check_names(tar: tarfile.TarFile, manifest: Mapping[str, Any], source: Path) -> None:
    """Raises `ArchiveInvalid` where the engine's stream brings an image under a name that the manifest does not say."""
    if IMAGES not in manifest["files"]:
        return
    said = {saved_images.short(reference) for reference in manifest["images"].values()}
    try:
        strange = sorted(saved_images.names(_member(tar, IMAGES, source)) - said)
    except (ValueError, TypeError, AttributeError, tarfile.TarError) as broken:
        raise ArchiveInvalid(path=source, why=f"{IMAGES} in it is not of an engine: {broken}") from broken
    if strange:
        raise ArchiveInvalid(path=source, why=f"{IMAGES} in it brings what its manifest does not say: {', '.join(strange)}")


def _verify(tar: tarfile.TarFile, files: Mapping[str, Any], source: Path) -> None:
    for name, wanted in files.items():
        got = hashlib.sha256()
        for block in _blocks(_member(tar, name, source)):
            got.update(block)
        if got.hexdigest() != wanted["sha256"]:
            raise ChecksumWrong(file=f"{name} in {source}", wanted=str(wanted["sha256"]), got=got.hexdigest())


def _member(tar: tarfile.TarFile, name: str, source: Path) -> IO[bytes]:
    try:
        content = tar.extractfile(name)
    except KeyError as absent:
        raise ArchiveInvalid(path=source, why=f"{name} is not in it") from absent
    if content is None:
        raise ArchiveInvalid(path=source, why=f"{name} in it is not a file")
    return content


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block
