"""Secrets that the user gave kit to keep, beside those that kit made: the mail server's password, and what the user's own values
name. One file of mode 0600 a stack, apart from kit's own passwords, behind which data lies.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from kit.endpoints import Secret
from kit.errors import KitError
from kit.state import secrets

FILE = "given.json"  # in the stack's folder
MAIL = "mail"
MAIL_VARIABLE = "KIT_MAIL_PASSWORD"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")  # it becomes a key of a Kubernetes Secret


class SecretUnfit(KitError):
    """A secret is to be kept under an unusable name, or without content."""

    code = "KIT-SECRET-UNFIT"
    exit_code = 10
    what = "{name} cannot be kept"
    fix = "kit secrets set NAME < FILE; lower-case letters, digits, dots and hyphens in NAME"


def load(path: Path) -> Mapping[str, Secret]:
    """By name, with what the variable says. Raises `SecretsCorrupt`."""
    return with_variable(secrets.load(path))


def with_variable(kept: Mapping[str, Secret]) -> Mapping[str, Secret]:
    """The variable for the mail server's password counts for more than what is kept."""
    said = os.environ.get(MAIL_VARIABLE)
    return {**kept, MAIL: Secret(said)} if said else kept


def keep(path: Path, name: str, text: str) -> None:
    """Raises `SecretUnfit`."""
    if not _NAME.fullmatch(name):
        raise SecretUnfit(
            name=name or "a secret without a name", why="a name has lower-case letters, digits, dots and hyphens, at most 63"
        )
    if not text.strip():
        raise SecretUnfit(name=name or "a secret without a name", why="nothing was given on standard input")
    secrets.put(path, {name: Secret(text)})


def keep_variable(path: Path) -> None:
    """What the variable says is kept, so that the next command needs it no more."""
    said = os.environ.get(MAIL_VARIABLE)
    if said and secrets.load(path).get(MAIL) != Secret(said):
        keep(path, MAIL, said)


def forget(path: Path, name: str) -> bool:
    """Whether there was one."""
    kept = secrets.load(path)
    if name in kept:
        secrets.replace(path, {key: value for key, value in kept.items() if key != name})
    return name in kept
