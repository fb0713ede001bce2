"""The executor tells what clients would really get, for each program in its own way, and lets settings do no harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from kit.sentry.check.executed import PROGRAM
from kit.sentry.check.executor.execute import execute
from kit.workspace import PACKAGE

START = "from sentry.conf.server import *\n"


def connections(kind: str, source: str, env: dict[str, str] | None = None, version: str = "") -> dict[str, dict[str, Any]]:
    """By use. Fails where the settings do not run."""
    result = execute(kind, source, env or {}, version)
    assert result["error"] is None, result["error"]
    return {each["use"]: each for each in result["connections"]}


def tls(connection: dict[str, Any]) -> tuple[bool, str, str | None]:
    return connection["tls"]["on"], connection["tls"]["verify"], connection["tls"]["ca"]


# ── as a program


def ran(source: str, kind: str = "sentry", env: dict[str, str] | None = None) -> dict[str, Any]:
    request = {"runs": {"one": {"kind": kind, "source": source, "env": env or {}}}}
    process = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM.format(above=str(PACKAGE.parent))],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(process.stdout)["results"]["one"]
    return result


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import socket\nsocket.create_connection(('192.0.2.1', 9))", "PermissionError: the settings tried socket."),
        ("open('/tmp/kit-was-here', 'w')", "PermissionError: the settings tried open"),
        ("import os\nos.system('true')", "PermissionError: the settings tried os.system"),
        ("import subprocess\nsubprocess.run(['true'])", "PermissionError: the settings tried subprocess.Popen"),
        ("import os\nos.remove('/tmp/nothing')", "PermissionError: the settings tried os.remove"),
    ],
)
def test_settings_can_neither_connect_nor_write_nor_start_anything(source: str, said: str) -> None:
    assert ran(source)["error"].startswith(said)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("a = 1\nb = unknown", "NameError: name 'unknown' is not defined (line 2)"),
        ("import sys\nsys.exit(3)", "SystemExit: 3 (line 2)"),
        ("def f(:", "SyntaxError"),
        ("import a_package_that_is_not_in_the_image", "ModuleNotFoundError"),
    ],
)
def test_settings_that_do_not_run_are_told_with_their_line(source: str, said: str) -> None:
    assert said in ran(source)["error"]


def test_what_settings_print_does_not_spoil_the_answer() -> None:
    assert ran(START + "print('{')")["error"] is None


def test_the_environment_of_the_run_is_the_containers_alone() -> None:
    os.environ["KIT_TEST_OUTER"] = "outer"
    source = START + "assert 'KIT_TEST_OUTER' not in os.environ\nassert os.environ['INNER'] == 'x'"
    assert execute("sentry", source, {"INNER": "x"})["error"] is None
    assert os.environ.pop("KIT_TEST_OUTER") == "outer"
    assert "INNER" not in os.environ


def test_modules_of_the_images_are_stood_in_and_gone_afterwards() -> None:
    source = START + (
        "from distutils.util import strtobool\nfrom sentry.conf.types.kafka_definition import Topic\n"
        "import celery.schedules\nfor topic in Topic: raise RuntimeError\nassert strtobool('yes') and not strtobool('off')"
    )
    before = set(sys.modules)
    assert execute("sentry", source, {})["error"] is None
    assert not [name for name in set(sys.modules) - before if name.startswith(("sentry.", "celery", "distutils"))]


# ── Sentry


def test_a_string_for_ssl_counts_as_redis_py_counts_it() -> None:
    host = "{'host': 'redis', 'port': '6380', 'db': '0', 'ssl': '%s'}"
    hosts = "SENTRY_OPTIONS['redis.clusters'] = {'default': {'hosts': {0: " + host + "}}}"
    env = {"SSL_CERT_FILE": "/ca"}
    assert tls(connections("sentry", START + hosts % "true", env)["redis.clusters.default.0"]) == (True, "chain", "/ca")
    assert tls(connections("sentry", START + hosts % "", env)["redis.clusters.default.0"])[0] is False


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://:p@redis:6379/0", (False, "none", "/env")),
        ("rediss://:p@redis:6380/0", (True, "none", "/env")),
        ("rediss://:p@redis:6380/0?ssl_cert_reqs=CERT_NONE", (True, "none", "/env")),
        ("rediss://:p@redis:6380/0?ssl_cert_reqs=required", (True, "chain", "/env")),
        ("rediss://:p@redis:6380/0?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs=/ca", (True, "chain", "/ca")),
    ],
)
def test_kombu_verifies_only_when_its_url_says_so(url: str, expected: tuple[bool, str, str]) -> None:
    found = connections("sentry", START + f"BROKER_URL = {url!r}", {"SSL_CERT_FILE": "/env"})
    assert tls(found["BROKER_URL"]) == expected


def test_sentrys_own_broker_shows_where_the_settings_name_none() -> None:
    assert connections("sentry", START, version="25.2.0")["BROKER_URL"]["addresses"] == [["127.0.0.1", 6379]]
    assert "BROKER_URL" not in connections("sentry", START, version="26.9.0")


def test_the_flat_form_of_kafkas_options_leaves_consumers_without_them() -> None:
    options = "{'bootstrap.servers': 'kafka:9091', 'security.protocol': 'SASL_SSL', 'ssl.ca.location': '/ca'}"
    flat = f"KAFKA_CLUSTERS['default'] = {options}"
    found = connections("sentry", START + flat)
    assert tls(found["KAFKA_CLUSTERS.default producers"]) == (True, "full", "/ca")
    assert tls(found["KAFKA_CLUSTERS.default consumers"]) == (False, "none", None)
    common = flat.replace("= {", "= {'common': {") + "}"
    assert tls(connections("sentry", START + common)["KAFKA_CLUSTERS.default"]) == (True, "full", "/ca")


def test_an_empty_ca_location_counts_as_none_for_librdkafka() -> None:
    given = (
        "KAFKA_CLUSTERS['default'] = {'common': {'bootstrap.servers': 'k:1', 'security.protocol': 'ssl', 'ssl.ca.location': ''}}"
    )
    assert tls(connections("sentry", START + given, {"SSL_CERT_FILE": "/ca"})["KAFKA_CLUSTERS.default"]) == (True, "full", None)


@pytest.mark.parametrize(
    ("options", "env", "expected"),
    [
        ({}, {}, (False, "none", None)),
        ({"sslmode": "require"}, {}, (True, "none", None)),
        ({"sslmode": "verify-ca"}, {"PGSSLROOTCERT": "/ca"}, (True, "chain", "/ca")),
        ({}, {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/ca"}, (True, "full", "/ca")),
        ({"sslmode": "prefer"}, {"PGSSLMODE": "verify-full"}, (False, "none", None)),
        ({"sslmode": "verify-full", "sslrootcert": "/own"}, {"PGSSLROOTCERT": "/ca"}, (True, "full", "/own")),
    ],
)
def test_libpq_takes_options_before_variables(options: dict[str, str], env: dict[str, str], expected: Any) -> None:
    source = START + f"DATABASES = {{'default': {{'HOST': 'pg', 'PORT': '6432', 'OPTIONS': {options!r}}}}}"
    assert tls(connections("sentry", source, env)["DATABASES.default"]) == expected


def test_the_filestores_own_default_is_public() -> None:
    source = (
        START
        + "SENTRY_OPTIONS['filestore.backend'] = 's3'\n"
        + "SENTRY_OPTIONS['filestore.options'] = {'bucket_name': 'b', 'endpoint_url': %r}"
    )
    found = connections("sentry", source % "https://s3:9000", {"AWS_CA_BUNDLE": "/ca", "SSL_CERT_FILE": "/other"})[
        "filestore.options"
    ]
    assert found["options"]["acl"] == "public-read"
    assert (found["addresses"], tls(found)) == ([["s3", 9000]], (True, "full", "/ca"))
    assert tls(connections("sentry", source % "http://s3:9000")["filestore.options"])[:2] == (False, "none")


def test_config_yml_is_stored_over_what_the_python_says() -> None:
    source = (
        START + "SENTRY_OPTIONS['filestore.backend'] = 'filesystem'\nSENTRY_OPTIONS['filestore.options'] = {'bucket_name': 'b'}"
    )
    result = execute("sentry", source, {}, options="filestore.backend: s3")
    assert [each["use"] for each in result["connections"] if each["store"] == "s3"] == ["filestore.options"]
    assert not [each for each in execute("sentry", source, {})["connections"] if each["store"] == "s3"]


def test_kits_nodestore_gets_its_keys_from_its_variables() -> None:
    source = START + (
        "SENTRY_NODESTORE = 'kit_nodestore.S3NodeStorage'\n"
        "SENTRY_NODESTORE_OPTIONS = {'bucket': 'b', 'endpoint': 'https://s3', 'ca_certs': '/ca'}"
    )
    env = {"KIT_NODESTORE_ACCESS_KEY": "a", "KIT_NODESTORE_SECRET_KEY": "s"}
    found = connections("sentry", source, env)["SENTRY_NODESTORE_OPTIONS"]
    assert (found["user"], found["password"], tls(found)) == ("a", "s", (True, "full", "/ca"))


# ── Snuba


@pytest.mark.parametrize(
    ("lines", "env", "expected"),
    [
        ('"secure": env("CLICKHOUSE_SECURE", False), "verify": True', {}, (False, "none")),
        ('"secure": env("CLICKHOUSE_SECURE", False), "verify": True', {"CLICKHOUSE_SECURE": ""}, (False, "none")),
        ('"secure": True, "verify": env("CLICKHOUSE_VERIFY", False)', {}, (True, "none")),
        ('"secure": True, "verify": True', {}, (True, "full")),
    ],
)
def test_clickhouse_gets_what_the_settings_make_of_the_variables(lines: str, env: dict[str, str], expected: Any) -> None:
    start = "import os\nfrom snuba.settings import *\nenv = os.environ.get\n"
    source = start + f'CLUSTERS = [{{"host": "ch", "port": 9440, "http_port": 8443, {lines}}}]'
    found = connections("snuba", source, env)
    assert {tls(found[f"CLUSTERS.0.{port}"])[:2] for port in ("port", "http_port")} == {expected}


def test_without_http_port_the_port_is_that_of_http() -> None:
    source = "from snuba.settings import *\nCLUSTERS = [{'host': 'ch', 'port': 8443, 'secure': True, 'verify': True}]"
    found = [each for each in connections("snuba", source).values() if each["store"] == "clickhouse"]
    assert [(each["client"], each["addresses"]) for each in found] == [("clickhouse-http", [["ch", 8443]])]


def test_snubas_own_defaults_show_where_nothing_is_set() -> None:
    found = connections("snuba", "from snuba.settings import *")
    assert found["REDIS default"]["options"]["db"] == 1
    assert tls(found["BROKER_CONFIG"]) == (False, "none", None)
    assert found["CLUSTERS.0.port"]["addresses"] == [["127.0.0.1", 9000]]


# ── programs that are not Python

RELAY = """
processing:
  kafka_config:
    - {name: bootstrap.servers, value: "a:9091,b:9091"}
    - {name: security.protocol, value: SASL_SSL}
    - {name: sasl.password, value: "${KAFKA_SASL_PASSWORD}"}
    - {name: ssl.ca.location, value: /ca}
  redis: "redis://redis:6379/3"
