"""ClickHouse: HTTPS and the native protocol over TLS, one user, one database; no other listener and no user `default`.

Both ports are probed, since Snuba uses both: a query over HTTPS, a greeting with login on the native port, in its own few bytes
(clickhouse-driver takes 0.2 s to import, which `kit status` does not have; `smoke` uses it). The database is named as in
the cloud, where a database is a resource of its own, and made by `bootstrap`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from kit.endpoints import ClickHouseEndpoint, Secret, Trust
from kit.stores.contract import PROBE_TIMEOUT_S, Credentials, InClear, NotYet, Port, Preamble, Ready, Roundtrip, StoreError
from kit.stores.wire import tls

if TYPE_CHECKING:
    from clickhouse_driver import Client

NAME = "clickhouse"
SETUP = 1  # version of what `bootstrap` makes; tests/setups.yaml tells when it must be another one
PORTS = (Port.same("https", 8443), Port.same("native", 9440))
PREAMBLE: Preamble | None = None
IN_CLEAR = InClear(b"GET /ping HTTP/1.0\r\n\r\n")  # the native port answers HTTP in clear as well
USER = DATABASE = "sentry"
# ClickHouse's ErrorCodes: 81 no such database, 192 no such user, 193 wrong password, 194 password missing, 195 address not
# allowed, 291 database not allowed, 497 right missing, 516 login failed (newer servers say no more than that)
REFUSED = frozenset({81, 192, 193, 194, 195, 291, 497, 516})
HELLO, EXCEPTION = 0, 2
NATIVE_VERSION = bytes([1, 1]) + b"\x86\xa9\x03"  # 1.1, and revision 54406, older than any server here
WRAPPING = r"^Code: \d+[.,]\s*(e\.displayText\(\) = )?(DB::Exception: )?|, e\.what\(\) = DB::(Net)?Exception$"


def names() -> tuple[str, ...]:
    return (NAME, "localhost", "127.0.0.1", "::1")


def mounted_secrets(credentials: Credentials) -> Mapping[str, str]:
    """What users.xml includes; the server knows only the hash."""
    digest = hashlib.sha256(credentials.clickhouse_sentry.reveal().encode()).hexdigest()
    element = "sentry_password_sha256_hex"
    return {"passwords.xml": f"<yandex><{element}>{digest}</{element}></yandex>\n"}


def endpoint(host: str, ports: Mapping[str, int], credentials: Credentials) -> ClickHouseEndpoint:
    return ClickHouseEndpoint(host, ports["https"], ports["native"], DATABASE, USER, credentials.clickhouse_sentry)


def with_password(endpoint: ClickHouseEndpoint, password: Secret) -> ClickHouseEndpoint:
    return replace(endpoint, password=password)


def probe(endpoint: ClickHouseEndpoint, trust: Trust) -> Ready | NotYet:
    """A query over HTTPS in Sentry's database, and a login on the native port. The facts are those of HTTPS."""
    started = time.perf_counter()
    deadline = tls.Deadline(PROBE_TIMEOUT_S)
    try:
        with tls.handshake(endpoint.host, endpoint.https_port, trust, timeout_s=deadline.remaining_s()) as connection:
            answer = _query(connection, endpoint, "SELECT 1", endpoint.database)
            if answer.strip() != "1":
                raise tls.ProtocolBroken(f"SELECT 1 was answered with {answer!r}")
        with tls.handshake(endpoint.host, endpoint.native_port, trust, timeout_s=deadline.remaining_s()) as native:
            _greet(native, endpoint)
        return Ready(connection.tls, (time.perf_counter() - started) * 1000)
    except Exception as error:
        return tls.not_yet(error)


def _query(connection: tls.Connection, endpoint: ClickHouseEndpoint, query: str, database: str) -> str:
    """One statement per connection: HTTP/1.0, whose answer ends where the server hangs up. The login is not in the URL."""
    connection.send(
        f"POST /?{urlencode({'database': database})} HTTP/1.0\r\n"
        f"Host: {endpoint.host}:{endpoint.https_port}\r\n"
        f"X-ClickHouse-User: {endpoint.username}\r\n"
        f"X-ClickHouse-Key: {endpoint.password.reveal()}\r\n"
        f"Content-Length: {len(query.encode())}\r\n\r\n{query}".encode()
    )
    return parse_answer(connection.receive_all().decode(errors="replace"))


def parse_answer(answer: str) -> str:
    """The body of a successful answer; raises LoginRefused or ProtocolBroken with the server's words."""
    head, _, body = answer.partition("\r\n\r\n")
    status = re.match(r"HTTP/1\.[01] (\d{3})", head)
    if not status:
        raise tls.ProtocolBroken("the answer is not HTTP")
    if status[1] == "200":
        return body
    code = re.search(r"Code: (\d+)", body)
    words = re.sub(WRAPPING, "", body.strip()) or f"HTTP status {status[1]}"
    if (code and int(code[1]) in REFUSED) or status[1] in {"401", "403"}:
        raise tls.LoginRefused(words)
    raise tls.ProtocolBroken(words)


