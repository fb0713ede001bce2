"""Ends the whole command when it is told to: by Ctrl-C (SIGINT), by `kill` (SIGTERM), by a closed terminal (SIGHUP).

There is one `Cancel` per process, for signals come to processes. Once it is set it stays set: no program is started any more, no
step of a plan, and every poll ends. What runs is told to end, and is waited for; a second signal tells it again, and ends
nothing of the waiting.
"""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FROM_SIGNAL = 128  # a shell's exit code for a program that a signal ended is this plus the signal's number

_finishing: ContextVar[bool] = ContextVar("finishing", default=False)


class Cancelled(KeyboardInterrupt):
    """The command was told to end. No `Exception`, so that nothing takes it for a failure that can be reported or tried again."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted ({signal.Signals(number).name})")


class Cancel:
    """Whether the command was told to end, and by which signal."""

    def __init__(self) -> None:
        self.signal = 0
        self._event = threading.Event()
        self._arrived: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._calls: dict[object, Callable[[], None]] = {}
        self._held_back = 0

    @property
    def is_set(self) -> bool:
        return self.signal != 0

    @property
    def exit_code(self) -> int:
        """130, 143 or 129; 0 while the command was not told to end."""
        return FROM_SIGNAL + self.signal if self.signal else 0

    def check(self) -> None:
        """Raises `Cancelled` once the command was told to end."""
        if self.is_set and not _finishing.get():
            raise Cancelled(self.signal)

    def wait(self, seconds: float) -> None:
        """What a poll uses instead of `time.sleep`. Raises `Cancelled`, without waiting for the time to be over."""
        if _finishing.get():
            time.sleep(seconds)
            return
        self.check()
        self._event.wait(seconds)
        self.check()

    def set(self, number: int = signal.SIGINT) -> None:
        """As if this signal had come. Not for signal handlers: it takes locks that the interrupted thread may hold."""
        self.signal = self.signal or number
        with self._guard:
            self._event.set()
            calls = tuple(self._calls.values())
        for call in calls:
            call()

    @contextmanager
    def calling(self, action: Callable[[], None]) -> Iterator[None]:
        """For the length of the block, call this at every signal; at once where one has come before."""
        if _finishing.get():
            yield
            return
        key = object()
        with self._guard:
            self._calls[key] = action
            is_late = self._event.is_set()
        try:
            if is_late:
                action()
            yield
        finally:
            with self._guard:
                del self._calls[key]

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """A block in which the main thread waits for others, and must not leave them: a signal is raised only at its end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._held_back += 1
        try:
            yield
        finally:
            self._held_back -= 1
        self.check()

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """A block that writes down how far a cancelled command came: it may wait, and start programs, which nothing ends."""
        token = _finishing.set(True)
        try:
            yield
        finally:
            _finishing.reset(token)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals for the length of the block. A signal that is ignored (`nohup`, a job in the background) stays so."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may take signals
            return
        threading.Thread(target=self._watch, daemon=True, name="signals").start()
        before = {number: signal.getsignal(number) for number in SIGNALS}
        taken = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]
        for number in taken:
            signal.signal(number, self._handle)
        try:
            yield
        finally:
            if not self.is_set:  # else they stay: threads are still waited for at the process's end
                for number in taken:
                    signal.signal(number, before[number])
                self._arrived.put(0)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        """Runs between any two instructions of the main thread, so it may take no lock: the rest is the watching thread's."""
        is_first = not self.is_set
        self.signal = self.signal or number
        self._arrived.put(number)
        if is_first and not self._held_back:
            raise Cancelled(number)

    def _watch(self) -> None:
        while number := self._arrived.get():
            self.set(number)


current = Cancel()


def wait(seconds: float) -> None:
    """What a poll uses instead of `time.sleep`. Raises `Cancelled` as soon as this command is told to end."""
    current.wait(seconds)


def check() -> None:
    """Raises `Cancelled` once this command was told to end."""
    current.check()
