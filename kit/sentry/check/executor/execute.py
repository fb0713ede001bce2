"""Executes the settings of one component: picks its reader, and turns whatever goes wrong into a word about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kit.sentry.check.executor import relay, sentry, snuba, taskbroker, uptime_checker, vroom
from kit.sentry.check.executor.contract import Found, Given, Refused
from kit.sentry.check.executor.documents import plain
from kit.sentry.check.executor.python_settings import SETTINGS

READERS: Mapping[str, Callable[[Given], Found]] = {
    "sentry": sentry.read,
    "snuba": snuba.read,
    "relay": relay.read,
    "taskbroker": taskbroker.read,
    "vroom": vroom.read,
    "uptime-checker": uptime_checker.read,
}


def execute(
    kind: str,
    source: str,
    env: Mapping[str, str],
    version: str = "",
    options: str = "",
    command: Sequence[str] = (),
    files: Mapping[str, str | None] | None = None,
) -> dict[str, Any]:
    """One component's connections and topics; never raises for what the configuration does wrong, that is in `error`.

    What ends a process (Ctrl-C, no more memory) is raised.
    """
    result: dict[str, Any] = {"kind": kind, "error": None, "settings": {}, "connections": [], "topics": []}
    try:
        found = READERS[kind](Given(source, env, _version(version), options, tuple(command), files))
        result |= {name: getattr(found, name) for name in ("error", "settings", "connections", "topics")}
        return plain(result)  # type: ignore[no-any-return]
    except (KeyboardInterrupt, MemoryError):
        raise
    except Refused as refused:
        result["error"] = str(refused)
    except BaseException as error:  # SystemExit too: settings may say anything
        result["error"] = _said(error)
    return result


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _said(error: BaseException) -> str:
    line = getattr(error, "lineno", None)
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == SETTINGS:
            line = trace.tb_lineno
        trace = trace.tb_next
    try:
        said = str(error)
    except Exception:  # an exception of the settings' own making
        said = ""
    return f"{type(error).__name__}: {said}" + (f" (line {line})" if line else "")
