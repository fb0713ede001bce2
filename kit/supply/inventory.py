"""Finds what is there already: programs on PATH, artifacts in the cache, images in the engine. Changes nothing.

A program on PATH is asked for its version once; the answer is kept with the file's size and time, so that the next command pays
for a `stat`. All images are asked for in one call when several are looked for.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kit import files
from kit.adapters.docker.images import LocalImage
from kit.adapters.process import Runner
from kit.errors import KitError
from kit.host import cli_plugins
from kit.supply import resolve, version
from kit.supply.cache import SHORT, Cache
from kit.supply.lock import Built, Entry, Installed, PulledFiles, PulledImage, Source
from kit.supply.resolve import RECIPE_LABEL, Missing, Way

Find = Callable[[str], LocalImage | None]  # a reference → the image that has that name


class ImagesApi(Protocol):
    def all(self, labels: Mapping[str, str] | None = None) -> tuple[LocalImage, ...]: ...


class Host(Protocol):
    """What kind of computer and engine this is; each is found out when it is asked for."""

    def platform_of(self, entry: Entry) -> str:
        """What the entry's files are made for: "linux-amd64"."""
        ...

    def serves(self, source: Source) -> bool:
        """Whether a pulled image starts on this engine."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """An entry that can be used: a program, a folder or an image's reference, how it came here, and its version."""

    place: str
    source: Way
    version: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    hashes: Mapping[str, str]
    cache: Cache
    run: Runner
    environment: Mapping[str, str]
    host: Host

    def locate(self, entry: Entry, ways: tuple[Way, ...], find: Find) -> Found | Missing:
        if entry.section == "image":
            return self.image(entry, ways, find)
        if entry.section == "tool":
            return self.program(entry, ways)
        folder = self.cache.artifact(entry.name, self.hashes[entry.key], self.host.platform_of(entry))
        version_ = entry.built.version if entry.built else ""
        return Found(str(folder), "built", version_) if folder.is_dir() else Missing(_never_or_changed(folder))

    def program(self, entry: Entry, ways: tuple[Way, ...]) -> Found | Missing:
        reasons: list[str] = []
        for source in entry.sources:
            match source:
                case Installed():
                    if "installed" in ways:
                        found = self._installed(source)
                        if isinstance(found, Found):
                            return found
                        reasons.append(found.why)
                case PulledFiles():
                    path = self.pulled_program(entry, source)
                    if "pulled" in ways and path is not None and path.is_file():
                        return Found(str(path), "pulled", source.version)
                case Built():
                    path = self.built_program(entry)
                    if "built" in ways and path.is_file():
                        return Found(str(path), "built", source.version)
        return Missing("; ".join(reasons) or "not there")

    def pulled_program(self, entry: Entry, source: PulledFiles) -> Path | None:
        """Where the program of this platform lies once it is fetched; None where upstream has none for it."""
        platform = self.host.platform_of(entry)
        file = source.files.get(platform)
        return self.cache.program(entry.name, file.sha256, platform) if file else None

    def built_program(self, entry: Entry) -> Path:
        return self.cache.program(entry.name, self.hashes[entry.key], self.host.platform_of(entry))

    def _installed(self, rule: Installed) -> Found | Missing:
        """On PATH, or where the CLI looks for a plugin: the first that fits. Else why the first that was found does not."""
        reasons = []
        for path in self._places(rule):
            found = self._if_it_fits(path, rule)
            if isinstance(found, Found):
                return found
            reasons.append(found.why)
        if reasons:
            return Missing(reasons[0])
        return Missing(f"{rule.command[0]} is not on PATH" + (f", nor a plugin of {rule.plugin_of}" if rule.plugin_of else ""))

    def _places(self, rule: Installed) -> Iterator[str]:
        on_path = shutil.which(rule.command[0], path=self.environment.get("PATH"))
        if on_path:
            yield on_path
        if rule.plugin_of:
            for folder in cli_plugins.folders(self.environment):
                plugin = shutil.which(rule.command[0], path=str(folder))
                if plugin:
                    yield plugin

    def _if_it_fits(self, path: str, rule: Installed) -> Found | Missing:
        """What a program says of its version is remembered until the program changes.

        A script's is not: that of a version manager stays the same while what it starts becomes another.
        """
        real = os.path.realpath(path)
        status = os.stat(real)
        identity = [real, status.st_size, status.st_mtime_ns, list(rule.command), rule.pattern]
        memory = self.cache.installed(rule.command[0])
        try:
            known = json.loads(memory.read_text())
        except (FileNotFoundError, ValueError):
            known = None
        if not isinstance(known, dict) or known.get("identity") != identity or is_script(real):
            known = {"identity": identity, "version": self._version(path, rule)}
            with suppress(OSError):  # another kit writes the same at this moment: the memory only saves time
                files.write_json(memory, known)
        if known["version"] is None:
            return Missing(f"{path} does not tell its version")
        if not version.satisfies(known["version"], rule.range):
            return Missing(f"{path} is {known['version']}, not {rule.range}")
        return Found(str(Path(path).absolute()), "installed", known["version"])

    def _version(self, path: str, rule: Installed) -> str | None:
        try:
            result = self.run([path, *rule.command[1:]], env=rule.env, timeout_s=20, check=False)
        except (KitError, OSError):  # a program for another machine, or one that hangs, is as good as none
            return None
        return version.found_in(result.stdout + result.stderr, rule.pattern) if result.exit_code == 0 else None

    def image(self, entry: Entry, ways: tuple[Way, ...], find: Find) -> Found | Missing:
        hash_ = self.hashes[entry.key]
        for source in entry.sources:
            match source:
                case PulledImage():
                    pulled = resolve.pulled_reference(entry, source)
                    if "pulled" in ways and pulled and find(pulled) is not None and self.host.serves(source):
                        return Found(pulled, "pulled", source.version)
                case Built():
                    built = resolve.built_reference(entry, hash_)
                    image = find(built) if "built" in ways else None
                    if image is not None and image.labels.get(RECIPE_LABEL) == hash_:
                        return Found(built, "built", source.version)
        return Missing("not in the engine")


def snapshot(images: Callable[[], ImagesApi]) -> Find:
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


def is_script(path: str) -> bool:
    """What may be run and not read is none: the kernel reads a script by its interpreter."""
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"#!"
    except PermissionError:
        return False
