"""Checks that this user may read and write where a stack and the cache lie, before anything is made there.

Files of another user (`sudo kit up`, then `kit status`), a home that is read-only or not there at all, a disk that does not keep
modes: each is said once and by name, instead of by whatever operation happens to meet it first.
"""

from __future__ import annotations

import errno
import os
import pwd
import tempfile
from contextlib import suppress
from pathlib import Path

from kit import files, workspace
from kit.errors import KitError
from kit.workspace import Workspace

# What the operating system says where it is a matter of who may do what where, not of kit.
REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)


class PlaceForbidden(KitError):
    """A file or folder of kit's cannot be read or written by this user."""

    code = "KIT-PLACE-FORBIDDEN"
    exit_code = 27
    what = "kit cannot {doing} {path}"
    why = "{whose}the system says: {said}"
    fix = "{mine}name a folder of your own: export {variable}=…"

    @classmethod
    def at(cls, path: Path, doing: str, said: str, *, variable: str = "KIT_HOME", is_ours: bool = False) -> PlaceForbidden:
        owner, me = _owner(path), os.geteuid()
        whose = "" if owner == me else f"it belongs to {_account(owner)}, and kit runs as {_account(me)}; "
        mine = ""
        if whose and is_ours:  # never to be said of a folder that kit has not made
            mine = (f"sudo chown -R $(id -u):$(id -g) {path}" if owner == 0 else f"run kit as {_account(owner)}") + ", or "
        return cls(path=path, doing=doing, said=said, whose=whose, mine=mine, variable=variable)


def find(stack: str) -> Workspace:
    """Where the stack's files are; raises `PlaceForbidden` where there are some that this user may not read."""
    space = workspace.find(stack)
    for path in (space.state, space.certs, space.state / "secrets.json", space.state / "ports.json", space.kubeconfig):
        _check_readable(path)
    return space


def check_writable(space: Workspace) -> None:
    """Raises `PlaceForbidden`, or `ModeNotKept` where secrets would be open to others. Leaves nothing behind."""
    for path in (space.state, space.certs):
        _try(path, "KIT_HOME", is_ours=_nearest(path).is_relative_to(space.home) and _nearest(path) != space.home)
    _try(space.cache, "KIT_CACHE", is_ours=_nearest(space.cache) == space.cache)
    if space.lock_file.exists() and not os.access(space.lock_file, os.W_OK):
        raise PlaceForbidden.at(space.lock_file, "write", os.strerror(errno.EACCES), is_ours=True)


def refusal(error: OSError) -> PlaceForbidden | None:
    """What an operation met that no check had foreseen, if it is of this kind."""
    if error.errno not in REFUSALS or not isinstance(error.filename, str):
        return None
    return PlaceForbidden.at(Path(error.filename), "use", os.strerror(error.errno), variable="KIT_HOME=… KIT_CACHE")


def _check_readable(path: Path) -> None:
    try:
        path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise PlaceForbidden.at(_nearest(path), "look into", error.strerror or str(error)) from error
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        raise PlaceForbidden.at(path, "read", os.strerror(errno.EACCES), is_ours=True)


def _try(path: Path, variable: str, *, is_ours: bool) -> None:
    """Make and remove a private file in the nearest folder that is there. Asking for rights alone says nothing to root."""
    folder = _nearest(path)
    try:
        descriptor, name = tempfile.mkstemp(prefix=".tmp-kit-", dir=folder)
    except OSError as error:
        said = f"{error.strerror or error} (for {path})"
        raise PlaceForbidden.at(folder, "write to", said, variable=variable, is_ours=is_ours) from error
    try:
        if variable == "KIT_HOME":  # the cache holds no secrets
            files.check_private(Path(name), descriptor)
    finally:
        os.close(descriptor)
        with suppress(OSError):
            os.unlink(name)


def _nearest(path: Path) -> Path:
    """The path itself, or the first above it that can be seen to be there."""
    for candidate in (path, *path.parents):
        with suppress(OSError):
            candidate.lstat()
            return candidate
    return Path("/")


def _owner(path: Path) -> int:
    return _nearest(path).lstat().st_uid


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
