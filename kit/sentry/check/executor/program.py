"""The program that executes settings in a process of its own: a request on stdin, the results on stdout."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

from kit.sentry.check.executor.execute import execute

FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.remove", "os.rename", "shutil.")


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: what settings have no business doing on the computer that only looks at them."""
    writes = event == "open" and isinstance(arguments[1], str) and bool(set(arguments[1]) & set("wax+"))
    if writes or event.startswith(FORBIDDEN):
        raise PermissionError(f"the settings tried {event}, which a check does not allow")


def main() -> None:
    request = json.load(sys.stdin)
    with contextlib.suppress(ImportError):
        import yaml  # noqa: F401
    sys.dont_write_bytecode = True
    sys.addaudithook(_guard)
    results = {
        name: execute(r["kind"], r["source"], r["env"], r.get("version", ""), r.get("options", ""))
        for name, r in request["runs"].items()
    }
    json.dump({"results": results}, sys.stdout)
