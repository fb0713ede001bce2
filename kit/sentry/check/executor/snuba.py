"""Reads Snuba's settings: settings.py executed over Snuba's own defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from kit.sentry.check.executor.python_settings import run
from kit.sentry.check.executor.shapes import Connection, Options, connection, first_given, integer, kafka, redis_tls


def read(source: str, env: Mapping[str, str], version: tuple[int, ...]) -> tuple[Options, list[Connection]]:
    found = run(source, env, {"snuba.settings": _snuba_defaults(env)})
    connections = []
    for number, cluster in enumerate(found["CLUSTERS"]):
        connections += _clickhouse(number, cluster, env)
    own = {name: cluster for name, cluster in found["REDIS_CLUSTERS"].items() if cluster}
    default = {key: found[f"REDIS_{key.upper()}"] for key in ("host", "port", "password", "db", "ssl")}
    if len(own) < len(found["REDIS_CLUSTERS"]) or not own:
        own["default"] = default
    for name, cluster in own.items():
        tls = redis_tls(bool(cluster.get("ssl")), True, None, env)  # snuba/redis.py passes no path on
        addresses = [[cluster["host"], integer(cluster["port"], 6379)]]
        options = {"db": integer(cluster.get("db"), 0)}
        connections.append(
            connection("redis", "redis-py", f"REDIS {name}", addresses, None, cluster.get("password"), tls, options)
        )
    connections.append(kafka("confluent-kafka", "BROKER_CONFIG", found["BROKER_CONFIG"]))
    connections += [kafka("confluent-kafka", f"KAFKA_BROKER_CONFIG.{t}", o) for t, o in found["KAFKA_BROKER_CONFIG"].items()]
    return {"debug": bool(found["DEBUG"])}, connections


def _snuba_defaults(env: Mapping[str, str]) -> dict[str, Any]:
    """`snuba/settings/__init__.py` as far as it names a store, with its own variables and fallbacks."""
    cluster = {
        "host": env.get("CLICKHOUSE_HOST", "127.0.0.1"),
        "port": int(env.get("CLICKHOUSE_PORT") or 9000),
        "user": env.get("CLICKHOUSE_USER", "default"),
        "password": env.get("CLICKHOUSE_PASSWORD", ""),
        "database": env.get("CLICKHOUSE_DATABASE", "default"),
        "http_port": int(env.get("CLICKHOUSE_HTTP_PORT") or 8123),
        "secure": env.get("CLICKHOUSE_SECURE", "False").lower() in ("true", "1"),
        "ca_certs": env.get("CLICKHOUSE_CA_CERTS"),
        "verify": env.get("CLICKHOUSE_VERIFY"),
        "storage_sets": set(),
        "single_node": True,
    }
    broker = {
        "bootstrap.servers": env.get("DEFAULT_BROKERS", "127.0.0.1:9092"),
        "security.protocol": env.get("KAFKA_SECURITY_PROTOCOL", "plaintext"),
        "ssl.ca.location": env.get("KAFKA_SSL_CA_PATH", ""),
        "ssl.certificate.location": env.get("KAFKA_SSL_CERT_PATH", ""),
        "ssl.key.location": env.get("KAFKA_SSL_KEY_PATH", ""),
        "sasl.mechanism": env.get("KAFKA_SASL_MECHANISM"),
        "sasl.username": env.get("KAFKA_SASL_USERNAME"),
        "sasl.password": env.get("KAFKA_SASL_PASSWORD"),
    }
    uses = ("cache", "rate_limiter", "subscription_store", "replacements_store", "config", "dlq", "optimize", "admin_auth")
    return {
        "os": os,
        "DEBUG": False,
        "CLUSTERS": [cluster],
        "REDIS_HOST": env.get("REDIS_HOST", "127.0.0.1"),
        "REDIS_PORT": int(env.get("REDIS_PORT") or 6379),
        "REDIS_PASSWORD": env.get("REDIS_PASSWORD"),
        "REDIS_DB": int(env.get("REDIS_DB") or 1),
        "REDIS_SSL": bool(env.get("REDIS_SSL")),
        "REDIS_CLUSTERS": dict.fromkeys(uses),
        "BROKER_CONFIG": broker,
        "KAFKA_BROKER_CONFIG": {},
        "KAFKA_TOPIC_MAP": {},
        "TOPIC_PARTITION_COUNTS": {},
        "SENTRY_DSN": None,
        "SKIPPED_MIGRATION_GROUPS": set(),
    }


def _clickhouse(number: int, cluster: Options, env: Mapping[str, str]) -> list[Connection]:
    """Up to 26.8 a native port and an HTTP port; at 26.9 `port` is the HTTP port and there is no other."""
    on, verifies = bool(cluster.get("secure")), bool(cluster.get("verify"))  # raw values: "False" is true, "" is not
    ca, source = first_given(("ca_certs", cluster.get("ca_certs")), ("SSL_CERT_FILE", env.get("SSL_CERT_FILE")))
    tls = {"on": on, "verify": "full" if on and verifies else "none", "ca": ca, "ca_from": source}
    options = {key: cluster.get(key) for key in ("database", "single_node", "cluster_name", "distributed_cluster_name")}
    ports = [("clickhouse-driver", "port"), ("clickhouse-http", "http_port")]
    if "http_port" not in cluster:
        ports = [("clickhouse-http", "port")]
    return [
        connection(
            "clickhouse",
            client,
            f"CLUSTERS.{number}.{key}",
            [[cluster.get("host", ""), integer(cluster.get(key), 0)]],
            cluster.get("user"),
            cluster.get("password"),
            dict(tls),
            dict(options),
        )
        for client, key in ports
    ]
