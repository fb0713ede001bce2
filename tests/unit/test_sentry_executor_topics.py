"""The topics that each program reads, writes, routes to or gives another name, as its settings and its command say."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kit.sentry.check.executor.execute import execute

SENTRY = "from sentry.conf.server import *\n"
SNUBA = "from snuba.settings import *\n"


def topics(
    kind: str, source: str, env: dict[str, str] | None = None, version: str = "", command: Sequence[str] = (), options: str = ""
) -> dict[str, list[str]]:
    """Role → names. Fails where the program would not start."""
    result = execute(kind, source, env or {}, version, options, command, {})
    assert result["error"] is None, result["error"]
    found: dict[str, list[str]] = {}
    for each in result["topics"]:
        assert each["use"]
        found.setdefault(each["role"], []).append(each["name"])
    return found


# ── Relay

RELAY = "processing: {enabled: true, kafka_config: [], redis: '', topics: %s}"


@pytest.mark.parametrize(
    ("version", "number", "only_here"),
    [
        ("25.1.0", 13, "snuba-spans"),
        ("25.4.0", 14, "snuba-ourlogs"),
        ("26.8.0", 13, "ingest-performance-metrics"),
        ("26.9.0", 12, "snuba-items"),
    ],
)
def test_relay_writes_its_own_topics_where_its_file_names_none(version: str, number: int, only_here: str) -> None:
    found = topics("relay", RELAY % "{}", version=version)
    assert list(found) == ["produced"]
    assert len(found["produced"]) == number
    assert only_here in found["produced"]


def test_relays_file_names_topics_by_key_or_by_default_alone_or_in_shards() -> None:
    named = "{events: my-events, ingest-metrics: {name: my-metrics, config: other}, spans: [s-0, {name: s-1}], unknown: x}"
    found = topics("relay", RELAY % named, version="26.9.0")["produced"]
    assert {"my-events", "my-metrics", "s-0", "s-1", "outcomes"} <= set(found)
    assert not {"ingest-events", "ingest-metrics", "ingest-spans", "x"} & set(found)


def test_a_relay_that_does_not_process_writes_nothing() -> None:
    assert topics("relay", "processing: {enabled: false}") == {}
    assert topics("relay", "processing: {enabled: 'false'}") == {}


# ── taskbroker

BROKER = """
kafka_retry_topic: taskworker-ingest
kafka_deadletter_topic: taskworker-ingest-dlq
kafka_clusters: {default: {address: "kafka:9091"}}
kafka_topics:
  profiles: {cluster: default, consumer_group: g, raw: {namespace: n}}
  taskworker-ingest: {cluster: default, consumer_group: g}
  taskworker-ingest-dlq: {cluster: default, consumer_group: g, produce_only: true}
  outcomes: {cluster: default, consumer_group: g, produce_only: "true"}
  resting: {cluster: default, consumer_group: g, consumer_disabled: true}
