"""The executor tells what clients would really get, for each program in its own way, and lets settings do no harm."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from kit.sentry.check import sandbox
from kit.sentry.check.executor.execute import execute
from kit.sentry.check.sandbox import PlainChild
from kit.sentry.preflight.clients import driver

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
    """As a trusted child, which stands up only to accidents."""
    outcome = sandbox.run((PlainChild(),), {"one": {"kind": kind, "source": source, "env": env or {}}})
    result: dict[str, Any] = json.loads(outcome.stdout)["result"]
    return result


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import socket\nsocket.create_connection(('192.0.2.1', 9))", "socket."),
        ("open('/tmp/kit-was-here', 'w')", "open"),
        ("import os\nos.open('/tmp/kit-was-here', os.O_CREAT | os.O_WRONLY)", "open"),
        ("import os\nos.mkdir('/tmp/kit-was-here')", "os.mkdir"),
        ("import os\nos.symlink('/etc', '/tmp/kit-was-here')", "os.symlink"),
        ("import os\nos.system('true')", "os.system"),
        ("import os\nos.fork()", "os.fork"),
        ("import os\nos.kill(1, 0)", "os.kill"),
        ("import subprocess\nsubprocess.run(['true'])", "subprocess.Popen"),
        ("import os\nos.remove('/tmp/nothing')", "os.remove"),
        ("import ctypes", "ctypes.dlopen"),
    ],
)
def test_what_settings_do_by_mistake_is_named(source: str, said: str) -> None:
    assert ran(source)["error"].startswith(f"PermissionError: the settings tried {said}")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("a = 1\nb = unknown", "NameError: name 'unknown' is not defined (line 2)"),
        ("import sys\nsys.exit(3)", "SystemExit: 3 (line 2)"),
        ("def f(:", "SyntaxError"),
        ("import a_package_that_is_not_in_the_image", "ModuleNotFoundError"),
        ("class Own(Exception):\n    def __str__(self): raise self\nraise Own", "Own:  (line 3)"),
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


@pytest.mark.parametrize("text", ["false", "False", "0", "no"])
def test_a_text_that_says_no_is_no_yes(text: str) -> None:
    """rb asks for its truth, and takes it for yes: neither answer would be what was meant."""
    source = START + f"SENTRY_OPTIONS['redis.clusters'] = {{'default': {{'hosts': {{0: {{'host': 'redis', 'ssl': {text!r}}}}}}}}}"
    assert f"redis.clusters.default.0 ssl is the text {text!r}" in execute("sentry", source, {})["error"]
    assert "REDIS_SSL is the text" in execute("snuba", "from snuba.settings import *", {"REDIS_SSL": text})["error"]


@pytest.mark.parametrize(("said", "cluster"), [("True", True), ("False", False)])
def test_redis_in_cluster_mode_can_be_seen(said: str, cluster: bool) -> None:
    hosts = (
        "SENTRY_OPTIONS['redis.clusters'] = {'default': {'is_redis_cluster': %s, 'hosts': {0: {'host': 'redis', 'ssl': True}}}}"
    )
    assert connections("sentry", START + hosts % said)["redis.clusters.default.0"]["options"]["cluster"] is cluster


def test_what_mail_is_sent_by_can_be_seen() -> None:
    source = START + "SENTRY_OPTIONS['mail.host'] = 'smtp'\nSENTRY_OPTIONS['mail.use-tls'] = True"
    settings = execute("sentry", source, {}, options="mail.backend: smtp\nmail.port: 587")["settings"]
    assert settings["mail"] == {"backend": "smtp", "host": "smtp", "port": 587, "use-tls": True}


PROXIED = (
    "SENTRY_OPTIONS['filestore.backend'] = 's3'\n"
    "SENTRY_OPTIONS['filestore.options'] = {'bucket_name': 'b', 'endpoint_url': 'https://s3.example.org'}"
)


@pytest.mark.parametrize(
    ("env", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://me:secret@proxy:3128"}, "HTTPS_PROXY proxy:3128"),
        ({"https_proxy": "http://proxy:3128", "NO_PROXY": "kafka,org.example"}, "https_proxy proxy:3128"),
        ({"HTTPS_PROXY": "http://proxy:3128", "no_proxy": "kafka, .example.org"}, None),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "s3.example.org"}, None),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, None),
    ],
)
def test_a_proxy_that_a_client_would_go_through_is_seen_without_its_login(env: dict[str, str], proxy: str | None) -> None:
    assert connections("sentry", START + PROXIED, env)["filestore.options"]["options"].get("proxy") == proxy


def test_the_preflight_lets_config_yml_win_as_the_check_does(tmp_path: Path) -> None:
    """Both hand it over as Sentry's second file; appended to the Python it would only fill what that leaves open."""
    python = (
        START + "SENTRY_OPTIONS['filestore.backend'] = 'filesystem'\nSENTRY_OPTIONS['filestore.options'] = {'bucket_name': 'b'}"
    )
    options = "filestore.backend: s3\nsystem.event-retention-days: 30"
    (tmp_path / "sentry.conf.py").write_text(python)
    (tmp_path / "config.yml").write_text(options)
    env = {"SENTRY_CONF": str(tmp_path)}
    source, second = driver.configuration("sentry", env, ())
    assert execute("sentry", source, env, options=second) == execute("sentry", python, env, options=options)
    assert execute("sentry", source, env, options=second)["settings"]["retention_days"] == 30


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


