"""Backups of database clusters: made on demand, listed, deleted, and restored as a new cluster with its users and databases.

A backup outlives its cluster, as in the cloud, where that ends after seven days (managed-postgresql/concepts/backup, read
2026-11-28); here it ends when it is deleted. No backup is made by itself. The data is the backing's; what the API knows of the
cluster (version, users with their passwords, databases) is kept in the journal beside the backup.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kit.yandex import refusal
from kit.yandex.contract import Cluster
from kit.yandex.engine import descriptors, ids, pagination
from kit.yandex.engine.descriptors import kind_of
from kit.yandex.engine.journal import Change, Record
from kit.yandex.engine.plan import OperationPlan, ResponsePatch
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import MutationContext, Resource, operation
from kit.yandex.engine.state import Call, EmulatorState, now
from kit.yandex.managed.parts import Parts
from kit.yandex.managed.product import Product, cluster_of
from kit.yandex.managed.users import keep_password
from kit.yandex.rules import upgrades

MANUAL = 2  # of the type, in all three services
BACKED = "data in files"
VERSION, PARTS = "version", "parts"  # in a record's hidden fields


def backup_kind(product: Product) -> str:
    """The name of the product's backup message."""
    return f"{product.package}.Backup"


def register(registry: Registry, product: Product, clusters: Resource, parts: tuple[Parts, ...]) -> None:
    """Answer Backup, ListBackups, Restore and the BackupService of a product. Kafka's service has none of them."""
    if "Backup" not in descriptors.methods(product.service):
        return

    def plan_backup(state: EmulatorState, call: Call, change: Change) -> OperationPlan:
        return _plan_backup(product, parts, clusters.find(state, call.request.cluster_id), state, change)

    def plan_restore(state: EmulatorState, call: Call, change: Change) -> OperationPlan:
        backup = _done(state, product, call.request.backup_id)
        upgrades.check_restore(product.engine.value, backup.extra[VERSION], call.request.config_spec.version)
        request = type(call.request)()
        request.CopyFrom(call.request)
        request.folder_id = request.folder_id or backup.message.folder_id  # the default of every client of the cloud
        return clusters.plan_create(state, replace(call, request=request), change)

    def list_backups(state: EmulatorState, call: Call) -> Any:
        """Those of one cluster; the newest first."""
        clusters.find(state, call.request.cluster_id)
        found = [record for record in reversed(state.journal.all(backup_kind(product))) if not record.is_pending]
        mine = [record.message for record in found if record.message.source_cluster_id == call.request.cluster_id]
        return pagination.page(mine, call.request, call.method.answer(), "backups")

    registry.add(product.service, "Backup", operation(plan_backup), backed=BACKED)
    registry.add(product.service, "ListBackups", list_backups)
    registry.add(product.service, "Restore", operation(plan_restore), backed=BACKED)
    service = f"{product.package}.BackupService"
    Resource(service, backup_kind(product), "Backup", remove=_remove, backed=BACKED).register(registry)


def restore_into(product: Product, parts: tuple[Parts, ...], context: MutationContext, cluster: Cluster) -> None:
    """The second half of a restore, once the new cluster is planned: the backup's users and databases, then its data."""
    backup = _done(context.state, product, context.request.backup_id)
    by_kind = {each.message: each for each in parts}
    for kind, encoded, extra in backup.extra[PARTS]:
        message: Any = descriptors.message(kind).FromString(base64.b64decode(encoded))
        if (kind, f"{context.message.id}/{message.name}") in context.change.puts:
            continue  # made with the cluster: Valkey's default user, with the password of the request
        message.cluster_id = context.message.id
        inner = replace(context, message=message, extra=dict(extra))
        if "password" in extra:
            for field in ("connection_manager", "user_connection_manager"):
                if field in message.DESCRIPTOR.fields_by_name:
                    message.ClearField(field)
            keep_password(inner, product, context.message, extra["password"])
        by_kind[kind].put_restored(inner, cluster)

    def restore() -> None:
        context.backing.restore(cluster, backup.key)

    context.then(restore)


def _plan_backup(
    product: Product, parts: tuple[Parts, ...], owner: Record, state: EmulatorState, change: Change
) -> OperationPlan:
    """A creation of the backup, so that one which a kill cut short is rolled back and never offered."""
    cluster = cluster_of(state, product, owner.message, owner.extra)
    backup: Any = descriptors.message(backup_kind(product))(
        id=f"{owner.key}:{ids.new('m')}",
        folder_id=owner.message.folder_id,
        source_cluster_id=owner.key,
        created_at=now(),
        started_at=now(),
        type=MANUAL,
    )
    kept = [
        [each.message, base64.b64encode(record.message.SerializeToString()).decode(), dict(record.extra)]
        for each in parts
        for record in state.journal.children(each.message, owner.key)
    ]
    extra: Mapping[str, Any] = {VERSION: cluster.version, PARTS: kept}
    primary = Record(backup.id, owner.message.folder_id, backup, extra)
    change.put(primary)

    def make() -> ResponsePatch | None:
        size = state.backing.back_up(cluster, backup.id)
        if "size" not in backup.DESCRIPTOR.fields_by_name:
            return None
        return lambda message: setattr(message, "size", size)

    return OperationPlan(
        "create",
        change,
        primary,
        names={"cluster_id": owner.key, "backup_id": backup.id},
        subject=owner.key,
        side_effects=[make],
        undo=lambda: state.backing.remove_backup(backup.id),
        response=owner.message,
    )


def _done(state: EmulatorState, product: Product, backup_id: str) -> Record:
    record = state.find(backup_kind(product), backup_id, "Backup")
    if record.is_pending:
        raise refusal.not_found("Backup", backup_id)
    return record


def _remove(context: MutationContext) -> None:
    gone = context.message.id
    context.then(lambda: context.backing.remove_backup(gone))


def is_backup(record: Record) -> bool:
    """Whether a record is one of a database's backups."""
    return kind_of(record.message).startswith("mdb.") and record.kind.endswith(".Backup")