"""


def test_taskbrokers_map_names_what_it_consumes_and_where_the_rest_goes() -> None:
    assert topics("taskbroker", BROKER) == {
        "consumed": ["profiles", "taskworker-ingest"],
        "produced": ["outcomes", "resting"],
        "dead-letter": ["taskworker-ingest-dlq"],
        "retried": ["taskworker-ingest"],
    }


def test_taskbrokers_flat_variables_name_one_topic_and_fall_back_to_its_own() -> None:
    assert topics("taskbroker", "") == {"consumed": ["taskworker"], "dead-letter": ["taskworker-dlq"]}
    env = {"TASKBROKER_KAFKA_TOPIC": "a", "TASKBROKER_KAFKA_RETRY_TOPIC": "b", "TASKBROKER_KAFKA_LONG_TOPIC": "c"}
    assert topics("taskbroker", "", env) == {
        "consumed": ["a"],
        "dead-letter": ["taskworker-dlq"],
        "retried": ["b"],
        "produced": ["c"],
    }


# ── Sentry


def test_sentrys_tasks_are_routed_by_its_options_and_by_its_variable() -> None:
    routes = "taskworker.route.overrides:\n  ingest.errors: taskworker-ingest\n  deletions: taskworker-long\n"
    env = {"TASKWORKER_ROUTES": '{"crons": "taskworker-products"}'}
    assert topics("sentry", SENTRY, env, "26.8.0", options=routes) == {
        "routed": ["taskworker", "taskworker-products", "taskworker-ingest", "taskworker-long"]
    }
    assert topics("sentry", SENTRY + "TASKWORKER_ROUTES = {'crons': 'x'}", version="26.8.0")["routed"] == ["taskworker", "x"]
    assert topics("sentry", SENTRY, {"TASKWORKER_ROUTES": "{"}, "26.8.0")["routed"] == ["taskworker"]
    assert topics("sentry", SENTRY, version="25.2.0") == {}


def test_sentrys_consumer_follows_its_overrides_and_tasks_do_not() -> None:
    overrides = SENTRY + "KAFKA_TOPIC_OVERRIDES = {'ingest-events': 'mine', 'taskworker': 'other'}"
    found = topics("sentry", overrides, version="26.8.0", command=["sentry", "run", "consumer", "ingest-events"])
    assert found == {
        "renamed": ["mine", "other"],
        "routed": ["taskworker"],
        "consumed": ["mine"],
        "dead-letter": ["ingest-events-dlq"],
    }


@pytest.mark.parametrize(
    ("words", "version", "consumed"),
    [
        ("run consumer process-spans", "25.2.0", ["snuba-spans"]),
        ("run consumer process-spans", "26.8.0", ["ingest-spans"]),
        ("run consumer process-spans", "25.9.0", None),  # not read, and nothing said
        ("run consumer post-process-forwarder-errors --synchronize-commit-log-topic=log", "26.8.0", ["events", "log"]),
        ("run consumer ingest-events --topic elsewhere", "26.8.0", ["elsewhere"]),
        ("run consumer of-somebody-else", "26.8.0", None),
        ("run web", "26.8.0", None),
        ("run consumer", "26.8.0", None),
    ],
)
def test_a_consumer_of_sentry_reads_what_its_release_says(words: str, version: str, consumed: list[str] | None) -> None:
    assert topics("sentry", SENTRY, version=version, command=words.split()).get("consumed") == consumed


# ── Snuba

ERRORS = "rust-consumer --storage errors --consumer-group snuba-consumers"


def test_snubas_consumer_reads_its_storages_topic_and_writes_what_hangs_on_it() -> None:
    assert topics("snuba", SNUBA, version="26.8.0", command=ERRORS.split()) == {
        "consumed": ["events"],
        "produced": ["snuba-commit-log", "event-replacements"],
    }
    replays = topics("snuba", SNUBA, version="25.2.0", command=["consumer", "--storage=replays"])
    assert replays == {"consumed": ["ingest-replay-events"], "dead-letter": ["snuba-dead-letter-replays"]}


def test_snubas_topics_are_renamed_by_its_map_and_by_its_options() -> None:
    renamed = SNUBA + "KAFKA_TOPIC_MAP = {'events': 'mine'}"
    found = topics("snuba", renamed, version="26.8.0", command=[*ERRORS.split(), "--commit-log-topic", "log"])
    assert found == {"renamed": ["mine"], "consumed": ["mine"], "produced": ["log", "event-replacements"]}
    billing = ["rust-consumer", "--storage", "outcomes_raw", "--raw-events-topic", "outcomes-billing"]
    assert topics("snuba", SNUBA, version="26.8.0", command=billing) == {"consumed": ["outcomes-billing"]}


@pytest.mark.parametrize(
    ("words", "version", "expected"),
    [
        ("replacer --storage errors", "26.8.0", {"consumed": ["event-replacements"]}),
        (
            "subscriptions-scheduler-executor --dataset events --entity events",
            "26.8.0",
            {"consumed": ["snuba-commit-log"], "produced": ["events-subscription-results"]},
        ),
        (
            "subscriptions-scheduler-executor --dataset metrics --entity metrics_sets --entity metrics_counters",
            "25.2.0",
            {"consumed": ["snuba-metrics-commit-log"], "produced": ["metrics-subscription-results"]},
        ),
        (
            "accepted-outcomes-consumer --storage eap_items",
            "26.8.0",
            {"consumed": ["snuba-items"], "produced": ["outcomes-billing"]},
        ),
        ("api", "26.8.0", {}),
    ],
)
def test_each_command_of_snuba_has_its_own(words: str, version: str, expected: dict[str, list[str]]) -> None:
    assert topics("snuba", SNUBA, version=version, command=words.split()) == expected


@pytest.mark.parametrize(("version", "topic"), [("25.4.0", "snuba-spans"), ("25.5.0", "snuba-items"), ("26.8.0", "snuba-items")])
def test_a_storage_is_what_it_was_in_its_release(version: str, topic: str) -> None:
    assert topics("snuba", SNUBA, version=version, command=["consumer", "--storage", "eap_items"])["consumed"] == [topic]


def test_a_storage_that_is_gone_ends_its_consumer() -> None:
    words = ["rust-consumer", "--storage", "generic_metrics_sets_raw"]
    assert execute("snuba", SNUBA, {}, "26.7.2", command=words)["error"] is None
    said = "snuba rust-consumer --storage generic_metrics_sets_raw: Snuba 26.8.0 has no such storage, and refuses the name"
    assert execute("snuba", SNUBA, {}, "26.8.0", command=words)["error"] == said
    assert execute("snuba", SNUBA, {}, "27.1.0", command=words)["error"] is None  # not read, and nothing said


# ── vroom and uptime-checker


def test_vroom_writes_by_its_variables_or_to_its_defaults() -> None:
    assert topics("vroom", "", version="26.7.1") == {"produced": ["ingest-occurrences"]}
    assert topics("vroom", "", {"SENTRY_KAFKA_TOPIC_OCCURRENCES": "mine"}, "26.7.1") == {"produced": ["mine"]}
    assert "processed-profiles" in topics("vroom", "", version="25.2.0")["produced"]


def test_uptime_checker_writes_its_results() -> None:
    assert topics("uptime-checker", "") == {"produced": ["uptime-results"]}