def _greet(connection: tls.Connection, endpoint: ClickHouseEndpoint) -> None:
    """Hello, answered by Hello or an exception (ClickHouse's Core/Protocol.h). Strings follow their length, a varint."""
    words = (endpoint.database, endpoint.username, endpoint.password.reveal())
    connection.send(bytes([HELLO]) + _string("kit") + NATIVE_VERSION + b"".join(_string(word) for word in words))
    kind = connection.receive(1)[0]
    if kind == EXCEPTION:
        code = int.from_bytes(connection.receive(4), "little")
        words_refused = f"the native port refused the login, code {code}"
        raise tls.LoginRefused(words_refused) if code in REFUSED else tls.ProtocolBroken(words_refused)
    if kind != HELLO:
        raise tls.ProtocolBroken(f"the native port answered its greeting with packet {kind}")


def _string(text: str) -> bytes:
    return _varint(len(text.encode())) + text.encode()


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def bootstrap(endpoint: ClickHouseEndpoint, credentials: Credentials, trust: Trust) -> tuple[str, ...]:
    """The database. Snuba's own migrations make the tables."""
    if "1" in ask(endpoint, trust, f"SELECT 1 FROM system.databases WHERE name = '{endpoint.database}'", "system"):
        return ()
    ask(endpoint, trust, f"CREATE DATABASE IF NOT EXISTS {endpoint.database}", "system")
    return (f"database {endpoint.database}",)


def ask(endpoint: ClickHouseEndpoint, trust: Trust, query: str, database: str) -> str:
    try:
        with tls.handshake(endpoint.host, endpoint.https_port, trust, timeout_s=4 * PROBE_TIMEOUT_S) as connection:
            return _query(connection, endpoint, query, database)
    except (OSError, tls.LoginRefused, tls.ProtocolBroken) as error:
        raise StoreError(NAME, query.partition(" ")[0], tls.not_yet(error).reason) from error


def client_env(endpoint: ClickHouseEndpoint, trust: Trust) -> Mapping[str, str]:
    """The URL has the login inside, as curl and clickhouse-connect take it, but no database: each wants it in another place."""
    login = f"{endpoint.username}:{endpoint.password.reveal()}"
    return {
        "CLICKHOUSE_URL": f"https://{login}@{endpoint.host}:{endpoint.https_port}",
        "CLICKHOUSE_NATIVE_HOST": endpoint.host,
        "CLICKHOUSE_NATIVE_PORT": str(endpoint.native_port),
        "CLICKHOUSE_DATABASE": endpoint.database,
        "CLICKHOUSE_USER": endpoint.username,
        "CLICKHOUSE_PASSWORD": endpoint.password.reveal(),
        "CLICKHOUSE_CA_CERTS": str(trust.ca_file),
    }


def smoke(endpoint: ClickHouseEndpoint, trust: Trust) -> Roundtrip:
    """A table, one row written over each protocol and read over the other, and the table's removal."""
    from clickhouse_driver.errors import Error

    table, native, https = f"kit_smoke_{secrets.token_hex(8)}", secrets.token_hex(8), secrets.token_hex(8)
    started = time.perf_counter()
    try:
        client = _native_client(endpoint, trust)
        try:
            client.execute(f"CREATE TABLE {table} (way String, token String) ENGINE = MergeTree ORDER BY way")
            try:
                client.execute(f"INSERT INTO {table} (way, token) VALUES", [("native", native)])
                ask(endpoint, trust, f"INSERT INTO {table} (way, token) VALUES ('https', '{https}')", endpoint.database)
                over_https = ask(endpoint, trust, f"SELECT token FROM {table} WHERE way = 'native'", endpoint.database).strip()
                over_native = client.execute(f"SELECT token FROM {table} WHERE way = 'https'")
            finally:
                client.execute(f"DROP TABLE IF EXISTS {table}")
        finally:
            client.disconnect()
    except (Error, OSError) as error:
        raise StoreError(NAME, "writing and reading back rows", error) from error
    if (over_https, over_native) != (native, [(https,)]):
        raise StoreError(NAME, "reading back", f"wrote {native}, {https}, read {over_https}, {over_native}")
    what = "rows written over HTTPS and the native protocol were each read over the other, and removed"
    return Roundtrip(what, (time.perf_counter() - started) * 1000)


def _native_client(endpoint: ClickHouseEndpoint, trust: Trust) -> Client:
    from clickhouse_driver import Client

    return Client(
        host=endpoint.host,
        port=endpoint.native_port,
        database=endpoint.database,
        user=endpoint.username,
        password=endpoint.password.reveal(),
        secure=True,
        verify=True,
        ca_certs=str(trust.ca_file),
        connect_timeout=PROBE_TIMEOUT_S,
        send_receive_timeout=4 * PROBE_TIMEOUT_S,
    )
