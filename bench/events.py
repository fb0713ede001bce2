"""Events as SDKs send them, made up: stack traces from this Python's own source, breadcrumbs, tags, contexts; and their rows.

How well bytes compress decides disks, so nothing here is filler: code, names and texts are real ones, ids and times are random.
Some hundred different errors come again and again, as they do, each time with other ids, users and breadcrumbs.
"""

from __future__ import annotations

import inspect
import json
import random
import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any
from uuid import UUID

ERRORS = 200  # different ones
BEGAN = datetime(2026, 11, 28, tzinfo=UTC)
PATHS = ("orders", "users", "carts", "invoices", "search", "login", "reports", "files", "teams", "payments")
WORDS = ("timeout", "refused", "missing", "invalid", "expired", "duplicate", "overflow", "denied", "empty", "unknown")


def events(count: int, kilobytes: float, seed: int = 12) -> Iterator[dict[str, Any]]:
    """`count` events of about that size as JSON, the same ones for the same seed."""
    chance = random.Random(seed)
    sources = list(_sources())
    frames = max(2, round(kilobytes * 0.9))  # a frame is 0.55 KB; the rest of the event is half as much again
    errors = [_error(chance, sources, frames) for _ in range(ERRORS)]
    for number in range(count):
        event = _event(chance, chance.choice(errors), BEGAN + timedelta(milliseconds=20 * number))
        lacking = kilobytes * 1000 - len(json.dumps(event))
        event["breadcrumbs"] = {"values": [_breadcrumb(chance, event["timestamp"]) for _ in range(max(0, round(lacking / 300)))]}
        yield event


def _sources() -> Iterator[tuple[str, str, list[str]]]:
    import argparse
    import asyncio.base_events
    import email.message
    import http.client
    import logging
    import socketserver
    import tarfile
    import urllib.request

    every: tuple[ModuleType, ...] = (argparse, asyncio.base_events, email.message, http.client, logging, socketserver, tarfile)
    for module in (*every, urllib.request):
        yield module.__name__, f"{module.__name__.replace('.', '/')}.py", inspect.getsource(module).splitlines()


def _error(chance: random.Random, sources: list[tuple[str, str, list[str]]], frames: int) -> dict[str, Any]:
    made = []
    for _ in range(frames):
        module, file, lines = chance.choice(sources)
        at = chance.randrange(5, len(lines) - 5)
        made.append(
            {
                "module": module,
                "filename": file,
                "abs_path": f"/usr/local/lib/python3.11/{file}",
                "function": next((w for w in lines[at].split() if w.isidentifier()), "run"),
                "lineno": at,
                "pre_context": lines[at - 2 : at],
                "context_line": lines[at],
                "post_context": lines[at + 1 : at + 3],
                "in_app": chance.random() < 0.3,
                "vars": {
                    "self": f"<{module}.Handler object at 0x{chance.getrandbits(44):x}>",
                    "retries": str(chance.randrange(9)),
                },
            }
        )
    path, word = chance.choice(PATHS), chance.choice(WORDS)
    return {"frames": made, "path": path, "type": f"{path.title()}{word.title()}Error", "value": f"{word} while reading {path}"}


def _event(chance: random.Random, error: dict[str, Any], at: datetime) -> dict[str, Any]:
    user, trace = chance.randrange(1_000_000), f"{chance.getrandbits(128):032x}"
    return {
        "event_id": f"{chance.getrandbits(128):032x}",
        "timestamp": at.isoformat(),
        "platform": "python",
        "level": chance.choice(("error", "error", "error", "warning", "fatal")),
        "release": f"shop@1.{chance.randrange(20)}.0+{chance.randrange(5)}",
        "environment": chance.choice(("production", "production", "staging")),
        "server_name": f"shop-web-{chance.randrange(40)}",
        "transaction": f"/api/{error['path']}/<id>/",
        "culprit": f"/api/{error['path']}/<id>/",
        "sdk": {"name": "sentry.python", "version": "2.40.0", "integrations": ["django", "logging", "stdlib", "threading"]},
        "user": {"id": str(user), "ip_address": f"203.0.113.{user % 256}", "email": f"{_letters(chance, 8)}@example.com"},
        "request": {
            "url": f"https://shop.example.com/api/{error['path']}/{chance.randrange(10**8)}/",
            "method": chance.choice(("GET", "POST", "PUT")),
            "headers": [["User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"], ["X-Request-Id", _letters(chance, 24)]],
        },
        "tags": [["region", chance.choice(("eu", "us", "ap"))], ["tenant", str(user % 3000)], ["build", _letters(chance, 8)]],
        "contexts": {
            "trace": {"trace_id": trace, "span_id": trace[:16], "op": "http.server"},
            "runtime": {"name": "CPython", "version": "3.11.9"},
            "os": {"name": "Linux", "version": "6.1.0-18-amd64"},
        },
        "exception": {"values": [{"type": error["type"], "value": error["value"], "stacktrace": {"frames": error["frames"]}}]},
    }


def _breadcrumb(chance: random.Random, at: str) -> dict[str, Any]:
    asked = (
        f"SELECT id, name FROM {chance.choice(PATHS)} WHERE id = {chance.randrange(10**8)} AND state = '{chance.choice(WORDS)}'"
    )
    data = {"duration_ms": round(chance.random() * 100, 3), "rows": chance.randrange(500), "shard": chance.randrange(16)}
    return {"timestamp": at, "type": "query", "category": "query", "level": "info", "message": asked, "data": data}


def _letters(chance: random.Random, count: int) -> str:
    return "".join(chance.choices(string.ascii_lowercase + string.digits, k=count))


