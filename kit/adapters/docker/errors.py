"""What can be wrong with the container engine, as errors with a code.

Why an engine does not answer is read from the operating system's error number under the SDK's exception, not from its text:
no socket, nobody listening and no permission need three different commands from the user.
"""

from __future__ import annotations

import errno
import platform
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

from kit.errors import KitError

MINIMUM_API = (1, 41)  # Engine 20.10: the oldest that a supported distribution still ships
ALMOST_FULL_BYTES = 256 * 1024**2
# The engine's words for one and the same, older and newer: for-linux#599, compose#6153, for-linux#418
NO_POOL_LEFT = ("non-overlapping IPv4 address pool", "predefined address pools have been fully subnetted")


class EngineAbsent(KitError):
    """No container engine is installed."""

    code = "KIT-ENGINE-ABSENT"
    exit_code = 32

    def __init__(self, *, address: str) -> None:
        super().__init__(
            what="no container engine found",
            why=f"nothing is at {address} and there is no `docker` or `dockerd` on PATH",
            fix="install Docker Desktop, OrbStack or colima"
            if platform.system() == "Darwin"
            else "kit setup (installs it on Debian and Ubuntu), or install Docker Engine 20.10 or newer",
        )


class EngineNotRunning(KitError):
    """An engine is installed, but nobody answers."""

    code = "KIT-ENGINE-NOT-RUNNING"
    exit_code = 33

    def __init__(self, *, address: str, said: str) -> None:
        super().__init__(
            what="the container engine does not run",
            why=f"nobody answers at {address}",
            fix=_start(address),
            detail=said,
        )


class EngineNoPermission(KitError):
    """The engine's socket may not be opened by this user."""

    code = "KIT-ENGINE-NO-PERMISSION"
    exit_code = 34

    def __init__(self, *, address: str) -> None:
        super().__init__(
            what="this user may not talk to the container engine",
            why=f"{address} refuses access",
            fix="start an engine of your own: Docker Desktop, OrbStack or colima"
            if platform.system() == "Darwin"
            else "sudo usermod -aG docker $USER, then log in again",
        )


class EngineUntrusted(KitError):
    """The TLS between kit and the engine does not come about."""

    code = "KIT-ENGINE-TLS"
    exit_code = 33

    def __init__(self, *, address: str, said: str) -> None:
        super().__init__(
            what=f"TLS with the container engine at {address} failed",
            why=first_line(said),
            fix="check the certificates: DOCKER_CERT_PATH (ca.pem, cert.pem, key.pem), or docker context inspect",
            detail=said,
        )


class EngineContextUnusable(KitError):
    """The docker CLI's context, or the certificates for DOCKER_HOST, cannot be used."""

    code = "KIT-ENGINE-CONTEXT"
    exit_code = 33

    def __init__(self, *, name: str, said: str) -> None:
        super().__init__(
            what=f"the container engine `{name}` cannot be talked to",
            why=first_line(said),
            fix="docker context ls; then docker context use NAME, or set DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH",
            detail=said,
        )


class DockerConfigInvalid(KitError):
    """The docker CLI's config.json is not what the docker CLI writes."""

    code = "KIT-DOCKER-CONFIG"
    exit_code = 33

    def __init__(self, *, file: str, said: str) -> None:
        super().__init__(
            what=f"{file} cannot be understood",
            why=first_line(said),
            fix="mend it, or move it away and log in again: docker login",
            detail=said,
        )


class EngineTooOld(KitError):
    """The engine's API is older than what kit speaks."""

    code = "KIT-ENGINE-TOO-OLD"
    exit_code = 35

    def __init__(self, *, version: str, api: str) -> None:
        super().__init__(
            what=f"the container engine {version} is too old",
            why=f"its API is {api}; kit needs {'.'.join(map(str, MINIMUM_API))} or newer",
            fix="install Docker Engine 20.10 or newer",
        )


