"""Reads the engine's streams of a pull, a build or a load: with a time-out, their error found, written to a log."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Any

from kit import cancel

POLL_S = 0.2

Piece = Mapping[str, Any]


class Silence(Exception):
    """The other side has said nothing new for too long."""

    def __init__(self, silent_s: float) -> None:
        super().__init__(f"no word from the registry for {silent_s:g} s")


def abandonable(
    pieces: Callable[[], Iterable[Piece]],
    *,
    silent_s: float | None = None,
    poll_s: float = POLL_S,
) -> Iterator[Piece]:
    """The same pieces, but with an end as soon as the command is cancelled, however silent the other side is.

    With `silent_s`, also with an end (`Silence`) when nothing new came for so long: the containerd image store repeats the state
    of every layer ten times a second, also while no byte arrives (moby, daemon/containerd/progress.go, read 2026-11-28).

    `pieces` is called in the reading thread, for the engine may be silent before its first word. That thread is left behind: it
    ends when the connection does, or with the process.
    """
    arrived: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def read() -> None:
        try:
            for piece in pieces():
                arrived.put(("piece", piece))
            arrived.put(("end", None))
        except BaseException as error:
            arrived.put(("error", error))

    threading.Thread(target=read, daemon=True, name="engine-stream").start()
    known: dict[object, Piece] = {}
    heard = time.monotonic()
    while True:
        if silent_s is not None and time.monotonic() - heard > silent_s:
            raise Silence(silent_s)
        try:
            kind, value = arrived.get(timeout=poll_s)
        except queue.Empty:
            kind, value = "nothing", None
        cancel.check()
        if kind == "error":
            raise value
        if kind == "end":
            return
        if kind == "piece":
            if known.get(value.get("id")) != value:
                known[value.get("id")] = value
                heard = time.monotonic()
            yield value


def problem_in(piece: Piece) -> str | None:
    """What went wrong, if the piece says so. `error` is the older field, deprecated since API 1.48 (moby, version-history.md)."""
    detail = piece.get("errorDetail")
    told = detail.get("message") if isinstance(detail, Mapping) else None
    return str(told or piece.get("error") or "") or None


def written(pieces: Iterable[Piece], file: IO[str]) -> Iterator[Piece]:
    """The same pieces, each written to the log on its way; a layer's progress in bytes is not."""
    for piece in pieces:
        if text := piece.get("stream"):
            file.write(text)
        elif (status := piece.get("status")) and not piece.get("progressDetail"):
            file.write(" ".join(filter(None, (piece.get("id"), status))) + "\n")
        if problem := problem_in(piece):
            file.write(problem + "\n")
        file.flush()
        yield piece
