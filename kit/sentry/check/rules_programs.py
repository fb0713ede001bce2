"""Rules about single programs of Sentry: what this one needs, or cannot do, in this version."""

from __future__ import annotations

from collections.abc import Iterator

from kit.sentry.chart.families import family_of, tag, version
from kit.sentry.chart.manifests import Container
from kit.sentry.check.pods import environment
from kit.sentry.check.rule import Release, Rule, Seen
from kit.sentry.check.rules_pods import said

RUST_SPEAKS_TLS = (25, 4)  # snuba#7034, snuba#7059
VROOM_WRITES_OCCURRENCES_ALONE = (26, 4)  # profiles go through Sentry from then on (cmd/vroom/config.go of 26.3.0 and 26.4.0)
UPTIME_READS_KAFKA_VARIABLES = (26, 6)  # uptime-checker#355
UPTIME_HAS_KAFKA_TLS = (26, 7)  # uptime-checker#504, #505: 26.6 was built without OpenSSL
UPTIME_HAS_REDIS_TLS = (26, 8)  # uptime-checker#506, 2026-07-29: with the public roots, and no other
PROFILING, OCCURRENCES = "SENTRY_KAFKA_BROKERS_PROFILING", "SENTRY_KAFKA_BROKERS_OCCURRENCES"
UPTIME_PROTOCOL = "UPTIME_CHECKER_KAFKA_SECURITY_PROTOCOL"


def _of(release: Release, name: str) -> Iterator[Container]:
    for container in release.containers:
        family = family_of(container)
        if family is not None and family.name == name:
            yield container


def _validates(release: Release) -> Iterator[Seen]:
    for executed in release.executed:
        if executed.kind == "relay" and executed.error is None and executed.settings["kafka_validate_topics"] is not True:
            yield Seen("processing.kafka_validate_topics is not true", executed.containers, store="kafka")


def _variables(release: Release) -> Iterator[Seen]:
    for container in release.containers:
        family = family_of(container)
        env = environment(container, release.files) if family and family.variables else {}
        for variable, value in family.variables.items() if family else ():
            if env.get(variable) != value:
                yield Seen(f"{variable} is {env.get(variable) or 'not set'}, not {value}", container, store="s3")


def _vroom_brokers(release: Release) -> Iterator[Seen]:
    for container in _of(release, "vroom"):
        env = environment(container, release.files)
        if version(container.image) >= VROOM_WRITES_OCCURRENCES_ALONE and env.get(PROFILING) and not env.get(OCCURRENCES):
            yield Seen(f"vroom {tag(container.image)} has {PROFILING} alone", container, store="kafka")


def _no_uptime_checker(release: Release) -> Iterator[Seen]:
    for container in _of(release, "uptime-checker"):
        at = version(container.image)
        env = environment(container, release.files)
        redis = "knows the public roots only" if not at or at >= UPTIME_HAS_REDIS_TLS else "speaks no TLS before 26.8"
        yield Seen(f"{container.image}: its Redis client {redis}", container, store="redis")
        protocol = env.get(UPTIME_PROTOCOL, "")
        if at and at < UPTIME_READS_KAFKA_VARIABLES:
            found = f"{container.image}: before 26.6 it reads no UPTIME_CHECKER_KAFKA_*, and speaks plaintext"
            yield Seen(found, container, store="kafka")
        elif at and at < UPTIME_HAS_KAFKA_TLS:
            found = f"{container.image}: before 26.7 its Kafka client is built without TLS, and ends"
            yield Seen(found, container, store="kafka")
        elif protocol != protocol.lower():
            found = f"{container.image}: {UPTIME_PROTOCOL}={protocol} is no word that it knows"
            yield Seen(found, container, store="kafka", fix=f"write {protocol.lower()}; and {UPTIME_OFF}")


UPTIME_OFF = "set sentry.uptimeChecker.enabled: false (the errors-only size has none)"


def _rust(release: Release) -> Iterator[Seen]:
    for container in _of(release, "snuba"):
        at = version(container.image)
        if at and at < RUST_SPEAKS_TLS and "rust-consumer" in said(container):
            yield Seen(f"snuba rust-consumer of {tag(container.image)}", container, store="clickhouse")


RULES = (
    Rule(
        "RELAY-VALIDATES",
        "Relay asks Kafka for its topics when it starts. Without that it is ready, takes events and loses them all where Kafka "
        "refuses the connection or lacks a topic.",
        "set config.relay to `  kafka_validate_topics: true`, with two spaces in front: it goes on with the chart's `processing`",
        _validates,
    ),
    Rule(
        "S3-CHECKSUMS",
        "boto3 adds checksums only where S3 asks for them; from 1.36 on it would always, and other stores than Amazon's refuse.",
        "set both to when_required in the profile's wiring (everywhere), or in the env of the component",
        _variables,
    ),
    Rule(
        "VROOM-BROKERS",
        f"vroom is told its brokers by the variable that it reads: from 26.4 on {OCCURRENCES}.",
        f"set {OCCURRENCES} in vroom.env",
        _vroom_brokers,
    ),
    Rule(
        "UPTIME-ABSENT",
        "uptime-checker is left out: to Redis it speaks no TLS before 26.8 and verifies no private authority after; to Kafka it "
        "speaks none before 26.7.",
        UPTIME_OFF,
        _no_uptime_checker,
    ),
    Rule(
        "RUST-SPEAKS-TLS",
        "Rust consumers run from Snuba 25.4 on; before, they know neither Kafka over TLS nor https to ClickHouse.",
        "set snuba.rustConsumer: false",
        _rust,
    ),
)
