"""The executor reads Relay, taskbroker, vroom and uptime-checker as they read their own files and variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kit.sentry.check.executor import relay
from kit.sentry.check.executor.execute import execute


def connections(kind: str, source: str, env: dict[str, str] | None = None, version: str = "") -> dict[str, dict[str, Any]]:
    """By use. Fails where the program would not start."""
    result = execute(kind, source, env or {}, version)
    assert result["error"] is None, result["error"]
    return {each["use"]: each for each in result["connections"]}


def tls(connection: dict[str, Any]) -> tuple[bool, str, str | None]:
    return connection["tls"]["on"], connection["tls"]["verify"], connection["tls"]["ca"]


# ── Relay

RELAY = """
processing:
  enabled: true
  kafka_config:
    - {name: bootstrap.servers, value: "a:9091,b:9091"}
    - {name: security.protocol, value: SASL_SSL}
    - {name: sasl.password, value: "%s"}
    - {name: ssl.ca.location, value: /ca}
  redis: "redis://redis:6379/3"
"""
REFERENCE = RELAY % "${KAFKA_SASL_PASSWORD}"
PLACE = "processing.kafka_config.2.value"


def test_relays_variable_wins_over_its_file() -> None:
    assert connections("relay", RELAY % "p")["processing.redis"]["options"] == {"db": 3}
    env = {"RELAY_REDIS_URL": "rediss://:p@redis:6380/0", "SSL_CERT_FILE": "/ca"}
    found = connections("relay", RELAY % "p", env)["RELAY_REDIS_URL"]
    assert (found["addresses"], found["password"], tls(found)) == ([["redis", 6380]], "p", (True, "full", "/ca"))


def test_relay_before_25_5_1_sends_the_placeholder_itself() -> None:
    env = {"KAFKA_SASL_PASSWORD": "p"}
    assert connections("relay", REFERENCE, env, "25.5.0")["processing.kafka_config"]["password"] == "${KAFKA_SASL_PASSWORD}"
    found = connections("relay", REFERENCE, env, "25.5.1")["processing.kafka_config"]
    assert (found["password"], found["addresses"]) == ("p", [["a", 9091], ["b", 9091]])


@pytest.mark.parametrize("value", ["x${KAFKA_SASL_PASSWORD}", "${KAFKA_SASL_PASSWORD}y", "$KAFKA_SASL_PASSWORD"])
def test_relay_leaves_what_is_no_reference_as_a_whole(value: str) -> None:
    found = connections("relay", RELAY % value, {"KAFKA_SASL_PASSWORD": "p"}, "26.9.0")
    assert found["processing.kafka_config"]["password"] == value


@pytest.mark.parametrize("name", ["ABSENT", "KAFKA_SASL_PASSWORD:default"])
def test_relay_does_not_start_on_a_variable_that_is_not_there(name: str) -> None:
    result = execute("relay", RELAY % f"${{{name}}}", {"KAFKA_SASL_PASSWORD": "p"}, "26.9.0")
    assert result["error"].startswith(f"{PLACE} is ${{{name}}}, and no such variable is set: Relay does not start")
    assert ("it knows no defaults" in result["error"]) is (":" in name)
    assert result["connections"] == []


def test_relay_takes_a_file_to_its_last_line_break() -> None:
    source, files = RELAY % "${file:/run/password}", {"/run/password": "p\n"}
    result = execute("relay", source, {}, "26.9.0", files=files)
    assert [each["password"] for each in result["connections"] if each["store"] == "kafka"] == ["p\n"]


def test_relay_reads_the_disk_where_it_stands_in_its_own_place(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("p")
    found = connections("relay", RELAY % f"${{file:{tmp_path / 'password'}}}", {}, "26.9.0")
    assert found["processing.kafka_config"]["password"] == "p"
    assert "cannot be read (No such file" in execute("relay", RELAY % "${file:/no/such}", {}, "26.9.0")["error"]


def test_a_path_in_relays_file_begins_at_its_folder() -> None:
    assert relay.paths(RELAY % "${file:secrets/password}") == ("/work/.relay/secrets/password",)
    result = execute("relay", RELAY % "${file:password}", {}, "26.9.0", files={"/work/.relay/password": "p"})
    assert result["error"] is None


def test_what_a_file_of_relays_holds_is_told_or_said_not_to_be_known() -> None:
    source = RELAY % "${file:/run/password}"
    assert "no such file is mounted" in execute("relay", source, {}, "26.9.0", files={})["error"]
    result = execute("relay", source, {}, "26.9.0", files={"/run/password": None})
    assert result["error"] is None
    assert result["settings"]["untold"] == [
        f"{PLACE} is ${{file:/run/password}}: what the file holds cannot be told before the pod runs"
    ]


def test_relay_before_26_1_takes_a_file_for_a_variable() -> None:
    result = execute("relay", RELAY % "${file:/run/password}", {}, "25.10.0", files={"/run/password": "p"})
    assert "no such variable is set" in result["error"]


@pytest.mark.parametrize(
    ("line", "validates"), [("", False), ("  kafka_validate_topics: true", True), ('  kafka_validate_topics: "false"', False)]
)
def test_whether_relay_asks_for_its_topics_can_be_seen(line: str, validates: bool) -> None:
    assert execute("relay", RELAY % "p" + line, {})["settings"]["kafka_validate_topics"] is validates


def test_relay_with_insecure_in_its_url_verifies_nothing() -> None:
    found = connections("relay", RELAY % "p", {"RELAY_REDIS_URL": "rediss://redis/0#insecure"})["RELAY_REDIS_URL"]
    assert tls(found)[:2] == (True, "none")


# ── taskbroker

TOPICS = """
kafka_topics:
  taskworker: {cluster: default, consumer_group: taskworker}
  taskworker-dlq: {cluster: default, consumer_group: taskworker, produce_only: true}
