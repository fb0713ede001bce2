"""Rules about the shape of the values: what Helm lets pass with a warning that nobody reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kit.sentry.check.rule import Release, Rule, Seen


def _maps_are_maps(release: Release) -> Iterator[Seen]:
    for path, found in misshapen(release.values or {}, release.chart_defaults or {}):
        yield Seen(f"{'.'.join(path)} is {found}, and a map in the chart", object="values")


def misshapen(given: Any, known: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where the chart has a map with something in it and the values another thing; null, which takes it away, is none."""
    for key, value in given.items():
        default = known.get(key)
        if not isinstance(default, Mapping) or not default or value is None:
            continue
        if isinstance(value, Mapping):
            yield from misshapen(value, default, (*path, str(key)))
        else:
            yield (*path, str(key)), "a list" if isinstance(value, list) else "a single word"


RULES = (
    Rule(
        "VALUES-SHAPE",
        "Where the chart has a map the values have one: templates look into it, and fail or see nothing.",
        "write a map there, with the keys of the chart's values.yaml",
        _maps_are_maps,
    ),
)
