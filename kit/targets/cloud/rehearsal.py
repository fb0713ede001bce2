"""The emulator of the cloud's API beside a command, and the one difference that a rehearsal makes: environment variables.

It runs as a program of its own as long as the command does; what it knows is in its journal, what stands behind it in containers,
so nothing has to stay running between two commands.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kit.engines import process
from kit.errors import KitError
from kit.targets.cloud.place import Place

START_S = 30.0
POLL_S = 0.05


class EmulatorFailed(KitError):
    """The emulator of the cloud's API did not start, or ended."""

    code = "KIT-CLOUD-EMULATOR"
    exit_code = 60

    def __init__(self, log: Path, said: str) -> None:
        lines = [line for line in said.strip().splitlines() if line.strip()]
        super().__init__(
            what="the emulator of the cloud's API did not start",
            why=lines[-1] if lines else "it said nothing",
            fix=f"read {log}, then the same command again",
            detail="\n".join(lines[-15:]),
        )


def kit(place: Place) -> list[str]:
    """This very program, for this stack."""
    return [sys.executable, "-m", "kit", "--stack", place.workspace.stack]


@contextmanager
def emulated(place: Place) -> Iterator[Mapping[str, str | None]]:
    """The environment for terraform and for kit itself while the emulator runs; None takes a variable away."""
    log = place.logs / "emulator.log"
    home = {"KIT_HOME": str(place.workspace.home), "KIT_CACHE": str(place.workspace.cache)}
    with process.beside([*kit(place), "-o", "json", "yandex", "emulate"], log=log, env=home) as exit_code:
        _await_ready(log, exit_code)
        said = process.run([*kit(place), "-o", "json", "yandex", "env"], env=home).stdout
        yield json.loads(said)


def _await_ready(log: Path, exit_code: Callable[[], int | None]) -> None:
    """Its first line says that it listens."""
    end = time.monotonic() + START_S
    while True:
        said = log.read_text(errors="replace")
        if any(line.startswith("{") and '"port"' in line for line in said.splitlines()):
            return
        if exit_code() is not None or time.monotonic() > end:
            raise EmulatorFailed(log, said)
        time.sleep(POLL_S)
