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
from importlib.util import find_spec
from pathlib import Path

from kit.errors import KitError, ToolTimeout, first_line

MINIMUM_API = (1, 41)  # Engine 20.10: the oldest that a supported distribution still ships
ALMOST_FULL_BYTES = 256 * 1024**2
GB = 1024**3
# The engine's words for one and the same, older and newer: for-linux#599, compose#6153, for-linux#418
NO_POOL_LEFT = ("non-overlapping IPv4 address pool", "predefined address pools have been fully subnetted")


class EngineAbsent(KitError):
    """No container engine is installed."""

    code = "KIT-ENGINE-ABSENT"
    exit_code = 32
    what = "no container engine found"
    why = "nothing is at {address} and there is no `docker` or `dockerd` on PATH"
    fix = "kit setup (installs it on Debian and Ubuntu), or install Docker Engine 20.10 or newer"


class EngineNotRunning(KitError):
    """A container engine is installed here, but nothing answers at its socket."""

    code = "KIT-ENGINE-NOT-RUNNING"
    exit_code = 33
    what = "the container engine does not run"
    why = "nobody answers at {address}"
    fix = "kit setup, or start it: sudo systemctl start docker"
    detail = "{said}"


class EngineUnreachable(KitError):
    """DOCKER_HOST, or the docker CLI's context, names an engine on the network that does not answer."""

    code = "KIT-ENGINE-UNREACHABLE"
    exit_code = 33
    what = "the container engine at {address} does not answer"
    why = "{reason}"
    fix = "check DOCKER_HOST, or take another context: docker context ls"
    detail = "{said}"


class EngineProtocolUnknown(KitError):
    """DOCKER_HOST, or the docker CLI's context, names an engine by a protocol that kit does not speak."""

    code = "KIT-ENGINE-PROTOCOL"
    exit_code = 33
    what = "kit cannot talk to the container engine at {address}"
    why = "it needs an engine on this computer, at a socket (unix://) or at a port (tcp://)"
    fix = "unset DOCKER_HOST, or take a context of this computer: docker context ls"


class EngineNoPermission(KitError):
    """The engine's socket may not be opened by this user."""

    code = "KIT-ENGINE-NO-PERMISSION"
    exit_code = 34
    what = "this user may not talk to the container engine"
    why = "{address} refuses access"
    fix = "sudo usermod -aG docker $USER, then log in again"


USUAL = "unix:///var/run/docker.sock"
# `kit setup` starts the engine at the usual socket alone.
ELSEWHERE = "start the engine of that address, or take this computer's own: unset DOCKER_HOST; docker context use default"
# Where there is no systemd, no group `docker` and no apt-get.
ON_A_MAC: dict[type[KitError], str] = {
    EngineAbsent: "install Docker Desktop, OrbStack or colima",
    EngineNotRunning: "start Docker Desktop, OrbStack or colima (colima start)",
    EngineNoPermission: "start an engine of your own: Docker Desktop, OrbStack or colima",
}


class EngineUntrusted(KitError):
    """The TLS connection between kit and the engine cannot be made."""

    code = "KIT-ENGINE-TLS"
    exit_code = 33
    what = "TLS with the container engine at {address} failed"
    why = "{said!l}"
    fix = "check the certificates: DOCKER_CERT_PATH (ca.pem, cert.pem, key.pem), or docker context inspect"
    detail = "{said}"


class EngineContextUnusable(KitError):
    """The docker CLI's context, or the certificates for DOCKER_HOST, cannot be used."""

    code = "KIT-ENGINE-CONTEXT"
    exit_code = 33
    what = "the container engine `{name}` cannot be talked to"
    why = "{said!l}"
    fix = "docker context ls; then docker context use NAME, or set DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH"
    detail = "{said}"


class DockerConfigInvalid(KitError):
    """The docker CLI's config.json is not what the docker CLI writes."""

    code = "KIT-DOCKER-CONFIG"
    exit_code = 33
    what = "{file} cannot be understood"
    why = "{said!l}"
    fix = "mend it, or move it away and log in again: docker login"
    detail = "{said}"


