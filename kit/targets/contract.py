"""What the commands ask of either target, wherever the stack is. What only one of them can do is asked of that target itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from kit.sentry.preview import Preview
from kit.sentry.release import SentryRelease, quiet
from kit.sentry.site import Note
from kit.status import Check, Status


class Target(Protocol):
    @property
    def sentry(self) -> SentryRelease: ...

    def status(self) -> Status: ...

    def verify(self, note: Note = quiet) -> tuple[Check, ...]:
        """Every promise about the connections, tried."""

    def client_env(self) -> Mapping[str, str]:
        """The variables under which clients look for their settings. They hold passwords."""

    def preview(self) -> Preview:
        """The values of the stack's Sentry, and what a release with them would be."""

    def belongings(self) -> tuple[str, ...]:
        """What `purge` would remove from this computer, in words."""

    def purge(self) -> None: ...