"""


def test_taskbrokers_nested_variables_make_a_cluster() -> None:
    env = {
        f"TASKBROKER_KAFKA_CLUSTERS__DEFAULT__{name}": value
        for name, value in (
            ("ADDRESS", "kafka:9091"),
            ("SECURITY_PROTOCOL", "sasl_ssl"),
            ("SASL_MECHANISM", "SCRAM-SHA-512"),
            ("SSL_CA_LOCATION", "/ca"),
        )
    }
    found = connections("taskbroker", TOPICS, env)
    assert tls(found["kafka_clusters.default"]) == (True, "full", "/ca")
    assert list(found) == ["kafka_clusters.default"]


ADDRESS = {"TASKBROKER_KAFKA_CLUSTERS__DEFAULT__ADDRESS": "kafka:9091"}


def test_taskbroker_takes_ssl_cert_file_where_its_cluster_names_no_authority() -> None:
    env = {**ADDRESS, "TASKBROKER_KAFKA_CLUSTERS__DEFAULT__SECURITY_PROTOCOL": "ssl", "SSL_CERT_FILE": "/bundle"}
    found = connections("taskbroker", TOPICS, env)["kafka_clusters.default"]
    assert (tls(found), found["tls"]["ca_from"]) == ((True, "full", "/bundle"), "SSL_CERT_FILE")


@pytest.mark.parametrize(
    "old",
    [
        "KAFKA_CLUSTER",
        "KAFKA_TOPIC",
        "KAFKA_CONSUMER_GROUP",
        "KAFKA_SSL_CA_LOCATION",
        "KAFKA_DEADLETTER_SASL_MECHANISM",
        "RAW_MODE",
    ],
)
def test_taskbroker_refuses_a_mixture_of_old_and_new(old: str) -> None:
    env = {**ADDRESS, f"TASKBROKER_{old}": "x"}
    result = execute("taskbroker", TOPICS, env, "26.8.0")
    assert result["error"] == (
        f"cannot mix {old.lower()} with kafka_clusters and kafka_topics: the former are deprecated; taskbroker does not start"
    )
    assert execute("taskbroker", TOPICS, env, "26.5.1")["error"] is None  # which knows the old ones alone
    kept = {**ADDRESS, "TASKBROKER_KAFKA_DEADLETTER_TOPIC": "taskworker-dlq", "TASKBROKER_KAFKA_RETRY_TOPIC": "taskworker"}
    assert execute("taskbroker", TOPICS, kept, "26.8.0")["error"] is None


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("", "kafka_topics has no topic to consume"),
        ("kafka_topics: {a: {cluster: other}}", "kafka_topics.a names the cluster other, which is not in kafka_clusters"),
        ("kafka_topics: {a: {cluster: default}}", "kafka_deadletter_topic is taskworker-dlq, which is not in kafka_topics"),
        (TOPICS + "kafka_retry_topic: elsewhere", "kafka_retry_topic is elsewhere, which is not in kafka_topics"),
        (TOPICS + "  more: {cluster: default}", "kafka_retry_topic is not set, with several consumed topics"),
        (TOPICS.replace("taskworker: {", "taskworker: {raw: {namespace: n}, "), "kafka_retry_topic is not set"),
    ],
)
def test_what_taskbroker_holds_against_its_topics_is_told_beside_what_is_clear(file: str, said: str) -> None:
    result = execute("taskbroker", file, ADDRESS, "26.8.0")
    assert said in result["error"]
    assert [each["use"] for each in result["connections"]] == ["kafka_clusters.default"]


def test_taskbrokers_old_variables_leave_the_dead_letters_in_plaintext() -> None:
    env = {
        "TASKBROKER_KAFKA_CLUSTER": "kafka:9091",
        "TASKBROKER_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "TASKBROKER_KAFKA_SSL_CA_LOCATION": "/ca",
    }
    found = connections("taskbroker", "", env)
    assert tls(found["kafka_cluster"]) == (True, "full", "/ca")
    assert tls(found["kafka_deadletter_cluster"]) == (False, "none", None)
    assert found["kafka_deadletter_cluster"]["addresses"] == [["kafka", 9091]]


def test_taskbroker_on_postgres_is_verified_by_its_url() -> None:
    found = connections(
        "taskbroker", "", {"TASKBROKER_PG_URL": "postgres://u:p@pg:6432/tasks?sslmode=verify-full&sslrootcert=/ca"}
    )["pg_url"]
    assert (found["client"], found["user"], found["options"]["database"], tls(found)) == (
        "sqlx",
        "u",
        "tasks",
        (True, "full", "/ca"),
    )


def test_taskbroker_in_parts_of_its_file_takes_its_password_from_a_variable() -> None:
    file = (
        "store: {adapter: postgres, pg: {host: pg, port: 6432, username: u, query_params: 'sslmode=verify-full&sslrootcert=/ca'}}"
    )
    found = connections("taskbroker", file, {"TASKBROKER_STORE__PG__PASSWORD": "p"})["store.pg"]
    assert (found["addresses"], found["user"], found["password"]) == ([["pg", 6432]], "u", "p")
    assert tls(found) == (True, "full", "/ca")


# ── vroom

PROFILING, OCCURRENCES = "SENTRY_KAFKA_BROKERS_PROFILING", "SENTRY_KAFKA_BROKERS_OCCURRENCES"


def test_vroom_speaks_tls_only_with_a_client_certificate() -> None:
    env = {OCCURRENCES: "kafka:9091", "SENTRY_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512", "SENTRY_KAFKA_SSL_CA_PATH": "/ca"}
    assert tls(connections("vroom", "", env)[OCCURRENCES])[0] is False
    env |= {"SENTRY_KAFKA_SSL_CERT_PATH": "/c", "SENTRY_KAFKA_SSL_KEY_PATH": "/k"}
    found = connections("vroom", "", env)[OCCURRENCES]
    assert (tls(found), found["options"]["security.protocol"]) == ((True, "full", "/ca"), "SASL_SSL")


def test_vroom_reads_no_brokers_for_profiles_from_26_4_on() -> None:
    both = connections("vroom", "", {PROFILING: "kafka:9091", OCCURRENCES: "kafka:9091"}, "26.3.1")
    assert sorted(both) == [OCCURRENCES, PROFILING]
    result = execute("vroom", "", {PROFILING: "kafka:9091"}, "26.7.1")
    assert result["settings"]["unread"] == [PROFILING]
    assert [(each["use"], each["addresses"]) for each in result["connections"]] == [(OCCURRENCES, [["localhost", 9092]])]


def test_vrooms_bucket_is_a_connection() -> None:
    env = {
        "SENTRY_BUCKET_PROFILES": "s3://files?endpoint=https://s3:9000&region=r",
        "SSL_CERT_FILE": "/ca",
        "AWS_ACCESS_KEY_ID": "a",
    }
    found = connections("vroom", "", env)["SENTRY_BUCKET_PROFILES"]
    assert (found["options"]["bucket"], found["addresses"], found["user"], tls(found)) == (
        "files",
        [["s3", 9000]],
        "a",
        (True, "full", "/ca"),
    )


# ── uptime-checker


def test_uptime_checkers_redis_has_no_authority_whatever_the_variables_say() -> None:
    env = {"UPTIME_CHECKER_REDIS_HOST": "rediss://:p@redis:6380/0", "SSL_CERT_FILE": "/ca"}
    assert tls(connections("uptime-checker", "", env)["UPTIME_CHECKER_REDIS_HOST"]) == (True, "full", None)


def uptime(protocol: str, version: str) -> dict[str, Any]:
    env = {
        "UPTIME_CHECKER_RESULTS_KAFKA_CLUSTER": "kafka:9091",
        "UPTIME_CHECKER_KAFKA_SECURITY_PROTOCOL": protocol,
        "UPTIME_CHECKER_KAFKA_SSL_CA_LOCATION": "/ca",
    }
    return execute("uptime-checker", "", env, version)


def test_uptime_checkers_login_to_kafka_is_not_read_before_26_6() -> None:
    result = uptime("sasl_ssl", "26.5.2")
    assert tls(result["connections"][0])[0] is False
    assert len(result["settings"]["unread"]) == 2
    assert tls(uptime("sasl_ssl", "26.8.0")["connections"][0]) == (True, "full", "/ca")


def test_uptime_checkers_kafka_is_built_without_tls_before_26_7() -> None:
    assert "built without TLS" in uptime("sasl_ssl", "26.6.0")["error"]


def test_uptime_checkers_protocol_is_a_word_in_lower_case() -> None:
    assert "in lower case" in uptime("SASL_SSL", "26.8.0")["error"]
