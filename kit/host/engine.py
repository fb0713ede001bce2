"""The Docker Engine of this computer: found, or installed from the distribution, or started where no init system would.

An engine that runs is used as it is and never reconfigured. Only an engine that `kit` starts itself, on a host whose capability
set is smaller than a privileged container asks for, gets the runtime of `runc_within_bounds.py`.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kit import files
from kit.engines.process import Runner, run, spawn
from kit.errors import KitError
from kit.host import runc_within_bounds

DEFAULT_SOCKET = "/var/run/docker.sock"
LEAST_API = (1, 41)  # Engine 20.10: what Debian 12 ships, and what everything here was run on
START_TIMEOUT_S = 30.0
APT_TIMEOUT_S = 600.0
PACKAGES = ("docker.io", "iptables", "mmdebstrap")
ALL_CAPABILITIES = frozenset(f"CAP_{name}" for name in runc_within_bounds.CAPABILITIES)


class EngineAbsent(KitError):
    """There is no Docker Engine, and kit may not or cannot install one here."""

    code = "KIT-ENGINE-ABSENT"
    exit_code = 32

    def __init__(self) -> None:
        super().__init__(
            what="there is no Docker Engine on this computer",
            why="no `dockerd` on PATH and nothing answers at the engine's socket",
            fix="install Docker Engine 20.10 or newer (as root on Debian or Ubuntu, `kit setup` does it), then: kit doctor",
        )


class EngineStopped(KitError):
    """An engine is installed and does not answer."""

    code = "KIT-ENGINE-STOPPED"
    exit_code = 32

    def __init__(self, why: str, log: Path | None = None) -> None:
        super().__init__(
            what="the Docker Engine does not answer",
            why=why,
            fix=f"see {log}" if log else "start it (systemctl start docker), or as root: kit setup",
        )


class EngineForbidden(KitError):
    """The engine runs and this user may not speak to it."""

    code = "KIT-ENGINE-PERMISSION"
    exit_code = 33

    def __init__(self, path: str) -> None:
        super().__init__(
            what="this user may not use the Docker Engine",
            why=f"{path} refuses access",
            fix="sudo usermod -aG docker $USER, then log in again",
        )


class EngineTooOld(KitError):
    """The engine's API lacks what kit needs."""

    code = "KIT-ENGINE-TOO-OLD"
    exit_code = 34

    def __init__(self, version: str, api: str) -> None:
        super().__init__(
            what=f"Docker Engine {version} is too old",
            why=f"its API is {api}, kit needs {LEAST_API[0]}.{LEAST_API[1]} (Engine 20.10)",
            fix="upgrade Docker Engine, then: kit doctor",
        )


@dataclass(frozen=True, slots=True)
class Engine:
    version: str
    api: str


def engine_address() -> str | None:
    """The path of the engine's unix socket, or None when DOCKER_HOST names something else (then the SDK alone speaks to it)."""
    host = os.environ.get("DOCKER_HOST", "")
    if not host:
        return DEFAULT_SOCKET
    return host.removeprefix("unix://") if host.startswith("unix://") else None


def ask() -> Engine:
    """The running engine. Raises what is wrong, by kind."""
    path = engine_address()
    if path is None:
        return _ask_remote()
    try:
        version = _get(path, "/version")
    except PermissionError as denied:
        raise EngineForbidden(path) from denied
    except (OSError, ValueError, http.client.HTTPException) as silent:
        if shutil.which("dockerd") is None and not Path(path).exists():
            raise EngineAbsent from silent
        raise EngineStopped(f"{path}: {getattr(silent, 'strerror', None) or silent}") from silent
    return _judged(str(version["Version"]), str(version["ApiVersion"]))


def _judged(version: str, api: str) -> Engine:
    if tuple(int(part) for part in api.split(".")) < LEAST_API:
        raise EngineTooOld(version, api)
    return Engine(version, api)


def _ask_remote() -> Engine:
    import docker

    try:
        version = docker.from_env(timeout=5).version()
    except Exception as error:
        raise EngineStopped(f"DOCKER_HOST={os.environ['DOCKER_HOST']}: {error}") from error
    return _judged(str(version["Version"]), str(version["ApiVersion"]))


def _get(socket_path: str, path: str) -> dict[str, object]:
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(5)
    try:
        connection.sock.connect(socket_path)
        connection.request("GET", path)
        document = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    if not isinstance(document, dict):
        raise ValueError("it is not a Docker Engine")
    return document


def prepare(cache: Path, say: Callable[[str], None], runner: Runner = run) -> Engine:
    """A running engine, installed and started if need be. `say` hears every change made outside the checkout and the cache."""
    try:
        engine = ask()
    except EngineAbsent:
        _install(PACKAGES, say, runner)
        engine = _start(cache, say, runner)
    except EngineStopped:
        if os.getuid() != 0 or shutil.which("dockerd") is None or engine_address() != DEFAULT_SOCKET:
            raise
        engine = _start(cache, say, runner)
    lacking = [name for name in ("mmdebstrap",) if shutil.which(name) is None]
    if lacking and _is_debian_root():
        _install(tuple(lacking), say, runner)
    return engine


def _is_debian_root() -> bool:
    return os.getuid() == 0 and shutil.which("apt-get") is not None


def _install(packages: tuple[str, ...], say: Callable[[str], None], runner: Runner) -> None:
    if not _is_debian_root():
        raise EngineAbsent
    say(f"installing {' '.join(packages)} from the distribution (apt-get)")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    runner(["apt-get", "update", "-qq"], env=quiet, timeout_s=APT_TIMEOUT_S)
    argv = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    runner(argv, env=quiet, timeout_s=APT_TIMEOUT_S)


def _start(cache: Path, say: Callable[[str], None], runner: Runner) -> Engine:
    if Path("/run/systemd/system").is_dir():
        say("starting the Docker Engine (systemctl start docker)")
        runner(["systemctl", "start", "docker"])
        return _await(None)
    log = cache / "logs" / "dockerd.log"
    say(f"starting the Docker Engine (dockerd; its log: {log})")
    spawn(["dockerd", *_runtime_options(cache)], log=log)
    return _await(log)


def _runtime_options(cache: Path) -> tuple[str, ...]:
    """Options for an engine on a host that lacks a capability; none elsewhere."""
    held = runc_within_bounds.held_capabilities(Path("/proc/self/status").read_text())
    if held >= ALL_CAPABILITIES:
        return ()
    source = Path(runc_within_bounds.__file__).read_text()
    script = cache / "engine" / "runc-within-bounds"
    # The interpreter of the moment, not of a virtual environment that may be removed while the engine runs.
    interpreter = os.path.realpath(sys.executable)
    files.write(script, f"#!{interpreter}\n" + source.partition("\n")[2], mode=0o755)
    return ("--add-runtime", f"kit-runc={script}", "--default-runtime", "kit-runc")


def _await(log: Path | None) -> Engine:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            return ask()
        except (EngineStopped, EngineAbsent) as silent:
            if time.monotonic() > deadline:
                raise EngineStopped(f"started, and silent for {START_TIMEOUT_S:.0f} s", log) from silent
            time.sleep(0.1)