class EngineTooOld(KitError):
    """The engine's API is older than what kit speaks."""

    code = "KIT-ENGINE-TOO-OLD"
    exit_code = 35
    what = "the container engine {version} is too old"
    why = "its API is {api}; kit needs {minimum} or newer"
    fix = "install Docker Engine 20.10 or newer"


class EngineRefused(KitError):
    """The engine answered with an error of its own."""

    code = "KIT-ENGINE-REFUSED"
    exit_code = 36
    what = "the container engine could not {doing}"
    why = "{said!l}"
    fix = "docker info"
    detail = "{said}"


class EngineSlow(ToolTimeout):
    """The engine did not answer a call in the time it had."""

    code = "KIT-ENGINE-SLOW"
    what = "the container engine did not {doing} within {timeout_s:.0f} s"
    why = "it is busy, or its disk is slow"
    fix = "docker info"


class NetworkPoolExhausted(EngineRefused):
    """The engine has no range of addresses left for another network."""

    code = "KIT-ENGINE-NETWORKS"
    fix = "docker network prune removes unused networks; or widen default-address-pools in the engine's daemon.json"


class ImageBuildFailed(KitError):
    """A step of an image's recipe failed."""

    code = "KIT-IMAGE-BUILD-FAILED"
    exit_code = 37
    what = "building the image {image} failed at: {step}"
    why = "{said!l}"
    fix = "see {log}, then run the same command again: it goes on where it stopped"
    detail = "{said}"


class DiskFull(KitError):
    """No space is left on a disk that kit or the engine writes to."""

    code = "KIT-DISK-FULL"
    exit_code = 21
    what = "the disk of {where} is full"
    why = "{free_gb:.1f} GB are free"
    fix = "free some room (kit images prune --build-cache, docker image prune), then run the same command again"


class DiskTooSmall(DiskFull):
    """What is to be pulled and built needs more space than the disk has."""

    code = "KIT-DISK-SPACE"
    what = "the disk of {where} has too little room"
    why = "{free_gb:.1f} GB are free, about {needed_gb:.0f} GB are needed"


def refused(doing: str, said: str) -> EngineRefused:
    """The error for what the engine said; `doing` completes the sentence "could not …"."""
    kind = NetworkPoolExhausted if any(words in said for words in NO_POOL_LEFT) else EngineRefused
    return kind(doing=doing, said=said)


def unreachable(address: str, error: BaseException) -> KitError:
    """Why the engine at `address` cannot be talked to, by the number the operating system gave."""
    if address.startswith("npipe://") or (address.startswith("ssh://") and find_spec("paramiko") is None):  # the SDK needs it
        return EngineProtocolUnknown(address=address)
    if any(isinstance(each, ssl.SSLError) for each in _chain(error)):
        return EngineUntrusted(address=address, said=str(error))
    number = _errno(error)
    if number in (errno.EACCES, errno.EPERM):
        return EngineNoPermission(address=address, fix=ON_A_MAC[EngineNoPermission] if platform.system() == "Darwin" else None)
    if not address.startswith(("unix://", "http+unix://", "/")):
        reasons = [each.strerror for each in _chain(error) if isinstance(each, OSError) and each.strerror]
        return EngineUnreachable(address=address, reason=reasons[-1] if reasons else first_line(str(error)), said=str(error))
    if number == errno.ENOENT and not (shutil.which("dockerd") or shutil.which("docker")):
        return EngineAbsent(address=address, fix=_fix(EngineAbsent, address))
    said = next((each.strerror for each in _chain(error) if isinstance(each, OSError) and each.strerror), str(error))
    return EngineNotRunning(address=address, said=said, fix=_fix(EngineNotRunning, address))


def _fix(kind: type[KitError], address: str) -> str | None:
    if platform.system() == "Darwin":
        return ON_A_MAC[kind]
    return None if address.removeprefix("http+") == USUAL else ELSEWHERE


def disk_full(*places: Path) -> DiskFull | None:
    """The error for the first of these places whose disk has next to nothing left."""
    for place in places:
        if place.exists() and (free := shutil.disk_usage(place).free) < ALMOST_FULL_BYTES:
            return DiskFull(where=str(place), free_gb=free / GB)
    return None


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
