"""The consumer groups that a component's programs join, where their configuration names them and no argument does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kit.sentry.preflight.clients.contract import library

GROUP = "consumer_group"  # `kafka_topics.<topic>.consumer_group`, and before that `kafka_consumer_group`: taskbroker's src/config
DEFAULT = "taskworker"  # the same file, 2026-07
VARIABLES = "TASKBROKER_"


def configured(kind: str, source: str, env: Mapping[str, str]) -> tuple[str, ...]:
    """taskbroker alone says it in its file, or in variables."""
    if kind != "taskbroker":
        return ()
    document = library("yaml").safe_load(source) if source.strip() else {}
    named = [value for name, value in env.items() if name.startswith(VARIABLES) and name.lower().endswith(GROUP)]
    found = tuple(sorted({*named, *_groups(document)}))
    return found or (DEFAULT,)


def _groups(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if str(key).endswith(GROUP):
                yield str(value)
            else:
                yield from _groups(value)
