"""Reading the lock file. Strict, because nothing outside it is used: an unknown key, an unpinned version or a need that is not an
entry is an error with its file and line, not something found out in the middle of a build.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

from kit.supply import version
from kit.supply.errors import LockInvalid, LockUnreadable
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
    PlatformFile,
    Pulled,
    PulledFiles,
    PulledImage,
    Recipe,
    Section,
    Source,
)

SECTIONS: Mapping[str, Section] = {"tools": "tool", "artifacts": "artifact", "images": "image"}
PLATFORM = re.compile(r"(linux|darwin)-[a-z0-9]+")
UNPINNED = re.compile(r"(:|@)latest\b|\bbitnami\b", re.IGNORECASE)


def place(environment: Mapping[str, str] = os.environ) -> Path:
    """The shipped lock, or the one that KIT_LOCK names: with a company's own digests, or a test's."""
    return Path(environment.get("KIT_LOCK") or Path(__file__).with_name("lock.yaml"))


def read(path: Path) -> Lock:
    """Parse a lock file; raises `LockInvalid` with file:line, and `LockUnreadable`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise LockUnreadable(path=path, why=f"the system says: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise LockUnreadable(path=path, why="it is no text in UTF-8") from error
    return parse(text, path)


def parse(text: str, path: Path) -> Lock:
    document, lines = _loaded(text, path)
    _check_top(document, path, lines)
    entries: dict[str, Entry] = {}
    for title in SECTIONS:
        for name, raw in (document.get(title) or {}).items():
            entry = _entry(raw, (title, str(name)), path, lines)
            entries[entry.key] = entry
    _check_needs(entries, path)
    return Lock(path, entries)


class _Go(msgspec.Struct, forbid_unknown_fields=True):
    folder: str
    packages: dict[str, str]
    ldflags: str = ""


class _Module(msgspec.Struct, forbid_unknown_fields=True):
    module: str
    folder: str


class _Workspace(msgspec.Struct, forbid_unknown_fields=True):
    package: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]+==[0-9.]+$")]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    archive: str
    folder: str
    programs: Annotated[list[str], msgspec.Meta(min_length=1)]
    features: list[str] = []
    crates: dict[str, str] = {}
    env: dict[str, str] = {}
    headers: dict[str, str] = {}


class _Built(msgspec.Struct, forbid_unknown_fields=True):
    version: str
    go_install: str | None = None
    go_build: _Go | None = None
    go_module_files: _Module | None = None
    maven: str | None = None
    cargo: _Workspace | None = None
    debian: str | None = None
    dockerfile: str | None = None
    base: str | None = None
    artifacts: list[str] = []
    finish: str | None = None


class _Installed(msgspec.Struct, forbid_unknown_fields=True):
    command: list[str]
    pattern: str
    range: str
    env: dict[str, str] = {}
    plugin_of: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    url: Annotated[str, msgspec.Meta(pattern="^https://[^/]+/")]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    member: str | None = None


class _Files(msgspec.Struct, forbid_unknown_fields=True):
    version: str
    files: Annotated[dict[str, _File], msgspec.Meta(min_length=1)]
    sums: str = ""


class _Image(msgspec.Struct, forbid_unknown_fields=True):
    reference: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9./_-]+:[A-Za-z0-9._-]+$")]
    digest: Annotated[str, msgspec.Meta(pattern="^sha256:[0-9a-f]{64}$")] | None
    unless: Literal["", "cgroup-v1"] = ""


class _Source(msgspec.Struct, forbid_unknown_fields=True):
    installed: _Installed | None = None
    pulled: dict[str, Any] | None = None
    built: _Built | None = None


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    sources: Annotated[list[_Source], msgspec.Meta(min_length=1)]
    only: str = ""
    unpublished: str = ""


def _entry(raw: Any, where: tuple[str, str], path: Path, lines: _Lines) -> Entry:
    section, name = SECTIONS[where[0]], where[1]
    line = lines.at(where)
    try:
        read = msgspec.convert(raw, _Entry)
    except msgspec.ValidationError as wrong:
        why, _, place = str(wrong).partition(" - at `$")
        raise LockInvalid(path=path, line=lines.at((*where, *_steps(place))), why=f"{name}: {why}") from wrong
    sources = []
    for number, source in enumerate(read.sources):
        here = lines.at((*where, "sources", number))
        try:
            sources.append(_source(section, source))
        except (ValueError, re.error, msgspec.ValidationError) as wrong:
            raise LockInvalid(path=path, line=here, why=f"{name}: {str(wrong).partition(' - at ')[0]}") from wrong
    if found := UNPINNED.search(str(raw)):
        raise LockInvalid(path=path, line=line, why=f"{name}: `{found.group().strip(':@')}` is not allowed in the lock")
    if read.unpublished and any(isinstance(source, Pulled) for source in sources):
        raise LockInvalid(path=path, line=line, why=f"{name}: `unpublished` says why nothing is pulled, and something is")
    return Entry(section, name, tuple(sources), line, read.only, read.unpublished)


