"""Reads Relay's config.yml and its variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kit.sentry.check.executor.documents import load
from kit.sentry.check.executor.shapes import Connection, Options, kafka, redis_rs

RELAY_EXPANDS = (25, 5)  # relay#4750: before it, "${VAR}" in the file is sent to the server as it stands


def read(source: str, env: Mapping[str, str], version: tuple[int, ...]) -> tuple[Options, list[Connection]]:
    """Relay's config.yml, then its variables, which win (relay/src/cli.rs). redis-rs and librdkafka verify chain and name."""
    document = _expanded(load(source), env if not version or version >= RELAY_EXPANDS else {})
    processing = document.get("processing") or {}
    connections = []
    lists = {"kafka_config": processing.get("kafka_config") or []}
    lists |= {f"secondary_kafka_configs.{k}": v for k, v in (processing.get("secondary_kafka_configs") or {}).items()}
    for use, entries in lists.items():
        options = {entry["name"]: entry["value"] for entry in entries}
        if use == "kafka_config" and env.get("RELAY_KAFKA_BROKER_URL"):
            options["bootstrap.servers"] = env["RELAY_KAFKA_BROKER_URL"]
        connections.append(kafka("rdkafka", f"processing.{use}", options))
    for use, url in _relay_redis(processing.get("redis"), env.get("RELAY_REDIS_URL")):
        connections.append(redis_rs(use, url, env.get("SSL_CERT_FILE")))
    return {"processing": processing.get("enabled", False)}, connections


def _relay_redis(given: Any, override: str | None) -> list[tuple[str, str]]:
    """One URL, one mapping with `server`, or one of these for each use."""
    if override:
        return [("RELAY_REDIS_URL", override)]
    if not isinstance(given, Mapping):
        return [("processing.redis", str(given or ""))]
    if "server" in given:
        return [("processing.redis", str(given["server"]))]
    return [
        (f"processing.redis.{use}", str(part.get("server") if isinstance(part, Mapping) else part)) for use, part in given.items()
    ]


def _expanded(node: Any, env: Mapping[str, str]) -> Any:
    """`${VAR}` and `${VAR:default}` in every text, unknown ones left as they stand."""
    if isinstance(node, Mapping):
        return {key: _expanded(value, env) for key, value in node.items()}
    if isinstance(node, list):
        return [_expanded(value, env) for value in node]
    if isinstance(node, str):
        return re.sub(r"\$\{(\w+)(?::([^}]*))?\}", lambda m: env.get(m[1], m[2] if m[2] is not None else m[0]), node)
    return node
