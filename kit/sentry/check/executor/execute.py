"""Executes the settings of one component: picks its reader, and turns whatever goes wrong into a word about it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from kit.sentry.check.executor import relay, sentry, snuba, taskbroker, uptime_checker, vroom
from kit.sentry.check.executor.documents import plain
from kit.sentry.check.executor.python_settings import SETTINGS
from kit.sentry.check.executor.shapes import Connection, Options

READERS: Mapping[str, Callable[[str, Mapping[str, str], tuple[int, ...]], tuple[Options, list[Connection]]]] = {
    "sentry": sentry.read,
    "snuba": snuba.read,
    "relay": relay.read,
    "taskbroker": taskbroker.read,
    "vroom": vroom.read,
    "uptime-checker": uptime_checker.read,
}


def execute(kind: str, source: str, env: Mapping[str, str], version: str = "", options: str = "") -> dict[str, Any]:
    """One component's connections; never raises for what the configuration does wrong, that is in `error`."""
    result: dict[str, Any] = {"kind": kind, "error": None, "settings": {}, "connections": []}
    try:
        reader = functools.partial(sentry.read, given=options) if kind == "sentry" else READERS[kind]
        result["settings"], result["connections"] = reader(source, env, _version(version))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: settings may say anything
        result["error"] = _said(error)
    return plain(result)  # type: ignore[no-any-return]


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _said(error: BaseException) -> str:
    line = getattr(error, "lineno", None)
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == SETTINGS:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{type(error).__name__}: {error}" + (f" (line {line})" if line else "")
