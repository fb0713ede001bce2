"""Where rendered settings are executed, so that they can reach nothing of this computer.

A chart's settings are code of other people, and to look at a chart must be the careful step before it is installed. In order:
a container of the profile's probe image (no network, no files, no privileges), else namespaces by bubblewrap with nothing in them
but the interpreter, else, for charts of the user's own making and only when told so, a plain child with an empty environment.

None needs anything mounted of kit's: the executor's sources go in by stdin with the request, and results come out by stdout.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kit.adapters.bounded import Bounded, Bounds
from kit.adapters.process import run_alone
from kit.errors import KitError
from kit.sentry.check.bootstrap import READY
from kit.sentry.lines.profiles import probe_image

if TYPE_CHECKING:
    from kit.adapters.docker.client import Docker
    from kit.machine import Machine

OPTION = "--trust-chart"
BOUNDS = Bounds(time_s=20.0, output_bytes=8 * 1024**2, memory_bytes=384 * 1024**2)
MEMORY_BYTES = 256 * 1024**2  # of addresses: below what the container may have, so that Python says it and is not killed
NOBODY = 65534
IN_THE_IMAGE = ("/opt/probe/sentry",)  # where the probe's PyYAML is
PACKAGES = "/packages"  # and where it is in the namespaces
EXECUTOR = "kit.sentry.check.executor"

Sources = Mapping[str, str]  # module → text


class Unavailable(Exception):
    """This sandbox cannot be used here; the message says why."""


class Sandbox(Protocol):
    """A place to execute settings in."""

    def missing(self) -> str:
        """Why it cannot be used, as far as that is seen without trying; "" where it may be."""

    def run(self, sources: Sources, request: Any, bounds: Bounds = BOUNDS) -> Bounded:
        """What the executor wrote behind READY. Raises `Unavailable`, also where it did not get as far as that."""


class NoSandbox(KitError):
    """There is nowhere to execute a chart's settings without letting them reach this computer."""

    code = "KIT-SETTINGS-SANDBOX"
    exit_code = 14
    what = "the chart's settings cannot be executed where they reach nothing"
    why = "{reasons:; }"
    fix = (
        "kit setup and kit images build for the profile's probe image, or install bubblewrap; "
        f"for a chart of your own making: {OPTION}, which runs its code as you"
    )


def sandboxes(docker: Docker, image: Callable[[], str], *, trusted: bool) -> tuple[Sandbox, ...]:
    """Those of this computer, the closest first. `image` is the probe image's reference, or raises what is wrong with it."""
    return (InContainer(docker, image), InNamespaces(), *((PlainChild(),) if trusted else ()))


def of_profile(machine: Machine, profile: str, *, trusted: bool) -> tuple[Sandbox, ...]:
    """Those for the rendered settings of a profile; no engine is asked and no image made for it here."""
    return sandboxes(machine.docker, lambda: machine.supply.image(probe_image(profile)).reference, trusted=trusted)


def require(chosen: Sequence[Sandbox]) -> None:
    """Said before anything is made that the settings are executed for. Raises `NoSandbox` where none can be used."""
    reasons = [reason for sandbox in chosen if (reason := sandbox.missing())]
    if len(reasons) == len(chosen):
        raise NoSandbox(reasons=reasons or ["none was given"])


def run(chosen: Sequence[Sandbox], request: Any) -> Bounded:
    """In the first one that can be used. Raises `NoSandbox`."""
    reasons = []
    for sandbox in chosen:
        try:
            return sandbox.run(sources(), request)
        except Unavailable as error:
            reasons.append(str(error))
    raise NoSandbox(reasons=reasons or ["none was given"])


@dataclass(frozen=True, slots=True)
class InContainer:
    """A container of the probe image, which has a Python and nothing else of interest."""

    docker: Docker
    image: Callable[[], str]

    def missing(self) -> str:
        try:
            self.image()
        except KitError as error:
            return _no_container(error)
        return ""

    def run(self, sources: Sources, request: Any, bounds: Bounds = BOUNDS) -> Bounded:
        from kit.adapters.docker.confined import run_confined

        given = _given(sources, request, bounds, packages=IN_THE_IMAGE)
        try:
            argv = ["/usr/bin/python3", "-I", "-S", "-c", _bootstrap()]
            return _started(run_confined(self.docker, self.image(), argv, stdin=given, bounds=bounds))
        except (KitError, Unavailable) as error:
            raise Unavailable(_no_container(error)) from error


