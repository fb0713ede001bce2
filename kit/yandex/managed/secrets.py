"""Lockbox secrets as records: made by users through the service, and by Connection Manager for the passwords of databases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kit.yandex.engine import descriptors, ids
from kit.yandex.engine.journal import Change, Record
from kit.yandex.engine.state import EmulatorState, now

SECRET, VERSION = "lockbox.v1.Secret", "lockbox.v1.Version"
ACTIVE = 2  # of a secret
VERSION_ACTIVE = 1


def put_secret(
    state: EmulatorState, change: Change, folder_id: str, name: str, entries: Mapping[str, str], secret_id: str = ""
) -> Any:
    """Make a secret for another service (Connection Manager), or add a version to the one of this id. Returns the secret."""
    before = state.journal.get(SECRET, secret_id) if secret_id else None
    if before is None:
        secret = descriptors.message(SECRET)(id=secret_id or ids.new("e6q"), folder_id=folder_id, name=name, created_at=now())
        secret.status = ACTIVE
    else:
        secret = before.copy()
    add_version_record(change, secret, "", {key: ["text", value] for key, value in entries.items()})
    change.put(Record(secret.id, folder_id, secret, {}))
    return secret


def remove_secret(state: EmulatorState, change: Change, secret_id: str) -> None:
    """Delete a secret with its versions."""
    record = state.journal.get(SECRET, secret_id)
    if record is not None:
        state.journal.delete_with_children(change, record)


def add_version_record(change: Change, secret: Any, description: str, entries: Mapping[str, Any]) -> Any:
    """Make a version of a secret, and show it as the current one."""
    version = descriptors.message(VERSION)(
        id=ids.new("e6q"), secret_id=secret.id, created_at=now(), description=description, status=VERSION_ACTIVE
    )
    version.payload_entry_keys.extend(sorted(entries))
    secret.current_version.CopyFrom(version)
    change.put(Record(version.id, secret.id, version, {"entries": dict(entries)}))
    return version
