"""`kit` as a user runs it: a process with arguments, a home of its own, an exit code and two streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@dataclass(frozen=True)
class Program:
    """One stack in one home. The cache is the user's own: what is built there is built once."""

    home: Path
    stack: str
    env: Mapping[str, str] | None = None

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "kit", "--stack", self.stack, *words]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), "KIT_HOME": str(self.home), "NO_COLOR": "1", **(self.env or {})}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(*words),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
        )

    def __call__(self, *words: str, timeout_s: float = 600) -> Ran:
        process = self.start(*words)
        try:
            stdout, stderr = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            raise AssertionError(f"kit {' '.join(words)} took longer than {timeout_s} s\n{stdout}\n{stderr}") from None
        return Ran(process.returncode, stdout, stderr)

    def must(self, *words: str, timeout_s: float = 600) -> Ran:
        ran = self(*words, timeout_s=timeout_s)
        assert ran.exit_code == 0, f"kit {' '.join(words)} → {ran.exit_code}\n{ran.stdout}\n{ran.stderr}"
        return ran

    def variables(self) -> dict[str, str]:
        """What `kit env` exports."""
        found: dict[str, str] = self.must("env", "-o", "json").json
        return found
