"""Tells whether this computer can build an entry: its program, in a version that serves, and disk for what it makes.

Asked before a way is chosen. A build that cannot end is no way, and to find that out in its middle costs a quarter of an hour.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kit.adapters.process import Runner
from kit.errors import KitError
from kit.supply import disk_space, version
from kit.supply.cache import Cache
from kit.supply.lock import Cargo, Debian, Dockerfile, Entry, GoBuild, GoInstall, GoModuleFiles, Maven

# From 1.21 on Go fetches by itself the newer Go that a module asks for, from where it gets modules (go.dev/doc/toolchain).
FETCHES_ITSELF = "1.21"
GO_LINE = re.compile(r"^go (\d+\.\d+(?:\.\d+)?)", re.MULTILINE)
GETS = {
    "go": "Go 1.21 or newer (go.dev/dl)",
    "mvn": "Maven (maven.apache.org)",
    "mmdebstrap": "mmdebstrap (apt-get install mmdebstrap)",
    "cargo": "Rust (rustup.rs)",
    "docker": "the docker command line",
}


@dataclass(frozen=True)
class Builders:
    """The programs that recipes run, as they are on this computer."""

    assets: Path
    cache: Cache
    run: Runner
    environment: Mapping[str, str]

    def why_not(self, entry: Entry) -> str | None:
        """None where the entry's own recipe can be gone; what it needs of other entries is not looked at."""
        unfit = self._unfit(entry)
        problem = unfit.why if unfit else disk_space.lacking(self.cache, entry.recipe) if entry.recipe else None
        return f"it cannot be built: {problem}" if problem else None

    def lacking(self, entries: Iterable[Entry]) -> tuple[str, ...]:
        """The programs, each with where to get it, that would make all of these buildable; none where that needs more."""
        programs: dict[str, None] = {}
        for entry in entries:
            unfit = self._unfit(entry)
            if unfit and unfit.program:
                programs[GETS[unfit.program]] = None
            elif unfit or entry.recipe is None or disk_space.lacking(self.cache, entry.recipe):
                return ()
        return tuple(programs)

    def _unfit(self, entry: Entry) -> _Unfit | None:
        match entry.recipe:
            case GoBuild(folder=folder):
                return self._go(self._line_of(folder))
            case GoInstall() | GoModuleFiles():
                return self._go(None)
            case Maven():
                return self._program("mvn")
            case Cargo():
                return self._program("cargo")
            case Debian():
                return self._apt or self._program("mmdebstrap")
            case Dockerfile(finish=finish) if finish:
                return self._program("docker")
            case _:
                return None

    def _program(self, name: str) -> _Unfit | None:
        return None if self._path(name) else _Unfit(f"{name} is not on PATH", name)

    def _path(self, name: str) -> str | None:
        return shutil.which(name, path=self.environment.get("PATH", os.defpath))

    def _line_of(self, folder: str) -> str | None:
        found = GO_LINE.search((self.assets / folder / "go.mod").read_text())
        return found.group(1) if found else None

    def _go(self, line: str | None) -> _Unfit | None:
        if absent := self._program("go"):
            return absent
        asked, here = f"{line or FETCHES_ITSELF} is asked for", self._go_version
        if here is None:
            return _Unfit("go does not tell its version", "go")
        if not version.satisfies(here, f">={FETCHES_ITSELF}"):
            return _Unfit(f"go is {here}, {asked}", "go")
        toolchain = self.environment.get("GOTOOLCHAIN", "auto")  # as the builders pass it on
        fetches = toolchain == "auto" or toolchain.endswith("+auto")
        if line and not fetches and not version.satisfies(here, f">={line}"):
            return _Unfit(f"go is {here}, {asked}, and GOTOOLCHAIN={toolchain} keeps it from fetching another", "go")
        return None

    @cached_property
    def _go_version(self) -> str | None:
        return self._said("go", ["env", "GOVERSION"], r"go(\d+\.\d+(?:\.\d+)?)", env={"GOTOOLCHAIN": "local"})

    @cached_property
    def _apt(self) -> _Unfit | None:
        """A base is made from the mirror of apt's own configuration, and verified by Debian's own keys."""
        if self._program("apt-get"):
            return _Unfit("it is made from apt's mirror of Debian, and there is no apt")
        if self._said("apt-get", ["indextargets", "--format", "$(LABEL)", "Created-By: Packages"], "^(Debian)$") is None:
            return _Unfit("apt knows no mirror of Debian")
        return None

    def _said(self, program: str, arguments: list[str], pattern: str, env: Mapping[str, str] | None = None) -> str | None:
        path = self._path(program)
        assert path is not None  # asked for before
        try:
            said = self.run([path, *arguments], env=env, timeout_s=20, check=False).stdout
        except (KitError, OSError):
            return None
        found = re.search(pattern, said, re.MULTILINE)
        return found.group(1) if found else None


@dataclass(frozen=True, slots=True)
class _Unfit:
    """Why a recipe cannot be gone. `program` is the one to be installed, where that alone would mend it."""

    why: str
    program: str = ""
