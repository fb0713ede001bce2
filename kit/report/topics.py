"""Topics beside what Sentry needs, as a table and as data."""

from __future__ import annotations

from typing import Any

from kit.report.table import columns
from kit.stores.kafka_topics import Comparison


def document(comparison: Comparison) -> dict[str, Any]:
    return {
        "same": comparison.is_same,
        "present": list(comparison.same),
        "missing": [
            {"name": topic.name, "partitions": topic.partitions, "settings": dict(topic.settings)} for topic in comparison.missing
        ],
        "different": [
            {"name": each.topic, "setting": each.setting, "wanted": each.wanted, "actual": each.actual}
            for each in comparison.different
        ],
        "extra": list(comparison.extra),
    }


def table(comparison: Comparison) -> str:
    """One topic a line, what needs a look first; the last line counts."""
    rows = [("missing", topic.name, "") for topic in comparison.missing]
    rows += [
        ("different", each.topic, f"{each.setting} is {each.actual or 'unset'}, wanted {each.wanted}")
        for each in comparison.different
    ]
    rows += [("extra", name, "asked for by nobody; left alone") for name in comparison.extra]
    rows += [("same", name, "") for name in comparison.same]
    different = len({each.topic for each in comparison.different})
    numbers = {"as wanted": len(comparison.same), "missing": len(comparison.missing), "different": different}
    counts = ", ".join(f"{number} {word}" for word, number in {**numbers, "extra": len(comparison.extra)}.items())
    return f"{columns(rows)}{counts}\n"
