"""Reads vroom's variables; it has no file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kit.sentry.check.executor.contract import Connection, Found, Given
from kit.sentry.check.executor.shapes import brokers, connection, first_given, s3

PREFIX, DEFAULT_ADDRESS = "SENTRY_KAFKA_BROKERS_", "localhost:9092"
OCCURRENCES_ALONE = (26, 4)  # cmd/vroom/config.go of 26.3.0 and 26.4.0: profiles go through Sentry from then on
OCCURRENCES = {"SENTRY_KAFKA_TOPIC_OCCURRENCES": "ingest-occurrences"}
PROFILING = {
    "SENTRY_KAKFA_TOPIC_PROFILES": "processed-profiles",  # written so in vroom's source
    "SENTRY_KAFKA_TOPIC_PROFILE_CHUNKS": "snuba-profile-chunks",
    "SENTRY_KAFKA_TOPIC_CALL_TREES": "profiles-call-tree",
}


def read(given: Given) -> Found:
    env = given.env
    writers = {f"{PREFIX}OCCURRENCES": OCCURRENCES}
    if given.before(*OCCURRENCES_ALONE):
        writers[f"{PREFIX}PROFILING"] = PROFILING
    found = Found(settings={"unread": sorted(name for name in env if name.startswith(PREFIX) and name not in writers)})
    for name, topics in writers.items():
        found.connections.append(_kafka(name, env))
        for variable, default in topics.items():
            found.topic(env.get(variable) or default, "produced", variable)
    bucket = urlsplit(env.get("SENTRY_BUCKET_PROFILES", ""))
    if bucket.scheme == "s3":
        found.connections.append(_bucket(bucket, env))
    return found


def _kafka(name: str, env: Mapping[str, str]) -> Connection:
    """TLS only when a client certificate and its key are given; with a CA alone vroom speaks plaintext (seen with 26.7.1)."""
    on = bool(env.get("SENTRY_KAFKA_SSL_CERT_PATH") and env.get("SENTRY_KAFKA_SSL_KEY_PATH"))
    named = [(variable, env.get(variable)) for variable in ("SENTRY_KAFKA_SSL_CA_PATH", "SSL_CERT_FILE")]
    ca, source = first_given(*named)
    mechanism = env.get("SENTRY_KAFKA_SASL_MECHANISM", "")
    options = {
        "security.protocol": ("SASL_" if mechanism else "") + ("SSL" if on else "PLAINTEXT"),
        "sasl.mechanism": mechanism,
        "ssl.certificate.location": env.get("SENTRY_KAFKA_SSL_CERT_PATH"),
        "ssl.key.location": env.get("SENTRY_KAFKA_SSL_KEY_PATH"),
    }
    tls = {"on": on, "verify": "full" if on else "none", "ca": ca, "ca_from": source}
    login = env.get("SENTRY_KAFKA_SASL_USERNAME"), env.get("SENTRY_KAFKA_SASL_PASSWORD")
    return connection("kafka", "segmentio-kafka", name, brokers(env.get(name) or DEFAULT_ADDRESS), *login, tls, options)


def _bucket(bucket: Any, env: Mapping[str, str]) -> Connection:
    query = {key: values[-1] for key, values in parse_qs(bucket.query).items()}
    trust = first_given(("SSL_CERT_FILE", env.get("SSL_CERT_FILE")))
    facts = {"bucket": bucket.hostname, "acl": None, "region": query.get("region"), "addressing": None, "signature": None}
    keys = env.get("AWS_ACCESS_KEY_ID"), env.get("AWS_SECRET_ACCESS_KEY")
    made = s3("SENTRY_BUCKET_PROFILES", query.get("endpoint"), *keys, True, trust, facts, env)
    return {**made, "client": "gocloud"}
