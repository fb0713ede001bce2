"""What the backing remembers across a restart of the emulator: whose each store is, and which names answer for it.

One small file in the folder of the backing stack. What is really there is asked of the engine every time; this file only says to
which managed cluster it belongs. Lost, everything is nobody's, and the emulator's next call for a cluster makes it its own again.
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
    """Of a store or of the cluster: the managed cluster's id and its names in DNS."""

    id: str
    names: tuple[str, ...]


class Memory:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def owners(self) -> Mapping[str, Owner]:
        """Store (or `kubernetes`) → whose it is."""
        return {name: Owner(each["id"], tuple(each["names"])) for name, each in self._load()["owners"].items()}

    def records(self) -> tuple[Record, ...]:
        return tuple(Record(**{**each, "data": tuple(each["data"])}) for each in self._load()["records"])

    def own(self, store: str, owner: Owner) -> None:
        with self._lock:
            document = self._load()
            document["owners"][store] = asdict(owner)
            files.write_json(self._path, document)

    def disown(self, store: str) -> None:
        with self._lock:
            document = self._load()
            if document["owners"].pop(store, None) is not None:
                files.write_json(self._path, document)

    def keep_records(self, records: tuple[Record, ...]) -> None:
        with self._lock:
            document = self._load()
            document["records"] = [asdict(record) for record in records]
            files.write_json(self._path, document)

    def mark(self, subject: str) -> str:
        """What was last done inside the cluster (`names`) or MinIO (`keys`), as a fingerprint; empty where that is not known."""
        return str(self._load().get("marks", {}).get(subject, ""))

    def put_mark(self, subject: str, mark: str) -> None:
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
