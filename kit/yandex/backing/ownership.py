"""Which managed cluster owns which store, across restarts of the emulator: one small file in the backing stack's folder.

Whether a store runs is asked of the engine every time. If the file is lost, no store has an owner, and the next call for a
cluster makes it the owner again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kit import files
from kit.yandex.contract import Record


@dataclass(frozen=True, slots=True)
class Owner:
    """The managed cluster that owns a store: its id and its host names."""

    id: str
    names: tuple[str, ...]


class Ownership:
    """The file. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def owners(self) -> Mapping[str, Owner]:
        """The owner of each store, and of `kubernetes`."""
        return {name: Owner(each["id"], tuple(each["names"])) for name, each in self._load()["owners"].items()}

    def records(self) -> tuple[Record, ...]:
        """The DNS records that are answered inside the cluster."""
        return tuple(Record(**{**each, "data": tuple(each["data"])}) for each in self._load()["records"])

    def own(self, store: str, owner: Owner) -> None:
        with self._lock:
            document = self._load()
            document["owners"][store] = asdict(owner)
            files.write_json(self._path, document)

    def release(self, store: str) -> None:
        with self._lock:
            document = self._load()
            if document["owners"].pop(store, None) is not None:
                files.write_json(self._path, document)

    def keep_records(self, records: tuple[Record, ...]) -> None:
        with self._lock:
            document = self._load()
            document["records"] = [asdict(record) for record in records]
            files.write_json(self._path, document)

    def fingerprint(self, subject: str) -> str:
        """Of what was last applied inside the cluster (`names`) or MinIO (`keys`); empty where that is not known."""
        return str(self._load().get("marks", {}).get(subject, ""))

    def put_fingerprint(self, subject: str, mark: str) -> None:
        with self._lock:
            document = self._load()
            document["marks"] = {**document.get("marks", {}), subject: mark}
            files.write_json(self._path, document)

    def _load(self) -> dict[str, Any]:
        try:
            document = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {"owners": {}, "records": []}
        return {**document, "owners": dict(document["owners"]), "records": list(document["records"])}
