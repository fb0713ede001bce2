"""Reads Snuba's settings: settings.py executed over Snuba's own defaults.

Which client reads what was seen with Snuba 26.8.0 and its head of 2026-08-22, which is the nearest to 26.9 (2026-11):
Python's ClickHouse clients take `ca_certs` and `verify`; the Rust writer ignores both, always verifies, and knows SSL_CERT_FILE
only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from kit.sentry.check.executor.commands import option, options
from kit.sentry.check.executor.contract import Connection, Found, Given, Refused
from kit.sentry.check.executor.documents import truth
from kit.sentry.check.executor.python_settings import run
from kit.sentry.check.executor.shapes import Options, connection, first_given, integer, kafka, proxy, redis_tls
from kit.sentry.check.executor.snuba_storages import Storage, is_known, of_entity, storages

HTTP_ALONE = (26, 9)  # snuba e6ffe7c9c of 2026-08-17: no native client but for `cleanup`
RUST_TLS = (25, 4)  # snuba#7034, snuba#7059: before, plain http:// and a Kafka client without TLS
RUST = ("rust-consumer", "accepted-outcomes-consumer")  # subcommands whose clients are Rust's
CONSUMERS = ("consumer", *RUST)
COMMANDS = (*CONSUMERS, "replacer", "subscriptions-scheduler-executor", "subscriptions-scheduler", "subscriptions-executor")


def read(given: Given) -> Found:
    defined = run(given.source, given.env, {"snuba.settings": _defaults(given.env)})
    is_rust = bool(set(given.command) & set(RUST))
    found = Found(settings={"debug": bool(defined["DEBUG"])})
    for number, cluster in enumerate(defined["CLUSTERS"]):
        found.connections += _clickhouse(f"CLUSTERS.{number}", cluster, given, is_rust)
    found.connections += _redis(defined, given.env)
    client, fallback = ("rdkafka", given.env.get("SSL_CERT_FILE")) if is_rust else ("confluent-kafka", None)
    found.connections.append(kafka(client, "BROKER_CONFIG", defined["BROKER_CONFIG"], fallback))
    for topic, broker in defined["KAFKA_BROKER_CONFIG"].items():
        found.connections.append(kafka(client, f"KAFKA_BROKER_CONFIG.{topic}", broker, fallback))
    renamed = dict(defined["KAFKA_TOPIC_MAP"] or {})
    for name, target in renamed.items():
        found.topic(target, "renamed", f"KAFKA_TOPIC_MAP.{name}")
    _note_topics(found, renamed, given)
    return found


# ── topics ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _note_topics(found: Found, renamed: Mapping[str, str], given: Given) -> None:
    """What the command that the container runs reads and writes (snuba/cli, snuba/consumers/consumer_config.py of 26.8.0)."""
    words = given.command
    command = next((word for word in words if word in COMMANDS), "")
    use = f"snuba {command}"

    def note(flag: str, default: str, role: str) -> None:
        found.topic((flag and option(words, flag)) or renamed.get(default, default), role, use)

    known = storages(given.version)
    for name in options(words, "--storage"):
        if name not in known and is_known(given.version):
            version = ".".join(map(str, given.version))
            found.error = f"{use} --storage {name}: Snuba {version} has no such storage, and refuses the name"
        storage = known.get(name, Storage(""))
        if command in CONSUMERS:
            raw = "--raw-topic" if command == "accepted-outcomes-consumer" else "--raw-events-topic"
            note(raw, storage.topic, "consumed")
        if command in ("consumer", "rust-consumer"):
            note("", storage.dead_letters, "dead-letter")
            note("--commit-log-topic", storage.commit_log, "produced")
            note("--replacements-topic", storage.replacements, "produced")
        if command == "replacer":
            note("--replacements-topic", storage.replacements, "consumed")
    if command == "accepted-outcomes-consumer":
        note("--accepted-outcomes-topic", "outcomes-billing", "produced")
    for name in options(words, "--entity"):
        storage = of_entity(name, given.version)
        if command != "subscriptions-executor":
            note("", storage.commit_log, "consumed")
        if command != "subscriptions-scheduler":
            note("", storage.results, "produced")
        if command != "subscriptions-scheduler-executor":
            note("", storage.scheduled, "produced" if command == "subscriptions-scheduler" else "consumed")


# ── stores ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _clickhouse(use: str, cluster: Options, given: Given, is_rust: bool) -> list[Connection]:
    """Up to 26.8 natively on `port` and by HTTP on `http_port`; from 26.9 by HTTP alone, on `http_port` or else `port`."""
    on, verifies = bool(cluster.get("secure")), bool(cluster.get("verify"))  # raw values: "False" is true, "" is not
    ca, source = first_given(("ca_certs", cluster.get("ca_certs")), ("SSL_CERT_FILE", given.env.get("SSL_CERT_FILE")))
    tls = {"on": on, "verify": "full" if on and verifies else "none", "ca": ca, "ca_from": source}
    http = "http_port" if cluster.get("http_port") else "port"
    if http == "port" and given.before(*HTTP_ALONE):
        raise Refused(f"{use} has no http_port, and Snuba before 26.9 does not start without one")
    is_native = http == "http_port" and (not given.version or given.before(*HTTP_ALONE))
    # The writer of Python's consumers knows no proxy before clickhouse-connect took its place.
    proxied = {} if is_native else proxy(given.env, str(cluster.get("host", "")))
    made = [_to_clickhouse("clickhouse-driver", f"{use}.port", cluster, tls, {})] if is_native else []
    made.append(_to_clickhouse("clickhouse-http", f"{use}.{http}", cluster, tls, proxied))
    if is_rust:
        path = given.env.get("SSL_CERT_FILE")
        speaks = on and not given.before(*RUST_TLS)
        tls = {"on": speaks, "verify": "full" if speaks else "none", "ca": path, "ca_from": "SSL_CERT_FILE" if path else None}
        proxied = proxy(given.env, str(cluster.get("host", "")))  # reqwest
        made.append(_to_clickhouse("clickhouse-rust", f"{use}.{http}", cluster, tls, proxied))
    return made


def _to_clickhouse(client: str, use: str, cluster: Options, tls: Options, more: Options) -> Connection:
    address = [[cluster.get("host", ""), integer(cluster.get(use.rpartition(".")[2]), 0)]]
    told = {key: cluster.get(key) for key in ("database", "single_node", "cluster_name", "distributed_cluster_name")}
    options = {**told, **more}
    return connection("clickhouse", client, use, address, cluster.get("user"), cluster.get("password"), tls, options)


def _redis(defined: Mapping[str, Any], env: Mapping[str, str]) -> list[Connection]:
    """One for each use with a cluster of its own; the rest share the default. In cluster mode Snuba passes no `ssl` at all."""
    own = {name: cluster for name, cluster in defined["REDIS_CLUSTERS"].items() if cluster}
    if len(own) < len(defined["REDIS_CLUSTERS"]) or not own:
        own["default"] = {key: defined[f"REDIS_{key.upper()}"] for key in ("host", "port", "password", "db", "ssl")}
        own["default"] |= {"use_redis_cluster": defined["USE_REDIS_CLUSTER"]}
        own["default"] |= {"cluster_startup_nodes": defined["REDIS_CLUSTER_STARTUP_NODES"]}
    made = []
    for name, cluster in own.items():
        use, is_cluster = f"REDIS {name}", bool(cluster.get("use_redis_cluster"))
        nodes = (cluster.get("cluster_startup_nodes") if is_cluster else None) or [cluster]
        addresses = [[node["host"], integer(node["port"], 6379)] for node in nodes]
        tls = redis_tls(not is_cluster and truth(cluster.get("ssl"), f"{use} ssl"), True, None, env)
        options = {"db": integer(cluster.get("db"), 0), "cluster": is_cluster}
        made.append(connection("redis", "redis-py", use, addresses, None, cluster.get("password"), tls, options))
    return made


def _defaults(env: Mapping[str, str]) -> dict[str, Any]:
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
    uses = ["cache", "rate_limiter", "subscription_store", "replacements_store", "config", "dlq", "optimize", "admin_auth"]
    uses += ["manual_jobs"]
    return {
        "os": os,
        "DEBUG": False,
        "CLUSTERS": [cluster],
        "REDIS_HOST": env.get("REDIS_HOST", "127.0.0.1"),
        "REDIS_PORT": int(env.get("REDIS_PORT") or 6379),
        "REDIS_PASSWORD": env.get("REDIS_PASSWORD"),
        "REDIS_DB": int(env.get("REDIS_DB") or 1),
        "REDIS_SSL": truth(env.get("REDIS_SSL"), "REDIS_SSL"),
        "USE_REDIS_CLUSTER": env.get("USE_REDIS_CLUSTER", "0") != "0",
        "REDIS_CLUSTER_STARTUP_NODES": None,
        "REDIS_CLUSTERS": dict.fromkeys(uses),
        "BROKER_CONFIG": broker,
        "KAFKA_BROKER_CONFIG": {},
        "KAFKA_TOPIC_MAP": {},
        "TOPIC_PARTITION_COUNTS": {},
        "SENTRY_DSN": None,
        "SKIPPED_MIGRATION_GROUPS": set(),
    }
