"""Signals as a command takes them: by a `Cancel` of its own, and as before once it is over."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from kit import cancel


@contextmanager
def taken_as_by_a_command() -> Iterator[None]:
    handlers, others = {number: signal.getsignal(number) for number in cancel.SIGNALS}, cancel.current
    cancel.current = cancel.Cancel()
    try:
        with cancel.current.listening():
            yield
    finally:
        cancel.current = others
        for number, handler in handlers.items():
            signal.signal(number, handler)
