"""Hashes a recipe: everything that decides what a build makes, and nothing else.

It covers the entry's `built` text, the files of its folder and the hashes of what it needs, so it can be computed before anything
is built or pulled, on any machine, and is the same there. It is the name of the result on disk and a label on images.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec.structs import asdict

from kit.supply.lock import Dockerfile, Entry, GoBuild, Lock, Maven, PulledImage, Recipe

Files = Callable[[str], Mapping[str, bytes]]  # path in the repository → its files (relative path → content); one for a file

NOT_PART = frozenset({"__pycache__", "target", ".git", ".DS_Store"})  # made by tools and systems, not by the recipe's author


def hashes(lock: Lock, files: Files) -> Mapping[str, str]:
    """Every entry's recipe hash by its key, as 64 hex digits."""
    known: dict[str, str] = {}

    def of(key: str) -> str:
        if key not in known:
            entry = lock.entries[key]
            known[key] = _hash(entry, files, {need: of(need) for need in entry.needs})
        return known[key]

    return {key: of(key) for key in lock.entries}


def reader(root: Path) -> Files:
    """Files as they lie under `root`."""

    def files(path: str) -> Mapping[str, bytes]:
        start = root / path
        if start.is_file():
            return {start.name: start.read_bytes()}
        found = sorted(file for file in start.rglob("*") if file.is_file())
        named = {file.relative_to(start): file for file in found}
        return {name.as_posix(): file.read_bytes() for name, file in named.items() if is_part(name)}

    return files


def is_part(name: Path) -> bool:
    return not NOT_PART.intersection(name.parts) and name.suffix != ".pyc" and not name.name.endswith("~")


def _hash(entry: Entry, files: Files, needs: Mapping[str, str]) -> str:
    whole = hashlib.sha256()
    if entry.recipe is None:  # then what is pulled is all there is to know
        for source in entry.pulls:
            sums = [source.digest] if isinstance(source, PulledImage) else [file.sha256 for file in source.files.values()]
            whole.update(f"{source.version}\0{sums}".encode())
        return whole.hexdigest()
    text = {type(entry.recipe).__name__: asdict(entry.recipe)}
    whole.update(json.dumps(text, sort_keys=True).encode())
    for path in _paths(entry.recipe):
        for name, content in sorted(files(path).items()):
            whole.update(f"\0{path}/{name}\0{len(content)}\0".encode() + content)
    for key, value in sorted(needs.items()):
        whole.update(f"\0{key}={value}".encode())
    return whole.hexdigest()


def _paths(recipe: Recipe) -> tuple[str, ...]:
    if isinstance(recipe, Maven):
        return (f"{recipe.folder}/pom.xml",)  # the folder is usually shared with a Dockerfile, which does not change the jars
    if isinstance(recipe, GoBuild):
        return (recipe.folder,)
    if isinstance(recipe, Dockerfile):
        return (recipe.folder, recipe.finish) if recipe.finish else (recipe.folder,)
    return ()
