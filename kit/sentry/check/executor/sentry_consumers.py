"""What each consumer of Sentry reads: `sentry run consumer NAME` → its topic and where it puts what it cannot read.

From src/sentry/consumers/__init__.py and src/sentry/conf/types/kafka_definition.py of early 2025 (before 25.6) and, for 26, from
the topics of the latter in mid 2026, src/sentry/spans/README.md, and the commands of self-hosted 26.8.0; all read 2026-11.
Releases between the two were not read, and nothing is said of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Consumer = tuple[str, str]  # topic, dead letters ("" for none)

_BOTH: Mapping[str, Consumer] = {
    "ingest-events": ("ingest-events", "ingest-events-dlq"),
    "ingest-attachments": ("ingest-attachments", "ingest-attachments-dlq"),
    "ingest-transactions": ("ingest-transactions", "ingest-transactions-dlq"),
    "ingest-feedback-events": ("ingest-feedback-events", "ingest-feedback-events-dlq"),
    "ingest-metrics": ("ingest-metrics", "ingest-metrics-dlq"),
    "ingest-generic-metrics": ("ingest-performance-metrics", "ingest-generic-metrics-dlq"),
    "ingest-profiles": ("profiles", ""),
    "ingest-replay-recordings": ("ingest-replay-recordings", ""),
    "ingest-occurrences": ("ingest-occurrences", ""),
    "ingest-monitors": ("ingest-monitors", ""),
    "monitors-clock-tick": ("monitors-clock-tick", ""),
    "monitors-clock-tasks": ("monitors-clock-tasks", ""),
    "monitors-incident-occurrences": ("monitors-incident-occurrences", ""),
    "uptime-results": ("uptime-results", ""),
    "events-subscription-results": ("events-subscription-results", ""),
    "transactions-subscription-results": ("transactions-subscription-results", ""),
    "generic-metrics-subscription-results": ("generic-metrics-subscription-results", ""),
    "metrics-subscription-results": ("metrics-subscription-results", ""),
    "post-process-forwarder-errors": ("events", ""),
    "post-process-forwarder-transactions": ("transactions", ""),
    "post-process-forwarder-issue-platform": ("generic-events", ""),
}
_EARLY_2025: Mapping[str, Consumer] = {
    **_BOTH,
    "billing-metrics-consumer": ("snuba-generic-metrics", ""),
    "generic-metrics-last-seen-updater": ("snuba-generic-metrics", ""),
    "metrics-last-seen-updater": ("snuba-metrics", ""),
    "eap-spans-subscription-results": ("eap-spans-subscription-results", ""),
    "process-spans": ("snuba-spans", ""),
}
_26: Mapping[str, Consumer] = {
    **_BOTH,
    "subscription-results-eap-items": ("subscription-results-eap-items", ""),
    "process-spans": ("ingest-spans", "ingest-spans-dlq"),
    "process-segments": ("buffered-segments", "buffered-segments-dlq"),
}


def consumers(version: tuple[int, ...]) -> Mapping[str, Consumer]:
    """Those of a release; none where it was not read."""
    if not version or version >= (26,):
        return _26
    return _EARLY_2025 if version < (25, 6) else {}


def consumer_of(command: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The name of the consumer that a command starts, and the words after it; "" where it starts none."""
    words = list(command)
    for place in range(len(words) - 2):
        if words[place : place + 2] == ["run", "consumer"]:
            return words[place + 2], words[place + 3 :]
    return "", ()