# -- the row of an event, as far as its columns weigh: those of Snuba's table `errors`, without its types' newer names

TABLE = """
CREATE TABLE {name} (
  project_id UInt64, timestamp DateTime, event_id UUID, platform String, environment String, release String, dist String,
  transaction_name String, transaction_hash UInt64, ip_address_v4 UInt32, user String, user_hash UInt64, user_id String,
  user_email String, sdk_name String, sdk_version String, http_method String, http_referer String,
  tags Nested(key String, value String), contexts Nested(key String, value String),
  partition UInt16, offset UInt64, message_timestamp DateTime, retention_days UInt16, deleted UInt8,
  group_id UInt64, primary_hash UUID, received DateTime, message String, title String, culprit String, level String,
  type String, exception_stacks Nested(type String, value String, mechanism_type String),
  exception_frames Nested(abs_path String, colno UInt32, filename String, function String, lineno UInt32, in_app UInt8,
    module String, stack_level UInt16),
  sdk_integrations Array(String), trace_id UUID, span_id UInt64
) ENGINE = ReplacingMergeTree(deleted) PARTITION BY (retention_days, toMonday(timestamp))
ORDER BY (project_id, toStartOfDay(timestamp), primary_hash, event_id) SETTINGS index_granularity = 8192
"""


def row(event: dict[str, Any], offset: int) -> tuple[Any, ...]:
    (error,) = event["exception"]["values"]
    frames = error["stacktrace"]["frames"]
    at = datetime.fromisoformat(event["timestamp"]).replace(tzinfo=None)
    group = hash_of(error["value"])
    tags = {**dict(event["tags"]), "level": event["level"], "environment": event["environment"], "release": event["release"]}
    tags |= {"server_name": event["server_name"], "sentry:user": f"id:{event['user']['id']}", "url": event["request"]["url"]}
    contexts = {f"{name}.{key}": value for name, each in event["contexts"].items() for key, value in each.items()}
    trace = event["contexts"]["trace"]
    return (
        group % 20, at, UUID(event["event_id"]), event["platform"], event["environment"], event["release"], "",
        event["transaction"], hash_of(event["transaction"]), hash_of(event["user"]["ip_address"]) % 2**32,
        f"id:{event['user']['id']}", hash_of(event["user"]["id"]), event["user"]["id"], event["user"]["email"],
        event["sdk"]["name"], event["sdk"]["version"], event["request"]["method"], "",
        list(tags), list(tags.values()), list(contexts), list(contexts.values()),
        0, offset, at, 90, 0,
        group, UUID(int=group << 64 | group), at, "", f"{error['type']}: {error['value']}", event["culprit"], event["level"],
        "error", [error["type"]], [error["value"]], ["generic"],
        [each["abs_path"] for each in frames], [0] * len(frames), [each["filename"] for each in frames],
        [each["function"] for each in frames], [each["lineno"] for each in frames], [int(each["in_app"]) for each in frames],
        [each["module"] for each in frames], list(range(len(frames))),
        event["sdk"]["integrations"], UUID(trace["trace_id"]), int(trace["span_id"], 16),
    )  # fmt: skip


def hash_of(text: str) -> int:
    """The same in every process, unlike Python's own."""
    import zlib

    return zlib.crc32(text.encode()) << 20 | zlib.adler32(text.encode()) & 0xFFFFF


SPAN_TABLE = """
CREATE TABLE {name} (
  organization_id UInt64, project_id UInt64, item_type UInt8, timestamp DateTime, trace_id UUID, item_id FixedString(16),
  sampling_weight UInt64, retention_days UInt16,
  attributes_string Nested(key String, value String), attributes_float Nested(key String, value Float64)
) ENGINE = ReplacingMergeTree PARTITION BY (retention_days, toMonday(timestamp))
ORDER BY (organization_id, project_id, item_type, timestamp, trace_id, item_id) SETTINGS index_granularity = 8192
"""


def spans(count: int, seed: int = 12) -> Iterator[tuple[Any, ...]]:
    """Rows of spans, ten to a trace, as Snuba's table of items has them: the attributes' names come again in every row."""
    chance = random.Random(seed)
    for number in range(count):
        if number % 10 == 0:
            trace, user, path = UUID(int=chance.getrandbits(128)), chance.randrange(1_000_000), chance.choice(PATHS)
        said = f"SELECT id, name FROM {path} WHERE id = %s AND state = '{chance.choice(WORDS)}'"
        text = {
            "sentry.op": chance.choice(("db", "http.client", "cache.get", "http.server")),
            "sentry.description": said,
            "sentry.transaction": f"/api/{path}/<id>/",
            "sentry.segment_id": trace.hex[:16],
            "sentry.parent_span_id": f"{chance.getrandbits(64):016x}",
            "sentry.release": f"shop@1.{chance.randrange(20)}.0",
            "sentry.environment": "production",
            "sentry.platform": "python",
            "sentry.sdk.name": "sentry.python",
            "server_name": f"shop-web-{chance.randrange(40)}",
            "sentry.user.id": str(user),
            "db.system": "postgresql",
        }
        took = chance.expovariate(1 / 20)
        amounts = {"sentry.duration_ms": took, "sentry.exclusive_time_ms": took, "sentry.start_timestamp": number / 50}
        at = (BEGAN + timedelta(milliseconds=2 * number)).replace(tzinfo=None)
        own = chance.getrandbits(64).to_bytes(8, "little") + bytes(8)
        yield (
            1,
            hash_of(path) % 20,
            1,
            at,
            trace,
            own,
            1,
            30,
            list(text),
            list(text.values()),
            list(amounts),
            list(amounts.values()),
        )
