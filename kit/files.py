"""Files that are either the old ones or the new ones, never half of each: temporary name, sync, rename.

A SIGKILL at any moment leaves at most a `.tmp-…` sibling, which the next write of the same file removes.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.errors import KitError

PRIVATE = 0o600
PUBLIC = 0o644


@dataclass(frozen=True, slots=True)
class Owner:
    """User and group ids; kit hands files to the stores' user only when it runs as root, and else keeps its own."""

    uid: int
    gid: int


# Used in place of root, so that no store process is ever root. Any id that no account of the host has would do.
STORE_USER = Owner(10001, 10001)


class ModeNotKept(KitError):
    """A file that is for its owner alone does not stay so where it lies."""

    code = "KIT-MODE-NOT-KEPT"
    exit_code = 27

    def __init__(self, path: Path, mode: int) -> None:
        super().__init__(
            what=f"{path.parent} does not keep who may read a file",
            why=f"a file that is made with mode 600 has mode {mode:o} there, so others could read passwords and keys",
            fix="name a folder on a file system of Linux or macOS (in WSL not below /mnt): export KIT_HOME=…",
        )


def store_owner() -> Owner:
    return STORE_USER if os.getuid() == 0 else Owner(os.getuid(), os.getgid())


def write(path: Path, content: bytes | str, mode: int = PUBLIC, owner: Owner | None = None) -> None:
    """Replace `path` atomically; the content is on disk before the name is. Raises `ModeNotKept` for what is private."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{path.name}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)  # the umask may have taken bits away
        if mode == PRIVATE:  # before the secret is in it
            try:
                check_private(path, file.fileno())
            except ModeNotKept:
                temporary.unlink()
                raise
        file.write(content.encode() if isinstance(content, str) else content)
        if owner and os.getuid() == 0:
            os.fchown(file.fileno(), owner.uid, owner.gid)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def check_private(path: Path, descriptor: int) -> None:
    """Raises `ModeNotKept` if others may use a file that was made for its owner alone: a Windows disk in WSL, some shares."""
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    if mode & ~PRIVATE:
        raise ModeNotKept(path, mode)


def write_json(path: Path, document: Any, mode: int = PUBLIC) -> None:
    write(path, json.dumps(document, indent=2, sort_keys=True) + "\n", mode)


def point(link: Path, target: str) -> None:
    """Make `link` a symbolic link to `target` (relative), atomically."""
    temporary = link.with_name(f".tmp-{link.name}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    os.replace(temporary, link)


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
