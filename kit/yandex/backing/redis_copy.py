"""Copies Valkey's keys by type and with their expiry, as its own user may: RESTORE and snapshots are an administrator's.

One key is read after the other, so two that belong together may be of two moments; a cloud's logical dump is of one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis

from kit import files

KEYS = "keys.jsonl"
FOREVER = -1  # PTTL of a key without an expiry; -2: it has gone meanwhile

# Type → what reads a key whole, and what makes it again.
READ: dict[str, Callable[[Any, bytes], Any]] = {
    "string": lambda client, key: [client.get(key)],
    "list": lambda client, key: client.lrange(key, 0, -1),
    "set": lambda client, key: list(client.smembers(key)),
    "hash": lambda client, key: [part for pair in client.hgetall(key).items() for part in pair],
    "zset": lambda client, key: [
        part for member, score in client.zrange(key, 0, -1, withscores=True) for part in (member, score)
    ],
    "stream": lambda client, key: [
        part for number, fields in client.xrange(key) for part in (number, [each for pair in fields.items() for each in pair])
    ],
}
WRITE: dict[str, Callable[[Any, bytes, list[Any]], Any]] = {
    "string": lambda client, key, parts: client.set(key, parts[0]),
    "list": lambda client, key, parts: client.rpush(key, *parts),
    "set": lambda client, key, parts: client.sadd(key, *parts),
    "hash": lambda client, key, parts: client.hset(key, mapping=dict(zip(parts[::2], parts[1::2], strict=True))),
    "zset": lambda client, key, parts: client.zadd(key, dict(zip(parts[::2], parts[1::2], strict=True))),
    "stream": lambda client, key, parts: [
        client.xadd(key, dict(zip(fields[::2], fields[1::2], strict=True)), id=number)
        for number, fields in zip(parts[::2], parts[1::2], strict=True)
    ],
}


def write(client: redis.Redis, folder: Path) -> None:
    """All keys of the database that clients use, one a line."""
    lines = [json.dumps(row) for row in _rows(client)]
    files.write(folder / KEYS, "\n".join(lines), files.PRIVATE)


def read(client: redis.Redis, folder: Path) -> None:
    for line in (folder / KEYS).read_text().splitlines():
        row = json.loads(line)
        key = _bytes(row["key"])
        client.delete(key)
        WRITE[row["type"]](client, key, _bytes(row["parts"]))
        if row["ttl_ms"] != FOREVER:
            client.pexpire(key, row["ttl_ms"])


def _rows(client: redis.Redis) -> Iterator[dict[str, Any]]:
    for key in client.scan_iter(count=1000):
        kind, ttl_ms = _word(client.type(key)), int(client.pttl(key))
        if kind in READ and ttl_ms >= FOREVER:  # else it has gone meanwhile
            yield {"key": _text(key), "type": kind, "ttl_ms": ttl_ms, "parts": _text(READ[kind](client, key))}


def _word(answer: bytes | str) -> str:
    return answer.decode() if isinstance(answer, bytes) else answer


def _text(value: Any) -> Any:
    """Bytes as base64, numbers as they are."""
    if isinstance(value, list):
        return [_text(each) for each in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _bytes(value: Any) -> Any:
    if isinstance(value, list):
        return [_bytes(each) for each in value]
    return base64.b64decode(value) if isinstance(value, str) else value
