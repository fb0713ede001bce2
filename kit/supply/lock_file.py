"""Reading the lock file. Strict, because nothing outside it is used: an unknown key, an unpinned version or a need that is not an
entry is an error with its file and line, not something found out in the middle of a build.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from kit import yaml_file
from kit.supply import version
from kit.supply.errors import LockInvalid
from kit.supply.lock import (
    Built,
    Cargo,
    Debian,
    Dockerfile,
    Entry,
    GoBuild,
    GoInstall,
    GoModuleFiles,
    Installed,
    Lock,
    Maven,
    Pulled,
    PulledFiles,
    PulledImage,
    Recipe,
    Section,
    Source,
)
from kit.yaml_file import Document, KeyPath

SECTIONS: Mapping[str, Section] = {"tools": "tool", "artifacts": "artifact", "images": "image"}
RECIPES: Mapping[str, type[Recipe]] = {
    "go_install": GoInstall,
    "go_build": GoBuild,
    "go_module_files": GoModuleFiles,
    "maven": Maven,
    "cargo": Cargo,
    "debian": Debian,
    "dockerfile": Dockerfile,
}
OF_IMAGES = ("debian", "dockerfile")
UNPINNED = re.compile(r"(:|@)latest\b|\bbitnami\b", re.IGNORECASE)


class _Entry(Struct, frozen=True, forbid_unknown_fields=True):
    sources: Annotated[tuple[Mapping[str, Any], ...], Meta(min_length=1)]
    only: str = ""
    unpublished: str = ""


def place(environment: Mapping[str, str] = os.environ) -> Path:
    """The shipped lock, or the one that KIT_LOCK names: with a company's own digests, or a test's."""
    return Path(environment.get("KIT_LOCK") or Path(__file__).with_name("lock.yaml"))


def read(path: Path) -> Lock:
    """A lock file; raises `LockInvalid` with file:line."""
    return _lock(yaml_file.read(path, LockInvalid), path)


def parse(text: str, path: Path) -> Lock:
    return _lock(yaml_file.parse(text, str(path), LockInvalid), path)


def _lock(document: Document, path: Path) -> Lock:
    if document.value(("version",)) != 1:
        raise document.wrong(("version",), "a lock begins with `version: 1`")
    if strange := [title for title in document.data if title not in (*SECTIONS, "version")]:
        raise document.wrong((strange[0],), f"unknown part `{strange[0]}`")
    entries: dict[str, Entry] = {}
    for title in SECTIONS:
        for name in document.to(dict[str, Any], (title,)) if document.value((title,)) is not None else ():
            entry = _entry(document, title, name)
            entries[entry.key] = entry
    _check_needs(entries, document)
    return Lock(path, entries)


def _entry(document: Document, title: str, name: str) -> Entry:
    here = (title, name)
    read = document.to(_Entry, here)
    sources = tuple(_source(document, SECTIONS[title], (*here, "sources", str(number))) for number in range(len(read.sources)))
    if found := UNPINNED.search(str(document.value(here))):
        raise document.wrong(here, f"`{found.group().strip(':@')}` is not allowed in the lock")
    if read.unpublished and any(isinstance(source, Pulled) for source in sources):
        raise document.wrong(here, "`unpublished` says why nothing is pulled, and something is")
    return Entry(SECTIONS[title], name, sources, document.line(here), read.only, read.unpublished)


def _source(document: Document, section: Section, path: KeyPath) -> Source:
    way, *others = document.value(path) or ("nothing",)
    here = (*path, way)
    if others or way not in ("installed", "pulled", "built"):
        raise document.wrong(here, "a source is one of installed, pulled, built")
    if way == "built":
        return _built(document, section, here)
    if way == "installed":
        return _installed(document, section, here)
    if section == "artifact":
        raise document.wrong(here, "an artifact is built, for what upstream publishes is a tool or an image")
    return document.to(PulledImage, here) if section == "image" else document.to(PulledFiles, here)


def _installed(document: Document, section: Section, path: KeyPath) -> Installed:
    if section != "tool":
        raise document.wrong(path, f"`installed` is for tools, not for {section}s")
    found = document.to(Installed, path)
    try:
        version.satisfies("0", found.range)
        groups = re.compile(found.pattern).groups
    except (ValueError, re.error) as error:
        raise document.wrong(path, str(error)) from error
    if groups < 1:
        raise document.wrong(path, "the pattern needs a group around the version")
    return found


def _built(document: Document, section: Section, path: KeyPath) -> Built:
    """The recipe stands beside the version under the name of its kind: `maven: folder`, or a mapping where it has more to say.
    What a Dockerfile needs besides its folder stands beside it."""
    said = document.to(dict[str, Any], path)
    kinds = [kind for kind in RECIPES if kind in said]
    if len(kinds) != 1:
        raise document.wrong(path, f"`built` names exactly one of {', '.join(RECIPES)}; here are {len(kinds)}")
    kind = kinds[0]
    if (section == "image") != (kind in OF_IMAGES):
        raise document.wrong(path, f"{kind} does not make {section}s")
    first = RECIPES[kind].__struct_fields__[0]
    recipe = said[kind] if isinstance(said[kind], dict) else {first: said[kind]}
    beside = {key: value for key, value in said.items() if key not in ("version", kind)}
    if "version" not in said:
        raise document.wrong(path, "missing required field `version`")
    return Built(document.to(str, (*path, "version")), document.convert({**recipe, **beside}, RECIPES[kind], (*path, kind)))


def _check_needs(entries: Mapping[str, Entry], document: Document) -> None:
    for entry in entries.values():
        for need in entry.needs:
            if need not in entries:
                raise document.wrong(_path(entry), f"it needs {need}, which is not in the lock")
    for entry in entries.values():
        if entry.key in _reachable(entry, entries):
            raise document.wrong(_path(entry), "it needs itself")


def _path(entry: Entry) -> KeyPath:
    return f"{entry.section}s", entry.name


def _reachable(entry: Entry, entries: Mapping[str, Entry]) -> set[str]:
    waiting, seen = list(entry.needs), set[str]()
    while waiting:
        if (key := waiting.pop()) not in seen:
            seen.add(key)
            waiting += entries[key].needs
    return seen
