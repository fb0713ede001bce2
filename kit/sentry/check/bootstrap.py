"""The first program in a sandbox: takes the executor's sources from stdin, bounds itself, and hands the request over.

It is read as a text and given to `python -I -S -c`, so it imports nothing of kit, and nothing has to be mounted for it. The first
line on stdin is a JSON document:
    {"sources": {module: text}, "packages": [folders where PyYAML may be], "user": id or null, "memory_bytes": …, "cpu_s": …,
     "request": the argument of kit.sentry.check.executor.program.main}
Its first line on stdout is READY: whatever goes wrong before that is a fault of the sandbox and not of any settings.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import sys
from typing import Any

PROGRAM = "kit.sentry.check.executor.program"
READY = "ready"


class Sources(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Modules out of texts; one that others stand below is a package."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        known = fullname in self.texts or self.is_package(fullname)
        return importlib.util.spec_from_loader(fullname, self) if known else None

    def is_package(self, fullname: str) -> bool:
        return any(name.startswith(f"{fullname}.") for name in self.texts)

    def get_source(self, fullname: str) -> str:
        return self.texts.get(fullname, "")


def bound(user: int | None, memory_bytes: int, cpu_s: int) -> None:
    """No other process, no byte into a file, no core, and so much memory and time.

    `user` is who to become where this was started by root, for whom the kernel does not count processes.
    """
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    for name, limit in {"AS": memory_bytes, "NPROC": 0, "FSIZE": 0, "CORE": 0, "CPU": cpu_s}.items():
        with contextlib.suppress(ValueError, OSError, AttributeError):  # not every system has every one
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))


def main() -> None:
    sys.dont_write_bytecode = True
    given = json.loads(sys.stdin.buffer.readline())
    sys.meta_path.insert(0, Sources(given["sources"]))
    found_anyway = list(sys.path)
    sys.path += given["packages"]
    with contextlib.suppress(ImportError):
        importlib.import_module("yaml")
    sys.path[:] = found_anyway  # so that settings find the same packages in every sandbox
    program = importlib.import_module(PROGRAM)
    bound(given["user"], given["memory_bytes"], given["cpu_s"])
    print(READY, flush=True)
    program.main(given["request"])


if __name__ == "__main__":
    main()
