"""Reads taskbroker's YAML file and its variables.

Both are one tree (figment): `TASKBROKER_…` wins, `__` nests, keys in lower case. From 26.5.2 on (taskbroker#663) clusters and
topics are two maps, and a mixture with the flat keys of before is refused. Read in the source of 26.5.0, 26.5.2 and 26.7.2, and
seen with 26.7.2 itself, 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kit.sentry.check.executor.contract import Connection, Found, Given, Refused
from kit.sentry.check.executor.documents import is_on, load
from kit.sentry.check.executor.shapes import Options, address_of, connection, integer, kafka, libpq_tls, login_of

PREFIX = "TASKBROKER_"
MAPS = (26, 5, 2)
DEFAULT_TOPIC, DEFAULT_DEAD_LETTERS = "taskworker", "taskworker-dlq"
DEFAULT_ADDRESS = "127.0.0.1:9092"
_LOGIN = (
    *("security_protocol", "sasl_mechanism", "sasl_username", "sasl_password"),
    *("ssl_ca_location", "ssl_certificate_location", "ssl_key_location"),
)
# What must not stand beside the maps. `kafka_deadletter_topic` and `kafka_retry_topic` may.
FLAT = (
    *("kafka_topic", "kafka_cluster", "kafka_consumer_group", "kafka_deadletter_cluster", "raw_mode"),
    *(f"{prefix}{key}" for prefix in ("kafka_", "kafka_deadletter_") for key in _LOGIN),
)


def read(given: Given) -> Found:
    document = load(given.source) if given.source.strip() else {}
    flat = {name.removeprefix(PREFIX): value for name, value in given.env.items() if name.startswith(PREFIX)}
    tree = _nested(document, flat)
    ca = given.env.get("SSL_CERT_FILE")
    maps = [key for key in ("kafka_clusters", "kafka_topics") if tree.get(key)] if not given.before(*MAPS) else []
    found = _with_maps(tree, maps, ca) if maps else _flat(tree, ca)
    found.topic(tree.get("kafka_long_topic"), "produced", "kafka_long_topic")
    found.connections += _postgres(tree, given.env)
    return found


def _with_maps(tree: Options, maps: list[str], ca: str | None) -> Found:
    mixed = [key for key in FLAT if tree.get(key) is not None]
    if mixed:
        raise Refused(
            f"cannot mix {', '.join(mixed)} with {' and '.join(maps)}: the former are deprecated; taskbroker does not start"
        )
    clusters, topics = tree.get("kafka_clusters") or {}, tree.get("kafka_topics") or {}
    found = Found([_kafka(f"kafka_clusters.{name}", cluster, "address", "", ca) for name, cluster in clusters.items()])
    dead = tree.get("kafka_deadletter_topic") or DEFAULT_DEAD_LETTERS
    consumed = [
        name for name, topic in topics.items() if not _is_on(topic, "produce_only") and not _is_on(topic, "consumer_disabled")
    ]
    retry = tree.get("kafka_retry_topic")
    found.error = next(_objections(topics, clusters, consumed, dead, retry), None)
    for name in topics:
        if name in consumed:
            found.topic(name, "consumed", f"kafka_topics.{name}")
        elif name not in (dead, retry):
            found.topic(name, "produced", f"kafka_topics.{name}")
    found.topic(dead, "dead-letter", "kafka_deadletter_topic")
    found.topic(retry, "retried", "kafka_retry_topic")
    return found


def _objections(topics: Options, clusters: Options, consumed: list[str], dead: str, retry: str | None) -> Iterator[str]:
    """What taskbroker holds against the two maps before it starts (src/config/mod.rs of 26.7.2)."""
    for name, topic in topics.items():
        if (topic or {}).get("cluster") not in clusters:
            yield f"kafka_topics.{name} names the cluster {(topic or {}).get('cluster')}, which is not in kafka_clusters"
    if not consumed:
        yield "kafka_topics has no topic to consume: taskbroker does not start"
    named: tuple[tuple[str, str | None], ...] = (("kafka_deadletter_topic", dead), ("kafka_retry_topic", retry))
    for key, target in named:
        if target and target not in topics:
            yield f"{key} is {target}, which is not in kafka_topics: taskbroker does not start"
    if not retry and (len(consumed) > 1 or any((topics[name] or {}).get("raw") for name in consumed)):
        yield "kafka_retry_topic is not set, with several consumed topics or a raw one: taskbroker does not start"


def _flat(tree: Options, ca: str | None) -> Found:
    """One cluster and one topic, and the dead letters with a login of their own."""
    dead = {"kafka_deadletter_cluster": tree.get("kafka_cluster"), **tree}
    found = Found(
        [
            _kafka("kafka_cluster", tree, "kafka_cluster", "kafka_", ca),
            _kafka("kafka_deadletter_cluster", dead, "kafka_deadletter_cluster", "kafka_deadletter_", ca),
        ]
    )
    found.topic(tree.get("kafka_topic") or DEFAULT_TOPIC, "consumed", "kafka_topic")
    found.topic(tree.get("kafka_deadletter_topic") or DEFAULT_DEAD_LETTERS, "dead-letter", "kafka_deadletter_topic")
    found.topic(tree.get("kafka_retry_topic"), "retried", "kafka_retry_topic")
    return found


def _kafka(use: str, tree: Options, address: str, prefix: str, ca: str | None) -> Connection:
    """Its librdkafka is linked with the system's OpenSSL: without a path of its own it takes SSL_CERT_FILE (seen with 26.7.2)."""
    options = {key.replace("_", "."): tree[prefix + key] for key in _LOGIN if tree.get(prefix + key) is not None}
    return kafka("rdkafka", use, {"bootstrap.servers": tree.get(address) or DEFAULT_ADDRESS, **options}, ca)


def _postgres(tree: Options, env: Mapping[str, str]) -> list[Connection]:
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


def _is_on(topic: Any, key: str) -> bool:
    return is_on((topic or {}).get(key, False))


def _nested(document: Any, flat: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(json.dumps(document or {}))
    for name, value in flat.items():
        *path, last = name.lower().split("__")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return tree