class EngineRefused(KitError):
    """The engine answered with an error of its own."""

    code = "KIT-ENGINE-REFUSED"
    exit_code = 36

    def __init__(self, *, doing: str, said: str) -> None:
        fix = "docker info"
        if any(words in said for words in NO_POOL_LEFT):
            fix = "docker network prune removes unused networks; or widen default-address-pools in the engine's daemon.json"
        super().__init__(what=f"the container engine could not {doing}", why=first_line(said), fix=fix, detail=said)


class ImageBuildFailed(KitError):
    """A step of an image's recipe failed."""

    code = "KIT-IMAGE-BUILD-FAILED"
    exit_code = 37

    def __init__(self, *, image: str, step: str, said: str, log: Path) -> None:
        super().__init__(
            what=f"building the image {image} failed at: {step}",
            why=first_line(said),
            fix=f"see {log}, then run the same command again: it goes on where it stopped",
            detail=said,
        )


class ImagePullFailed(KitError):
    """A registry did not give the image that was asked of it."""

    code = "KIT-IMAGE-PULL-FAILED"
    exit_code = 38

    def __init__(self, *, reference: str, said: str, what: str = "", why: str = "", fix: str = "", reason: str = "") -> None:
        """The kinds that can be told apart (`registries`) give words of their own; `reason` is one line, for lists."""
        super().__init__(
            what=what or f"{reference} could not be pulled",
            why=why or first_line(said),
            fix=fix or "check KIT_REGISTRY_PREFIX and the digest in the lock, or: kit images build",
            detail=said,
        )
        self.reason = reason or f"{self.what}: {self.why}"


class DiskFull(KitError):
    """No room is left where kit or the engine writes."""

    code = "KIT-DISK-FULL"
    exit_code = 21

    def __init__(self, *, where: str, free_bytes: int, needed_bytes: int | None = None) -> None:
        free = f"{free_bytes / 1024**3:.1f} GB are free"
        super().__init__(
            what=f"the disk of {where} is full" if needed_bytes is None else f"the disk of {where} has too little room",
            why=free if needed_bytes is None else f"{free}, about {needed_bytes / 1024**3:.0f} GB are needed",
            fix="free some room (kit images prune --build-cache, docker image prune), then run the same command again",
        )


def _start(address: str) -> str:
    """How an engine is started, by where it would be and by what this computer runs."""
    if not address.startswith(("unix://", "http+unix://", "/")):
        return "check DOCKER_HOST, or take another context: docker context ls"
    if platform.system() == "Darwin":
        return "start Docker Desktop, OrbStack or colima (colima start)"
    return "kit setup, or start it: sudo systemctl start docker"


def unreachable(address: str, error: BaseException) -> KitError:
    """Why the engine at `address` cannot be talked to, by the number the operating system gave."""
    if any(isinstance(each, ssl.SSLError) for each in _chain(error)):
        return EngineUntrusted(address=address, said=str(error))
    number = _errno(error)
    if number in (errno.EACCES, errno.EPERM):
        return EngineNoPermission(address=address)
    if number == errno.ENOENT and not (shutil.which("dockerd") or shutil.which("docker")):
        return EngineAbsent(address=address)
    return EngineNotRunning(address=address, said=str(error))


def disk_full(*places: Path) -> DiskFull | None:
    """The error for the first of these places whose disk has next to nothing left."""
    for place in places:
        if place.exists() and (free := shutil.disk_usage(place).free) < ALMOST_FULL_BYTES:
            return DiskFull(where=str(place), free_bytes=free)
    return None


def first_line(said: str) -> str:
    return next((line.strip() for line in said.splitlines() if line.strip()), "it said nothing")


def _errno(error: BaseException | None) -> int | None:
    """The first operating-system error in a chain of exceptions."""
    numbers = (each.errno for each in _chain(error) if type(each).__module__ == "builtins" and isinstance(each, OSError))
    return next(filter(None, numbers), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and all under it; urllib3 and the SDK wrap them in `args`, not only in `cause`."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
