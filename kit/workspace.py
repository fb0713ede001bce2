"""The folders and files of a stack on this computer, and of what all stacks share.

In a checkout everything of a stack stays inside the checkout (`certs/<stack>`, `.kit/<stack>`); an installed `kit` keeps it
under `$XDG_DATA_HOME/kit`. What can be made again without loss (tools, images' parts, build logs) is in the cache, `$KIT_CACHE`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kit.errors import KitError

PACKAGE = Path(__file__).resolve().parent
STATE, CERTS = ".kit", "certs"
EMULATOR = "yandex"  # below a stack's state: the emulator's files, under a lock of their own
# The certificate of the emulator of the cloud's API: its holder, and the names under which it is reached.
EMULATOR_LEAF: Mapping[str, tuple[str, ...]] = {"yandex-emulator": ("localhost", "127.0.0.1", "::1")}
BACKING_SUFFIX, LONGEST_NAME = "-yc", 30  # a stack's name is part of host names

# What no folder of ours may have in its path. A colon parts source and target in Compose's short syntax and in the engine's
# binds, and folders in PATH; Compose takes "${" for a variable of the target part. Tried with Compose 2.40.3 and Engine 20.10,
# 2026-11-28, where spaces, commas, quotes, backslashes, "$", "#", line breaks and letters of any alphabet went well.
UNFIT = (":", "${")


class HomeUnknown(KitError):
    """Neither a variable nor an account says where this user's home folder is."""

    code = "KIT-HOME-UNKNOWN"
    exit_code = 26
    what = "there is no home folder to keep anything in"
    why = "HOME is not set, and user {uid} has no account on this computer"
    fix = "name folders of your own: export KIT_HOME=… KIT_CACHE=…"


class PathUnfit(KitError):
    """A folder's name has characters with which it cannot be mounted into a container."""

    code = "KIT-PATH-UNFIT"
    exit_code = 26
    what = "{path} cannot be mounted into a container"
    why = "Compose and the engine take the `{part}` in it for one of their own"


@dataclass(frozen=True, slots=True)
class Workspace:
    stack: str
    assets: Path  # holds compose/, kind/, examples/
    home: Path  # holds certs/<stack> and .kit/<stack>
    cache: Path

    @property
    def state(self) -> Path:
        return self.home / STATE / self.stack

    @property
    def certs(self) -> Path:
        return self.home / CERTS / self.stack

    @property
    def ca_file(self) -> Path:
        """The root alone: what a client must trust."""
        return self.certs / "ca.crt"

    @property
    def bundle_file(self) -> Path:
        """Public roots and the root, for variables that replace a program's whole trust store."""
        return self.certs / "bundle.crt"

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def lock_file(self) -> Path:
        """Outside the stack's folder, which `kit purge` removes while it holds the lock."""
        return self.home / STATE / f"{self.stack}.lock"

    @property
    def logs(self) -> Path:
        return self.state / "logs"


def lock_of(path: Path) -> Path | None:
    """The lock under which a file is written: of the stack in whose state or certificates it lies. None for every other file."""
    below = path
    for folder in path.parents:
        if folder.parent.name == STATE:
            return None if below.name == EMULATOR else folder.with_name(f"{folder.name}.lock")
        if folder.parent.name == CERTS and (state := folder.parent.with_name(STATE)).is_dir():
            return state / f"{folder.name}.lock"
        below = folder
    return None


def folders_of(lock: Path) -> tuple[Path, ...]:
    """What is written under a stack's lock: its state and its certificates."""
    stack = lock.name.removesuffix(".lock")
    return lock.with_name(stack), lock.parent.with_name(CERTS) / stack


def find(stack: str) -> Workspace:
    """Where everything is. Raises `HomeUnknown`, or `PathUnfit` for a place that containers could not be given."""
    packaged = PACKAGE / "_assets"
    checkout = PACKAGE.parent
    assets = packaged if packaged.is_dir() else checkout
    home = _named("KIT_HOME") or (_data_folder() if assets == packaged else checkout)
    cache = cache_folder()
    for place, fix in (
        (home, "name another folder: export KIT_HOME=…"),
        (cache, "name another folder: export KIT_CACHE=…"),
        (assets, "move this copy of kit to a folder of another name"),
    ):
        for part in UNFIT:
            if part in str(place):
                raise PathUnfit(path=place, part=part, fix=fix)
    return Workspace(stack=stack, assets=assets, home=home, cache=cache)


def cache_folder() -> Path:
    return _named("KIT_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or _user_home() / ".cache") / "kit"


def _data_folder() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or _user_home() / ".local" / "share") / "kit"


def _named(variable: str) -> Path | None:
    value = os.environ.get(variable)
    try:
        return Path(value).expanduser().resolve() if value else None
    except RuntimeError as error:  # it begins with ~
        raise HomeUnknown(uid=os.getuid()) from error


def _user_home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise HomeUnknown(uid=os.getuid()) from error


def backing_name(stack: str) -> str:
    """The name of the local stack that stands behind the emulator of a stack."""
    return stack[: LONGEST_NAME - len(BACKING_SUFFIX)] + BACKING_SUFFIX
