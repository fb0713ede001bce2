"""The cache of programs and artifacts on this computer: each is there whole, or not at all.

Everything is filed under a name and the hash of its recipe, so a changed recipe never meets an old result, and two stacks or two
checkouts share what is the same. A result is made under a temporary name, synced and renamed; a lock file per result keeps two
`kit` processes from making the same thing twice. After a SIGKILL, the next one to hold that lock sweeps up what was left.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kit import cancel, files
from kit.adapters import child

SHORT = 12  # hex digits of a hash in names
OTHER_KIT_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Cache:
    root: Path

    @property
    def go(self) -> Path:
        return self.root / "go"

    @property
    def cargo(self) -> Path:
        return self.root / "cargo"

    @property
    def maven(self) -> Path:
        return self.root / "maven"

    def program(self, name: str, recipe: str, platform: str) -> Path:
        """`platform` is a part of the path because one home folder may be shared by different computers."""
        return self.root / "tools" / platform / f"{name}-{recipe[:SHORT]}" / name

    def artifact(self, name: str, recipe: str, platform: str) -> Path:
        return self.root / "artifacts" / platform / f"{name}-{recipe[:SHORT]}"

    @property
    def durations(self) -> Path:
        """How long each thing took the last time it was made here."""
        return self.root / "durations.json"

    def log(self, name: str, recipe: str) -> Path:
        return self.root / "logs" / f"{name}-{recipe[:SHORT]}.log"

    def installed(self, name: str) -> Path:
        """What was last found out about a program on PATH."""
        return self.root / "installed" / f"{name}.json"

    def temporary(self) -> Path:
        folder = self.root / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def exclusive(self, name: str, recipe: str) -> Iterator[None]:
        """Hold the right to make this one thing, among all threads and processes; waits for whoever makes it now."""
        path = self.root / "locks" / f"{name}-{recipe[:SHORT]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            while not _taken(file):
                cancel.wait(OTHER_KIT_POLL_S)
            try:
                with child.inherited(file.fileno()):
                    yield
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)  # also for programs that still have the descriptor

    @contextmanager
    def landing(self, target: Path) -> Iterator[Path]:
        """An empty folder that becomes `target` when the block ends well, and vanishes when it does not."""
        folder = self._unfinished(target)
        folder.mkdir(parents=True)
        try:
            yield folder
            sync(folder)
            remove(target)
            folder.rename(target)
            files.sync_names(target.parent)
        finally:
            remove(folder)

    @contextmanager
    def scratch(self, name: str, recipe: str) -> Iterator[Path]:
        """An empty folder for the length of a build."""
        folder = self._unfinished(self.temporary() / f"{name}-{recipe[:SHORT]}")
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            remove(folder)

    def _unfinished(self, target: Path) -> Path:
        """The temporary name of `target`, with what an interrupted run left under it removed. Call it holding `exclusive`."""
        folder = target.with_name(f".{target.name}")
        remove(folder)
        return folder


def remove(path: Path) -> None:
    """Remove a tree, or nothing; Go's module cache is made of read-only folders, which are opened first."""
    if path.is_dir() and not path.is_symlink():
        for folder, _, _ in os.walk(path):
            os.chmod(folder, stat.S_IRWXU)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync(folder: Path) -> None:
    """Bring a tree's content to the disk before its name says that it is whole."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    files.sync_names(folder)


def size_bytes(folder: Path) -> int:
    """What a tree takes on the disk; files that vanish meanwhile do not count."""
    total, waiting = 0, [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except FileNotFoundError:
            continue
    return total


def _taken(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
