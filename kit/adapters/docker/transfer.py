"""Describes how far a pull or a build is, from the engine's stream. Pure, but for the clock of `Throttle`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import click

Note = Callable[[str], None]

MB = 1000 * 1000
EVERY_S = 1.0
FIRST_RATE_S = 1.0  # a rate over less than that is noise
STEP_WIDTH = 60
LINE_WIDTH = 80

State = Literal["waiting", "downloading", "retrying", "downloaded", "unpacked"]

# The engine's words for a layer's state. "Pulling layer fs" with a count of bytes is that of newer engines (moby,
# daemon/containerd/progress.go, read 2026-11-28); the others were recorded from Engine 20.10.
STATES: Mapping[str, State] = {
    "Pulling fs layer": "waiting",
    "Waiting": "waiting",
    "Downloading": "downloading",
    "Pulling layer fs": "downloading",
    "Verifying Checksum": "downloaded",
    "Download complete": "downloaded",
    "Extracting": "downloaded",
    "Pull complete": "unpacked",
}
PRESENT = "Already exists"
RETRYING = "Retrying in"


@dataclass(frozen=True, slots=True)
class Layer:
    state: State
    done_bytes: int = 0
    total_bytes: int | None = None  # None: the engine has not said it yet


@dataclass(frozen=True, slots=True)
class Pull:
    """All layers of one image that are not here yet, by the engine's short id."""

    layers: Mapping[str, Layer]

    def heard(self, piece: Mapping[str, Any]) -> Pull:
        """The same after one more piece of the engine's stream."""
        layer, status = piece.get("id"), str(piece.get("status", ""))
        if layer is None:
            return self
        if status == PRESENT:
            return Pull({name: each for name, each in self.layers.items() if name != layer})
        state: State | None = "retrying" if status.startswith(RETRYING) else STATES.get(status)
        if state is None:
            return self
        return Pull({**self.layers, layer: _changed(self.layers.get(layer, Layer("waiting")), state, piece)})

    def text(self, elapsed_s: float) -> str:
        """`34 of 120 MB, 5.1 MB/s`; a `+` where more will come than is known. Empty as long as there is nothing to say."""
        layers = self.layers.values()
        retrying = sum(layer.state == "retrying" for layer in layers)
        if retrying:
            return f"the connection broke off, trying again ({retrying} of {len(layers)} layers)"
        if any(layer.state in ("waiting", "downloading") for layer in layers):
            done = sum(layer.done_bytes for layer in layers)
            total = sum(layer.total_bytes or 0 for layer in layers)
            if not total:
                return ""
            unknown = any(layer.total_bytes is None and layer.state == "waiting" for layer in layers)
            rate = f", {done / MB / elapsed_s:.1f} MB/s" if elapsed_s >= FIRST_RATE_S else ""
            return f"{_megabytes(done)} of {_megabytes(total)}{'+' if unknown else ''} MB{rate}"
        unpacked = sum(layer.state == "unpacked" for layer in layers)
        return f"unpacking, {unpacked} of {len(layers)} layers" if layers else ""


def _changed(layer: Layer, state: State, piece: Mapping[str, Any]) -> Layer:
    counted = piece.get("progressDetail") or {}
    if state == "downloading":
        total = int(counted.get("total") or 0)
        done = int(counted.get("current") or 0)
        return Layer(state, done, total if total > 0 else layer.total_bytes)
    if state == "retrying":
        return Layer(state, 0, layer.total_bytes)
    if state in ("downloaded", "unpacked"):
        return replace(layer, state=state, done_bytes=layer.total_bytes or layer.done_bytes)
    return replace(layer, state=state)


@dataclass(frozen=True, slots=True)
class Build:
    """The step that a build is at, and the last line that it printed."""

    step: str = ""
    line: str = ""

    def heard(self, piece: Mapping[str, Any]) -> Build:
        plain = click.unstyle(str(piece.get("stream") or ""))  # pip colours what it says, and the engine adds colours to stderr
        said = [line.strip() for line in plain.replace("\r", "\n").splitlines() if line.strip()]
        if not said:
            return self
        steps = [number for number, line in enumerate(said) if line.startswith("Step ")]
        if not steps:
            return Build(self.step, said[-1])
        after = said[steps[-1] + 1 :]
        return Build(said[steps[-1]], after[-1] if after else "")

    @property
    def text(self) -> str:
        return " · ".join(filter(None, (_cut(self.step, STEP_WIDTH), _cut(self.line, LINE_WIDTH))))


class Throttle:
    """Hands texts on, one a second at most and none twice in a row; what comes in between is dropped."""

    def __init__(self, note: Note, *, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._note = note
        self._every_s = every_s
        self._clock = clock
        self._began = clock()
        self._spoke: float | None = None
        self._last = ""

    @property
    def elapsed_s(self) -> float:
        return self._clock() - self._began

    def is_due(self) -> bool:
        return self._spoke is None or self._clock() - self._spoke >= self._every_s

    def say(self, text: str) -> None:
        if text and text != self._last and self.is_due():
            self._spoke, self._last = self._clock(), text
            self._note(text)


def _megabytes(count: int) -> str:
    return f"{count / MB:.1f}" if count < 10 * MB else f"{count / MB:.0f}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
