"""Runs a program that is not trusted to end, or to print little: it gets a time and a number of bytes, and no more."""

from __future__ import annotations

import os
import selectors
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import IO, Any, Literal

PIECE_BYTES = 65536

Exceeded = Literal["", "time", "output"]


@dataclass(frozen=True, slots=True)
class Bounds:
    time_s: float
    output_bytes: int  # stdout and stderr together
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Bounded:
    """What it wrote before it ended, or before it was ended for what it exceeded."""

    stdout: bytes
    stderr: bytes
    exceeded: Exceeded


@dataclass(slots=True)
class Collected:
    """Output as it comes, held against the bounds."""

    bounds: Bounds
    started: float = field(default_factory=time.monotonic)
    streams: dict[str, bytearray] = field(default_factory=lambda: {"stdout": bytearray(), "stderr": bytearray()})

    def add(self, stream: str, data: bytes) -> None:
        self.streams[stream] += data

    @property
    def left_s(self) -> float:
        return max(0.0, self.bounds.time_s - (time.monotonic() - self.started))

    @property
    def exceeded(self) -> Exceeded:
        if sum(map(len, self.streams.values())) > self.bounds.output_bytes:
            return "output"
        return "time" if not self.left_s else ""

    def outcome(self, exceeded: Exceeded) -> Bounded:
        return Bounded(bytes(self.streams["stdout"]), bytes(self.streams["stderr"]), exceeded)


def through_pipes(
    stdin: IO[bytes] | None, stdout: IO[bytes] | None, stderr: IO[bytes] | None, data: bytes, bounds: Bounds
) -> Bounded:
    """Write `data` and read both outputs side by side, until these are closed or a bound is exceeded. Closes all three."""
    collected, waiting = Collected(bounds), memoryview(data)
    with ExitStack() as at_the_end, selectors.DefaultSelector() as ready:
        for name, pipe in {"stdin": stdin, "stdout": stdout, "stderr": stderr}.items():
            assert pipe is not None
            at_the_end.callback(_close, pipe)
            os.set_blocking(pipe.fileno(), False)
            ready.register(pipe, selectors.EVENT_WRITE if name == "stdin" else selectors.EVENT_READ, name)
        while any(key.data != "stdin" for key in ready.get_map().values()):
            for key, _ in ready.select(collected.left_s):
                if key.data == "stdin":
                    waiting = _written(key.fd, waiting)
                    is_over = not waiting
                else:
                    piece = os.read(key.fd, PIECE_BYTES)
                    collected.add(key.data, piece)
                    is_over = not piece
                if is_over:
                    ready.unregister(key.fileobj)
                    _close(key.fileobj)
            if exceeded := collected.exceeded:
                return collected.outcome(exceeded)
    return collected.outcome("")


def _written(descriptor: int, waiting: memoryview) -> memoryview:
    """What is left to be written: nothing where nobody reads any more."""
    try:
        return waiting[os.write(descriptor, waiting) :]
    except BrokenPipeError:
        return waiting[:0]


def _close(pipe: Any) -> None:
    with suppress(BrokenPipeError):
        pipe.close()
