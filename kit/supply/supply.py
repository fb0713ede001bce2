"""The supply: asked for a tool or an image by its name in the lock, it says where that is, or makes it so.

Asking is cheap and changes nothing (`tool`, `image`, `plan`); only `ensure` fetches and builds. What an entry is resolved to
depends on the lock, on the files of its recipe, on the disk and on the engine, and on nothing remembered between calls.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kit.engines import process
from kit.engines.docker import Docker
from kit.engines.docker_errors import DiskFull, ImagePullFailed, disk_full
from kit.engines.process import Runner
from kit.supply import recipe, resolve, schedule
from kit.supply.cache import Cache, size_bytes
from kit.supply.errors import Interrupted, NoSource, NotInLock, NotSupplied
from kit.supply.lock import Cargo, Entry, GoBuild, Lock, PulledImage, Section
from kit.supply.lock_file import read
from kit.supply.resolve import ANY_WAY, PORTABLE, Image, Missing, Need, Way
from kit.supply.shelf import Found, Shelf, snapshot

if TYPE_CHECKING:
    from kit.supply.fetch import Registry

GO_BUILD_ROOM = 12 * 1024**3  # modules, build cache and results of the Kubernetes build, from nothing
CARGO_ROOM = 8 * 1024**3  # crates, target folder and results of Relay, from nothing
OTHER_ROOM = 2 * 1024**3
MANY_PACKAGES = 4  # a go_build of that many programs is one of the large ones


@dataclass(frozen=True, slots=True)
class Listed:
    entry: Entry
    recipe: str
    state: Found | Missing


class Supply:
    def __init__(
        self,
        lock: Lock | Path,
        cache: Path,
        assets: Path,
        docker: Docker,
        runner: Runner = process.run,
        *,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """`assets` is the folder that the lock's paths start from (it holds compose/ and kind/). Opens nothing yet."""
        self._lock = lock
        self.cache = Cache(cache)
        self.assets = assets
        self.docker = docker
        self.run = runner
        self.environment = environment
        self.interrupted = threading.Event()
        self._speaking = threading.Lock()
        self._refused: dict[str, str] = {}

    @cached_property
    def lock(self) -> Lock:
        return read(self._lock) if isinstance(self._lock, Path) else self._lock

    @cached_property
    def hashes(self) -> Mapping[str, str]:
        return recipe.hashes(self.lock, recipe.reader(self.assets))

    @cached_property
    def _shelf(self) -> Shelf:
        return Shelf(self.hashes, self.cache, self.run, self.environment)

    @cached_property
    def registry(self) -> Registry:
        from kit.supply.fetch import Registry, prefix_from

        return Registry(self.docker.images, prefix_from(self.environment))

    def tool(self, name: str) -> Path:
        """The program's absolute path; raises `NotSupplied` when `ensure` must make it first. Asks no engine."""
        entry = self.entry(name, "tool")
        look = self._shelf.program(entry, ANY_WAY)
        if isinstance(look, Missing):
            raise NotSupplied(key=entry.key, why=look.why)
        return Path(look.place)

    def image(self, name: str) -> Image:
        """The image's local reference; raises `NotSupplied` when `ensure` must make it first."""
        entry = self.entry(name, "image")
        look = self._shelf.image(entry, ANY_WAY, self.docker.images.find)
        if isinstance(look, Missing):
            raise NotSupplied(key=entry.key, why=look.why)
        return Image(look.place, look.source, self.hashes[entry.key])

    def plan(
        self, names: Iterable[str] | None = None, *, ways: Iterable[Way] = PORTABLE, counting: Iterable[Way] = ANY_WAY
    ) -> tuple[Need, ...]:
        """What `ensure` would make, in order; None means every tool and image. Changes nothing.

        `ways` are the ways allowed to make it, `counting` the ways in which it may be there already.
        """
        counted = tuple(counting)
        find = snapshot(lambda: self.docker.images)
        return resolve.missing(
            self.lock,
            self.wanted(names),
            hashes=self.hashes,
            found=lambda entry: self._shelf.look(entry, counted, find),
            can_pull=self._why_not_pulled,
            ways=ways,
        )

    def ensure(
        self,
        names: Iterable[str] | None = None,
        progress: schedule.Progress | None = None,
        *,
        ways: Iterable[Way] = PORTABLE,
        counting: Iterable[Way] = ANY_WAY,
    ) -> tuple[Need, ...]:
        """Fetch or build what is missing, as much at once as the machine allows; returns what was made.

        What is finished stays, also when another one fails or the process is killed. A pull that fails gives way to the build.
        """
        chosen = None if names is None else tuple(names)
        allowed, counted = tuple(ways), tuple(counting)
        made: dict[str, Need] = {}
        while needs := self.plan(chosen, ways=allowed, counting=counted):
            self._check_room(needs)
            refused = len(self._refused)
            try:
                schedule.run(
                    {need.key: need for need in needs},
                    self.lock.entries,
                    lambda need: self._make(need, progress or schedule.Silent(), counted, made),
                    interrupt=self.interrupt,
                )
            except (ImagePullFailed, NoSource):
                if "built" not in allowed or len(self._refused) == refused:
                    raise
            else:
                break
        return tuple(made.values())

    def interrupt(self) -> None:
        """End what is being made now; `ensure` then raises. What was finished stays."""
        self.interrupted.set()
        process.end_all()

    def survey(self) -> tuple[Listed, ...]:
        """Every entry of the lock and where it is."""
        find = snapshot(lambda: self.docker.images)
        entries = self.lock.entries.values()
        return tuple(Listed(entry, self.hashes[entry.key], self._shelf.look(entry, ANY_WAY, find)) for entry in entries)

    def place_of(self, key: str, counting: tuple[Way, ...] = ANY_WAY) -> Found:
        """Where an entry lies; raises `NotSupplied`."""
        look = self._shelf.look(self.lock.entries[key], counting, self.docker.images.find)
        if isinstance(look, Missing):
            raise NotSupplied(key=key, why=look.why)
        return look

    def entry(self, name: str, section: Section) -> Entry:
        found = self.lock.entries.get(name if "/" in name else f"{section}/{name}")
        if found is None or found.section != section:
            raise NotInLock(name=name, known=tuple(entry.name for entry in self.lock.of(section)))
        return found

    def wanted(self, names: Iterable[str] | None) -> tuple[Entry, ...]:
        """The entries of these names or keys; None: all tools and images, but for those that one purpose alone needs.

        Artifacts only come as parts of images.
        """
        if names is None:
            return tuple(entry for entry in (*self.lock.of("tool"), *self.lock.of("image")) if not entry.only)
        found = {name: self.lock.find(name) for name in names}
        for name, entry in found.items():
            if entry is None:
                raise NotInLock(name=name, known=tuple(self.lock.entries))
        return tuple(entry for entry in found.values() if entry is not None)

    def _make(self, need: Need, progress: schedule.Progress, counting: tuple[Way, ...], made: dict[str, Need]) -> None:
        entry = self.lock.entries[need.key]
        log = self.cache.log(need.name, need.recipe)
        if self.interrupted.is_set():
            raise Interrupted
        with self.cache.exclusive(f"{need.section}-{need.name}", need.recipe, self.interrupted):
            if not isinstance(self._shelf.look(entry, counting, self.docker.images.find), Missing):
                return  # another kit made it while this one waited
            began = time.monotonic()
            self._say(lambda: progress.started(need.key, need.cause))
            try:
                self._carry_out(need, entry, log)
            except BaseException as error:
                if self.interrupted.is_set():
                    raise Interrupted from error
                if full := disk_full(self.cache.root):
                    self._say(lambda: progress.failed(need.key, str(log)))
                    raise full from error
                if need.how == "pulled" and isinstance(error, ImagePullFailed | NoSource) and entry.recipe is not None:
                    self._refused[need.key] = f"the pull failed: {error.why}"
                else:
                    self._say(lambda: progress.failed(need.key, str(log)))
                raise
            made[need.key] = need
            self._say(lambda: progress.finished(need.key, need.how, time.monotonic() - began))

    def _carry_out(self, need: Need, entry: Entry, log: Path) -> None:
        from kit.supply.builders import Workshop
        from kit.supply.make import make

        shop = Workshop(self.assets, self.cache, self.docker, self.run, self.interrupted.is_set)
        make(shop, need, entry, log, registry=lambda: self.registry, place_of=lambda key: self.place_of(key).place)

    def _say(self, what: Callable[[], None]) -> None:
        with self._speaking:
            what()

    def _why_not_pulled(self, entry: Entry) -> str | None:
        if entry.key in self._refused:
            return self._refused[entry.key]
        pulled = entry.pulled
        if isinstance(pulled, PulledImage):
            if pulled.digest is None:
                return "the lock has no digest to pull by"
            return self.registry.why_silent(f"{pulled.reference.rpartition(':')[0]}@{pulled.digest}")
        return None

    def _check_room(self, needs: Iterable[Need]) -> None:
        self.cache.root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.cache.root).free
        recipes = [self.lock.entries[need.key].recipe for need in needs if need.how == "built"]
        is_large = any(isinstance(recipe, GoBuild) and len(recipe.packages) >= MANY_PACKAGES for recipe in recipes)
        is_rust = any(isinstance(recipe, Cargo) for recipe in recipes)
        wanted = GO_BUILD_ROOM if is_large else CARGO_ROOM if is_rust else OTHER_ROOM
        if free < wanted and (is_large or is_rust):  # what was fetched and compiled already will not be written again
            wanted = max(OTHER_ROOM, wanted - size_bytes(self.cache.go if is_large else self.cache.cargo))
        if free < wanted:
            raise DiskFull(where=str(self.cache.root), free_bytes=free, needed_bytes=wanted)
