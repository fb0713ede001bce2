"""Writes files so that each is the old one or the new one, never half of both: temporary name, sync, rename, sync of the folder.

A stack's files are written only under the stack's lock: who writes without it has found a defect of kit. A SIGKILL leaves at most
a `.tmp-…` sibling, which whoever takes the lock next removes.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.errors import KitError
from kit.workspace import lock_of

PRIVATE = 0o600
PUBLIC = 0o644
TEMPORARY = ".tmp-"
# The stacks' locks that this process holds, each with the number of blocks that hold it; `kit.state.lock` counts.
held_locks: Counter[Path] = Counter()


@dataclass(frozen=True, slots=True)
class Owner:
    """User and group ids; kit hands files to the stores' user only when it runs as root, and else keeps its own."""

    uid: int
    gid: int


# Used in place of root, so that no store process is ever root. Any id that no account of the host has would do.
STORE_USER = Owner(10001, 10001)


class ModeNotKept(KitError):
    """The file system does not keep a private file private."""

    code = "KIT-MODE-NOT-KEPT"
    exit_code = 27
    what = "{path.parent} does not keep who may read a file"
    why = "a file that is made with mode 600 has mode {mode:o} there, so others could read passwords and keys"
    fix = "name a folder on a file system of Linux or macOS (in WSL not below /mnt): export KIT_HOME=…"


def store_owner() -> Owner:
    return STORE_USER if os.getuid() == 0 else Owner(os.getuid(), os.getgid())


class Unlocked(RuntimeError):
    """A file of a stack is written by a process that does not hold the stack's lock: a defect of kit."""


def write(path: Path, content: bytes | str, mode: int = PUBLIC, owner: Owner | None = None) -> None:
    """Replace `path` atomically; content and name are on disk afterwards. Raises `Unlocked`, and `ModeNotKept` for a secret."""
    check_writer(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f"{TEMPORARY}{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            if mode == PRIVATE:  # before the secret is in it
                check_private(path, file.fileno())
            file.write(content.encode() if isinstance(content, str) else content)
            if owner and os.getuid() == 0:
                os.fchown(file.fileno(), owner.uid, owner.gid)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_names(path.parent)


def write_once(path: Path, content: str, mode: int = PUBLIC) -> str:
    """The content of `path`, which is `content` only where there was no such file: of two writers, both get the first one's."""
    check_writer(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{TEMPORARY}{path.name}.{secrets.token_hex(8)}")
    write(fresh, content, mode)
    with suppress(FileExistsError):
        os.link(fresh, path)
    fresh.unlink()
    sync_names(path.parent)
    return path.read_text()


def check_writer(path: Path) -> None:
    """Raises `Unlocked` where `path` is of a stack whose lock this process does not hold."""
    lock = lock_of(path)
    if lock is not None and not held_locks[lock]:
        raise Unlocked(f"{path} is written without {lock}")


def sync_names(folder: Path) -> None:
    """Bring to the disk what the files of a folder are called."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_private(path: Path, descriptor: int) -> None:
    """Raises `ModeNotKept` if others may use a file that was made for its owner alone: a Windows disk in WSL, some shares."""
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    if mode & ~PRIVATE:
        raise ModeNotKept(path=path, mode=mode)


def write_json(path: Path, document: Any, mode: int = PUBLIC) -> None:
    write(path, json.dumps(document, indent=2, sort_keys=True) + "\n", mode)


def point(link: Path, target: str) -> None:
    """Make `link` a symbolic link to `target` (relative), atomically. Raises `Unlocked`."""
    check_writer(link)
    temporary = link.with_name(f"{TEMPORARY}{link.name}.{secrets.token_hex(8)}")
    temporary.symlink_to(target)
    os.replace(temporary, link)
    sync_names(link.parent)


def private_folder(path: Path, owner: Owner | None = None) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    if owner and os.getuid() == 0:
        os.chown(path, owner.uid, owner.gid)
    return path


def digest(parts: Mapping[str, bytes | str]) -> str:
    """A short, order-free fingerprint of named texts (12 hex digits of SHA-256)."""
    whole = hashlib.sha256()
    for name in sorted(parts):
        part = parts[name]
        whole.update(f"{name}\0".encode() + (part.encode() if isinstance(part, str) else part) + b"\0")
    return whole.hexdigest()[:12]


def folder_digest(folder: Path, skip: Iterable[str] = ("__pycache__",)) -> str:
    skipped = set(skip)
    files = (path for path in folder.rglob("*") if path.is_file() and not skipped & set(path.parts))
    return digest({str(path.relative_to(folder)): path.read_bytes() for path in files})
