"""Taking away what no recipe of the lock makes any more, and, when asked for, what the builds needed on the way.

Only what kit made is touched: files under its cache, and images under its own name. What a container still uses stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kit.supply import resolve
from kit.supply.cache import remove, size_bytes
from kit.supply.lock import PulledFile
from kit.supply.resolve import OURS

if TYPE_CHECKING:
    from kit.supply.supply import Supply


@dataclass(frozen=True, slots=True)
class Pruned:
    images: tuple[str, ...]
    in_use: tuple[str, ...]  # images that a container still uses
    folders: tuple[str, ...]
    freed_bytes: int  # on kit's own cache; what the engine frees depends on shared layers


def outdated(supply: Supply) -> Pruned:
    """Remove images, programs, artifacts and logs of recipes that the lock does not have any more."""
    current = _current_images(supply)
    tags = [tag for image in supply.docker.images.all() for tag in image.tags if tag.startswith(OURS) and tag not in current]
    gone = [tag for tag in tags if supply.docker.images.untag(tag)]
    stale = [path for path in _stored(supply) if path not in _current_places(supply)]
    freed = sum(size_bytes(path) if path.is_dir() else path.stat().st_size for path in stale)
    for path in stale:
        remove(path)
    return Pruned(tuple(gone), tuple(tag for tag in tags if tag not in gone), tuple(path.name for path in stale), freed)


def build_cache(supply: Supply) -> Pruned:
    """Remove what Go, Cargo and Maven fetched and compiled; the next build fetches it again."""
    folders = [folder for folder in (supply.cache.go, supply.cache.cargo, supply.cache.maven) if folder.is_dir()]
    freed = sum(size_bytes(folder) for folder in folders)
    for folder in folders:
        remove(folder)
    return Pruned((), (), tuple(folder.name for folder in folders), freed)


def _current_images(supply: Supply) -> frozenset[str]:
    entries = supply.lock.of("image")
    built = {resolve.built_reference(entry, supply.hashes[entry.key]) for entry in entries}
    return frozenset(built | {reference for entry in entries if (reference := resolve.pulled_reference(entry))})


def _current_places(supply: Supply) -> frozenset[Path]:
    cache = supply.cache
    places: set[Path] = set()
    for entry in supply.lock.entries.values():
        hashes = [supply.hashes[entry.key], *([entry.pulled.sha256] if isinstance(entry.pulled, PulledFile) else [])]
        for hash_ in hashes:
            place = cache.program(entry.name, hash_).parent if entry.section == "tool" else cache.artifact(entry.name, hash_)
            places |= {place, cache.log(entry.name, hash_)}
    return frozenset(places)


def _stored(supply: Supply) -> tuple[Path, ...]:
    folders = (supply.cache.root / name for name in ("tools", "artifacts", "logs"))
    found = (path for folder in folders if folder.is_dir() for path in folder.iterdir())
    return tuple(sorted(path for path in found if not path.name.startswith(".")))  # hidden: another kit is making it
