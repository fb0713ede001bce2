"""Rules about Kafka's topics: kit makes them, so whatever a program names must be among them, with room for what comes into it.

Brokers make no topic by themselves here. A taskbroker that consumes one that is not there ends in good order and is started again
for ever, and a producer's records are lost without a word (seen with taskbroker 26.7.2 and Relay 26.9.0, 2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator

from kit.sentry.check.connections import Executed, Topic
from kit.sentry.check.rule import Release, Rule, Seen
from kit.sentry.check.rules_pods import said

SIZE = "max.message.bytes"
PRODUCED = "message.max.bytes"  # a producer's own limit: librdkafka's CONFIGURATION.md, read 2026-11-28
CHARTS = 50_000_000  # what chart 33 gives Relay: a little less than what the topic of profiles takes, and right for all others
WHERE = "below `topics:` of the profile or of kit.yaml's `sentry:`"
DONE = {
    "consumed": "is consumed",
    "produced": "is produced to",
    "dead-letter": "takes dead letters",
    "retried": "takes what is tried again",
    "routed": "is routed to",
    "renamed": "stands in for another",
}


def _made(release: Release) -> Iterator[Seen]:
    for executed in release.executed if release.topics else ():
        for topic in executed.topics:
            if topic.name not in release.topics:
                does = DONE.get(topic.role, topic.role)
                found = f"{topic.use} of {executed.kind}: {topic.name} {does}, and kit makes no such topic"
                fix = f"name {topic.name} {WHERE}, then kit topics --mend; or take it out of {topic.use}"
                yield Seen(found, executed.containers, store="kafka", fix=fix)


def _room(release: Release) -> Iterator[Seen]:
    """Only where both limits are set: a topic without one of its own takes the broker's, which is larger than any of them."""
    for executed in release.executed:
        for topic in executed.topics:
            source = _source(topic, executed, release)
            given, room = _limit(release, source), _limit(release, topic.name)
            if given is not None and room is not None and room < given:
                found = f"{topic.use} of {executed.kind}: {topic.name} takes {room} bytes, and gets what {source} takes, {given}"
                fix = f"set {SIZE} of {topic.name} to {given} {WHERE}, then kit topics --mend"
                yield Seen(found, executed.containers, store="kafka", fix=fix)


def _source(topic: Topic, executed: Executed, release: Release) -> str:
    """The topic whose records end up in this one; "" where that cannot be told.

    By name: "taskworker-ingest-dlq" gets those of "taskworker-ingest", and "taskworker-ingest" those that "taskworker" would get.
    Else it is the only one that the program consumes: several have no common limit, and one dead-letter topic serves them all.
    """
    if topic.role == "renamed":
        return topic.use.partition(".")[2]  # KAFKA_TOPIC_OVERRIDES.ingest-events
    if topic.role not in ("dead-letter", "retried", "routed"):
        return ""
    consumed = {each.name for each in executed.topics if each.role == "consumed"}
    heads = [name for name in {*consumed, *release.topics} if topic.name.startswith(f"{name}-")]
    if heads:
        return max(heads, key=len)
    return next(iter(consumed)) if len(consumed) == 1 and topic.role != "routed" else ""


def _limit(release: Release, name: str) -> int | None:
    size = release.topics.get(name, {}).get(SIZE)
    return None if size is None else int(size)


def _producer(release: Release) -> Iterator[Seen]:
    """Where the limit is written down: the chart does so for Relay, with more than any topic takes."""
    for executed in release.executed:
        written = [topic.name for topic in executed.topics if topic.role == "produced"]
        size, name = max(((_limit(release, each) or 0, each) for each in written), default=(0, ""))
        for connection in executed.connections:
            given = connection.options.get(PRODUCED) if connection.store == "kafka" else None
            if given is not None and int(given) < min(size, CHARTS):
                found = f"{PRODUCED} in {connection.use} is {given}, and {name} takes {size} bytes"
                yield Seen(found, executed.containers, store="kafka")


def _kafka_left_alone(release: Release) -> Iterator[Seen]:
    for container in release.containers:
        words = said(container)
        if "snuba bootstrap" in words and "--no-kafka" not in words:
            yield Seen(
                "snuba bootstrap without --no-kafka", container, store="kafka", fix="set hooks.snubaInit.kafka.enabled: false"
            )
        if "--create-kafka-topics" in words:
            yield Seen("sentry upgrade --create-kafka-topics", container, store="kafka")
        if "topicctl" in container.image or "provisioning" in container.object:
            yield Seen(f"a provisioning container, {container.image}", container, store="kafka")


RULES = (
    Rule(
        "TOPIC-MADE",
        "Each topic that a program reads, writes, routes to, retries into or leaves dead letters in is one that kit makes.",
        f"name it {WHERE}, then kit topics --mend",
        _made,
    ),
    Rule(
        "TOPIC-ROOM",
        "A topic that gets another's records takes records as large as that one does.",
        f"raise {SIZE} {WHERE}, then kit topics --mend",
        _room,
    ),
    Rule(
        "PRODUCER-ROOM",
        "A producer sends records as large as its topics take; Relay accepts what is larger, says it in its log and loses it.",
        "leave relay.processing.kafkaConfig.messageMaxBytes to the chart, which has 50000000",
        _producer,
    ),
    Rule(
        "TOPICS-LEFT-ALONE",
        "Topics are made by kit, in one request and from the schemas; no hook makes others.",
        "set hooks.snubaInit.kafka.enabled and externalKafka.provisioning.enabled to false",
        _kafka_left_alone,
    ),
)
