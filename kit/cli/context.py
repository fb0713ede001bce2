"""What every command is given: the user's global options, and the rooms they lead to, opened only when asked for."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit.blueprint.stack import Stack
    from kit.supply import Supply
    from kit.targets.local import LocalTarget
    from kit.workspace import Workspace


@dataclass(frozen=True)
class Session:
    config_path: str | None
    stack_name: str | None
    output: str
    verbose: bool

    @functools.cached_property
    def stack(self) -> Stack:
        from kit.blueprint import file

        return file.load(Path(self.config_path) if self.config_path else None, name=self.stack_name)

    @functools.cached_property
    def workspace(self) -> Workspace:
        from kit import workspace

        return workspace.find(self.stack.name)

    @functools.cached_property
    def local(self) -> LocalTarget:
        from kit.targets.local import LocalTarget

        return LocalTarget(self.stack, self.workspace)

    def supply(self) -> Supply:
        return self.local.supply

    @contextmanager
    def lock(self, command: str, wait_s: float = 600) -> Iterator[None]:
        """Hold the stack's lock; says on stderr whom it waits for."""
        from kit.state import lock

        def tell(holder: str) -> None:
            print(f"waiting for {holder}, which works on stack {self.stack.name}", file=sys.stderr)

        with lock.held(self.workspace.lock_file, self.stack.name, command, wait_s=wait_s, on_wait=tell):
            yield

    @property
    def is_json(self) -> bool:
        return self.output == "json"

    @property
    def is_interactive(self) -> bool:
        return sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI")
