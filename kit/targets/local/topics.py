"""The topics of the stack's Kafka beside those that its Sentry needs."""

from __future__ import annotations

from kit.sentry.lines import profiles, topics
from kit.stores.kafka_topics import Comparison, Topic
from kit.targets.local.target import LocalTarget


def wanted(local: LocalTarget) -> tuple[Topic, ...]:
    """Those that the profile's Sentry needs, and the user's own."""
    sentry = local.stack.sentry
    return topics.wanted(profiles.load(sentry.profile), local.workspace.assets, sentry.topics)


def compare(local: LocalTarget) -> Comparison:
    return topics.read(local.endpoints().kafka, local.credentials(), local.trust(), wanted(local))


def mend(local: LocalTarget) -> tuple[str, ...]:
    """Create what is missing and set what differs; what was done, in words."""
    return topics.mend(local.endpoints().kafka, local.credentials(), local.trust(), wanted(local))


def delete(local: LocalTarget, names: tuple[str, ...]) -> None:
    topics.delete(local.endpoints().kafka, local.credentials(), local.trust(), names)
