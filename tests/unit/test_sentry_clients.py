"""What the preflight's clients ask of a store, and what they call its answers: against servers that answer wrong on purpose."""

from __future__ import annotations

import dataclasses
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AclOperation

from kit.sentry.check.connections import Topic
from kit.sentry.preflight.clients import clickhouse, consumer_groups, demands, driver, handshakes, kafka, redis, s3
from kit.sentry.preflight.clients.contract import NOTE, NamedTopic, Trouble, Wanted, Wrong
from tests.support.tls_server import HOST, Certified, certified, certified_laxly, https, serving

NEW, OLD = (26, 9, 0), (26, 8, 0)
SNUBA = Wanted(kind="snuba", version=OLD, clickhouse=">=23.8.11.29,<=26.5")


@pytest.fixture(scope="module")
def by(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("tls"))


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def connection(store: str, client: str, port: int, ca: Path | None, **options: Any) -> dict[str, Any]:
    verify = {"redis-py": "chain", "kombu": "chain"}.get(client, "full")
    named = {"boto3": "AWS_CA_BUNDLE", "clickhouse-http": "ca_certs", "clickhouse-driver": "ca_certs"}.get(
        client, "SSL_CERT_FILE"
    )
    secure = {"on": True, "verify": verify, "ca": str(ca) if ca else None, "ca_from": named if ca else None}
    place = {"store": store, "client": client, "use": f"use.{store}", "addresses": [[HOST, port]]}
    return {**place, "user": "sentry", "password": "secret", "tls": secure, "options": options}


# ── before anything is sent ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("store", "client", "verify", "is_refused"),
    [
        *((store, client, "none", True) for store, client in (
            ("redis", "redis-rs"), ("redis", "redis-py"), ("redis", "kombu"), ("kafka", "rdkafka"), ("kafka", "confluent-kafka"),
            ("clickhouse", "clickhouse-http"), ("clickhouse", "clickhouse-driver"), ("s3", "boto3"), ("s3", "gocloud"),
            ("postgres", "psycopg2"), ("postgres", "sqlx"),
        )),
        ("postgres", "psycopg2", "chain", True),
        ("kafka", "rdkafka", "chain", True),
        ("redis", "redis-py", "chain", False),
        ("redis", "redis-rs", "full", False),
    ],
)  # fmt: skip
def test_what_verifies_nothing_is_refused_whoever_it_is(
    store: str, client: str, verify: str, is_refused: bool, by: Certified
) -> None:
    given = connection(store, client, 1, by.ca)
    given["tls"]["verify"] = verify
    if not is_refused:
        demands.demand(given)
        return
    with pytest.raises(Wrong) as refused:
        demands.demand(given)
    assert refused.value.cause == "not-verifying"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
@pytest.mark.parametrize(("store", "client"), [("s3", "boto3"), ("clickhouse", "clickhouse-http")])
def test_a_proxy_in_the_way_is_named_by_its_variable_and_without_its_password(
    name: str, store: str, client: str, by: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "http://me:hidden@proxy.example.com:3128")
    with pytest.raises(Wrong) as refused:
        demands.demand(connection(store, client, 1, by.ca))
    assert refused.value.cause == "proxy"
    assert name in refused.value.said
    assert "proxy.example.com:3128" in refused.value.said
    assert "hidden" not in refused.value.said


