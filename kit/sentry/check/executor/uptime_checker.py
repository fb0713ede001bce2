"""Reads uptime-checker's variables; it has no file."""

from __future__ import annotations

from collections.abc import Mapping

from kit.sentry.check.executor.shapes import Connection, Options, kafka, redis_rs


def read(source: str, env: Mapping[str, str], version: tuple[int, ...]) -> tuple[Options, list[Connection]]:
    """uptime-checker: its Redis client knows the web's public roots only, whatever the variables say."""
    prefix = "UPTIME_CHECKER_KAFKA_"
    options = {
        "bootstrap.servers": env.get("UPTIME_CHECKER_RESULTS_KAFKA_CLUSTER", "127.0.0.1:9092"),
        "security.protocol": env.get(f"{prefix}SECURITY_PROTOCOL"),
        "ssl.ca.location": env.get(f"{prefix}SSL_CA_LOCATION"),
        "sasl.mechanism": env.get(f"{prefix}SASL_MECHANISM"),
        "sasl.username": env.get(f"{prefix}SASL_USERNAME"),
        "sasl.password": env.get(f"{prefix}SASL_PASSWORD"),
    }
    redis = redis_rs("UPTIME_CHECKER_REDIS_HOST", env.get("UPTIME_CHECKER_REDIS_HOST", "redis://127.0.0.1:6379"), None)
    return {}, [kafka("rdkafka", "kafka", options), redis]
