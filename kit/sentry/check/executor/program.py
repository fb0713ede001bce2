"""The program that executes settings in a process of its own: each result is a line of JSON on stdout, as soon as it is there.

    {"id": …, "result": Result}         {"id": …, "ended": "memory"}, which is the last one

So whoever started it knows, when it ends without a word, which settings ended it.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from kit.sentry.check.executor.execute import execute

FORBIDDEN = (
    *("socket.", "subprocess.", "shutil.", "ctypes.dlopen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork"),
    *("os.kill", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod"),
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook against accidents, which names what the settings did by mistake.

    It keeps nobody out who means harm: that is what the container or the namespaces around this program are for.
    """
    writes = event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & WRITING)
    if writes or event.startswith(FORBIDDEN):
        raise PermissionError(f"the settings tried {event}, which a check does not allow")


def main(runs: Mapping[str, Mapping[str, Any]]) -> None:
    """Execute each run, a mapping of `execute`'s arguments."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what settings print is no answer
    sys.stdin = io.StringIO()
    sys.addaudithook(_guard)
    for name, run in runs.items():
        try:
            answer = {"id": name, "result": execute(**run)}
        except MemoryError:
            answer = {"id": name, "ended": "memory"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        if "ended" in answer:
            return
