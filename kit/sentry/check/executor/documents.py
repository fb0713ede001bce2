"""Documents on their way in and out: JSON or YAML to Python, and Python to JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def load(source: str) -> Any:
    try:
        return json.loads(source)
    except ValueError:
        import yaml  # type: ignore[import-untyped,unused-ignore]

        return yaml.load(source, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def plain(node: Any) -> Any:
    """JSON's own types: sets in order, keys as text, what else there is by its name."""
    if isinstance(node, Mapping):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [plain(value) for value in node]
    if isinstance(node, set | frozenset):
        return sorted(str(value) for value in node)
    return node if isinstance(node, str | int | float | bool) or node is None else str(node)
