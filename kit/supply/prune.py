"""Taking away what no recipe of the lock makes any more, and, when asked for, what the builds needed on the way.

Only what kit made is touched: files under its cache, and images under its own name. What a container still uses stays.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kit.supply import resolve
from kit.supply.cache import SHORT, remove, size_bytes
from kit.supply.lock import PulledFiles
from kit.supply.resolve import OURS

OF_A_RECIPE = re.compile(r"-[0-9a-f]{12}(\.log)?$")

if TYPE_CHECKING:
    from kit.supply.supply import Supply


@dataclass(frozen=True, slots=True)
class Pruned:
    images: tuple[str, ...]
    in_use: tuple[str, ...]  # images that a container still uses
    folders: tuple[str, ...]
    freed_bytes: int  # on kit's own cache; what the engine frees depends on shared layers


def outdated(supply: Supply, also: Collection[str] = ()) -> Pruned:
    """Remove images, programs, artifacts and logs of recipes that the lock does not have any more, but for `also`."""
    current = _current_images(supply).union(also)
    tags = [tag for image in supply.docker.images.all() for tag in image.tags if tag.startswith(OURS) and tag not in current]
    gone = [tag for tag in tags if supply.docker.images.untag(tag)]
    stale = _stale(supply)
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
    pulled = {resolve.pulled_reference(entry, source) for entry in entries for source in entry.pulled_images}
    return frozenset(built | {reference for reference in pulled if reference})


def _current_names(supply: Supply) -> frozenset[str]:
    """<name>-<hash>, of whichever platform."""
    names: set[str] = set()
    for entry in supply.lock.entries.values():
        pulled = [file.sha256 for source in entry.pulls if isinstance(source, PulledFiles) for file in source.files.values()]
        names |= {f"{entry.name}-{hash_[:SHORT]}" for hash_ in (supply.hashes[entry.key], *pulled)}
    return frozenset(names)


def _stale(supply: Supply) -> tuple[Path, ...]:
    current = _current_names(supply)
    root = supply.cache.root
    stored = [path for pattern in ("tools/*/*", "artifacts/*/*", "logs/*.log") for path in root.glob(pattern)]
    outdated = [path for path in stored if OF_A_RECIPE.search(path.name) and path.name.removesuffix(".log") not in current]
    # Where a kit lies that did not write the platform into the path.
    older = [path for pattern in ("tools/*", "artifacts/*") for path in root.glob(pattern) if OF_A_RECIPE.search(path.name)]
    return tuple(sorted(path for path in (*outdated, *older) if not path.name.startswith(".")))  # hidden: being made just now
