"""Where the copies of the stores' data lie: one folder each in the backing stack's state, whole or absent."""

from __future__ import annotations

import shutil
from pathlib import Path

from kit import files
from kit.yandex.backing.managed import BackedUp
from kit.yandex.contract import BackingFailed

UNFINISHED = ".unfinished"


class Backups:
    """The folder of all copies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self, store: BackedUp, backup_id: str) -> int:
        """Copy a store's data; returns the size in bytes. A copy that a kill cut short keeps another name."""
        place = self._place(backup_id)
        unfinished = place.with_name(place.name + UNFINISHED)
        self._remove(unfinished)
        files.private_folder(unfinished)
        store.back_up(unfinished)
        unfinished.rename(place)
        files.sync_names(self._folder)
        return sum(file.stat().st_size for file in place.iterdir())

    def restore(self, store: BackedUp, backup_id: str) -> None:
        """Put a copy into a store."""
        place = self._place(backup_id)
        if not place.is_dir():
            why = "its files are no longer there"
            raise BackingFailed(subject=f"backup {backup_id}", why=why, fix="restore another one: `backup list` of the service")
        store.restore(place)

    def remove(self, backup_id: str) -> None:
        place = self._place(backup_id)
        self._remove(place)
        self._remove(place.with_name(place.name + UNFINISHED))

    def _place(self, backup_id: str) -> Path:
        return self._folder / backup_id.replace(":", "-")  # a colon is none of a file's name everywhere

    def _remove(self, place: Path) -> None:
        if place.is_dir():
            files.check_writer(place)
            shutil.rmtree(place)
