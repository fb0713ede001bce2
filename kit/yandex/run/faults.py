"""Faults on demand: calls that fail or wait (`--fail TopicService/Create:UNAVAILABLE:0.3`, `--latency 0.2`)."""

from __future__ import annotations

import fnmatch
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import grpc

from kit.errors import KitError
from kit.yandex.engine import descriptors
from kit.yandex.engine.descriptors import Method
from kit.yandex.refusal import Refusal


class FaultUnknown(KitError):
    """`--fail` is not METHOD:CODE:RATE."""

    code = "KIT-YANDEX-FAULT"
    exit_code = 10
    what = "--fail {text} is not understood"
    fix = "kit yandex emulate --fail 'TopicService/*:UNAVAILABLE:0.3'"


@dataclass(frozen=True, slots=True)
class Fault:
    """Calls of some methods fail with a code, at a rate."""

    pattern: str  # of the end of a method's label; * and ? as in file names
    code: grpc.StatusCode
    rate: float

    def matches(self, method: Method) -> bool:
        """Whether the method is one of those."""
        return fnmatch.fnmatchcase(method.label, f"*{self.pattern}")


@dataclass(frozen=True, slots=True)
class Faults:
    """All faults of one emulator."""

    faults: tuple[Fault, ...] = ()
    latency_s: float = 0.0
    draw: Callable[[], float] = random.random

    def apply(self, method: Method) -> None:
        """Wait, and perhaps raise."""
        if self.latency_s:
            time.sleep(self.latency_s)
        for fault in self.faults:
            if fault.matches(method) and self.draw() < fault.rate:
                raise Refusal(fault.code, f"{method.label} fails on demand (--fail)")


def parse(text: str) -> Fault:
    """The fault of a `--fail`; raises `FaultUnknown`."""
    parts = text.rsplit(":", 2)
    if len(parts) != 3:
        raise FaultUnknown(text=text, why="it must be METHOD:CODE:RATE")
    pattern, code, rate = parts
    if code not in grpc.StatusCode.__members__ or code == "OK":
        raise FaultUnknown(text=text, why=f"{code} is no gRPC code; known: {', '.join(grpc.StatusCode.__members__)}")
    try:
        share = float(rate)
    except ValueError:
        raise FaultUnknown(text=text, why=f"{rate} is no number") from None
    if not 0 <= share <= 1:
        raise FaultUnknown(text=text, why=f"{rate} is not between 0 and 1")
    fault = Fault(pattern, grpc.StatusCode[code], share)
    if not any(fault.matches(method) for method in descriptors.catalogue().values()):
        raise FaultUnknown(text=text, why=f"no method's name ends in {pattern}; `kit yandex coverage` lists them")
    return fault