def _source(section: Section, source: _Source) -> Source:
    given = [kind for kind in ("installed", "pulled", "built") if getattr(source, kind) is not None]
    if len(given) != 1:
        raise ValueError(f"a source is one of installed, pulled, built; here are {len(given)}")
    if source.installed is not None:
        if section != "tool":
            raise ValueError(f"`installed` is for tools, not for {section}s")
        version.satisfies("0", source.installed.range)
        if re.compile(source.installed.pattern).groups < 1:
            raise ValueError("the pattern needs a group around the version")
        found = source.installed
        return Installed(tuple(found.command), found.pattern, found.range, found.env, found.plugin_of)
    if source.pulled is not None:
        if section == "image":
            image = msgspec.convert(source.pulled, _Image)
            return PulledImage(image.reference, image.digest, image.unless)
        if section == "artifact":
            raise ValueError("an artifact is built, for what upstream publishes is a tool or an image")
        return _files(msgspec.convert(source.pulled, _Files))
    assert source.built is not None
    return Built(source.built.version, _recipe(section, source.built))


def _files(pulled: _Files) -> PulledFiles:
    if strange := [name for name in pulled.files if not PLATFORM.fullmatch(name)]:
        raise ValueError(f"`{strange[0]}` is no platform; they are written linux-amd64, darwin-arm64 …")
    files = {name: PlatformFile(file.url, file.sha256, file.member) for name, file in pulled.files.items()}
    return PulledFiles(pulled.version, files, pulled.sums)


def _recipe(section: Section, built: _Built) -> Recipe:
    kinds = ("go_install", "go_build", "go_module_files", "maven", "cargo", "debian", "dockerfile")
    given = [kind for kind in kinds if getattr(built, kind) is not None]
    if len(given) != 1:
        raise ValueError(f"`built` names exactly one of {', '.join(kinds)}; here are {len(given)}")
    if (section == "image") != (given[0] in ("debian", "dockerfile")):
        raise ValueError(f"{given[0]} does not make {section}s")
    if built.dockerfile is not None:
        return Dockerfile(built.dockerfile, built.base, tuple(built.artifacts), built.finish)
    if built.base or built.artifacts or built.finish:
        raise ValueError(f"base, artifacts and finish belong to dockerfile, not to {given[0]}")
    if built.go_install is not None:
        if "@" not in built.go_install:
            raise ValueError("go_install needs a version: package@version")
        return GoInstall(built.go_install)
    if built.go_build is not None:
        return GoBuild(built.go_build.folder, built.go_build.packages, built.go_build.ldflags)
    if built.go_module_files is not None:
        return GoModuleFiles(built.go_module_files.module, built.go_module_files.folder)
    if built.cargo is not None:
        of = built.cargo
        return Cargo(
            of.package, of.sha256, of.archive, of.folder, tuple(of.programs), tuple(of.features), of.crates, of.env, of.headers
        )
    return Maven(built.maven) if built.maven is not None else Debian(str(built.debian))


def _loaded(text: str, path: Path) -> tuple[Any, _Lines]:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        return loader.construct_document(node) if node else None, _Lines(node)
    except yaml.MarkedYAMLError as broken:
        line = broken.problem_mark.line + 1 if broken.problem_mark else 1
        raise LockInvalid(path=path, line=line, why=broken.problem or "it is not YAML") from broken
    except yaml.YAMLError as broken:  # a character that YAML does not allow; it has no line
        raise LockInvalid(path=path, line=1, why=str(broken).splitlines()[0]) from broken
    finally:
        loader.dispose()


def _check_top(document: Any, path: Path, lines: _Lines) -> None:
    if not isinstance(document, dict) or document.get("version") != 1:
        raise LockInvalid(path=path, line=lines.at(("version",)), why="a lock begins with `version: 1`")
    for title in document:
        if title not in (*SECTIONS, "version"):
            raise LockInvalid(path=path, line=lines.at((title,)), why=f"unknown part `{title}`")
        if title != "version" and not isinstance(document[title] or {}, dict):
            raise LockInvalid(path=path, line=lines.at((title,)), why=f"`{title}` maps names to entries")
        if twice := lines.repeated(title):
            raise LockInvalid(path=path, line=twice[0], why=f"`{twice[1]}` stands in `{title}` twice")


def _check_needs(entries: Mapping[str, Entry], path: Path) -> None:
    for entry in entries.values():
        for need in entry.needs:
            if need not in entries:
                raise LockInvalid(path=path, line=entry.line, why=f"{entry.name}: it needs {need}, which is not in the lock")
    for entry in entries.values():
        if entry.key in _reachable(entry, entries):
            raise LockInvalid(path=path, line=entry.line, why=f"{entry.name}: it needs itself")


def _reachable(entry: Entry, entries: Mapping[str, Entry]) -> set[str]:
    waiting, seen = list(entry.needs), set[str]()
    while waiting:
        if (key := waiting.pop()) not in seen:
            seen.add(key)
            waiting += entries[key].needs
    return seen


def _steps(place: str) -> Iterator[str | int]:
    """`.sources[0].built` → "sources", 0, "built". msgspec writes `[...]` for the key of a mapping: the line above must do."""
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", place):
        yield name if name else int(index)


class _Lines:
    """Line numbers of a document's parts."""

    def __init__(self, root: Any) -> None:
        self._root = root

    def at(self, steps: tuple[str | int, ...]) -> int:
        """The line of the deepest part of that path that exists."""
        node, line = self._root, 1
        for step in steps:
            found = _child(node, step)
            if found is None:
                break
            line, node = found
        return line

    def repeated(self, title: str) -> tuple[int, str] | None:
        """The second mention of a name in one part; YAML itself would let it win in silence."""
        found, seen = _child(self._root, title), set[str]()
        for key, _ in found[1].value if found and isinstance(found[1], yaml.MappingNode) else ():
            if key.value in seen:
                return key.start_mark.line + 1, key.value
            seen.add(key.value)
        return None


def _child(node: Any, step: str | int) -> tuple[int, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line + 1, node.value[step]
    return None


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
