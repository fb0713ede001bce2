"""The stack's passwords and keys: made once, kept in one file of mode 0600, handed on as `Secret`.

They are made of [A-Za-z0-9_-] only, since some clients put them into URLs unescaped (facts of the chart: Celery's and
Relay's Redis URLs). A damaged file is never replaced: the volumes hold data behind these very passwords.
"""

from __future__ import annotations

import json
import secrets as random
from collections.abc import Callable, Mapping
from pathlib import Path

from kit import files
from kit.endpoints import Secret
from kit.errors import KitError


class SecretsCorrupt(KitError):
    """secrets.json cannot be read, so nobody could log in to the data that exists."""

    code = "KIT-SECRETS-CORRUPT"
    exit_code = 21
    what = "{path} cannot be used"
    fix = "restore the file from a backup, or remove the stack with everything in it: kit purge"


def password() -> str:
    return random.token_urlsafe(24)


def hexadecimal(digits: int) -> str:
    return random.token_hex(digits // 2)


def load(path: Path) -> Mapping[str, Secret]:
    """The secrets by name; empty where there are none yet."""
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_text())
    except (ValueError, OSError) as error:
        raise SecretsCorrupt(path=path, why="its content is damaged or cut short") from error
    if not isinstance(document, dict) or not all(isinstance(value, str) and value for value in document.values()):
        raise SecretsCorrupt(path=path, why="it is not a list of names with their secrets")
    return {name: Secret(value) for name, value in document.items()}


def put(path: Path, changed: Mapping[str, Secret]) -> Mapping[str, Secret]:
    """All secrets, these among them in place of what they were."""
    return replace(path, {**load(path), **changed})


def replace(path: Path, everything: Mapping[str, Secret]) -> Mapping[str, Secret]:
    files.private_folder(path.parent)
    files.write_json(path, {name: secret.reveal() for name, secret in everything.items()}, files.PRIVATE)
    return everything


def ensure(path: Path, makers: Mapping[str, Callable[[], str]]) -> Mapping[str, Secret]:
    """All secrets that `makers` names, the missing ones made now."""
    present = load(path)
    missing = {name: Secret(make()) for name, make in makers.items() if name not in present}
    return put(path, missing) if missing else present
