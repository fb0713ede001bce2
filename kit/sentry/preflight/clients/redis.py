"""Valkey or Redis by each component's own client.

Sentry holds one cluster in two ways: `rb` for what it spreads by key, redis-py alone for the rest; both are tried. Celery's
broker goes through kombu. Relay and uptime-checker are Rust: for them the same words are sent over a connection that, like
native-tls, verifies chain and name. A server in cluster mode and a replica let everybody in and answer PING: only INFO, two keys
in one command and a write tell them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from kit.endpoints import Trust
from kit.sentry.preflight.clients.contract import (
    MARK,
    TIMEOUT_S,
    Answer,
    Connection,
    Wanted,
    Wrong,
    address,
    library,
    own_ca,
    token,
)
from kit.stores.wire import tls

LIFE_S = 60  # of a key that nobody could take away again
EXPLICIT = "ssl_ca_certs"
SECTIONS = ("replication", "cluster")  # of INFO


def ask(connection: Connection, write: bool, wanted: Wanted) -> Answer:
    if connection["client"] == "redis-rs":
        return _over_the_wire(connection, write)
    redis = library("redis")
    try:
        if connection["client"] == "kombu":
            return _kombu(connection, write)
        clients = {"redis-py": _redis_py(connection)}
        if connection["use"].startswith("redis.clusters"):
            clients["rb"] = _rb(connection)
        return Answer("; ".join(_roundtrip(name, client, write) for name, client in clients.items()))
    except redis.exceptions.RedisError as error:
        raise _understood(error) from error


def _understood(error: Exception, said: str = "") -> Exception:
    """`Wrong` for the server's known complaints, the error itself for others.

    redis-py takes the code off the front of some answers and makes it the error's class: which ones, hangs on its version.
    """
    said = said or str(error)
    words_and_class = f"{type(error).__name__} {said}"
    for words, cause in (
        ("WRONGPASS", "password"),
        ("invalid password", "password"),
        ("invalid username-password pair", "password"),  # redis-py 4 leaves the code out
        ("NOAUTH", "password"),
        ("Authentication required", "password"),
        ("DB index is out of range", "redis-db"),
        ("NOPERM", "denied"),
        ("OOM command", "full"),
        ("MOVED ", "redis-cluster"),
        ("MovedError", "redis-cluster"),
        ("CROSSSLOT", "redis-cluster"),
        ("hash to the same slot", "redis-cluster"),
        ("CLUSTERDOWN", "redis-cluster"),
        ("ClusterDown", "redis-cluster"),
        ("READONLY", "redis-replica"),
        ("ReadOnlyError", "redis-replica"),
        ("MASTERDOWN", "redis-replica"),
    ):
        if words in words_and_class:
            return Wrong(cause, said)
    return error


def _fit(info: str) -> None:
    """Raises `Wrong` where INFO tells of a cluster or of a replica. A service may keep INFO back: then it tells nothing."""
    known = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    if known.get("cluster_enabled") == "1":
        raise Wrong("redis-cluster", "INFO says cluster_enabled:1")
    if known.get("role") in ("slave", "replica"):
        master = f"{known.get('master_host', '?')}:{known.get('master_port', '?')}"
        raise Wrong("redis-replica", f"INFO says role:{known['role']}, of {master}")


def _place(connection: Connection) -> dict[str, Any]:
    host, port = address(connection)
    return {"host": host, "port": port, "db": connection["options"].get("db", 0), "password": connection["password"]}


def _ssl_options(connection: Connection) -> dict[str, Any]:
    """Without a prefix, as rb takes them. What the configuration does not say stays at the library's own default."""
    ca = own_ca(connection, EXPLICIT)
    given = {"ca_certs": ca} if ca else {}
    return given if connection["tls"]["verify"] != "none" else {**given, "cert_reqs": "none"}


def _redis_py(connection: Connection) -> Any:
    given = {f"ssl_{key}": value for key, value in _ssl_options(connection).items()}
    login = {"username": connection["user"]} if connection["user"] else {}
    timeouts = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}
    return library("redis").StrictRedis(**_place(connection), **login, ssl=connection["tls"]["on"], **given, **timeouts)


def _rb(connection: Connection) -> Any:
    host = {**_place(connection), "ssl": connection["tls"]["on"], "ssl_options": _ssl_options(connection)}
    timeouts = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}
    return library("rb").Cluster(hosts={0: host}, pool_options=timeouts).get_local_client(0)


