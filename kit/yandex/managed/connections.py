"""Connection Manager: for a database's user the service keeps a connection, and its password in a Lockbox secret."""

from __future__ import annotations

from typing import Any

from kit.yandex import refusal
from kit.yandex.engine import descriptors, ids, pagination
from kit.yandex.engine.journal import Change, Record
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.state import Call, EmulatorState, now
from kit.yandex.managed import secrets

CONNECTION = "connectionmanager.v1.Connection"
SERVICE = "connectionmanager.v1.ConnectionService"
TYPES = {"postgresql": "postgresql", "clickhouse": "clickhouse", "redis": "valkey"}


def register(registry: Registry) -> None:
    registry.add(SERVICE, "Get", get_connection)
    registry.add(SERVICE, "List", list_connections)


def put(
    state: EmulatorState, change: Change, engine: str, cluster: Any, user: str, password: str, connection_id: str = ""
) -> str:
    """Keep the user's password; returns the connection's id. With an id: a new version of the same secret."""
    before = state.journal.get(CONNECTION, connection_id) if connection_id else None
    if before is None:
        connection = descriptors.message(CONNECTION)(
            id=ids.new("a59"), folder_id=cluster.folder_id, name=f"{cluster.name}-{user}", created_at=now(), is_managed=True
        )
    else:
        connection = before.copy()
    key = f"{engine}_password"
    name = f"connection-{connection.id}"
    secret = secrets.put_secret(state, change, cluster.folder_id, name, {key: password}, connection.lockbox_secret.id)
    connection.lockbox_secret.id = secret.id
    connection.lockbox_secret.version = connection.lockbox_secret.newest_version = secret.current_version.id
    connection.updated_at.CopyFrom(now())
    parameters = getattr(connection.params, TYPES[engine])
    parameters.managed_cluster_id = cluster.id
    parameters.auth.user_password.user = user
    parameters.auth.user_password.password.lockbox_secret_key = key
    change.put(Record(connection.id, cluster.id, connection))
    return str(connection.id)


def remove(state: EmulatorState, change: Change, connection_id: str) -> None:
    record = state.journal.get(CONNECTION, connection_id)
    if record is not None:
        secrets.remove_secret(state, change, record.message.lockbox_secret.id)
        change.delete(CONNECTION, connection_id)


def remove_all(state: EmulatorState, change: Change, cluster_id: str) -> None:
    for record in state.journal.children(CONNECTION, cluster_id):
        remove(state, change, record.key)


def get_connection(state: EmulatorState, call: Call) -> Any:
    return state.find(CONNECTION, call.request.connection_id, "Connection").message


def list_connections(state: EmulatorState, call: Call) -> Any:
    request = call.request
    for name in ("name_pattern_or_id", "author_id", "is_onpremise", "is_manual", "db_type"):
        if any(field.name == name for field, _ in request.ListFields()):
            raise refusal.invalid(name, "this emulator lists by folder_id and mdb_cluster_id only")
    found = [
        record.message
        for record in state.journal.all(CONNECTION)
        if request.folder_id in ("", record.message.folder_id) and request.mdb_cluster_id in ("", record.parent)
    ]
    return pagination.page(found, request, call.method.answer())
