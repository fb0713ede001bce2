"""What must be right about a connection before anything is sent: a login must not go out in clear, nor to a stranger.

It is read off the configuration and the variables; no client is made for it.
"""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from kit.sentry.preflight.clients.contract import Connection, Wrong, address

STORES = {"postgres": "postgres", "redis": "redis", "kafka": "kafka", "clickhouse": "clickhouse", "s3": "s3", "mail": "smtp"}
# redis-py looks at the chain only, whatever it is told; the others can do better, so they must.
BY_NAME_TOO = ("psycopg2", "sqlx", "confluent-kafka", "rdkafka", "segmentio-kafka")
# Which clients go where a proxy variable sends them, and which variables these read. For ClickHouse over HTTP it is Snuba's Rust
# writer (reqwest) and clickhouse-connect (#115, 2023-02) that do, and not the urllib3 of its Python writer.
PROXIED: Mapping[str, tuple[str, ...]] = {
    "boto3": ("https_proxy", "HTTPS_PROXY"),
    "gocloud": ("https_proxy", "HTTPS_PROXY"),
    "clickhouse-http": ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
}


def demand(connection: Connection) -> None:
    """Raises `Wrong`."""
    if connection["store"] not in STORES:
        raise Wrong("unknown-store", f"{connection['use']} leads to {connection['store']}")
    host, _ = address(connection)
    secure = connection["tls"]
    if not secure["on"]:
        raise Wrong("plaintext", f"{connection['use']} is not set to TLS")
    if secure["verify"] == "none" or (connection["client"] in BY_NAME_TOO and secure["verify"] != "full"):
        raise Wrong("not-verifying", _how(connection))
    if secure["ca"] and not Path(secure["ca"]).is_file():
        raise Wrong("ca-missing", f"{secure['ca_from']} names {secure['ca']}, which is not there")
    _no_proxy(connection, host)


def _how(connection: Connection) -> str:
    if connection["store"] == "postgres":
        mode = connection["options"].get("sslmode") or os.environ.get("PGSSLMODE") or "prefer"
        return f"sslmode is {mode}; only verify-full looks at chain and name"
    lacks = "neither chain nor name" if connection["tls"]["verify"] == "none" else "the chain and not the name"
    return f"by {connection['use']} {connection['client']} looks at {lacks}"


def _no_proxy(connection: Connection, host: str) -> None:
    """A proxy between a cluster and its stores sees nothing, for TLS goes through it; but few let such a connection through."""
    for name in PROXIED.get(connection["client"], ()):
        given = os.environ.get(name)
        if given and not urllib.request.proxy_bypass_environment(host):  # type: ignore[attr-defined]
            proxy = urlsplit(given if "://" in given else f"//{given}").netloc.rpartition("@")[2]  # without the login
            raise Wrong("proxy", f"{name} sends {connection['client']} to {proxy}, and NO_PROXY does not name {host}")
