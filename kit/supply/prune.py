"""Removes what no recipe of a lock makes any more, and, when asked for, what the builds needed on the way.

Only what kit made is touched: files under its cache, and images under its own name. What a container still uses stays, and what
the lock of another checkout names, for all of them share cache and engine.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kit.supply import known_locks
from kit.supply.cache import remove, size_bytes
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
    needed: Mapping[str, Path] = field(default_factory=dict)  # what stays → the other lock that names it


def outdated(supply: Supply, also: Collection[str] = ()) -> Pruned:
    """Remove images, programs, artifacts and logs of recipes that the lock does not have any more, but for `also`."""
    known_locks.note(supply.cache.root, supply.lock.path, known_locks.names(supply.lock, supply.hashes), also)
    known_locks.forget_gone(supply.cache.root)
    current = known_locks.names(supply.lock, supply.hashes).union(also)
    others = known_locks.named_by_others(supply.cache.root, supply.lock.path)
    tags = [tag for image in supply.docker.images.all() for tag in image.tags if tag.startswith(OURS) and tag not in current]
    gone = [tag for tag in tags if tag not in others and supply.docker.images.untag(tag)]
    stale = _stale(supply)
    freed = 0
    for path in (path for path in stale if _name(path) not in others):
        freed += size_bytes(path) if path.is_dir() else path.stat().st_size
        remove(path)
    needed = {name: others[name] for name in (*tags, *map(_name, stale)) if name in others}
    removed = tuple(path.name for path in stale if _name(path) not in others)
    return Pruned(tuple(gone), tuple(tag for tag in tags if tag not in gone and tag not in needed), removed, freed, needed)


def build_cache(supply: Supply) -> Pruned:
    """Remove what Go, Cargo and Maven fetched and compiled; the next build fetches it again."""
    folders = [folder for folder in (supply.cache.go, supply.cache.cargo, supply.cache.maven) if folder.is_dir()]
    freed = sum(size_bytes(folder) for folder in folders)
    for folder in folders:
        remove(folder)
    return Pruned((), (), tuple(folder.name for folder in folders), freed)


def _stale(supply: Supply) -> tuple[Path, ...]:
    current = known_locks.names(supply.lock, supply.hashes)
    root = supply.cache.root
    stored = [path for pattern in ("tools/*/*", "artifacts/*/*", "logs/*.log") for path in root.glob(pattern)]
    outdated = [path for path in stored if OF_A_RECIPE.search(path.name) and _name(path) not in current]
    # Where a kit lies that did not write the platform into the path.
    older = [path for pattern in ("tools/*", "artifacts/*") for path in root.glob(pattern) if OF_A_RECIPE.search(path.name)]
    return tuple(sorted(path for path in (*outdated, *older) if not path.name.startswith(".")))  # hidden: being made just now


def _name(path: Path) -> str:
    """<name>-<hash>, of a folder or of its log."""
    return path.name.removesuffix(".log")