def test_a_proxy_that_is_told_to_leave_the_store_alone_is_none(by: Certified, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", f"example.org,{HOST}")
    demands.demand(connection("s3", "boto3", 1, by.ca))


def test_a_client_that_knows_no_proxies_is_not_stopped_by_one(by: Certified, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    demands.demand(connection("kafka", "rdkafka", 1, by.ca))
    demands.demand(connection("clickhouse", "clickhouse-driver", 1, by.ca))


# ── the handshake ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def nothing(secured: ssl.SSLSocket) -> None:
    secured.recv(1)


@pytest.mark.parametrize(
    ("kind", "version", "client", "is_strict"),
    [
        ("sentry", (25, 2, 0), "redis-py", True),  # whatever Python the probe image has
        ("sentry", (25, 1, 0), "redis-py", False),
        ("snuba", (25, 2, 0), "redis-py", False),  # its image had 3.11 then
        ("snuba", (26, 8, 0), "clickhouse-http", True),
        ("snuba", (26, 8, 0), "clickhouse-driver", False),
        ("sentry", (26, 8, 0), "boto3", False),
        ("relay", (26, 8, 0), "redis-rs", False),
    ],
)
def test_an_authority_of_a_form_that_python_3_13_refuses_is_told_for_what_it_is(
    kind: str, version: tuple[int, ...], client: str, is_strict: bool, tmp_path: Path
) -> None:
    by_hand = certified_laxly(tmp_path)
    with serving(by_hand, nothing) as port:
        given, wanted = connection("redis", client, port, by_hand.ca), Wanted(kind=kind, version=version)
        if not is_strict:
            assert handshakes.shown(given, wanted).startswith("TLS")
            return
        with pytest.raises(Wrong) as refused:
            handshakes.shown(given, wanted)
    assert refused.value.cause == "authority-form"
    assert "does not verify" in refused.value.said


def test_kit_s_own_authority_has_the_form(by: Certified) -> None:
    with serving(by, nothing) as port:
        assert handshakes.shown(connection("redis", "redis-py", port, by.ca), Wanted("sentry", OLD)).startswith("TLS")


def test_a_stranger_s_certificate_stays_a_stranger_s_by_strict_rules_too(by: Certified, tmp_path: Path) -> None:
    with serving(certified_laxly(tmp_path), nothing) as port, pytest.raises(Wrong) as refused:
        handshakes.shown(connection("redis", "redis-py", port, by.ca), Wanted("sentry", OLD))
    assert refused.value.cause == "unknown-ca"


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        # redis-py and urllib3 on Python 3.13, and FR: cpython#138193
        ("ConnectionError: certificate verify failed: Missing Authority Key Identifier (_ssl.c:1032)", "authority-form"),
        ("SSLError: certificate verify failed: CA cert does not include key usage extension (_ssl.c:1032)", "authority-form"),
        ("SSLError: certificate verify failed: Basic Constraints of CA cert not marked critical (_ssl.c:1020)", "authority-form"),
        ("SSLError: certificate verify failed: unable to get local issuer certificate", "client-trust"),
        ('ProxyConnectionError: Failed to connect to proxy URL: "http://proxy.example.com:3128"', "proxy"),
        (
            "MaxRetryError: HTTPSConnectionPool(host='s3', port=443): (Caused by ProxyError('Unable to connect to proxy'))",
            "proxy",
        ),
        ("TypeError: connect() got an unexpected keyword", "client"),
    ],
)
def test_a_library_s_own_words_lead_to_a_cause(said: str, cause: str) -> None:
    assert driver._cause(said) == cause


# ── ClickHouse ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

# ClickHouse 25.8 to a user whose rights end at its database; "denied" is ClickHouse#38970's own wording
DENIED = (
    "Code: 497. DB::Exception: sentry: Not enough privileges. To execute this query, it's necessary to have the grant "
    "SELECT(total_replicas) ON system.replicas. (ACCESS_DENIED) (version 25.8.33.6 (official build))"
)


class Server(BaseHTTPRequestHandler):
    """Of ClickHouse as much as the client asks for; `version`, `denied` and `hosts` are set by the test."""

    version, denied, hosts = "25.8.33.6", (), ""
    value = ""

    def do_POST(self) -> None:
        query = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        refused = any(f"system.{table} " in query for table in self.denied)
        said = DENIED if refused else self._answer(query)
        self.send_response(500 if refused else 200)
        self.send_header("Content-Length", str(len(said.encode())))
        self.end_headers()
        self.wfile.write(said.encode())

    def _answer(self, query: str) -> str:
        if query.startswith("INSERT"):
            type(self).value = query.split("'")[1]
        answers = {"SELECT version()": self.version, "SELECT value": self.value, "SELECT arrayStringConcat": self.hosts}
        return next((said for start, said in answers.items() if query.startswith(start)), "")

    def log_message(self, *words: object) -> None:
        pass


def asked(by: Certified, wanted: Wanted = SNUBA, port: int | None = None, **server: Any) -> tuple[Trouble, ...]:
    """By Snuba's writer; clickhouse-connect, which wants a whole server, is left out."""
    options = {key: server.pop(key) for key in ("single_node", "cluster_name") if key in server}
    with https(by, type("Other", (Server,), server)) as here:
        given = connection("clickhouse", "clickhouse-http", here, by.ca, database="sentry", **options)
        return clickhouse._answer("urllib3", clickhouse._urllib3(given), given, True, wanted).troubles


