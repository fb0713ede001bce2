"""The locks that use one cache and one engine, and what each of them names: pruning for one checkout leaves what another needs.

One file a lock, in the cache, written by whoever makes something for it or brings a stack up with it. A lock that is gone needs
nothing any more.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from kit import files
from kit.supply import resolve
from kit.supply.cache import SHORT
from kit.supply.lock import Lock, PulledFiles

FOLDER = "locks-in-use"


def names(lock: Lock, hashes: Mapping[str, str]) -> frozenset[str]:
    """References of the lock's images, built and pulled, and <name>-<hash> of all that it makes, for whichever platform."""
    found: set[str | None] = set()
    for entry in lock.entries.values():
        if entry.section == "image":
            found.add(resolve.built_reference(entry, hashes[entry.key]))
            found |= {resolve.pulled_reference(entry, source) for source in entry.pulled_images}
        pulled = [file.sha256 for source in entry.pulls if isinstance(source, PulledFiles) for file in source.files.values()]
        found |= {f"{entry.name}-{each[:SHORT]}" for each in (hashes[entry.key], *pulled)}
    return frozenset(filter(None, found))


def note(root: Path, lock: Path, named: Collection[str], also: Collection[str] | None = None) -> None:
    """Write down what a lock names. `also` is what was made of that; None leaves what was noted before."""
    path = root / FOLDER / f"{files.digest({'lock': str(lock)})}.json"
    former = _read(path)
    document = {"lock": str(lock), "names": sorted(named), "also": sorted(former.get("also", ()) if also is None else also)}
    if document != former:
        files.write_json(path, document)


def named_by_others(root: Path, lock: Path) -> Mapping[str, Path]:
    """Name → another lock of this computer that names it."""
    noted = [_read(path) for path in sorted((root / FOLDER).glob("*.json"))]
    there = [(Path(each["lock"]), each) for each in noted if each and Path(each["lock"]) != lock and Path(each["lock"]).exists()]
    return {name: other for other, each in there for name in (*each["names"], *each["also"])}


def forget_gone(root: Path) -> None:
    """Remove the notes of locks that are gone, for nothing is kept for their sake any more; and damaged ones."""
    for path in (root / FOLDER).glob("*.json"):
        noted = _read(path)
        if not noted or not Path(noted["lock"]).exists():
            path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text())
        return document if {"lock", "names", "also"} <= document.keys() else {}
    except (OSError, ValueError, AttributeError):
        return {}
