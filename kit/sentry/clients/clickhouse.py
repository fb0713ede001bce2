"""ClickHouse as Snuba reaches it: the native protocol (clickhouse-driver), HTTPS by urllib3 (the writer), and from 26.x on
clickhouse-connect for queries. A table in memory is made, filled, read and dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from kit.sentry.clients.contract import TIMEOUT_S, Answer, Connection, Wrong, address, library, own_ca, token

# ClickHouse's ErrorCodes.cpp
KNOWN = {192: "password", 193: "password", 194: "password", 516: "password", 81: "database", 497: "denied", 291: "denied"}
EXPLICIT = "ca_certs"

Run = Callable[[str], str]


def ask(connection: Connection, write: bool, wanted: Mapping[str, Any]) -> Answer:
    if connection["client"] == "clickhouse-driver":
        return _native(connection, write)
    return Answer(_roundtrip("urllib3", _urllib3(connection), write), _connect_trouble(connection) if write else ())


def _understood(said: str) -> Exception:
    code = re.search(r"[Cc]ode: (\d+)", said)
    return Wrong(KNOWN.get(int(code[1]) if code else 0, "clickhouse"), said)


def _native(connection: Connection, write: bool) -> Answer:
    driver, errors = library("clickhouse_driver"), library("clickhouse_driver.errors")
    host, port = address(connection)
    ca = own_ca(connection, EXPLICIT)
    client = driver.Client(
        host=host,
        port=port,
        user=connection["user"],
        password=connection["password"] or "",
        database=connection["options"].get("database"),
        secure=connection["tls"]["on"],
        verify=connection["tls"]["verify"] != "none",
        connect_timeout=TIMEOUT_S,
        send_receive_timeout=TIMEOUT_S,
        **({"ca_certs": ca} if ca else {}),
    )

    def run(query: str) -> str:
        rows = client.execute(query)
        return str(rows[0][0]) if rows and isinstance(rows, list) else ""

    try:
        return Answer(_roundtrip("clickhouse-driver", run, write))
    except errors.ServerException as error:
        raise _understood(f"Code: {error.code}. {error.message}") from error
    finally:
        client.disconnect()


def _urllib3(connection: Connection) -> Run:
    """The writer's pool. Without `ca_certs` urllib3 loads OpenSSL's own, hence SSL_CERT_FILE."""
    urllib3 = library("urllib3")
    host, port = address(connection)
    ca, secure = own_ca(connection, EXPLICIT), connection["tls"]
    pools = {True: urllib3.HTTPSConnectionPool, False: urllib3.HTTPConnectionPool}
    given = {"cert_reqs": "CERT_REQUIRED" if secure["verify"] != "none" else "CERT_NONE", **({"ca_certs": ca} if ca else {})}
    pool = pools[secure["on"]](host, port, timeout=TIMEOUT_S, retries=False, **(given if secure["on"] else {}))
    login = {"X-ClickHouse-User": connection["user"] or "default", "X-ClickHouse-Key": connection["password"] or ""}

    def run(query: str) -> str:
        place = urlencode({"database": connection["options"].get("database") or "default"})
        answer = pool.request("POST", f"/?{place}", body=query.encode(), headers=login)
        text = str(answer.data.decode(errors="replace"))
        if answer.status != 200:
            raise _understood(text)
        return text.strip()

    return run


def _roundtrip(name: str, run: Run, write: bool) -> str:
    version = run("SELECT version()")
    if not write:
        return f"{name}: version {version}"
    table, value = token().replace("-", "_"), token()
    run(f"CREATE TABLE {table} (value String) ENGINE = Memory")
    try:
        run(f"INSERT INTO {table} SELECT '{value}'")
        read = run(f"SELECT value FROM {table}")
    finally:
        run(f"DROP TABLE {table}")
    if read != value:
        raise Wrong("roundtrip", f"{name} read something else than was written")
    return f"{name}: ClickHouse {version}, a row written and read back"


def _connect_trouble(connection: Connection) -> tuple[tuple[str, str], ...]:
    """What clickhouse-connect, where the release has it, says beside: it needs a server that Snuba itself would take."""
    try:
        connect = library("clickhouse_connect")
    except ImportError:
        return ()
    host, port = address(connection)
    secure = connection["tls"]
    try:
        connect.get_client(
            host=host,
            port=port,
            interface="https" if secure["on"] else "http",
            username=connection["user"],
            password=connection["password"] or "",
            database=connection["options"].get("database"),
            verify=secure["verify"] != "none",
            ca_cert=own_ca(connection, EXPLICIT),
            connect_timeout=TIMEOUT_S,
            send_receive_timeout=TIMEOUT_S,
        ).close()
    except Exception as error:  # urllib3 came through the same door a moment ago: what is left is the server's age
        return (("note", f"clickhouse-connect: {' '.join(str(error).split())[:160]}"),)
    return ()
