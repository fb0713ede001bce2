"""After a kill: what a half-done operation has begun behind the API is taken back or done again.

The journal knows which record an operation was about, not how far it came. Everything of the backing is idempotent, so a creation
is undone whole and a change is made once more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kit.yandex.contract import Cluster
from kit.yandex.engine.journal import Record
from kit.yandex.engine.state import EmulatorState
from kit.yandex.managed import databases
from kit.yandex.services import clickhouse, kafka, kubernetes, postgresql, redis

PRODUCTS = {module.PRODUCT.cluster: module.PRODUCT for module in (kafka, clickhouse, postgresql, redis)}
USERS = {module.USERS.message: module for module in (kafka, clickhouse, postgresql, redis)}
DATABASES = {postgresql.DATABASES.message, clickhouse.DATABASES.message}


def roll_back(state: EmulatorState, record: Record) -> None:
    """Remove what a creation may have made of this record."""
    backing, message = state.backing, record.message
    if record.kind in PRODUCTS:
        backing.remove_cluster(databases.cluster_of(state, PRODUCTS[record.kind], message, record.extra))
    elif record.kind == kubernetes.CLUSTER:
        backing.remove_kubernetes(kubernetes.cluster_of(message))
    elif record.kind == "storage.v1.Bucket":
        backing.remove_bucket(record.key)
    elif record.kind == kafka.TOPICS.message:
        _inside(state, record, lambda owner: backing.remove_topic(owner, message.name))
    elif record.kind in USERS:
        _inside(state, record, lambda owner: backing.remove_user(owner, message.name))
    elif record.kind in DATABASES:
        _inside(state, record, lambda owner: backing.remove_database(owner, message.name))


def repeat(state: EmulatorState, record: Record) -> None:
    """Make reality what the record says."""
    backing, message = state.backing, record.message
    if record.kind in PRODUCTS:
        backing.put_cluster(databases.cluster_of(state, PRODUCTS[record.kind], message, record.extra))
    elif record.kind == kubernetes.CLUSTER:
        backing.put_kubernetes(kubernetes.cluster_of(message))
    elif record.kind == kafka.TOPICS.message:
        _inside(state, record, lambda owner: backing.put_topic(owner, kafka.topic_of(message)))
    elif record.kind in USERS:
        module: Any = USERS[record.kind]
        _inside(state, record, lambda owner: backing.put_user(owner, module.user_of(message, record.extra)))
    elif record.kind == postgresql.DATABASES.message:
        _inside(state, record, lambda owner: backing.put_database(owner, postgresql.database_of(message)))


def _inside(state: EmulatorState, record: Record, deed: Callable[[Cluster], None]) -> None:
    kind = record.kind.rpartition(".")[0] + ".Cluster"
    owner = state.journal.get(kind, record.parent)
    if owner is not None:  # else it goes, or went, with its cluster
        deed(databases.cluster_of(state, PRODUCTS[kind], owner.message, owner.extra))
