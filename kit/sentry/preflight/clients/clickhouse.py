"""ClickHouse as Snuba reaches it: the native protocol (clickhouse-driver), HTTPS by urllib3 (the writer), and from 26.9 on
clickhouse-connect for queries. A table in memory is made, filled, read and dropped; the server's version is held against what
the profile says of it, and the system tables that Snuba reads are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

from kit.endpoints import Trust
from kit.sentry.preflight.clients.contract import (
    NOTE,
    TIMEOUT_S,
    Answer,
    Connection,
    Trouble,
    Wanted,
    Wrong,
    address,
    library,
    numbers,
    own_ca,
    token,
)
from kit.stores.wire import tls

# ClickHouse's ErrorCodes.cpp
KNOWN = {192: "password", 193: "password", 194: "password", 516: "password", 81: "database", 497: "denied", 291: "denied"}
EXPLICIT = "ca_certs"
BOUND = re.compile(r"(>=|<=)\s*(\d[\d.]*)")
# What Snuba reads of the server with its own user, and where: snuba@61009262d and its head, 2026-08. Since ClickHouse 24.1 a user
# whose rights end at its own database reads only some of `system` (ClickHouse#58584, 2024-01).
SYSTEM: Mapping[str, str] = {
    "replicas": "database, table, total_replicas, active_replicas",  # migrations/connect.py, before every migration
    "parts": "database, table, partition, active",  # cleanup, optimize
    "mutations": "database, table, is_done",  # deletes
    "clusters": "cluster, host_name, port, shard_num, replica_num",  # clusters/cluster.py
    "databases": "name",
    "tables": "database, name",
}
# Several hosts: the port of each that Snuba opens. Up to 26.8 the one that the server reports, by the native protocol; then this.
HOSTS_BY_HTTP, HTTP_PORT = (26, 9), 8123  # snuba@005651e21, clusters/cluster.py, 2026-08

Run = Callable[[str], str]  # a query → the first cell of its answer


def ask(connection: Connection, write: bool, wanted: Wanted) -> Answer:
    if connection["client"] == "clickhouse-driver":
        return _native(connection, write, wanted)
    answer = _answer("urllib3", _urllib3(connection), connection, write, wanted)
    return Answer(answer.did, (*answer.troubles, *_connect_trouble(connection, wanted))) if write else answer


def _answer(name: str, run: Run, connection: Connection, write: bool, wanted: Wanted) -> Answer:
    version = run("SELECT version()")
    if not write:
        return Answer(f"{name}: version {version}")
    _roundtrip(name, run)
    found = (*_age(version, wanted), *_system_tables(run), *_hosts(connection, run, wanted))
    return Answer(f"{name}: ClickHouse {version}, a row written and read back, Snuba's system tables read", found)


# ── the two ways in ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _native(connection: Connection, write: bool, wanted: Wanted) -> Answer:
    driver, errors = library("clickhouse_driver"), library("clickhouse_driver.errors")
    host, port = address(connection)
    ca = own_ca(connection, EXPLICIT)
    client = driver.Client(
        host=host,
        port=port,
        user=connection["user"],
        password=connection["password"] or "",
        database=connection["options"].get("database") or "default",  # as Snuba has it where nothing is said
        secure=connection["tls"]["on"],
        verify=connection["tls"]["verify"] != "none",
        connect_timeout=TIMEOUT_S,
        send_receive_timeout=TIMEOUT_S,
        **({"ca_certs": ca} if ca else {}),
    )

    def run(query: str) -> str:
        try:
            rows = client.execute(query)
        except errors.ServerException as error:
            raise _understood(f"Code: {error.code}. {error.message}") from error
        except errors.UnexpectedPacketFromServerError as error:
            raise Wrong("port-mixed", error) from error
        return str(rows[0][0]) if rows and isinstance(rows, list) else ""

    try:
        return _answer("clickhouse-driver", run, connection, write, wanted)
    except (errors.SocketTimeoutError, errors.NetworkError, EOFError) as error:
        raise _mixed_up(connection, error) if write else error from error
    finally:
        client.disconnect()


def _mixed_up(connection: Connection, error: Exception) -> Exception:
    """An older server's HTTPS port waits for the end of what it takes for a request, and so does the client."""
    host, port = address(connection)
    try:
        with tls.handshake(host, port, Trust(Path(connection["tls"]["ca"] or "")), timeout_s=TIMEOUT_S) as wire:
            wire.send(b"GET /ping HTTP/1.0\r\n\r\n")
            said = wire.receive_line().decode(errors="replace")
    except Exception:
        return error
    return Wrong("port-mixed", f"to HTTP it says {said}") if said.startswith("HTTP/") else error


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
        try:
            answer = pool.request("POST", f"/?{place}", body=query.encode(), headers=login)
        except urllib3.exceptions.ProtocolError as error:
            raise _mixed(error) from error
        text = str(answer.data.decode(errors="replace"))
        if answer.status != 200:
            raise _understood(text)
        return text.strip()

    return run