@dataclass(frozen=True, slots=True)
class InNamespaces:
    """bubblewrap: namespaces of their own for everything, and in them the interpreter, its libraries and PyYAML, to be read."""

    program: str | None = None  # None: the one on PATH

    def missing(self) -> str:
        return "" if self.program or shutil.which("bwrap") else "no bubblewrap (bwrap is not on PATH)"

    def run(self, sources: Sources, request: Any, bounds: Bounds = BOUNDS) -> Bounded:
        program = self.program or shutil.which("bwrap")
        if program is None:
            raise Unavailable(self.missing())
        is_root = os.geteuid() == 0
        given = _given(sources, request, bounds, packages=[PACKAGES], user=NOBODY if is_root else None)
        argv = [program, *_isolation(is_root), *_interpreter(), "-I", "-S", "-c", _bootstrap()]
        try:
            return _started(run_alone(argv, env={}, stdin=given, bounds=bounds))
        except (KitError, Unavailable) as error:
            raise Unavailable(f"no bubblewrap ({error})") from error


@dataclass(frozen=True, slots=True)
class PlainChild:
    """A child of this process with nothing in its environment. It can do what the user can: for trusted settings alone."""

    def missing(self) -> str:
        return ""

    def run(self, sources: Sources, request: Any, bounds: Bounds = BOUNDS) -> Bounded:
        packages = [str(folder.parent)] if (folder := _yaml()) else []
        argv = [sys.executable, "-I", "-S", "-c", _bootstrap()]
        given = _given(sources, request, bounds, packages=packages)
        return _started(run_alone(argv, env={"PATH": os.defpath}, stdin=given, bounds=bounds))


def _no_container(error: Exception) -> str:
    said = f"{error.what}: {error.why}" if isinstance(error, KitError) else str(error)
    return f"no container ({said})"


# ── what goes in and comes out ─────────────────────────────────────────────────────────────────────────────────────────────


@cache
def sources() -> Sources:
    """The executor's own modules."""
    modules = Path(__file__).with_name("executor").glob("*.py")
    return {f"{EXECUTOR}.{path.stem}": path.read_text(encoding="utf-8") for path in modules if path.stem != "__init__"}


@cache
def _bootstrap() -> str:
    return Path(__file__).with_name("bootstrap.py").read_text(encoding="utf-8")


def _given(sources: Sources, request: Any, bounds: Bounds, *, packages: Sequence[str], user: int | None = None) -> bytes:
    """One line: its reader knows by that where it ends."""
    document = {
        "sources": dict(sources),
        "packages": list(packages),
        "user": user,
        "memory_bytes": min(MEMORY_BYTES, bounds.memory_bytes),
        "cpu_s": int(bounds.time_s) + 1,
        "request": request,
    }
    return json.dumps(document).encode() + b"\n"


def _started(outcome: Bounded) -> Bounded:
    """What came behind READY. Raises `Unavailable` with the last words of a program that never said it."""
    first, _, rest = outcome.stdout.partition(b"\n")
    if first.decode(errors="replace") != READY:
        words = outcome.stderr.decode(errors="replace").strip().splitlines()
        raise Unavailable(words[-1][-200:] if words else "it ended without a word" if not outcome.exceeded else "it never began")
    return Bounded(rest, outcome.stderr, outcome.exceeded)


# ── bubblewrap's arguments ─────────────────────────────────────────────────────────────────────────────────────────────────


def _isolation(is_root: bool) -> list[str]:
    """No network, no other process to see, no privilege; a root folder that cannot be written to.

    Root becomes somebody else inside (`bootstrap.bound`), and must be allowed to; anybody else gets a namespace of users as well.
    """
    user = ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    if not is_root:
        user = ["--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    spaces = ["--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    return [*spaces, *user, "--die-with-parent", "--new-session", *_bound(), "--remount-ro", "/", "--chdir", "/"]


def _bound() -> list[str]:
    """What can be seen: links as links, so that paths inside are those outside."""
    argv: list[str] = []
    for path in dict.fromkeys(_needed()):
        argv += ["--symlink", os.readlink(path), str(path)] if path.is_symlink() else ["--ro-bind", str(path), str(path)]
    folder = _yaml()
    return [*argv, "--ro-bind", str(folder), f"{PACKAGES}/yaml"] if folder else argv


def _needed() -> Iterator[Path]:
    interpreter = Path(_interpreter()[0])
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    libraries = [Path(sys.base_prefix, "lib", name) for name in (sysconfig.get_config_var("INSTSONAME") or "",) if name]
    for link in (Path("/lib"), Path("/lib64")):  # where the loader is; links into /usr on most systems
        if link.exists():
            yield link
            yield link.resolve() if link.name == "lib64" else link.resolve() / multiarch
    yield from (path for path in (Path("/usr/lib", multiarch), *libraries) if path.exists())
    yield Path(sysconfig.get_path("stdlib", vars=_base()))
    yield Path(sysconfig.get_path("platstdlib", vars=_base()))
    yield interpreter


def _base() -> dict[str, str]:
    return {"installed_base": sys.base_prefix, "platbase": sys.base_exec_prefix, "installed_platbase": sys.base_exec_prefix}


def _interpreter() -> list[str]:
    """The real one, without the virtual environment around it."""
    return [str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())]


def _yaml() -> Path | None:
    found = find_spec("yaml")
    return Path(found.origin).parent if found and found.origin else None