def test_a_clickhouse_that_snuba_can_use_gives_no_trouble(by: Certified) -> None:
    assert asked(by) == ()


def test_a_user_that_may_not_read_the_system_tables_is_found_before_the_migrations_find_it(by: Certified) -> None:
    (trouble,) = asked(by, denied=("replicas", "parts"))
    assert trouble.cause == "system-tables"
    assert trouble.said.startswith("system.replicas, system.parts: ")


@pytest.mark.parametrize(
    ("version", "minimum", "cause"),
    [
        ("18.16.1", "23.8.11.29", "clickhouse-old"),
        ("25.8.2.29", "25.8.16.10001", "clickhouse-old"),
        ("25.8.16.10001", "25.8.16.10001", ""),
        ("26.5.1.882", "25.8.16.10001", ""),
        ("26.7.2.1", "25.8.16.10001", "clickhouse-new"),
    ],
)
def test_the_server_s_version_is_held_against_the_profile(version: str, minimum: str, cause: str, by: Certified) -> None:
    wanted = replace(SNUBA, clickhouse=f">={minimum},<=26.5")
    assert [trouble.cause for trouble in asked(by, wanted, version=version)] == ([cause] if cause else [])
    stood_in = asked(by, replace(wanted, is_stand_in=True), version=version)
    assert [trouble.cause for trouble in stood_in] == ([NOTE] if cause else [])


def test_a_chart_that_names_an_oldest_clickhouse_alone_takes_any_newer(by: Certified) -> None:
    assert asked(by, replace(SNUBA, clickhouse=">=18.16"), version="26.7.2.1") == ()
    assert asked(by, replace(SNUBA, clickhouse=">=18.16"), version="18.16.1") == ()


def test_hosts_that_the_server_names_are_tried_where_snuba_would_open_them(by: Certified) -> None:
    wanted, several = replace(SNUBA, version=NEW), {"single_node": False, "cluster_name": "sentry"}
    (trouble,) = asked(by, wanted, hosts="127.0.0.1:9440 localhost:9440", **several)  # nobody listens at 8123
    assert trouble.cause == "cluster-hosts"
    assert "127.0.0.1:8123 (connection refused)" in trouble.said
    assert "localhost:8123" in trouble.said


def test_until_26_8_the_native_client_opens_the_ports_that_the_server_reports(by: Certified) -> None:
    def talk(secured: ssl.SSLSocket) -> None:
        secured.recv(1)

    with serving(by, talk) as port:
        given = connection("clickhouse", "clickhouse-driver", port, by.ca, single_node=False, cluster_name="sentry")
        (answer,) = clickhouse._hosts(given, lambda query: f"{HOST}:{port}", SNUBA)
        (refused,) = clickhouse._hosts(given, lambda query: f"{HOST}:{port} {HOST}:1", SNUBA)
    assert (answer.cause, refused.cause) == (NOTE, "cluster-hosts")
    assert f"{HOST}:1 (connection refused)" in refused.said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"single_node": False}, "cluster_name names no cluster"),
        ({"single_node": False, "cluster_name": "it's"}, "system.clusters names no host for it's"),
    ],
)
def test_several_hosts_need_a_cluster_that_the_server_knows(options: dict[str, Any], said: str, by: Certified) -> None:
    (trouble,) = asked(by, replace(SNUBA, version=NEW), **options)
    assert trouble.cause == "cluster-hosts"
    assert said in trouble.said


def test_http_at_the_native_port_is_told_by_its_own_name(by: Certified) -> None:
    def native(secured: ssl.SSLSocket) -> None:
        secured.recv(4096)
        secured.sendall(b"\x02\x65\x00\x00\x00\x0dDB::Exception")  # an exception, as the native protocol writes one

    with serving(by, native) as port:
        given = connection("clickhouse", "clickhouse-http", port, by.ca)
        with pytest.raises(Wrong) as refused:
            clickhouse._urllib3(given)("SELECT version()")
    assert refused.value.cause == "port-mixed"


