"""What is there already: programs on PATH, things in the cache, images in the engine. Looks only, and changes nothing it finds.

A program on PATH is asked for its version once; the answer is kept with the file's size and time, so that the next command pays
for a `stat`. All images are asked for in one call when several are looked for.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kit import files
from kit.engines.images import LocalImage
from kit.engines.process import Runner
from kit.errors import KitError
from kit.supply import resolve, version
from kit.supply.cache import SHORT, Cache
from kit.supply.lock import Entry, Installed, PulledFile, PulledImage
from kit.supply.resolve import RECIPE_LABEL, Missing, Way

Find = Callable[[str], LocalImage | None]  # a reference → the image that has that name


class ImagesDoor(Protocol):
    def all(self, labels: Mapping[str, str] | None = None) -> tuple[LocalImage, ...]: ...


@dataclass(frozen=True, slots=True)
class Found:
    """An entry that can be used: a program, a folder or an image's reference, and how it came here."""

    place: str
    source: Way


@dataclass(frozen=True, slots=True)
class Shelf:
    hashes: Mapping[str, str]
    cache: Cache
    run: Runner
    environment: Mapping[str, str]

    def look(self, entry: Entry, ways: tuple[Way, ...], find: Find) -> Found | Missing:
        if entry.section == "image":
            return self.image(entry, ways, find)
        if entry.section == "tool":
            return self.program(entry, ways)
        folder = self.cache.artifact(entry.name, self.hashes[entry.key])
        return Found(str(folder), "built") if folder.is_dir() else Missing(_never_or_changed(folder))

    def program(self, entry: Entry, ways: tuple[Way, ...]) -> Found | Missing:
        reasons: list[str] = []
        for source in entry.sources:
            if isinstance(source, Installed):
                if "installed" in ways:
                    look = self._installed(source)
                    if isinstance(look, Found):
                        return look
                    reasons.append(look.why)
                continue
            way: Way = "pulled" if isinstance(source, PulledFile) else "built"
            path = self.cache.program(entry.name, source.sha256 if isinstance(source, PulledFile) else self.hashes[entry.key])
            if way in ways and path.is_file():
                return Found(str(path), way)
            if way == "built":
                reasons.append(_never_or_changed(path.parent))
        return Missing("; ".join(reasons) or "not there")

    def _installed(self, rule: Installed) -> Found | Missing:
        """A look at PATH; what a program says of its version is remembered until the program changes."""
        path = shutil.which(rule.command[0], path=self.environment.get("PATH"))
        if path is None:
            return Missing(f"{rule.command[0]} is not on PATH")
        status = os.stat(path)
        identity = [path, status.st_size, status.st_mtime_ns, list(rule.command), rule.pattern]
        memory = self.cache.installed(rule.command[0])
        try:
            known = json.loads(memory.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            known = {}
        if known.get("identity") != identity:
            known = {"identity": identity, "version": self._version(path, rule)}
            with suppress(OSError):  # another kit writes the same at this moment: the memory only saves time
                files.write_json(memory, known)
        if known["version"] is None:
            return Missing(f"{path} does not tell its version")
        if not version.satisfies(known["version"], rule.range):
            return Missing(f"{path} is {known['version']}, not {rule.range}")
        return Found(str(Path(path).absolute()), "installed")

    def _version(self, path: str, rule: Installed) -> str | None:
        try:
            result = self.run([path, *rule.command[1:]], env=rule.env, timeout_s=20, check=False)
        except (KitError, OSError):  # a program for another machine, or one that hangs, is as good as none
            return None
        return version.found_in(result.stdout + result.stderr, rule.pattern) if result.exit_code == 0 else None

    def image(self, entry: Entry, ways: tuple[Way, ...], find: Find) -> Found | Missing:
        hash_ = self.hashes[entry.key]
        for source in entry.sources:
            if isinstance(source, PulledImage):
                pulled = resolve.pulled_reference(entry)
                if "pulled" in ways and pulled is not None and find(pulled) is not None:
                    return Found(pulled, "pulled")
            elif "built" in ways:
                built = resolve.built_reference(entry, hash_)
                image = find(built)
                if image is not None and image.labels.get(RECIPE_LABEL) == hash_:
                    return Found(built, "built")
        return Missing("not in the engine")


def snapshot(images: Callable[[], ImagesDoor]) -> Find:
    """One question to the engine for all images, asked when the first image is looked for."""
    known: dict[str, LocalImage] = {}
    asked: list[bool] = []

    def find(reference: str) -> LocalImage | None:
        if not asked:
            asked.append(True)
            known.update({tag: image for image in images().all() for tag in image.tags})
        return known.get(reference)

    return find


def _never_or_changed(target: Path) -> str:
    name = target.name.rpartition("-")[0]
    others = any(target.parent.glob(f"{name}-{'?' * SHORT}")) if target.parent.is_dir() else False
    return "its recipe has changed" if others else "never built here"
