"""Reads vroom's variables; it has no file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kit.sentry.check.executor.shapes import Connection, Options, brokers, connection, first_given, s3


def read(source: str, env: Mapping[str, str], version: tuple[int, ...]) -> tuple[Options, list[Connection]]:
    """vroom turns TLS on only when a client certificate and its key are given; with a CA alone it speaks plaintext."""
    names = sorted(name for name in env if name.startswith("SENTRY_KAFKA_BROKERS_")) or ["SENTRY_KAFKA_BROKERS_PROFILING"]
    on = bool(env.get("SENTRY_KAFKA_SSL_CERT_PATH") and env.get("SENTRY_KAFKA_SSL_KEY_PATH"))
    ca = env.get("SENTRY_KAFKA_SSL_CA_PATH") or env.get("SSL_CERT_FILE")
    source_of_ca = "SENTRY_KAFKA_SSL_CA_PATH" if env.get("SENTRY_KAFKA_SSL_CA_PATH") else "SSL_CERT_FILE" if ca else None
    user, password = env.get("SENTRY_KAFKA_SASL_USERNAME"), env.get("SENTRY_KAFKA_SASL_PASSWORD")
    mechanism = env.get("SENTRY_KAFKA_SASL_MECHANISM", "")
    options: dict[str, Any] = {
        "security.protocol": ("SASL_" if mechanism else "") + ("SSL" if on else "PLAINTEXT"),
        "sasl.mechanism": mechanism,
    }
    options |= {
        "ssl.certificate.location": env.get("SENTRY_KAFKA_SSL_CERT_PATH"),
        "ssl.key.location": env.get("SENTRY_KAFKA_SSL_KEY_PATH"),
    }
    connections = []
    for name in names:
        tls = {"on": on, "verify": "full" if on else "none", "ca": ca, "ca_from": source_of_ca}
        addresses = brokers(env.get(name, "localhost:9092"))
        connections.append(connection("kafka", "segmentio-kafka", name, addresses, user, password, tls, dict(options)))
    bucket = urlsplit(env.get("SENTRY_BUCKET_PROFILES", ""))
    if bucket.scheme == "s3":
        query = {key: values[-1] for key, values in parse_qs(bucket.query).items()}
        endpoint = query.get("endpoint")
        trust = first_given(("SSL_CERT_FILE", env.get("SSL_CERT_FILE")))
        facts = {"bucket": bucket.hostname, "acl": None, "region": query.get("region"), "addressing": None, "signature": None}
        keys = env.get("AWS_ACCESS_KEY_ID"), env.get("AWS_SECRET_ACCESS_KEY")
        connections.append({**s3("SENTRY_BUCKET_PROFILES", endpoint, *keys, True, trust, facts), "client": "gocloud"})
    return {}, connections