def test_native_at_an_https_port_that_waits_for_more_is_asked_once_again_by_http(by: Certified) -> None:
    """As ClickHouse 18.16 does."""

    def hung_up_or_http(secured: ssl.SSLSocket) -> None:
        if secured.recv(4096).startswith(b"GET"):
            secured.sendall(b"HTTP/1.0 200 OK\r\n\r\nOk.\n")

    with serving(by, hung_up_or_http) as port, pytest.raises(Wrong) as refused:
        clickhouse.ask(connection("clickhouse", "clickhouse-driver", port, by.ca), True, SNUBA)
    assert (refused.value.cause, refused.value.said) == ("port-mixed", "to HTTP it says HTTP/1.0 200 OK")


def test_native_at_the_https_port_is_told_by_its_own_name(by: Certified) -> None:
    with https(by, Server) as port, pytest.raises(Wrong) as refused:
        clickhouse.ask(connection("clickhouse", "clickhouse-driver", port, by.ca), True, SNUBA)
    assert refused.value.cause == "port-mixed"
    assert "Unexpected packet from server" in refused.value.said


# ── Redis ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("MOVED 3999 10.0.0.3:6379", "redis-cluster"),
        ("CROSSSLOT Keys in request don't hash to the same slot", "redis-cluster"),
        ("CLUSTERDOWN Hash slot not served", "redis-cluster"),
        ("READONLY You can't write against a read only replica.", "redis-replica"),
        ("WRONGPASS invalid username-password pair or user is disabled.", "password"),
    ],
)
def test_a_server_s_complaint_is_understood_with_and_without_its_code(said: str, cause: str) -> None:
    understood = redis._understood(Exception(), said)
    assert isinstance(understood, Wrong)
    assert understood.cause == cause


def test_a_complaint_whose_code_became_a_class_is_understood() -> None:
    """redis-py 3.4 and 4.5 take READONLY off the text."""
    error = type("ReadOnlyError", (Exception,), {})("You can't write against a read only replica.")
    understood = redis._understood(error)
    assert isinstance(understood, Wrong)
    assert understood.cause == "redis-replica"


class Valkey:
    """As much of a server's protocol as Relay's stand-in speaks; INFO as it is told."""

    def __init__(self, info: str) -> None:
        self.info = info
        self.heard: list[str] = []

    def talk(self, secured: ssl.SSLSocket) -> None:
        with secured.makefile("rwb", buffering=0) as stream:
            while head := stream.readline():
                words = [stream.read(int(stream.readline()[1:]) + 2)[:-2].decode() for _ in range(int(head[1:]))]
                self.heard.append(words[0])
                stream.write(f"${len(self.info)}\r\n{self.info}\r\n".encode() if words[0] == "INFO" else b"+OK\r\n")


@pytest.mark.parametrize(
    ("info", "cause"),
    [
        ("# Replication\r\nrole:master\r\n", ""),
        ("# Replication\r\nrole:slave\r\nmaster_host:10.0.0.2\r\nmaster_port:6379\r\n", "redis-replica"),
        ("# Cluster\r\ncluster_enabled:1\r\n", "redis-cluster"),
        ("# Cluster\r\ncluster_enabled:0\r\n", ""),
    ],
)
def test_relay_s_stand_in_sees_what_kind_of_redis_it_is(info: str, cause: str, by: Certified) -> None:
    server = Valkey(info)
    with serving(by, server.talk) as port:
        given = connection("redis", "redis-rs", port, by.ca)
        if cause:
            with pytest.raises(Wrong) as refused:
                redis.ask(given, True, Wanted())
            assert refused.value.cause == cause
            assert "SET" not in server.heard
        else:
            assert "two keys" in redis.ask(given, True, Wanted()).did
            assert {"MSET", "DEL", "EXPIRE"} <= set(server.heard)