CLUSTER = "from snuba.settings import *\nCLUSTERS = [{'host': 'ch', 'secure': True, 'ca_certs': '/ca', 'verify': %s, %s}]"
BOTH, ONE = "'port': 9440, 'http_port': 8443", "'port': 8443"


@pytest.mark.parametrize(
    ("ports", "version", "expected"),
    [
        (BOTH, "26.8.0", [("clickhouse-driver", 9440), ("clickhouse-http", 8443)]),
        (BOTH, "25.2.0", [("clickhouse-driver", 9440), ("clickhouse-http", 8443)]),
        (BOTH, "26.9.0", [("clickhouse-http", 8443)]),
        (ONE, "26.9.0", [("clickhouse-http", 8443)]),
    ],
)
def test_the_release_decides_who_speaks_to_clickhouse_and_where(ports: str, version: str, expected: Any) -> None:
    found = list(connections("snuba", CLUSTER % ("True", ports), version=version).values())
    assert [(each["client"], each["addresses"][0][1]) for each in found if each["store"] == "clickhouse"] == expected


def test_snuba_before_26_9_does_not_start_without_an_http_port() -> None:
    assert "CLUSTERS.0 has no http_port" in execute("snuba", CLUSTER % ("True", ONE), {}, "26.8.0")["error"]


def rust(env: dict[str, str], verify: str = "True", version: str = "26.8.0") -> dict[str, dict[str, Any]]:
    """By client, of a container that runs Rust's consumer."""
    command = ["snuba", "rust-consumer", "--storage", "errors"]
    result = execute("snuba", CLUSTER % (verify, BOTH), {"KAFKA_SECURITY_PROTOCOL": "ssl", **env}, version, command=command)
    assert result["error"] is None
    return {each["client"]: each for each in result["connections"]}


def test_rusts_writer_reads_ssl_cert_file_alone_and_always_verifies() -> None:
    assert tls(rust({})["clickhouse-rust"]) == (True, "full", None)
    found = rust({"SSL_CERT_FILE": "/bundle"}, verify="False")
    assert tls(found["clickhouse-rust"]) == (True, "full", "/bundle")
    assert found["clickhouse-rust"]["tls"]["ca_from"] == "SSL_CERT_FILE"
    assert tls(found["clickhouse-driver"]) == (True, "none", "/ca")
    assert found["clickhouse-rust"]["addresses"] == [["ch", 8443]]
    assert tls(rust({}, version="25.2.0")["clickhouse-rust"])[0] is False


def test_rusts_kafka_takes_ssl_cert_file_where_it_has_no_path_of_its_own() -> None:
    assert tls(rust({"SSL_CERT_FILE": "/bundle"})["rdkafka"]) == (True, "full", "/bundle")
    assert tls(rust({"SSL_CERT_FILE": "/bundle", "KAFKA_SSL_CA_PATH": "/own"})["rdkafka"]) == (True, "full", "/own")
    python = connections("snuba", "from snuba.settings import *", {"KAFKA_SECURITY_PROTOCOL": "ssl", "SSL_CERT_FILE": "/bundle"})
    assert tls(python["BROKER_CONFIG"]) == (True, "full", None)


def test_snuba_gives_redis_in_cluster_mode_no_ssl_at_all() -> None:
    env = {"REDIS_SSL": "true", "REDIS_HOST": "redis", "SSL_CERT_FILE": "/ca"}
    alone = connections("snuba", "from snuba.settings import *", env)["REDIS default"]
    assert (tls(alone)[0], alone["options"]["cluster"]) == (True, False)
    nodes = "from snuba.settings import *\nREDIS_CLUSTER_STARTUP_NODES = [{'host': 'a', 'port': 1}, {'host': 'b', 'port': 2}]"
    cluster = connections("snuba", nodes, {**env, "USE_REDIS_CLUSTER": "1"})["REDIS default"]
    assert (tls(cluster)[0], cluster["options"]["cluster"], cluster["addresses"]) == (False, True, [["a", 1], ["b", 2]])
