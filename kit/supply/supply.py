"""The supply: finds a tool or an image by its name in the lock, or makes it.

Asking is cheap and changes nothing (`tool`, `image`, `plan`); only `ensure` fetches and builds. What an entry is resolved to
depends on the lock, on the files of its recipe, on the disk and on the engine, and on nothing remembered between calls.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kit import cancel
from kit.adapters import process
from kit.adapters.docker.client import Docker
from kit.adapters.docker.errors import disk_full
from kit.adapters.docker.registries import ImagePullFailed
from kit.adapters.process import Runner
from kit.host import fitness, platform
from kit.supply import disk_space, known_locks, recipe, resolve, schedule
from kit.supply.cache import Cache
from kit.supply.durations import Durations
from kit.supply.errors import DownloadFailed, NoSource, NotInLock, NotSupplied
from kit.supply.inventory import Find, Found, Inventory, snapshot
from kit.supply.lock import Entry, Lock, Pulled, PulledFiles, PulledImage, Section, Source
from kit.supply.lock_file import read
from kit.supply.resolve import ANY_WAY, PORTABLE, Image, Missing, Need, Way

if TYPE_CHECKING:
    from kit.supply.buildable import Builders
    from kit.supply.download import Files
    from kit.supply.make import Maker
    from kit.supply.registry import Registry


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
        tools_for: str = "",
    ) -> None:
        """`assets` is the folder that the lock's paths start from (it holds compose/ and kind/). Opens nothing yet.

        `tools_for` is the platform whose tools are wanted; "" for this computer's.
        """
        self._lock = lock
        self.cache = Cache(cache)
        self.assets = assets
        self.docker = docker
        self.run = runner
        self.environment = environment
        self._tools_for = tools_for
        self._speaking = threading.Lock()
        self._refused: dict[tuple[str, str], str] = {}  # entry and version → why its pull failed

    def with_tools_for(self, platform: str) -> Supply:
        """The same, with tools for computers of another platform."""
        return Supply(
            self._lock,
            self.cache.root,
            self.assets,
            self.docker,
            self.run,
            environment=self.environment,
            tools_for=platform,
        )

    @cached_property
    def lock(self) -> Lock:
        return read(self._lock) if isinstance(self._lock, Path) else self._lock

    @cached_property
    def hashes(self) -> Mapping[str, str]:
        return recipe.hashes(self.lock, recipe.reader(self.assets))

    @cached_property
    def _inventory(self) -> Inventory:
        return Inventory(self.hashes, self.cache, self.run, self.environment, self)

    @cached_property
    def _durations(self) -> Durations:
        return Durations(self.cache.durations)

    @cached_property
    def registry(self) -> Registry:
        from kit.supply.registry import Registry, prefix_from

        return Registry(self.docker.images, prefix_from(self.environment))

    @cached_property
    def files(self) -> Files:
        from kit.supply.download import Files, prefix_from

        return Files(prefix_from(self.environment))

    @cached_property
    def _builders(self) -> Builders:
        from kit.supply.buildable import Builders

        return Builders(self.assets, self.cache, self.run, self.environment)

    @cached_property
    def _cgroup(self) -> str:
        return f"cgroup-v{self.docker.info().get('CgroupVersion') or 1}"  # engines that do not tell it know the first only

    @cached_property
    def engine_platform(self) -> str:
        return platform.of_engine(self.docker)

    @cached_property
    def _host_platform(self) -> str:
        return self._tools_for or platform.of_host()

    @cached_property
    def _in_images(self) -> frozenset[str]:
        return frozenset(key for entry in self.lock.of("image") for key in entry.needs)

    def platform_of(self, entry: Entry) -> str:
        """What goes into an image is made for the engine, everything else for the computer that runs kit."""
        return self.engine_platform if entry.section == "image" or entry.key in self._in_images else self._host_platform

    def serves(self, source: Source) -> bool:
        """Whether a pulled image starts on this engine."""
        unless = source.unless if isinstance(source, PulledImage) else ""
        return not unless or unless != self._cgroup

    def tool(self, name: str) -> Path:
        """The program's absolute path; raises `NotSupplied` when `ensure` must make it first. Asks no engine."""
        entry = self.entry(name, "tool")
        found = self._inventory.program(entry, ANY_WAY)
        if isinstance(found, Missing):
            raise NotSupplied(section=entry.section, name=entry.name, why=found.why)
        return Path(found.place)

    def image(self, name: str) -> Image:
        """The image's local reference; raises `NotSupplied` when `ensure` must make it first."""
        entry = self.entry(name, "image")
        found = self._inventory.image(entry, ANY_WAY, self.docker.images.find)
        if isinstance(found, Missing):
            raise NotSupplied(section=entry.section, name=entry.name, why=found.why)
        return Image(found.place, found.source, self.hashes[entry.key], found.version)

    def plan(
        self,
        names: Iterable[str] | None = None,
        *,
        ways: Iterable[Way] = PORTABLE,
        counting: Iterable[Way] = ANY_WAY,
        patient: bool = True,
    ) -> tuple[Need, ...]:
        """What `ensure` would make, in order; None means every tool and image. Changes nothing.

        `ways` are the ways allowed to make it, `counting` the ways in which it may be there already. Whoever is not `patient`
        takes a host that does not answer at once for one that never does.
        """
        counted, allowed = tuple(counting), tuple(ways)
        wanted = self.wanted(names)
        find = snapshot(lambda: self.docker.images)
        try:
            return self._missing(wanted, allowed, counted, find, patient=False)
        except NoSource:
            if not patient or not (self.files.is_slow or self.registry.is_slow):
                raise
        # Everything hangs on a host that did not answer at once: then it gets the time that a slow line needs.
        return self._missing(wanted, allowed, counted, find, patient=True)

    def _missing(
        self, wanted: tuple[Entry, ...], ways: tuple[Way, ...], counted: tuple[Way, ...], find: Find, patient: bool
    ) -> tuple[Need, ...]:
        looks: dict[str, Found | Missing] = {}

        def found(entry: Entry) -> Found | Missing:
            if entry.key not in looks:
                looks[entry.key] = self._inventory.locate(entry, counted, find)
            return looks[entry.key]

        if "pulled" in ways:
            self._ask_hosts([entry for entry in wanted if isinstance(found(entry), Missing)], patient)
        try:
            return resolve.missing(
                self.lock,
                wanted,
                hashes=self.hashes,
                found=found,
                can_pull=lambda entry, source: self._why_not_pulled(entry, source, patient),
                can_build=self._builders.why_not,
                ways=ways,
            )
        except NoSource as none:
            programs = self._builders.lacking(self.lock.entries[key] for key in none.reasons) if "built" in ways else ()
            raise NoSource(none.reasons, programs) from None

    def _ask_hosts(self, entries: Iterable[Entry], patient: bool) -> None:
        """All hosts at the same time: each that is silent costs the whole deadline."""
        asked = [(entry, source) for entry in entries for source in entry.pulls]
        with ThreadPoolExecutor(max_workers=16, thread_name_prefix="hosts") as pool:
            list(pool.map(lambda each: self._why_not_pulled(each[0], each[1], patient), asked))

    def ensure(
        self,
        names: Iterable[str] | None = None,
        progress: schedule.Progress | None = None,
        *,
        ways: Iterable[Way] = PORTABLE,
        counting: Iterable[Way] = ANY_WAY,
        patient: bool = True,
    ) -> tuple[Need, ...]:
        """Fetch or build what is missing, as much at once as the machine allows; returns what was made.

        What is finished stays, also when another one fails or the command is cancelled. A pull that fails gives way to the build.
        """
        chosen = None if names is None else tuple(names)
        allowed, counted = tuple(ways), tuple(counting)
        heard = progress or schedule.Silent()
        self.note_use()
        made: dict[str, Need] = {}
        while needs := self.plan(chosen, ways=allowed, counting=counted, patient=patient):
            has_images = any(need.section == "image" for need in needs)
            disk_space.check(self.cache, needs, fitness.disk_of_images(self.docker) if has_images else None)
            refused = len(self._refused)
            heard.begun({need.key: self._durations.of(need) for need in needs})
            try:
                schedule.run(
                    {need.key: need for need in needs},
                    lambda need: self._make(need, heard, counted, made),
                )
            except (ImagePullFailed, DownloadFailed):
                # The next plan takes another way, or says with this reason that there is none.
                if "built" not in allowed or len(self._refused) == refused:
                    raise
            else:
                break
        return tuple(made.values())

    def note_use(self, also: Collection[str] | None = None) -> None:
        """Tell other checkouts, which may prune, what the lock of this one names, and what else (`also`) was made of it."""
        known_locks.note(self.cache.root, self.lock.path, known_locks.names(self.lock, self.hashes), also)

    def survey(self) -> tuple[Listed, ...]:
        """Every entry of the lock and where it is."""
        find = snapshot(lambda: self.docker.images)
        entries = self.lock.entries.values()
        return tuple(Listed(entry, self.hashes[entry.key], self._inventory.locate(entry, ANY_WAY, find)) for entry in entries)

    def place_of(self, key: str, counting: tuple[Way, ...] = ANY_WAY) -> Found:
        """Where an entry lies; raises `NotSupplied`."""
        entry = self.lock.entries[key]
        found = self._inventory.locate(entry, counting, self.docker.images.find)
        if isinstance(found, Missing):
            raise NotSupplied(section=entry.section, name=entry.name, why=found.why)
        return found

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
        with self.cache.exclusive(f"{need.section}-{need.name}", need.recipe):
            if not isinstance(self._inventory.locate(entry, counting, self.docker.images.find), Missing):
                return  # another kit made it while this one waited
            began = time.monotonic()
            self._say(lambda: progress.started(need.key, need.cause))
            try:
                self._maker().make(need, entry, log, lambda text: self._say(lambda: progress.doing(need.key, text)))
            except BaseException as error:
                cancel.check()
                if full := disk_full(self.cache.root):
                    self._say(lambda: progress.failed(need.key, str(log)))
                    raise full from error
                if isinstance(error, ImagePullFailed | DownloadFailed) and entry.recipe is not None:
                    reason = getattr(error, "reason", error.why)
                    self._refused[need.key, need.source.version] = reason = f"the pull failed: {reason}"
                    self._say(lambda: progress.gave_way(need.key, reason))
                else:
                    self._say(lambda: progress.failed(need.key, str(log)))
                raise
            made[need.key] = need
            took_s = time.monotonic() - began
            self._durations.keep(need, took_s)
            self._say(lambda: progress.finished(need.key, need.how, took_s))

    def _maker(self) -> Maker:
        from kit.supply.builders import BuildTools
        from kit.supply.make import Maker

        tools = BuildTools(self.assets, self.cache, self.docker, self.run)
        return Maker(tools, self._inventory, lambda: self.registry, lambda: self.files, lambda key: self.place_of(key).place)

    def _say(self, what: Callable[[], None]) -> None:
        with self._speaking:
            what()

    def _why_not_pulled(self, entry: Entry, source: Pulled, patient: bool) -> str | None:
        if refused := self._refused.get((entry.key, source.version)):
            return refused
        if isinstance(source, PulledFiles):
            wanted = self.platform_of(entry)
            file = source.files.get(wanted)
            if file is None:
                return f"upstream has none for {wanted}, as far as the lock knows"
            return self.files.why_not(file.url, patient=patient)
        if source.digest is None:
            return "the lock has no digest to pull by"
        if not self.serves(source):
            return f"{source.reference} does not start on an engine with {source.unless}"
        return self.registry.why_not(source, patient=patient)
