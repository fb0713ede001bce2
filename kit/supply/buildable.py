"""Whether a recipe can be gone on this computer: its program, in a version that serves, and room for what it makes.

Asked before a way is chosen. A build that cannot end is no way, and to find that out in its middle costs a quarter of an hour.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kit.engines.process import Runner
from kit.errors import KitError
from kit.supply import room, version
from kit.supply.cache import Cache
from kit.supply.lock import Cargo, Debian, Dockerfile, Entry, GoBuild, GoInstall, GoModuleFiles, Maven

# From 1.21 on Go fetches by itself the newer Go that a module asks for, from where it gets modules (go.dev/doc/toolchain).
FETCHES_ITSELF = "1.21"
GO_LINE = re.compile(r"^go (\d+\.\d+(?:\.\d+)?)", re.MULTILINE)
ADVICE = {
    "go": "install Go (go.dev/dl; 1.21 or newer fetches the one that is asked for)",
    "mvn": "install Maven (maven.apache.org)",
    "mmdebstrap": "install mmdebstrap (Debian and Ubuntu have it)",
    "cargo": "install Rust (rustup.rs)",
    "docker": "install the docker command line",
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
        match entry.recipe:
            case GoBuild(folder=folder):
                problem = self._go(self._line_of(folder))
            case GoInstall() | GoModuleFiles():
                problem = self._go(None)
            case Maven():
                problem = self._program("mvn")
            case Cargo():
                problem = self._program("cargo")
            case Debian():
                problem = self._program("mmdebstrap") or self._apt
            case Dockerfile(finish=finish):
                problem = self._program("docker") if finish else None
            case _:
                problem = None
        if problem is None and entry.recipe is not None:
            problem = room.lacking(self.cache, entry.recipe)
        return f"it cannot be built: {problem}" if problem else None

    def advice(self, entries: tuple[Entry, ...]) -> str:
        """How to make these buildable; "" where programs are not what is lacking."""
        lacking = dict.fromkeys(program for entry in entries for program in self._programs(entry) if self._program(program))
        return "; ".join(ADVICE[program] for program in lacking)

    def _programs(self, entry: Entry) -> tuple[str, ...]:
        match entry.recipe:
            case GoBuild() | GoInstall() | GoModuleFiles():
                return ("go",)
            case Maven():
                return ("mvn",)
            case Cargo():
                return ("cargo",)
            case Debian():
                return ("mmdebstrap",)
            case _:
                return ()

    def _program(self, name: str) -> str | None:
        return None if shutil.which(name, path=self.environment.get("PATH")) else f"{name} is not on PATH"

    def _line_of(self, folder: str) -> str | None:
        found = GO_LINE.search((self.assets / folder / "go.mod").read_text())
        return found.group(1) if found else None

    def _go(self, line: str | None) -> str | None:
        if problem := self._program("go"):
            return problem if line is None else f"{problem} (Go {line} is asked for)"
        here = self._go_version
        if here is None:
            return "go does not tell its version"
        if not version.satisfies(here, f">={FETCHES_ITSELF}"):
            return f"go is {here}, and {line or FETCHES_ITSELF} is asked for"
        is_fixed = self.environment.get("GOTOOLCHAIN", "auto").startswith("local")
        if line is not None and is_fixed and not version.satisfies(here, f">={line}"):
            return f"go is {here}, {line} is asked for, and GOTOOLCHAIN=local keeps it from fetching that"
        return None

    @cached_property
    def _go_version(self) -> str | None:
        return self._said(["go", "env", "GOVERSION"], r"go(\d+\.\d+(?:\.\d+)?)", env={"GOTOOLCHAIN": "local"})

    @cached_property
    def _apt(self) -> str | None:
        """A base is made from the mirror of apt's own configuration, and verified by Debian's own keys."""
        if problem := self._program("apt-get"):
            return problem
        if self._said(["apt-get", "indextargets", "--format", "$(LABEL)", "Created-By: Packages"], "^(Debian)$") is None:
            return "apt knows no mirror of Debian"
        return None

    def _said(self, argv: list[str], pattern: str, env: Mapping[str, str] | None = None) -> str | None:
        try:
            said = self.run(argv, env=env, timeout_s=20, check=False).stdout
        except (KitError, OSError):
            return None
        found = re.search(pattern, said, re.MULTILINE)
        return found.group(1) if found else None
