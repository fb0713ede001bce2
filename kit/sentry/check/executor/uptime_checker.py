"""Reads uptime-checker's variables; it has no file.

Its Redis client knows the web's public roots only, whatever the variables say (seen with 26.8.0's client, 2026-11).
"""

from __future__ import annotations

from kit.sentry.check.executor.contract import Found, Given, Refused
from kit.sentry.check.executor.shapes import kafka, redis_rs

PREFIX = "UPTIME_CHECKER_"
KAFKA = f"{PREFIX}KAFKA_"
READS_KAFKA = (26, 6)  # uptime-checker#355 and its source by tag: before, no variable of the login is read
SPEAKS_TLS = (26, 7)  # Cargo.lock by tag: before, its librdkafka is built without OpenSSL, and so without SCRAM
PROTOCOLS = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")  # members of an enumeration, in lower case


def read(given: Given) -> Found:
    env, options = given.env, {"bootstrap.servers": given.env.get(f"{PREFIX}RESULTS_KAFKA_CLUSTER", "127.0.0.1:9092")}
    if given.before(*READS_KAFKA):
        unread = sorted(name for name in env if name.startswith(KAFKA))
    else:
        unread = []
        options |= _login(given)
    redis = redis_rs(f"{PREFIX}REDIS_HOST", env.get(f"{PREFIX}REDIS_HOST", "redis://127.0.0.1:6379"), None)
    found = Found([kafka("rdkafka", "kafka", options), redis], settings={"unread": unread})
    found.topic(env.get(f"{PREFIX}RESULTS_KAFKA_TOPIC") or "uptime-results", "produced", f"{PREFIX}RESULTS_KAFKA_TOPIC")
    return found


def _login(given: Given) -> dict[str, str]:
    variables = {
        "security.protocol": "SECURITY_PROTOCOL",
        "ssl.ca.location": "SSL_CA_LOCATION",
        "ssl.certificate.location": "SSL_CERT_LOCATION",
        "ssl.key.location": "SSL_KEY_LOCATION",
        "sasl.mechanism": "SASL_MECHANISM",
        "sasl.username": "SASL_USERNAME",
        "sasl.password": "SASL_PASSWORD",
    }
    options = {name: given.env[KAFKA + variable] for name, variable in variables.items() if given.env.get(KAFKA + variable)}
    protocol = options.get("security.protocol", "plaintext")
    if protocol not in PROTOCOLS:
        raise Refused(f"{KAFKA}SECURITY_PROTOCOL is {protocol}, which must be one of {', '.join(PROTOCOLS)}, in lower case")
    if protocol != "plaintext" and given.before(*SPEAKS_TLS):
        raise Refused(f"{KAFKA}SECURITY_PROTOCOL is {protocol}, and the Kafka client of this version is built without TLS")
    return options