def _understood(said: str) -> Exception:
    if "is for clickhouse-client program" in said:  # TCPHandler.cpp, to whoever sends it HTTP
        return Wrong("port-mixed", said)
    code = re.search(r"[Cc]ode: (\d+)", said)
    return Wrong(KNOWN.get(int(code[1]) if code else 0, "clickhouse"), said)


def _mixed(error: Exception) -> Exception:
    """An answer that is not HTTP, over TLS that has just been verified: the native port takes the request for a packet."""
    return Wrong("port-mixed", error) if any(word in str(error) for word in ("BadStatusLine", "RemoteDisconnected")) else error


# ── what is asked ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _roundtrip(name: str, run: Run) -> None:
    table, value = token().replace("-", "_"), token()
    run(f"CREATE TABLE {table} (value String) ENGINE = Memory")
    try:
        run(f"INSERT INTO {table} SELECT '{value}'")
        read = run(f"SELECT value FROM {table}")
    finally:
        run(f"DROP TABLE {table}")
    if read != value:
        raise Wrong("roundtrip", f"{name} read something else than was written")


def _age(version: str, wanted: Wanted) -> tuple[Trouble, ...]:
    """An upper bound such as 26.5 is a line, with all its releases."""
    given, found = numbers(version), []
    for operator, edge in BOUND.findall(wanted.clickhouse):
        bound = numbers(edge)
        if operator == ">=" and given < bound:
            found.append(Trouble("clickhouse-old", f"it is {version}; Snuba takes {edge} and newer"))
        elif operator == "<=" and given[: len(bound)] > bound:
            found.append(Trouble("clickhouse-new", f"it is {version}; Snuba's migrations pass up to {edge}"))
    return tuple(Trouble(NOTE, f"{each.said} (no Snuba runs here)") for each in found) if wanted.is_stand_in else tuple(found)


def _system_tables(run: Run) -> tuple[Trouble, ...]:
    denied: dict[str, str] = {}
    odd: dict[str, str] = {}
    for table, columns in SYSTEM.items():
        try:
            run(f"SELECT {columns} FROM system.{table} LIMIT 1")
        except Wrong as wrong:
            (denied if wrong.cause == "denied" else odd)[f"system.{table}"] = wrong.said
    found = (Trouble("system-tables", _listed(denied)),) if denied else ()
    return (*found, Trouble(NOTE, _listed(odd))) if odd else found


def _listed(refused: Mapping[str, str]) -> str:
    return f"{', '.join(refused)}: {next(iter(refused.values()))}"


def _hosts(connection: Connection, run: Run, wanted: Wanted) -> tuple[Trouble, ...]:
    """Several hosts: Snuba asks the server for them and opens what it hears, whatever address it was given itself."""
    options, by_http = connection["options"], wanted.version >= HOSTS_BY_HTTP
    asks = connection["client"] == ("clickhouse-http" if by_http else "clickhouse-driver")
    if options.get("single_node") in (True, None) or not asks:
        return ()
    names = [str(name) for key in ("cluster_name", "distributed_cluster_name") if (name := options.get(key))]
    if not names:
        return (Trouble("cluster-hosts", "single_node is False, and cluster_name names no cluster to ask for its hosts"),)
    quoted = ", ".join("'{}'".format(name.replace("\\", "\\\\").replace("'", "\\'")) for name in names)
    listed = "arrayStringConcat(groupUniqArray(concat(host_name, ':', toString(port))), ' ')"
    told = run(f"SELECT {listed} FROM system.clusters WHERE cluster IN ({quoted})").split()
    if not told:
        return (Trouble("cluster-hosts", f"system.clusters names no host for {', '.join(names)}"),)
    places = sorted({(host, HTTP_PORT if by_http else int(port)) for host, _, port in (each.rpartition(":") for each in told)})
    with ThreadPoolExecutor(max_workers=len(places)) as pool:
        complaints = list(pool.map(lambda place: _complaint(place[0], place[1], connection["tls"]["ca"]), places))
    answers = zip(places, complaints, strict=True)
    said = ", ".join(f"{host}:{port}" + (f" ({why})" if why else "") for (host, port), why in answers)
    if any(complaints):
        return (Trouble("cluster-hosts", f"for {', '.join(names)} Snuba opens {said}"),)
    return (Trouble(NOTE, f"the hosts that Snuba opens for {', '.join(names)} answer over TLS: {said}"),)


def _complaint(host: str, port: int, ca: str | None) -> str:
    try:
        with tls.handshake(host, port, Trust(Path(ca or ""))):
            return ""
    except Exception as error:
        return tls.not_yet(error).reason


def _connect_trouble(connection: Connection, wanted: Wanted) -> tuple[Trouble, ...]:
    """What clickhouse-connect, where the release has it, says beside. From 26.9 on Snuba queries by nothing else."""
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
        said = f"clickhouse-connect: {' '.join(str(error).split())[:160]}"
        return (Trouble("client" if wanted.version >= HOSTS_BY_HTTP and not wanted.is_stand_in else NOTE, said),)
    return ()