"""


def test_relays_variable_wins_over_its_file() -> None:
    assert connections("relay", RELAY)["processing.redis"]["options"] == {"db": 3}
    found = connections("relay", RELAY, {"RELAY_REDIS_URL": "rediss://:p@redis:6380/0", "SSL_CERT_FILE": "/ca"})[
        "RELAY_REDIS_URL"
    ]
    assert (found["addresses"], found["password"], tls(found)) == ([["redis", 6380]], "p", (True, "full", "/ca"))


def test_relay_before_25_5_sends_the_placeholder_itself() -> None:
    env = {"KAFKA_SASL_PASSWORD": "p"}
    assert connections("relay", RELAY, env, "25.2.0")["processing.kafka_config"]["password"] == "${KAFKA_SASL_PASSWORD}"
    found = connections("relay", RELAY, env, "25.5.0")["processing.kafka_config"]
    assert (found["password"], found["addresses"]) == ("p", [["a", 9091], ["b", 9091]])


def test_relay_with_insecure_in_its_url_verifies_nothing() -> None:
    assert tls(connections("relay", RELAY, {"RELAY_REDIS_URL": "rediss://redis/0#insecure"})["RELAY_REDIS_URL"])[:2] == (
        True,
        "none",
    )


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
    found = connections("taskbroker", "", env)
    assert tls(found["kafka_clusters.default"]) == (True, "full", "/ca")
    assert list(found) == ["kafka_clusters.default"]


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


def test_vroom_speaks_tls_only_with_a_client_certificate() -> None:
    env = {
        "SENTRY_KAFKA_BROKERS_PROFILING": "kafka:9091",
        "SENTRY_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "SENTRY_KAFKA_SSL_CA_PATH": "/ca",
    }
    assert tls(connections("vroom", "", env)["SENTRY_KAFKA_BROKERS_PROFILING"])[0] is False
    env |= {"SENTRY_KAFKA_SSL_CERT_PATH": "/c", "SENTRY_KAFKA_SSL_KEY_PATH": "/k"}
    found = connections("vroom", "", env)["SENTRY_KAFKA_BROKERS_PROFILING"]
    assert (tls(found), found["options"]["security.protocol"]) == ((True, "full", "/ca"), "SASL_SSL")


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


def test_uptime_checkers_redis_has_no_authority_whatever_the_variables_say() -> None:
    env = {"UPTIME_CHECKER_REDIS_HOST": "rediss://:p@redis:6380/0", "SSL_CERT_FILE": "/ca"}
    assert tls(connections("uptime-checker", "", env)["UPTIME_CHECKER_REDIS_HOST"]) == (True, "full", None)
