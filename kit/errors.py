"""One shape for every failure a user can meet: a code, what happened, why, and the command that mends it.

Errors are raised where the fact is known and shown once, at the top of the command line. The exit code is a
band: 1x the user's input, 2x the host, 3x the engine, 4x the stores, 5x the cluster, 6x the cloud.
`docs/errors.md` lists them all; a test holds that list against the classes here and in the rooms.
"""

from __future__ import annotations

from typing import ClassVar


class KitError(Exception):
    """A failure with a stable code. `detail` is what a tool said, shown below the three lines, never classified by text."""

    code: ClassVar[str] = "KIT-UNEXPECTED"
    exit_code: ClassVar[int] = 1

    def __init__(self, *, what: str, why: str, fix: str, detail: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix
        self.detail = detail


class ToolFailed(KitError):
    """Another program ended with an error; carries its pasteable command line and the end of its output."""

    code = "KIT-TOOL-FAILED"
    exit_code = 30


class ToolMissing(KitError):
    """A program that a step needs is not on PATH."""

    code = "KIT-TOOL-MISSING"
    exit_code = 20


class ToolTimeout(KitError):
    """Another program did not end in the time it had."""

    code = "KIT-TOOL-TIMEOUT"
    exit_code = 31
