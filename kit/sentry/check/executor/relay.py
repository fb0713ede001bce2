"""Reads Relay's config.yml and its variables.

The file is expanded as Relay does it from 25.5.1 on (relay#4750): a value that is a reference as a whole, `"${NAME}"`, and from
26.1 on (relay#5531) `"${file:PATH}"`. There are no defaults, nothing inside a longer text is touched, and a name that is not set
ends Relay at its start. Seen with Relay 26.9.0 and 25.1.0 themselves, 2026-11.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kit.sentry.check.executor.contract import Connection, Found, Given, Refused
from kit.sentry.check.executor.documents import is_on, load
from kit.sentry.check.executor.shapes import kafka, redis_rs

EXPANDS = (25, 5, 1)
READS_FILES = (26, 1)
FOLDER = "/work/.relay"  # its working folder in the image, where a relative path of `${file:…}` begins

# The topics that Relay writes, key in `processing.topics` → default name, by the first version that has the list. From the source
# of its packages sentry-relay 0.9.5 (25.1.0), 0.9.8, 0.9.10, 0.9.14, 0.9.23, 0.9.28 (26.8.0) and 0.10.1 (26.9.0), read 2026-11.
_ALWAYS = {
    "events": "ingest-events",
    "attachments": "ingest-attachments",
    "transactions": "ingest-transactions",
    "outcomes": "outcomes",
    "outcomes_billing": "outcomes-billing",
    "metrics_sessions": "ingest-metrics",
    "profiles": "profiles",
    "replay_recordings": "ingest-replay-recordings",
    "monitors": "ingest-monitors",
    "feedback": "ingest-feedback-events",
}
_GENERIC, _REPLAYS = {"metrics_generic": "ingest-performance-metrics"}, {"replay_events": "ingest-replay-events"}
_SPANS, _LOGS, _ITEMS = {"spans": "snuba-spans"}, {"ourlogs": "snuba-ourlogs"}, {"items": "snuba-items"}
TOPICS: Mapping[tuple[int, ...], Mapping[str, str]] = {
    (25, 1): {**_ALWAYS, **_GENERIC, **_REPLAYS, **_SPANS},
    (25, 3): {**_ALWAYS, **_GENERIC, **_REPLAYS, **_SPANS, **_LOGS},
    (25, 6): {**_ALWAYS, **_GENERIC, **_REPLAYS, **_SPANS, **_LOGS, **_ITEMS},
    (25, 8): {**_ALWAYS, **_GENERIC, **_REPLAYS, **_SPANS, **_ITEMS},
    (26, 1): {**_ALWAYS, **_GENERIC, **_REPLAYS, "spans": "ingest-spans", **_ITEMS},
    (26, 8): {**_ALWAYS, **_GENERIC, "spans": "ingest-spans", **_ITEMS},
    (26, 9): {**_ALWAYS, "spans": "ingest-spans", **_ITEMS},
}


def paths(source: str) -> tuple[str, ...]:
    """The files that a configuration names by `${file:…}`."""
    return tuple(posixpath.join(FOLDER, path) for path in re.findall(r"\$\{file:([^}]+)\}", source))


def read(given: Given) -> Found:
    """config.yml, then variables, which win (relay/src/cli.rs). redis-rs and librdkafka verify chain and name."""
    untold: list[str] = []
    document = load(given.source) or {}
    if not given.before(*EXPANDS):
        document = _expanded(document, given, "", untold)
    processing = document.get("processing") or {}
    found = Found(connections=list(_kafkas(processing, given.env)))
    for use, url in _redis_urls(processing.get("redis"), given.env.get("RELAY_REDIS_URL")):
        found.connections.append(redis_rs(use, url, given.env.get("SSL_CERT_FILE")))
    is_processing = is_on(processing.get("enabled", False))
    if is_processing:
        _note_topics(found, processing.get("topics") or {}, given.version)
    found.settings = {
        "processing": is_processing,
        # Without it Relay counts as ready while Kafka refuses it, and loses what it takes (seen with 26.9.0).
        "kafka_validate_topics": is_on(processing.get("kafka_validate_topics", False)),
        "untold": untold,
    }
    return found


def _kafkas(processing: Mapping[str, Any], env: Mapping[str, str]) -> Iterator[Connection]:
    lists = {"kafka_config": processing.get("kafka_config") or []}
    lists |= {f"secondary_kafka_configs.{k}": v for k, v in (processing.get("secondary_kafka_configs") or {}).items()}
    for use, entries in lists.items():
        options = {entry["name"]: entry["value"] for entry in entries}
        if use == "kafka_config" and env.get("RELAY_KAFKA_BROKER_URL"):
            options["bootstrap.servers"] = env["RELAY_KAFKA_BROKER_URL"]
        yield kafka("rdkafka", f"processing.{use}", options)


def _redis_urls(given: Any, override: str | None) -> list[tuple[str, str]]:
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


def _note_topics(found: Found, named: Mapping[str, Any], version: tuple[int, ...]) -> None:
    """By key or by default name; a name, a mapping with `name`, or a list of either, one for each shard."""
    known = [first for first in TOPICS if not version or first <= version]
    for key, default in TOPICS[max(known, default=min(TOPICS))].items():
        shards = named.get(key, named.get(default, default))
        for shard in shards if isinstance(shards, list) else [shards]:
            name = shard.get("name") if isinstance(shard, Mapping) else shard
            found.topic(name, "produced", f"processing.topics.{key}")


def _expanded(node: Any, given: Given, place: str, untold: list[str]) -> Any:
    """The document with whole references replaced. Raises `Refused` where Relay finds nothing in their place."""
    if isinstance(node, Mapping):
        return {key: _expanded(value, given, f"{place}.{key}".lstrip("."), untold) for key, value in node.items()}
    if isinstance(node, list):
        return [_expanded(value, given, f"{place}.{number}", untold) for number, value in enumerate(node)]
    if not (isinstance(node, str) and node.startswith("${") and node.endswith("}")):
        return node
    name = node[2:-1]
    if name.startswith("file:") and not given.before(*READS_FILES):
        return _file(node, name.removeprefix("file:"), given, place, untold)
    if name not in given.env:
        hint = "; it knows no defaults, and looks for a variable of that whole name" if ":" in name else ""
        raise Refused(f"{place} is {node}, and no such variable is set: Relay does not start{hint}")
    return given.env[name]


def _file(node: str, path: str, given: Given, place: str, untold: list[str]) -> str:
    """What stands in the file, its last line break included."""
    path = posixpath.join(FOLDER, path)
    if given.files is None:
        try:
            return Path(path).read_text()
        except OSError as error:
            raise Refused(f"{place} is {node}, and the file cannot be read ({error.strerror}): Relay does not start") from error
    if path not in given.files:
        raise Refused(f"{place} is {node}, and no such file is mounted: Relay does not start")
    text = given.files[path]
    if text is None:
        untold.append(f"{place} is {node}: what the file holds cannot be told before the pod runs")
    return node if text is None else text
