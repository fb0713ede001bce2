"""Finds the Docker Engine of this computer, installs it from the distribution, or starts it where there is no init system.

An engine that runs is used as it is and never reconfigured. Only an engine that `kit` starts itself, on a host whose capability
set is smaller than a privileged container asks for, gets the runtime of `runc_within_bounds.py`.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from kit import cancel, files
from kit.adapters.docker.client import Docker
from kit.adapters.docker.errors import EngineAbsent, EngineNotRunning
from kit.adapters.docker.observed import EngineVersion
from kit.adapters.process import Runner, run, spawn
from kit.errors import KitError
from kit.host import runc_within_bounds

START_TIMEOUT_S = 30.0
PID_FILES = {
    "dockerd": Path("/var/run/docker.pid"),
    "containerd": Path("/var/run/docker/containerd/containerd.pid"),
}
APT_TIMEOUT_S = 600.0
PACKAGES = ("docker.io", "iptables")
BUILD_PACKAGES = ("mmdebstrap",)  # makes Debian's base images
RUNTIME = "kit-runc"
ALL_CAPABILITIES = frozenset(f"CAP_{name}" for name in runc_within_bounds.CAPABILITIES)


class EngineSilent(KitError):
    """The engine was started and does not answer."""

    code = "KIT-ENGINE-SILENT"
    exit_code = 39
    what = "the container engine was started and does not answer"
    why = f"waited {START_TIMEOUT_S:.0f} s for its socket"
    fix = "journalctl -u docker"


def prepare(cache: Path, say: Callable[[str], None], runner: Runner = run) -> EngineVersion:
    """A running engine, installed and started if need be. `say` hears every change made outside the checkout and the cache."""
    try:
        engine = Docker().version()
    except (EngineAbsent, EngineNotRunning):
        if not _may_start():
            raise
        if shutil.which("dockerd") is None:  # a client alone is no engine
            if not _is_debian_root():
                raise
            _install(PACKAGES, say, runner)
        engine = _start(cache, say, runner)
    return engine


def prepare_builds(are_wanted: Callable[[], bool], say: Callable[[str], None], runner: Runner = run) -> None:
    """Install what Debian's base images are made with, if it is lacking and may be installed here; asks last, for that costs."""
    lacking = tuple(name for name in BUILD_PACKAGES if shutil.which(name) is None)
    if lacking and _is_debian_root() and are_wanted():
        _install(lacking, say, runner)


def _may_start() -> bool:
    """Whether a silent engine would be one of this computer that this user may start."""
    return os.getuid() == 0 and not os.environ.get("DOCKER_HOST")


def _is_debian_root() -> bool:
    return os.getuid() == 0 and shutil.which("apt-get") is not None


def _install(packages: tuple[str, ...], say: Callable[[str], None], runner: Runner) -> None:
    say(f"installing {' '.join(packages)} from the distribution (apt-get)")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    runner(["apt-get", "update", "-qq"], env=quiet, timeout_s=APT_TIMEOUT_S)
    argv = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    runner(argv, env=quiet, timeout_s=APT_TIMEOUT_S)


def _start(cache: Path, say: Callable[[str], None], runner: Runner) -> EngineVersion:
    if Path("/run/systemd/system").is_dir():
        say("starting the Docker Engine (systemctl start docker)")
        runner(["systemctl", "start", "docker"])
        return _await(None)
    for program, file in PID_FILES.items():
        forget_stale_pid(file, program)
    log = cache / "logs" / "dockerd.log"
    say(f"starting the Docker Engine (dockerd; its log: {log})")
    spawn(["dockerd", *_runtime_options(cache)], log=log)
    return _await(log)


def forget_stale_pid(file: Path, program: str) -> None:
    """Remove a pid file whose process is gone or is another program by now.

    An engine that was killed leaves its file, and the next one refuses to start if anything at all bears that number.
    """
    try:
        pid = int(file.read_text())
        running = Path(f"/proc/{pid}/comm").read_text().strip()
    except (OSError, ValueError):
        running = ""
    if running != program:
        file.unlink(missing_ok=True)


def lacking_capabilities() -> frozenset[str]:
    """What a privileged container would ask for and this host cannot give."""
    return ALL_CAPABILITIES - runc_within_bounds.held_capabilities(Path("/proc/self/status").read_text())


def _runtime_options(cache: Path) -> tuple[str, ...]:
    """Options for an engine on a host that lacks a capability; none elsewhere."""
    if not lacking_capabilities():
        return ()
    source = Path(runc_within_bounds.__file__).read_text()
    script = cache / "engine" / "runc-within-bounds"
    # The interpreter of the moment, not of a virtual environment that may be removed while the engine runs.
    interpreter = os.path.realpath(sys.executable)
    files.write(script, f"#!{interpreter}\n" + source.partition("\n")[2], mode=0o755)
    return ("--add-runtime", f"{RUNTIME}={script}", "--default-runtime", RUNTIME)


def _await(log: Path | None) -> EngineVersion:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            return Docker().version()
        except (EngineNotRunning, EngineAbsent) as silent:
            if time.monotonic() > deadline:
                raise EngineSilent(fix=f"see {log}" if log else None) from silent
            cancel.wait(0.1)
