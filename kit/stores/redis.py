"""Valkey, spoken to as Redis: one TLS port, one user with no right to administer.

Queues live here: a key that is evicted is an event that is lost, so memory is bounded by `noeviction` (writes are refused
and Sentry backs off) and never by an LRU policy. The probe speaks the few bytes of RESP itself: importing redis-py
takes a quarter of a second, which `kit status` does not have.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from kit.endpoints import RedisEndpoint, Secret, Trust
from kit.stores.contract import PROBE_TIMEOUT_S, Credentials, InClear, NotYet, Port, Preamble, Ready, Roundtrip, StoreError
from kit.stores.wire import tls

if TYPE_CHECKING:
    import redis

NAME = "redis"
SETUP = 1  # version of what `bootstrap` makes; tests/setups.yaml tells when it must be another one
PORTS = (Port.same("tls", 6380),)
PREAMBLE: Preamble | None = None
IN_CLEAR = InClear(b"PING\r\n")
USER = "default"  # rb and the chart's URLs know no user name


def names() -> tuple[str, ...]:
    return (NAME, "localhost", "127.0.0.1", "::1")


def mounted_secrets(credentials: Credentials) -> Mapping[str, str]:
    """A sed script that start.sh runs over users.acl; the server knows only the hash."""
    return {"passwords.sed": f"s/SENTRY_PASSWORD_SHA256/{_sha256(credentials.redis_sentry)}/\n"}


def _sha256(password: Secret) -> str:
    return hashlib.sha256(password.reveal().encode()).hexdigest()


def endpoint(host: str, ports: Mapping[str, int], credentials: Credentials) -> RedisEndpoint:
    return RedisEndpoint(host=host, port=ports["tls"], username=USER, password=credentials.redis_sentry)


def with_password(endpoint: RedisEndpoint, password: Secret) -> RedisEndpoint:
    return replace(endpoint, password=password)


def probe(endpoint: RedisEndpoint, trust: Trust) -> Ready | NotYet:
    """AUTH, then PING. A server that still loads its log answers PING with LOADING, which is not ready."""
    started = time.perf_counter()
    try:
        with tls.handshake(endpoint.host, endpoint.port, trust, timeout_s=PROBE_TIMEOUT_S) as connection:
            _command(connection, "AUTH", endpoint.username, endpoint.password.reveal())
            _command(connection, "PING")
            return Ready(connection.tls, (time.perf_counter() - started) * 1000)
    except Exception as error:
        return tls.not_yet(error)


def _command(connection: tls.Connection, *words: str) -> str:
    """One command as an array of bulk strings, one answer that fits a line (https://redis.io/docs/latest/develop/reference/protocol-spec)."""
    parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    connection.send(f"*{len(words)}\r\n{''.join(parts)}".encode())
    answer = connection.receive_line().decode(errors="replace")
    if answer.startswith(("-WRONGPASS", "-NOAUTH", "-NOPERM")):
        raise tls.LoginRefused(answer[1:])
    if not answer.startswith("+"):
        raise tls.ProtocolBroken(answer.removeprefix("-"))
    return answer[1:]


def bootstrap(endpoint: RedisEndpoint, credentials: Credentials, trust: Trust) -> tuple[str, ...]:
    """Nothing: the server reads its users at its start, and Sentry needs no keys to begin with."""
    return ()


def client_env(endpoint: RedisEndpoint, trust: Trust) -> Mapping[str, str]:
    """redis-py, rb and kombu take everything from the URL."""
    login = f"{endpoint.username}:{endpoint.password.reveal()}"
    query = f"ssl_cert_reqs=required&ssl_check_hostname=true&ssl_ca_certs={quote(str(trust.ca_file), safe='/')}"
    return {"REDIS_URL": f"rediss://{login}@{endpoint.host}:{endpoint.port}/0?{query}"}


def smoke(endpoint: RedisEndpoint, trust: Trust) -> Roundtrip:
    """A key with an expiry, a Lua script (what Relay's limits are made of), and the key's removal; by redis-py."""
    import redis

    key, value = f"kit:smoke:{secrets.token_hex(8)}", secrets.token_hex(16)
    started = time.perf_counter()
    try:
        client = _client(endpoint, trust)
        try:
            client.set(key, value, ex=60)
            read = client.eval("return redis.call('GET', KEYS[1])", 1, key)
            if read != value:
                raise StoreError(NAME, "reading back", f"wrote {value}, read {read}")
        finally:
            client.delete(key)
            client.close()
    except (redis.RedisError, OSError) as error:
        raise StoreError(NAME, "writing and reading back a key", error) from error
    return Roundtrip("a key was set, read back by a script and deleted", (time.perf_counter() - started) * 1000)


@contextmanager
def connected(endpoint: RedisEndpoint, trust: Trust) -> Iterator[redis.Redis]:
    """A client that gets bytes; what it raises is a StoreError."""
    import redis

    client = _client(endpoint, trust, decodes=False)
    try:
        yield client
    except (redis.RedisError, OSError) as error:
        raise StoreError(NAME, "reading or writing keys", error) from error
    finally:
        client.close()


def _client(endpoint: RedisEndpoint, trust: Trust, decodes: bool = True) -> redis.Redis:
    import redis

    return redis.Redis(
        host=endpoint.host,
        port=endpoint.port,
        username=endpoint.username,
        password=endpoint.password.reveal(),
        ssl=True,
        ssl_cert_reqs="required",
        ssl_check_hostname=True,  # off by default in the redis-py of Snuba: facts of the chart
        ssl_ca_certs=str(trust.ca_file),
        socket_timeout=PROBE_TIMEOUT_S,
        socket_connect_timeout=PROBE_TIMEOUT_S,
        decode_responses=decodes,
    )
