"""A stack's lock in a test's own hands, as the command holds it that the test stands for."""

from __future__ import annotations

from contextlib import AbstractContextManager

from kit.state import lock
from kit.workspace import Workspace


def holding(space: Workspace) -> AbstractContextManager[None]:
    return lock.held(space.lock_file, space.stack, "a test", wait_s=0)
