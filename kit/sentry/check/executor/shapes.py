"""The shape of a connection, and how each client library reads its own options and variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from kit.sentry.check.executor.contract import Connection

DEFAULT_PORTS = {
    "postgres": 5432,
    "redis": 6379,
    "rediss": 6379,
    "kafka": 9092,
    "http": 80,
    "https": 443,
    "amqp": 5672,
    "amqps": 5671,
}

Options = Mapping[str, Any]


def connection(
    store: str, client: str, use: str, addresses: list[list[Any]], user: Any, password: Any, tls: Options, options: Options
) -> Connection:
    return {
        "store": store,
        "client": client,
        "use": use,
        "addresses": addresses,
        "user": user or None,
        "password": password or None,
        "tls": dict(tls),
        "options": dict(options),
    }


# ── each client in its own way ─────────────────────────────────────────────────────────────────────────────────────────────


def kafka(client: str, use: str, given: Options, fallback_ca: str | None = None) -> Connection:
    """librdkafka: an empty `ssl.ca.location` counts as unset, names are checked from 2.0 on.

    `fallback_ca` is SSL_CERT_FILE for programs whose librdkafka is linked with the system's OpenSSL, which reads it: taskbroker
    and Snuba's Rust consumer. Relay and Python's wheels bring an OpenSSL that does not (all four seen, 2026-11).
    """
    options = {key: value for key, value in given.items() if value not in (None, "")}
    on = str(options.get("security.protocol", "plaintext")).lower() in ("ssl", "sasl_ssl")
    verify = "chain" if str(options.get("ssl.endpoint.identification.algorithm", "https")).lower() == "none" else "full"
    if not on or str(options.get("enable.ssl.certificate.verification", "true")).lower() == "false":
        verify = "none"
    ca, source = first_given(("ssl.ca.location", options.get("ssl.ca.location")), ("SSL_CERT_FILE", fallback_ca))
    tls = {"on": on, "verify": verify, "ca": ca, "ca_from": source}
    addresses = brokers(options.get("bootstrap.servers", ""))
    return connection("kafka", client, use, addresses, options.get("sasl.username"), options.get("sasl.password"), tls, options)


def libpq_tls(options: Options, env: Mapping[str, str]) -> dict[str, Any]:
    mode = str(options.get("sslmode") or env.get("PGSSLMODE") or "prefer")
    verify = {"verify-full": "full", "verify-ca": "chain"}.get(mode, "none")
    ca, source = first_given(("sslrootcert", options.get("sslrootcert")), ("PGSSLROOTCERT", env.get("PGSSLROOTCERT")))
    # prefer and allow give in to a server, or to somebody in between, that says no to TLS
    return {"on": mode in ("require", "verify-ca", "verify-full"), "verify": verify, "ca": ca, "ca_from": source}


def redis_tls(on: bool, verifies: bool, ca: Any, env: Mapping[str, str]) -> dict[str, Any]:
    path, source = first_given(("ssl_ca_certs", ca), ("SSL_CERT_FILE", env.get("SSL_CERT_FILE")))
    return {"on": on, "verify": "chain" if on and verifies else "none", "ca": path, "ca_from": source}


def redis_rs(use: str, url: str, ca: str | None) -> Connection:
    parts = urlsplit(url)
    on = parts.scheme == "rediss"
    verify = "full" if on and parts.fragment != "insecure" else "none"
    tls = {"on": on, "verify": verify, "ca": ca, "ca_from": "SSL_CERT_FILE" if ca else None}
    options = {"db": integer(parts.path.strip("/"), 0)}
    return connection("redis", "redis-rs", use, address_of(parts), *login_of(parts), tls, options)


def s3(
    use: str,
    endpoint: Any,
    user: Any,
    password: Any,
    verifies: bool,
    ca: tuple[Any, Any],
    facts: Options,
    env: Mapping[str, str],
) -> Connection:
    parts = urlsplit(str(endpoint)) if endpoint else None  # without one boto3 goes to Amazon, over https
    on = parts is None or parts.scheme == "https"
    tls = {"on": on, "verify": "full" if on and verifies else "none", "ca": ca[0], "ca_from": ca[1]}
    addresses = address_of(parts) if parts else []
    options = {**facts, "endpoint": endpoint, **proxy(env, parts.hostname or "" if parts else "")}
    return connection("s3", "boto3", use, addresses, user, password, tls, options)


def proxy(env: Mapping[str, str], host: str) -> dict[str, str]:
    """{"proxy": …} where a client that follows the variables would go to one: requests, boto3, clickhouse-connect, reqwest, Go.

    They differ in details of NO_PROXY (ports, ranges of addresses); names and their domains, and `*`, are read alike by all.
    """
    url, variable = first_given(*((name, env.get(name)) for name in ("HTTPS_PROXY", "https_proxy")))
    if not url:
        return {}
    spared = [name.strip().lower().lstrip(".") for name in (env.get("NO_PROXY") or env.get("no_proxy") or "").split(",")]
    if any(name == "*" or (name and (host.lower() == name or host.lower().endswith(f".{name}"))) for name in spared):
        return {}
    parts = urlsplit(url if "://" in url else f"//{url}")
    return {"proxy": f"{variable} {parts.hostname}:{parts.port or DEFAULT_PORTS.get(parts.scheme, 80)}"}  # without its login


# ── values ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def brokers(given: Any) -> list[list[Any]]:
    names = given if isinstance(given, list | tuple) else str(given).split(",")
    found = []
    for name in names:
        host, _, port = str(name).strip().rpartition("://")[2].rpartition(":")
        if host:
            found.append([host, integer(port, 9092)])
    return found


def address_of(parts: Any) -> list[list[Any]]:
    return [[parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme, 0)]] if parts.hostname else []


def login_of(parts: Any) -> tuple[str | None, str | None]:
    return (unquote(parts.username) if parts.username else None, unquote(parts.password) if parts.password else None)


def first_given(*candidates: tuple[str, Any]) -> tuple[Any, str | None]:
    """The first that is given: (its value, its name)."""
    for name, value in candidates:
        if value:
            return value, name
    return None, None


def integer(given: Any, default: int) -> int:
    try:
        return int(given)
    except (TypeError, ValueError):
        return default
