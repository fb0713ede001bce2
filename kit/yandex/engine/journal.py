"""The emulator's database: all resources in memory, and every change on disk in an append-only journal.

One line of JSON is one change, whole or absent. It is on disk before the answer that depends on it leaves. A line cut short by a
kill is the last one and is dropped; any other damage is an error, for clusters hang on it. The journal is written anew,
compacted, at its start and when most of its lines are history. Where that fails, on a full disk, it goes on as it is: nothing of
it is lost, and the change that caused it was written before.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from kit import files
from kit.errors import KitError
from kit.yandex.engine.descriptors import OPERATION, kind_of, message

VERSION = 1
PENDING = "pending"
SPARE_LINES = 5000  # compacted when there are so many more lines than at the last time, and four times what is alive


class JournalDamaged(KitError):
    """A line of the journal cannot be read."""

    code = "KIT-YANDEX-JOURNAL"
    exit_code = 60
    what = "{path} cannot be read"
    why = "line {line}: {said}"
    fix = "restore the file, or give up the emulated cloud: rm {path} (its containers: kit purge)"


@dataclass(frozen=True, slots=True)
class Record:
    """A resource. `message` is never changed in place: see `copy()`. `extra`: what the API does not show."""

    key: str
    parent: str
    message: Any  # a protobuf message; its fields are named by descriptors, not by this code
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The name of its message."""
        return kind_of(self.message)

    @property
    def is_pending(self) -> bool:
        """Whether an operation works on it: the backing may not have it yet."""
        return bool(self.extra.get(PENDING))

    def without_pending(self) -> Record:
        """The same record, once no operation works on it."""
        return Record(self.key, self.parent, self.message, {name: value for name, value in self.extra.items() if name != PENDING})

    def with_message(self, fresh: Any) -> Record:
        """The same record with another message."""
        return replace(self, message=fresh)

    def copy(self) -> Any:
        """A copy of the message, to be changed."""
        fresh = type(self.message)()
        fresh.CopyFrom(self.message)
        return fresh


@dataclass(slots=True)
class Change:
    """The records that one transaction writes and deletes."""

    puts: dict[tuple[str, str], Record] = field(default_factory=dict)
    deletes: dict[tuple[str, str], None] = field(default_factory=dict)

    def put(self, record: Record) -> None:
        self.deletes.pop((record.kind, record.key), None)
        self.puts[record.kind, record.key] = record

    def delete(self, kind: str, key: str) -> None:
        self.puts.pop((kind, key), None)
        self.deletes[kind, key] = None

    def __bool__(self) -> bool:
        return bool(self.puts or self.deletes)


