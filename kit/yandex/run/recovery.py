"""Recovers the backing after a kill: rolls back a half-made resource, repeats a half-done change.

The journal knows which record an operation was about, not how far it came. Everything of the backing is idempotent, so a creation
is removed whole and a change is made once more.
"""

from __future__ import annotations

from kit.yandex.engine.journal import Record
from kit.yandex.engine.state import EmulatorState
from kit.yandex.managed import backups
from kit.yandex.managed.parts import part_of
from kit.yandex.managed.product import cluster_of
from kit.yandex.services import clickhouse, kafka, kubernetes, postgresql, redis

PRODUCTS = {module.PRODUCT.cluster: module.PRODUCT for module in (kafka, clickhouse, postgresql, redis)}
PARTS = {
    parts.message: parts
    for parts in (
        *(kafka.TOPICS, kafka.USERS, clickhouse.DATABASES, clickhouse.USERS),
        *(postgresql.DATABASES, postgresql.USERS, redis.USERS),
    )
}


def roll_back(state: EmulatorState, record: Record) -> None:
    """Remove what a creation may have made of this record."""
    backing, message = state.backing, record.message
    if record.kind in PRODUCTS:
        backing.remove_cluster(cluster_of(state, PRODUCTS[record.kind], message, record.extra))
    elif record.kind == kubernetes.CLUSTER:
        backing.remove_cluster(kubernetes.cluster_of(message))
    elif record.kind == "storage.v1.Bucket":
        backing.remove_bucket(record.key)
    elif backups.is_backup(record):
        backing.remove_backup(record.key)
    elif record.kind in PARTS and (found := part_of(state, PARTS[record.kind], record)):
        backing.remove_part(found[0], PARTS[record.kind].kind, message.name)


def repeat(state: EmulatorState, record: Record) -> None:
    """Make or change what the record describes once more."""
    backing, message = state.backing, record.message
    if record.kind in PRODUCTS:
        backing.put_cluster(cluster_of(state, PRODUCTS[record.kind], message, record.extra))
    elif record.kind == kubernetes.CLUSTER:
        backing.put_cluster(kubernetes.cluster_of(message))
    elif record.kind in PARTS and (found := part_of(state, PARTS[record.kind], record)):
        backing.put_part(*found)
