"""The lock: every tool and image that kit uses, its version, and where it may come from, as types.

Nothing outside it is fetched. `lock_file` reads it; the rest of this package works with what stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

Section = Literal["tool", "artifact", "image"]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Platform = Annotated[str, Meta(pattern="^(linux|darwin)-[a-z0-9]+$")]


class Installed(Struct, frozen=True, forbid_unknown_fields=True):
    """A program on PATH: the first group of `pattern` in what `command` prints must lie in `range` (">=0.29,<1").

    `env` are variables to ask it with. `plugin_of` names a program whose plugin it may be as well: `docker`.
    """

    command: tuple[str, ...]
    pattern: str
    range: str
    env: Mapping[str, str] = {}
    plugin_of: str = ""


class PlatformFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A program, or an archive with the program at `member`, whose SHA-256 is known."""

    url: Annotated[str, Meta(pattern="^https://[^/]+/")]
    sha256: Sha256
    member: str | None = None


class PulledFiles(Struct, frozen=True, forbid_unknown_fields=True):
    """What upstream publishes of one version: platform ("linux-amd64", "darwin-arm64") → file.

    `sums` is where upstream publishes its SHA-256: an address, or what is put behind the file's own (".sha256").
    """

    version: str
    files: Annotated[Mapping[Platform, PlatformFile], Meta(min_length=1)]
    sums: str = ""


class PulledImage(Struct, frozen=True, forbid_unknown_fields=True):
    """Upstream's image. Without a digest it is not pulled: `kit images lock` asks a registry for it.

    `unless` names what an engine must not have for it to serve: `cgroup-v1`.
    """

    reference: Annotated[str, Meta(pattern="^[a-z0-9./_-]+:[A-Za-z0-9._-]+$")]
    digest: Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")] | None
    unless: Literal["", "cgroup-v1"] = ""

    @property
    def version(self) -> str:
        """Its tag, without the v that some put before it."""
        tag = self.reference.rpartition("/")[2].partition(":")[2]
        return tag[1:] if tag[:1] == "v" and tag[1:2].isdigit() else tag


class GoInstall(Struct, frozen=True, forbid_unknown_fields=True):
    """`package@version`; made by `go install`."""

    package: Annotated[str, Meta(pattern=".@.")]


class GoBuild(Struct, frozen=True, forbid_unknown_fields=True):
    """A folder with go.mod and go.sum (the pin), and program name → package to build in it."""

    folder: str
    packages: Mapping[str, str]
    ldflags: str = ""


class GoModuleFiles(Struct, frozen=True, forbid_unknown_fields=True):
    """A folder out of a Go module's source, as the module was published."""

    module: str
    folder: str


class Maven(Struct, frozen=True, forbid_unknown_fields=True):
    """A folder with pom.xml; its dependencies become libs/*.jar."""

    folder: str


class Cargo(Struct, frozen=True, forbid_unknown_fields=True):
    """Programs of the Rust workspace that a source package of PyPI holds in an archive of its own.

    `crates` are published crates in the place of dependencies that no registry has: name → version.
    """

    package: Annotated[str, Meta(pattern="^[a-z0-9-]+==[0-9.]+$")]  # "sentry-relay==0.9.28"
    sha256: Sha256
    archive: str  # within the package: "rustsrc.zip"
    folder: str  # of the workspace within that archive
    programs: Annotated[tuple[str, ...], Meta(min_length=1)]
    features: tuple[str, ...] = ()
    crates: Mapping[str, str] = {}
    env: Mapping[str, str] = {}  # that its sources ask for when they are compiled
    headers: Mapping[str, str] = {}  # of C, that must be there → Debian's package of them


class Debian(Struct, frozen=True, forbid_unknown_fields=True):
    """A minimal Debian of that suite, from the mirror that apt itself uses."""

    suite: str


class Dockerfile(Struct, frozen=True, forbid_unknown_fields=True):
    """A folder with a Dockerfile; `base` is an image and `artifacts` are artifacts of this lock."""

    folder: str
    base: str | None = None
    artifacts: tuple[str, ...] = ()
    finish: str | None = None


Recipe = GoInstall | GoBuild | GoModuleFiles | Maven | Cargo | Debian | Dockerfile


@dataclass(frozen=True, slots=True)
class Built:
    """Made here from packages. The version is no part of the recipe's hash: what is fetched is pinned in the recipe itself."""

    version: str
    recipe: Recipe


Pulled = PulledFiles | PulledImage
Source = Installed | PulledFiles | PulledImage | Built


@dataclass(frozen=True, slots=True)
class Entry:
    section: Section
    name: str
    sources: tuple[Source, ...]
    line: int
    only: str = ""  # what alone needs it: then it is made when it is named, and not with everything else
    unpublished: str = ""  # why nothing of it is pulled

    @property
    def key(self) -> str:
        """What the entry is called where a name alone could mean two: `image/kafka`, `artifact/kafka`."""
        return f"{self.section}/{self.name}"

    @property
    def built(self) -> Built | None:
        return next((source for source in self.sources if isinstance(source, Built)), None)

    @property
    def recipe(self) -> Recipe | None:
        return self.built.recipe if self.built else None

    @property
    def pulls(self) -> tuple[Pulled, ...]:
        return tuple(source for source in self.sources if isinstance(source, Pulled))

    @property
    def pulled_images(self) -> tuple[PulledImage, ...]:
        return tuple(source for source in self.sources if isinstance(source, PulledImage))

    @property
    def versions(self) -> Mapping[str, str]:
        """Way → the version that comes by it; a program on PATH has its own. Of two images that can be pulled, the first."""
        found = {"built": self.built.version} if self.built else {}
        return {"pulled": self.pulls[0].version, **found} if self.pulls else found

    @property
    def can_be_pulled(self) -> bool:
        """Upstream has it, and the lock knows by which hash."""
        return any(isinstance(source, PulledFiles) or source.digest is not None for source in self.pulls)

    @property
    def needs(self) -> tuple[str, ...]:
        """Keys of the entries that its recipe uses."""
        if not isinstance(self.recipe, Dockerfile):
            return ()
        base = (f"image/{self.recipe.base}",) if self.recipe.base else ()
        return (*base, *(f"artifact/{name}" for name in self.recipe.artifacts))


@dataclass(frozen=True, slots=True)
class Lock:
    path: Path
    entries: Mapping[str, Entry]  # by key, in the order of the file

    def of(self, section: Section) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries.values() if entry.section == section)

    def find(self, name: str) -> Entry | None:
        """A tool or an image by its name, or any entry by its key. An image wins over a tool, a tool over an artifact."""
        for candidate in (name, f"image/{name}", f"tool/{name}", f"artifact/{name}"):
            if candidate in self.entries:
                return self.entries[candidate]
        return None
