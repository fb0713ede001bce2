"""Documents on their way in and out: JSON or YAML to Python, and Python to JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kit.sentry.check.executor.contract import Refused

NO = ("", "0", "f", "false", "n", "no", "none", "null", "off")


def load(source: str) -> Any:
    try:
        return json.loads(source)
    except ValueError:
        import yaml  # type: ignore[import-untyped,unused-ignore]

        return yaml.load(source, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def is_on(value: Any) -> bool:
    """A switch of a document or a variable: the text "false" is off, as it is for the programs that read it as a boolean."""
    return value.strip().lower() not in NO if isinstance(value, str) else bool(value)


def truth(value: Any, use: str) -> bool:
    """What Python makes of a value. Raises `Refused` for a text that says no: it counts as yes, which nobody meant.

    rb hands `ssl` to redis-py as it stands, and Snuba asks for `bool(os.environ.get(…))` (both read 2026-11).
    """
    if isinstance(value, str) and value and not is_on(value):
        raise Refused(f"{use} is the text {value!r}, which counts as true: leave it out or write False without quotes")
    return bool(value)


def plain(node: Any) -> Any:
    """JSON's own types: sets in order, keys as text, what else there is by its name."""
    if isinstance(node, Mapping):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [plain(value) for value in node]
    if isinstance(node, set | frozenset):
        return sorted(str(value) for value in node)
    return node if isinstance(node, str | int | float | bool) or node is None else str(node)
