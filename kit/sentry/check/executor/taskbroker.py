"""Reads taskbroker's YAML file and its variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kit.sentry.check.executor.documents import load
from kit.sentry.check.executor.shapes import Connection, Options, address_of, connection, integer, kafka, libpq_tls, login_of


def read(source: str, env: Mapping[str, str], version: tuple[int, ...]) -> tuple[Options, list[Connection]]:
    """A YAML file, then TASKBROKER_* variables; `__` nests, keys in lower case (figment). Before 0.18 flat names, twice over."""
    document = load(source) if source.strip() else {}
    tree = _nested(document, {k.removeprefix("TASKBROKER_"): v for k, v in env.items() if k.startswith("TASKBROKER_")})
    connections = [
        _taskbroker_kafka(f"kafka_clusters.{n}", c, "address", "") for n, c in (tree.get("kafka_clusters") or {}).items()
    ]
    if not connections:
        connections = [_taskbroker_kafka("kafka_cluster", tree, "kafka_cluster", "kafka_")]
        dead = {"kafka_deadletter_cluster": tree.get("kafka_cluster"), **tree}
        connections.append(_taskbroker_kafka("kafka_deadletter_cluster", dead, "kafka_deadletter_cluster", "kafka_deadletter_"))
    return {}, connections + _taskbroker_postgres(tree, env)


def _taskbroker_postgres(tree: Options, env: Mapping[str, str]) -> list[Connection]:
    """Activations in Postgres instead of SQLite: a URL at first, parts from chart 33.7 on. sqlx reads libpq's variables."""
    pg = (tree.get("store") or {}).get("pg") if (tree.get("store") or {}).get("adapter") == "postgres" else None
    if pg is not None:
        query = {key: values[-1] for key, values in parse_qs(pg.get("query_params") or "").items()}
        address = [[pg.get("host", ""), integer(pg.get("port"), 5432)]]
        options = {"database": pg.get("database_name"), **query}
        login = pg.get("username"), pg.get("password", "password")
        return [connection("postgres", "sqlx", "store.pg", address, *login, libpq_tls(query, env), options)]
    if not tree.get("pg_url"):
        return []
    parts = urlsplit(str(tree["pg_url"]))
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    options = {"database": parts.path.strip("/") or tree.get("pg_database_name"), **query}
    return [connection("postgres", "sqlx", "pg_url", address_of(parts), *login_of(parts), libpq_tls(query, env), options)]


def _taskbroker_kafka(use: str, tree: Options, address: str, prefix: str) -> Connection:
    keys = {"security_protocol": "security.protocol", "sasl_mechanism": "sasl.mechanism", "sasl_username": "sasl.username"}
    keys |= {"sasl_password": "sasl.password", "ssl_ca_location": "ssl.ca.location"}
    options = {name: tree[prefix + key] for key, name in keys.items() if tree.get(prefix + key) is not None}
    return kafka("rdkafka", use, {"bootstrap.servers": tree.get(address) or "127.0.0.1:9092", **options})


def _nested(document: Any, flat: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(json.dumps(document or {}))
    for name, value in flat.items():
        *path, last = name.lower().split("__")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return tree
