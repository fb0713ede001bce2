"""Builds entries: each kind of `built` in the lock is one function, from an entry to files in a folder or an image.

Only ordinary clients run (go, cargo, pip, mvn, mmdebstrap, the engine), with caches of kit's own, so that what they use on the
way can be measured and dropped. Every word they say goes to the build's log.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kit.adapters.docker.client import Docker
from kit.adapters.environment import Withheld
from kit.adapters.process import Runner
from kit.errors import ToolMissing
from kit.host import trust
from kit.supply import rust
from kit.supply.cache import Cache, remove
from kit.supply.errors import RecipeBroken, named
from kit.supply.lock import Cargo, Debian, Dockerfile, Entry, GoBuild, GoInstall, GoModuleFiles, Maven
from kit.supply.recipe import is_part
from kit.supply.resolve import RECIPE_LABEL

BUILD_S = 3600.0
HOST_CA = "host-ca.crt"
PIP_INDEX = "PIP_INDEX_URL"
# `go help environment` of 1.26. Where modules come from, by which login, and who vouches for them stays; so does whether Go may
# fetch another Go, which `kit.supply.buildable` looks at and refuses by name. With GOBIN, nothing is installed for others.
WITHHELD_FROM_GO = Withheld(
    ("GO*", "CGO_*"),
    but=(
        *("GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOVCS", "GOAUTH"),
        *("GOTOOLCHAIN", "GOROOT", "GOENV", "GOTMPDIR"),
    ),
)
# Words added to each call (maven.apache.org/configure.html, read 2026-11-28). MAVEN_OPTS is the JVM's: proxies and trust.
WITHHELD_FROM_MAVEN = Withheld(("MAVEN_ARGS",))


@dataclass(frozen=True, slots=True)
class BuildTools:
    """What every recipe works with."""

    assets: Path
    cache: Cache
    engine: Docker
    run: Runner

    def go(
        self,
        argv: Sequence[str],
        log: Path | None,
        *,
        cwd: Path | None = None,
        flags: str = "",
        platform: str = "",
        path: Path | None = None,
    ) -> str:
        """Run go with kit's own caches. `-modcacherw`: a module cache that its owner can remove.

        What is compiled is for `platform`. What it installs comes into `path`/bin, for another platform into a folder below it.
        """
        system, _, architecture = platform.partition("-")
        env = {
            **WITHHELD_FROM_GO.changes(),
            "GOMODCACHE": str(self.cache.go / "mod"),
            "GOCACHE": str(self.cache.go / "build"),
            "GOPATH": str(path or self.cache.go / "path"),
            # An older Go fetches the one that a module asks for, from where it gets modules.
            "GOTOOLCHAIN": os.environ.get("GOTOOLCHAIN", "auto"),
            "GOWORK": "off",
            # Some packages lie in this repository, whose owner git may not trust; nobody reads the stamp.
            "GOFLAGS": f"-modcacherw -buildvcs=false {flags}".strip(),
            "CGO_ENABLED": "0",
            **({"GOOS": system, "GOARCH": architecture} if platform else {}),
        }
        return self.run(["go", *argv], env=env, cwd=cwd, timeout_s=BUILD_S, log=log).stdout


@dataclass(frozen=True, slots=True)
class ImageJob:
    """One image to be made: its name, what goes in, and where to work."""

    reference: str
    labels: Mapping[str, str]
    base: str | None  # the reference of its base image
    artifacts: Mapping[str, Path]
    scratch: Path
    log: Path
    note: Callable[[str], None] = lambda text: None


def files(tools: BuildTools, entry: Entry, into: Path, log: Path, platform: str) -> None:
    """Make a tool's or an artifact's files in the empty folder `into`, for that platform.

    A tool's program has the entry's name.
    """
    match entry.recipe:
        case GoInstall(package=package):
            _go_install(tools, package, into, log, platform)
            _named(entry, into)
        case GoBuild() as recipe:
            _go_build(tools, recipe, into, log, platform)
        case GoModuleFiles() as recipe:
            _module_files(tools, recipe, into, log)
        case Maven() as recipe:
            _maven(tools, recipe, into, log)
        case Cargo() as recipe:
            rust.build(tools.run, tools.cache, recipe, into, log)
        case _:
            raise RecipeBroken(made=named([entry.key]), why="its recipe does not make files", log=log)
    if not any(into.iterdir()) or (entry.section == "tool" and not os.access(into / entry.name, os.X_OK)):
        raise RecipeBroken(made=named([entry.key]), why=f"it made {sorted(path.name for path in into.iterdir())}", log=log)


def image(tools: BuildTools, entry: Entry, job: ImageJob) -> None:
    """Make the image `job.reference`, labelled with the hash of its recipe."""
    match entry.recipe:
        case Debian(suite=suite):
            _debian(tools, suite, job)
        case Dockerfile() as dockerfile:
            _dockerfile(tools, dockerfile, job)
        case _:
            raise RecipeBroken(made=named([entry.key]), why="its recipe does not make an image", log=job.log)
    made = tools.engine.images.find(job.reference)
    wanted = job.labels[RECIPE_LABEL]
    if made is None or made.labels.get(RECIPE_LABEL) != wanted:
        raise RecipeBroken(
            made=named([entry.key]), why=f"no image {job.reference} with the label {RECIPE_LABEL}={wanted}", log=job.log
        )


def _named(entry: Entry, into: Path) -> None:
    """`go install` names a program after its package; a tool is found under its name in the lock."""
    made = list(into.iterdir())
    if entry.section == "tool" and len(made) == 1 and made[0].name != entry.name:
        made[0].rename(into / entry.name)


def _go_install(tools: BuildTools, package: str, into: Path, log: Path, platform: str) -> None:
    path = into / ".go"
    tools.go(["install", "-v", "-trimpath", "-ldflags", "-s -w", package], log, platform=platform, path=path)
    for made in [found for found in (path / "bin").rglob("*") if found.is_file()]:
        made.rename(into / made.name)
    remove(path)


def _go_build(tools: BuildTools, recipe: GoBuild, into: Path, log: Path, platform: str) -> None:
    for name, package in recipe.packages.items():
        argv = ["build", "-trimpath", "-ldflags", f"-s -w {recipe.ldflags}".strip(), "-o", str(into / name), package]
        tools.go(argv, log, cwd=tools.assets / recipe.folder, flags="-mod=readonly", platform=platform)


def _module_files(tools: BuildTools, recipe: GoModuleFiles, into: Path, log: Path) -> None:
    answer = tools.go(["mod", "download", "-json", recipe.module], None, cwd=into)  # a document, so not into the log
    log.write_text(answer)
    source = Path(json.loads(answer)["Dir"]) / recipe.folder
    shutil.copytree(source, into, dirs_exist_ok=True)
    for path in (into, *into.rglob("*")):  # the module cache may be read-only
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o200)


def _maven(tools: BuildTools, recipe: Maven, into: Path, log: Path) -> None:
    tools.run(
        [
            "mvn",
            "--batch-mode",
            "--no-transfer-progress",
            f"--file={tools.assets / recipe.folder / 'pom.xml'}",
            f"-Dmaven.repo.local={tools.cache.maven}",
            f"-DoutputDirectory={into / 'libs'}",
            "dependency:copy-dependencies",
        ],
        env=WITHHELD_FROM_MAVEN.changes(),
        timeout_s=BUILD_S,
        log=log,
    )


def _debian(tools: BuildTools, suite: str, job: ImageJob) -> None:
    if shutil.which("mmdebstrap") is None:
        raise ToolMissing(program="mmdebstrap", why="it makes Debian's base images here", fix="apt-get install mmdebstrap")
    tar = job.scratch / "root.tar"
    tools.run(["mmdebstrap", "--variant=apt", suite, str(tar), *debian_sources(tools.run, suite)], timeout_s=BUILD_S, log=job.log)
    tools.engine.images.import_tar(tar, job.reference, labels=job.labels)


def debian_sources(run: Runner, suite: str) -> tuple[str, ...]:
    """Lines for sources.list, from the mirrors in apt's own configuration; none where apt knows no Debian."""
    listed = run(["apt-get", "indextargets", "--format", "$(LABEL)|$(REPO_URI)", "Created-By: Packages"]).stdout
    mirrors: dict[str, str] = {}
    for line in listed.splitlines():
        label, _, address = line.partition("|")
        mirrors.setdefault(label, address)
    sources = [f"deb {mirrors['Debian']} {suite} main"] if "Debian" in mirrors else []
    if sources and "Debian-Security" in mirrors:
        sources.append(f"deb {mirrors['Debian-Security']} {suite}-security main")
    return tuple(sources)


