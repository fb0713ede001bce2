"""Sentry's topics as people and programs read them: a table, a document.

Which they are, the profile says: it names a release of Sentry's schemas (terraform/topics). How they are compared and mended
stands in `kit.stores.kafka_topics`, below this room.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kit.endpoints import KafkaEndpoint, Trust
from kit.stores import kafka_admin, kafka_topics
from kit.stores.contract import Credentials
from kit.stores.kafka import admin_endpoint
from kit.stores.kafka_topics import Comparison


def read(endpoint: KafkaEndpoint, credentials: Credentials, trust: Trust, schemas: Path) -> Comparison:
    """What the broker has beside what the schemas ask for. `endpoint` is Sentry's own."""
    admin = kafka_admin.connect(admin_endpoint(endpoint, credentials), trust)
    return kafka_topics.compare(kafka_topics.desired(schemas), kafka_topics.actual(admin))


def mend(endpoint: KafkaEndpoint, credentials: Credentials, trust: Trust, schemas: Path) -> tuple[str, ...]:
    """Make the broker's topics what the schemas ask for; a line for each change. Nothing is deleted."""
    admin = kafka_admin.connect(admin_endpoint(endpoint, credentials), trust)
    return kafka_topics.mend(admin, kafka_topics.compare(kafka_topics.desired(schemas), kafka_topics.actual(admin)))


def delete(endpoint: KafkaEndpoint, credentials: Credentials, trust: Trust, names: tuple[str, ...]) -> None:
    """Topics that nobody asked for, with all that is in them."""
    kafka_topics.delete(kafka_admin.connect(admin_endpoint(endpoint, credentials), trust), names)


def complaint(comparison: Comparison) -> str | None:
    """Why the topics are to be mended, in words; None where they are as wanted."""
    different = len({each.topic for each in comparison.different})
    counts = {"missing": len(comparison.missing), "different": different}
    return ", ".join(f"{number} {word}" for word, number in counts.items() if number) or None


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
    rows += [("extra", name, "not in Sentry's schemas; left alone") for name in comparison.extra]
    rows += [("same", name, "") for name in comparison.same]
    width = max((len(name) for _, name, _ in rows), default=0)
    lines = [f"{state:<9}  {name:<{width}}  {note}".rstrip() for state, name, note in rows]
    different = len({each.topic for each in comparison.different})
    numbers = {"as wanted": len(comparison.same), "missing": len(comparison.missing), "different": different}
    counts = ", ".join(f"{number} {word}" for word, number in {**numbers, "extra": len(comparison.extra)}.items())
    return "\n".join([*lines, counts]) + "\n"