def _roundtrip(name: str, client: Any, write: bool) -> str:
    if not write:
        client.ping()
        return f"{name}: PING answered"
    _fit("\n".join(f"{key}:{value}" for section in SECTIONS for key, value in _info(client, section).items()))
    key, other, value = token(), token(), token()
    client.set(key, value, ex=LIFE_S)
    try:
        client.mset({key: value, other: value})  # two keys in one command, as Sentry's buffers and rate limits have them
        for each in (key, other):  # MSET takes no end of life with it
            client.expire(each, LIFE_S)
        read = client.get(key)
    finally:
        for each in (key, other):
            client.delete(each)
    if read != value.encode():
        raise Wrong("roundtrip", f"{name} read something else than was written")
    return f"{name}: two keys written, read back and removed"


def _info(client: Any, section: str) -> dict[str, Any]:
    try:
        return dict(client.info(section))
    except library("redis").exceptions.ResponseError:  # a right that Sentry can do without
        return {}


def _kombu(connection: Connection, write: bool) -> Answer:
    kombu, exceptions = library("kombu"), library("kombu.exceptions")
    options = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}
    broker = kombu.Connection(_url(connection), connect_timeout=TIMEOUT_S, transport_options=options)
    try:
        broker.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=TIMEOUT_S)
        if not write:
            return Answer("kombu: connected")
        queue = broker.SimpleQueue(token(), no_ack=True, queue_opts={"durable": False, "auto_delete": True})
        value = token()
        queue.put(value)
        message = queue.get(block=True, timeout=TIMEOUT_S)
        queue.queue.delete()
        queue.close()
        if message.payload != value:
            raise Wrong("roundtrip", "kombu took another message than it was given")
        return Answer("kombu: a message sent and taken")
    except exceptions.OperationalError as error:
        raise _understood(error) from error
    finally:
        broker.release()


def _url(connection: Connection) -> str:
    """The broker's URL again, with as much of TLS in it as the configured one had."""
    host, port = address(connection)
    secure = connection["tls"]
    query = []
    if secure["verify"] != "none":
        query.append("ssl_cert_reqs=CERT_REQUIRED")
        ca = own_ca(connection, EXPLICIT)
        query += [f"ssl_ca_certs={quote(ca, safe='')}"] if ca else []
    login = f"{quote(connection['user'] or '', safe='')}:{quote(connection['password'] or '', safe='')}@"
    scheme = "rediss" if secure["on"] else "redis"
    return f"{scheme}://{login}{host}:{port}/{connection['options'].get('db', 0)}" + (f"?{'&'.join(query)}" if query else "")


def _over_the_wire(connection: Connection, write: bool) -> Answer:
    host, port = address(connection)
    login = [word for word in (connection["user"], connection["password"]) if word]
    key, other, value = token(), token(), token()
    with tls.handshake(host, port, Trust(Path(connection["tls"]["ca"] or "")), timeout_s=TIMEOUT_S) as wire:
        if login:
            _said(wire, "AUTH", *login)
        _said(wire, "SELECT", str(connection["options"].get("db", 0)))
        _said(wire, "PING")
        if write:
            _fit("\n".join(_info_over(wire, section) for section in SECTIONS))
            _said(wire, "SET", key, value, "EX", str(LIFE_S))
            try:
                _said(wire, "MSET", key, value, other, value)
                for each in (key, other):
                    _said(wire, "EXPIRE", each, str(LIFE_S))
            finally:
                for each in (key, other):
                    _said(wire, "DEL", each)
    return Answer(f"as Relay's client: logged in{f', two keys {MARK}-… written and removed' if write else ''}")


def _said(wire: tls.Connection, *words: str) -> str:
    """The first line of the answer. Raises what `_understood` makes of a complaint."""
    wire.send(b"".join([f"*{len(words)}\r\n".encode(), *(f"${len(w.encode())}\r\n{w}\r\n".encode() for w in words)]))
    said = wire.receive_line().decode(errors="replace")
    if said.startswith("-"):
        raise _understood(Wrong("protocol", said), said)
    return said


def _info_over(wire: tls.Connection, section: str) -> str:
    """A section of INFO, which comes as one text with its length in front; empty where it is kept back."""
    try:
        head = _said(wire, "INFO", section)
    except Wrong:
        return ""
    size = int(head[1:]) if head.startswith("$") else -1
    return wire.receive(size + 2).decode(errors="replace") if size >= 0 else ""