def _dockerfile(tools: BuildTools, recipe: Dockerfile, job: ImageJob) -> None:
    context = job.scratch / "context.tar"
    _pack(context, tools.assets / recipe.folder, job.artifacts)
    unfinished = f"{job.reference}-unfinished" if recipe.finish else job.reference
    with context.open("rb") as stream:
        tools.engine.images.build(
            stream,
            tag=unfinished,
            labels=job.labels,
            arguments=build_arguments(tools.assets / recipe.folder / "Dockerfile", job.base),
            log=job.log,
            note=job.note,
        )
    context.unlink()
    if recipe.finish:
        together = job.scratch / "artifacts"
        together.mkdir()
        for name, folder in job.artifacts.items():
            (together / name).symlink_to(folder)
        script = str(tools.assets / recipe.finish)
        argv = ["sh", script, unfinished, job.reference, str(together)]
        tools.run(argv, env=tools.engine.child_environment(), timeout_s=BUILD_S, log=job.log)
        tools.engine.images.untag(unfinished)


def build_arguments(dockerfile: Path, base: str | None, environment: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """What a Dockerfile is given: its base, and the index of the user's own pip where it installs Python packages.

    An index with a login in its address is not handed on: the engine would keep it in the history of a layer.
    """
    found = {"BASE": base} if base else {}
    index = environment.get(PIP_INDEX, "")
    if index and f"ARG {PIP_INDEX}\n" in dockerfile.read_text() and "@" not in urlsplit(index).netloc:
        found[PIP_INDEX] = index
    return found


def _pack(target: Path, folder: Path, artifacts: Mapping[str, Path]) -> None:
    """The build context. Times and owners are left out, so that the engine recognises a step that it has done before."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(target, "w") as tar:
        for path in sorted(folder.rglob("*")):
            if is_part(path.relative_to(folder)):
                tar.add(path, path.relative_to(folder).as_posix(), recursive=False, filter=plain)
        for name, made in artifacts.items():
            tar.add(made, f"artifacts/{name}", filter=plain)
        # pip inside a build needs it where the network has an authority of its own.
        tar.add(trust.bundle(), HOST_CA, filter=plain)