class Journal:
    """The records by kind and key. Thread-safe. `path` None keeps it in memory alone."""

    def __init__(self, path: Path | None) -> None:
        self.lock = threading.RLock()
        self._path = path
        self._records: dict[str, dict[str, Record]] = {}
        self._children: dict[tuple[str, str], dict[str, None]] = {}
        self._lines = 0
        self._compacts_above = 0  # lines
        self._file: Any = None
        self._is_closed = False
        if path is not None:
            is_whole = self._load(path)
            self._compact(path, may_fail=is_whole)

    def get(self, kind: str, key: str) -> Record | None:
        return self._records.get(kind, {}).get(key)

    def all(self, kind: str) -> list[Record]:
        with self.lock:
            return list(self._records.get(kind, {}).values())

    def children(self, kind: str, parent: str) -> list[Record]:
        """The records in a parent, in the order in which they were made."""
        with self.lock:
            return [self._records[kind][key] for key in self._children.get((kind, parent), {})]

    def count(self, kind: str) -> int:
        return len(self._records.get(kind, {}))

    def kinds(self) -> list[str]:
        return list(self._records)

    def delete_with_children(self, change: Change, record: Record) -> None:
        """Delete a record and everything in it, but for the operations on it."""
        change.delete(record.kind, record.key)
        for kind in self.kinds():
            if kind != OPERATION:
                for child in self.children(kind, record.key):
                    change.delete(child.kind, child.key)

    @contextmanager
    def transaction(self) -> Iterator[Change]:
        """Write what the body collects; nothing if it raises. Nobody else reads or writes halves of it."""
        change = Change()
        with self.lock:
            yield change
            if change:
                self._write(change)
                self._apply(change)
                if self._path is not None and self._lines > max(self._compacts_above, 4 * self._alive()):
                    self._compact(self._path, may_fail=True)

    def close(self) -> None:
        """After it, changes are refused."""
        with self.lock:
            self._is_closed = True
            if self._file is not None:
                self._file.close()
                self._file = None

    def _apply(self, change: Change) -> None:
        for kind, key in change.deletes:
            record = self._records.get(kind, {}).pop(key, None)
            if record is not None:
                self._children[kind, record.parent].pop(key, None)
        for (kind, key), record in change.puts.items():
            before = self._records.get(kind, {}).get(key)
            if before is not None and before.parent != record.parent:
                self._children[kind, before.parent].pop(key, None)
                del self._records[kind][key]  # it goes to the end of both, or a compaction would change the order of lists
            self._records.setdefault(kind, {})[key] = record
            self._children.setdefault((kind, record.parent), {})[key] = None

    def _write(self, change: Change) -> None:
        """One line, whole and on disk; where that fails, the file is as it was before."""
        if self._path is None:
            return
        if self._is_closed:
            raise OSError(errno.EBADF, "the journal is closed", str(self._path))
        if self._file is None:
            self._file = self._path.open("ab", buffering=0)
        line, size = _line(change), os.fstat(self._file.fileno()).st_size
        try:
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            os.fdatasync(self._file.fileno())
        except OSError:
            os.ftruncate(self._file.fileno(), size)
            raise
        self._lines += 1

    def _alive(self) -> int:
        return sum(len(found) for found in self._records.values())

    def _load(self, path: Path) -> bool:
        """Read the journal; whether there is one that can be appended to."""
        if not path.exists():
            return False
        lines = path.read_bytes().split(b"\n")
        cut_short = lines.pop()  # empty, unless the kill came while a line was written: no client has an answer to it yet
        for number, line in enumerate(lines, 1):
            try:
                document = json.loads(line)
                if number == 1:
                    if document["version"] != VERSION:
                        raise ValueError(f"version {document['version']}, this program writes {VERSION}")
                    continue
                self._apply(_change(document))
            except (ValueError, KeyError, TypeError) as error:
                raise JournalDamaged(path=path, line=number, said=str(error)) from error
        if cut_short:
            os.truncate(path, path.stat().st_size - len(cut_short))  # which needs no room, where a compaction finds none
        self._lines = max(0, len(lines) - 1)
        return bool(lines)

    def _compact(self, path: Path, *, may_fail: bool) -> None:
        """Write the journal anew, without its history. `may_fail`: there is a whole one to go on with."""
        files.private_folder(path.parent)
        whole = Change()
        for found in self._records.values():
            for record in found.values():
                whole.put(record)
        head = json.dumps({"version": VERSION}).encode() + b"\n"
        parts = [_line(Change(puts={key: record})) for key, record in whole.puts.items()]
        try:
            files.write(path, head + b"".join(parts), files.PRIVATE)
            self._lines = len(parts)
        except OSError:
            if not may_fail:
                raise
        self._compacts_above = self._lines + SPARE_LINES
        if self._file is not None:  # of a file that may have another name, or none, by now: the next change opens this one
            self._file.close()
            self._file = None


def _line(change: Change) -> bytes:
    document: dict[str, Any] = {}
    if change.deletes:
        document["delete"] = list(change.deletes)
    if change.puts:
        document["put"] = [
            [kind, key, record.parent, base64.b64encode(record.message.SerializeToString()).decode(), record.extra]
            for (kind, key), record in change.puts.items()
        ]
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _change(document: Mapping[str, Any]) -> Change:
    change = Change()
    for kind, key in document.get("delete", []):
        change.delete(kind, key)
    for kind, key, parent, encoded, extra in document.get("put", []):
        content: Message = message(kind).FromString(base64.b64decode(encoded))
        change.put(Record(key, parent, content, extra))
    return change
