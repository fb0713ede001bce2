"""Handles a closed stdout or stderr: `kit up 2>&1 | head`, or a terminal that was closed.

What is said on stderr is never a reason to stop. Output that nobody reads is a reason, and the shell learns of it as it does of
other programs.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO, cast

from kit.cancel import FROM_SIGNAL

UNREAD = FROM_SIGNAL + signal.SIGPIPE  # as a shell shows programs that do not handle the signal


class Unread(Exception):
    """Nobody reads stdout. Not a `BrokenPipeError`, which may come of any connection, and has words then."""


class _Stream:
    """A text stream, with two methods of its own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Output(_Stream):
    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError as broken:
            raise Unread from broken

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError as broken:
            raise Unread from broken


class _Unheard(_Stream):
    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


@contextmanager
def named() -> Iterator[None]:
    """For the length of the block, stdout raises `Unread` where nobody reads it, and stderr takes everything."""
    with open(os.devnull, "w") as nowhere:  # for a stream that was closed before: `>&-`
        output, errors = _Output(sys.stdout or nowhere), _Unheard(sys.stderr or nowhere)
        with redirect_stdout(cast("TextIO", output)), redirect_stderr(cast("TextIO", errors)):
            yield


def unread() -> int:
    """The exit code. What Python still keeps of the output goes nowhere: at its end it would fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    return UNREAD
