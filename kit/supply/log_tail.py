"""Reports the last line of a log while another program writes it, so that a build of many minutes is not silent."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

EVERY_S = 1.0
ENOUGH_BYTES = 4096
WIDTH = 100


@contextmanager
def followed(log: Path, note: Callable[[str], None]) -> Iterator[None]:
    """Tell each new last line for the length of the block, once a second at most."""
    done = threading.Event()

    def follow() -> None:
        said = ""
        while not done.wait(EVERY_S):
            line = last_line(log)
            if line and line != said:
                said = line
                note(line)

    follower = threading.Thread(target=follow, daemon=True, name="log-tail")
    follower.start()
    try:
        yield
    finally:
        done.set()
        follower.join()


def last_line(log: Path) -> str:
    """The last line that is not empty; "" of a log that is not there."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - ENOUGH_BYTES))
            lines = [line.strip() for line in click.unstyle(file.read().decode(errors="replace")).splitlines()]
    except OSError:
        return ""
    return next((line[:WIDTH] for line in reversed(lines) if line), "")