# ── S3 ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Bucket(BaseHTTPRequestHandler):
    """A bucket's server; the tests change how it takes uploads and strangers."""

    protocol_version = "HTTP/1.1"
    objects: ClassVar[dict[str, bytes]] = {}
    refuses_trailers = refuses_lists = False
    stranger = 403

    def do_PUT(self) -> None:
        if "x-amz-trailer" in self.headers and self.refuses_trailers:
            self._body()
            self._say(501, self._error("NotImplemented", "A header you provided implies functionality that is not implemented."))
            return
        self.objects[urlsplit(self.path).path] = self._body()
        self._say(200, b"")

    def do_GET(self) -> None:
        if "Authorization" in self.headers:
            self._say(200, self.objects[urlsplit(self.path).path])
        elif self.stranger:
            self._say(self.stranger, b"")
        else:
            self.close_connection = True  # and no answer

    def do_POST(self) -> None:
        self._body()
        listed = b'<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></DeleteResult>'
        self._say(400, self._error("MissingContentMD5", "no MD5")) if self.refuses_lists else self._say(200, listed)

    def do_DELETE(self) -> None:
        self.objects.pop(urlsplit(self.path).path, None)
        self._say(204, b"")

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return self._unchunked(content) if "aws-chunked" in self.headers.get("Content-Encoding", "") else content
        content = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            content += self.rfile.read(size + 2)[:-2]
        self.rfile.readline()
        return self._unchunked(content)

    @staticmethod
    def _unchunked(content: bytes) -> bytes:
        head, _, rest = content.partition(b"\r\n")
        return rest[: int(head.partition(b";")[0], 16)]

    def _error(self, code: str, message: str) -> bytes:
        return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def bucket(by: Certified, monkeypatch: pytest.MonkeyPatch, **server: Any) -> Iterator[dict[str, Any]]:
    handler = type("Other", (Bucket,), {"objects": {}, **server})
    monkeypatch.setenv("AWS_CA_BUNDLE", str(by.ca))
    with https(by, handler) as port:
        options = {"bucket": "files", "acl": "private", "region": "r", "addressing": "path", "signature": "s3v4"}
        yield connection("s3", "boto3", port, by.ca, endpoint=f"https://{HOST}:{port}", **options)
    assert handler.objects == {}  # type: ignore[attr-defined]


def test_a_bucket_that_does_all_that_sentry_asks_gives_no_trouble(by: Certified, monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket(by, monkeypatch) as given:
        assert s3.ask(given, True, Wanted()).troubles == ()


def test_a_bucket_that_knows_no_checksums_behind_the_body_is_told_for_it(by: Certified, monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket(by, monkeypatch, refuses_trailers=True) as given, pytest.raises(Wrong) as refused:
        s3.ask(given, True, Wanted())
    assert refused.value.cause == "checksum"


def test_the_remedy_for_checksums_is_one(by: Certified, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    with bucket(by, monkeypatch, refuses_trailers=True) as given:
        assert s3.ask(given, True, Wanted()).troubles == ()


@pytest.mark.parametrize("stranger", [0, 503])
def test_a_stranger_that_is_not_answered_makes_nothing_public(
    stranger: int, by: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bucket(by, monkeypatch, stranger=stranger) as given:
        (trouble,) = s3.ask(given, True, Wanted()).troubles
    assert trouble.cause == "stranger"


def test_an_object_that_a_stranger_gets_is_public(by: Certified, monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket(by, monkeypatch, stranger=200) as given:
        (trouble,) = s3.ask(given, True, Wanted()).troubles
    assert trouble.cause == "public-acl"


def test_a_list_of_objects_that_is_not_deleted_is_worth_a_note(by: Certified, monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket(by, monkeypatch, refuses_lists=True) as given:
        (trouble,) = s3.ask(given, True, Wanted()).troubles
    assert trouble.cause == NOTE


@pytest.mark.parametrize(
    ("code", "message", "cause"),
    [
        ("NotImplemented", "A header you provided implies functionality that is not implemented.", "checksum"),
        ("MissingContentLength", "You must provide the Content-Length HTTP header.", "checksum"),
        ("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.", "checksum"),
        ("InvalidTrailer", "Invalid trailing header names in x-amz-trailer", "checksum"),
        ("InvalidRequest", "unknown encoding aws-chunked", "checksum"),
        ("SlowDown", "Reduce your request rate", "s3"),
    ],
)
def test_the_ways_to_refuse_a_checksum(code: str, message: str, cause: str) -> None:
    from botocore.exceptions import ClientError

    assert s3._cause(ClientError({"Error": {"Code": code, "Message": message}}, "PutObject")) == cause


# ── Kafka ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_missing_topic_of_kit_s_list_is_told_from_one_that_is_in_no_list() -> None:
    named = (
        NamedTopic("taskworker-ingest", "consumed", "kafka_topics.taskworker-ingest"),
        NamedTopic("events", "produced", "processing.topics.events"),
        NamedTopic("there", "produced", "x"),
    )
    wanted = Wanted(topics={"events": {}, "outcomes": {}}, named=named)
    assert kafka._missing({"there": None}, wanted) == [
        Trouble("unlisted-topic", "taskworker-ingest (consumed by kafka_topics.taskworker-ingest)"),
        Trouble("missing-topic", "2 missing: events (produced by processing.topics.events), outcomes"),
    ]
    assert kafka._missing({"there": None, "events": None, "outcomes": None, "taskworker-ingest": None}, wanted) == []


def test_topics_are_named_as_the_executor_names_them() -> None:
    assert NamedTopic._fields == tuple(field.name for field in dataclasses.fields(Topic))


@pytest.mark.parametrize(
    ("own", "size"),
    [(None, 1_000_000), ("50000000", 50_000_000), (100_000_000, 52_428_800)],
)
def test_the_largest_record_is_what_the_topics_promise_and_the_client_allows(own: Any, size: int) -> None:
    topics = {"a": {"max.message.bytes": "52428800"}, "b": {"max.message.bytes": "10000000"}, "c": {}}
    options = {} if own is None else {"message.max.bytes": own}
    assert kafka._largest(options, topics) == size - kafka.OVERHEAD_BYTES


class Groups:
    """An administrator's client that knows what may be done with groups."""

    def __init__(self, known: dict[str, Any]) -> None:
        self.known = known

    def describe_consumer_groups(self, names: list[str], **given: Any) -> dict[str, Any]:
        assert given["include_authorized_operations"]
        return {name: SimpleNamespace(result=lambda answer=self.known[name]: self._answered(answer)) for name in names}

    @staticmethod
    def _answered(answer: Any) -> Any:
        if isinstance(answer, int):
            raise KafkaException(KafkaError(answer))
        return SimpleNamespace(authorized_operations=answer)


def test_a_group_that_may_not_be_joined_is_denied() -> None:
    known = {
        "free": [AclOperation.READ, AclOperation.DESCRIBE],
        "seen": [AclOperation.DESCRIBE],
        "closed": KafkaError.GROUP_AUTHORIZATION_FAILED,
        "new": KafkaError.GROUP_ID_NOT_FOUND,
    }
    consumers = {"use": "KAFKA_CLUSTERS.default consumers"}
    (trouble,) = kafka._groups(Groups(known), consumers, Wanted(groups=tuple(known)))
    assert trouble.cause == "group-denied"
    assert [said.partition(":")[0] for said in trouble.said.split("; ")] == ["closed", "seen"]
    assert kafka._groups(Groups(known), consumers, Wanted(groups=("free", "new"))) == []
    assert kafka._groups(Groups(known), {"use": "KAFKA_CLUSTERS.default producers"}, Wanted(groups=("closed",))) == []


def test_a_broker_that_cannot_be_asked_about_groups_is_worth_a_note() -> None:
    (trouble,) = kafka._groups(Groups({"g": KafkaError._TIMED_OUT}), {"use": "BROKER_CONFIG"}, Wanted(groups=("g",)))
    assert trouble.cause == NOTE


def test_taskbroker_names_its_groups_in_its_file_and_in_variables() -> None:
    source = "kafka_topics: {a: {cluster: default, consumer_group: one}, b: {consumer_group: two}}"
    env = {"TASKBROKER_KAFKA_CONSUMER_GROUP": "three", "TASKBROKER_KAFKA_CLUSTER": "kafka:9091"}
    assert consumer_groups.configured("taskbroker", source, env) == ("one", "three", "two")
    assert consumer_groups.configured("taskbroker", "", {}) == ("taskworker",)
    assert consumer_groups.configured("relay", source, env) == ()


def test_troubles_of_one_connection_are_told_each_with_its_remedy() -> None:
    troubles = [Trouble("a", "1"), Trouble(NOTE, "2"), Trouble("b", "3"), Trouble("a", "4")]
    assert driver._sorted_out(troubles) == [{"cause": "a", "said": "1; 4"}, {"cause": "b", "said": "3"}]
    assert driver._sorted_out(troubles[1:2]) == [{"cause": NOTE, "said": "2"}]
