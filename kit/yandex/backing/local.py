"""The backing on this computer: containers, MinIO and a Kind cluster of a local stack named after the emulator's.

There is one of each kind. A managed cluster owns its store from the call that makes it to the one that removes it; a second one
of the same kind is refused as what it is, impossible here. What is really there is asked of the engine and of the stores, so a
container or topic that somebody removed is missed at the next read.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from kit.yandex.backing.backups import Backups
from kit.yandex.backing.clickhouse import ClickHouse
from kit.yandex.backing.dns_names import unusable
from kit.yandex.backing.kafka import Kafka
from kit.yandex.backing.kubernetes import Kubernetes
from kit.yandex.backing.managed import BackedUp, Managed
from kit.yandex.backing.object_storage import ObjectStorage
from kit.yandex.backing.ownership import Owner
from kit.yandex.backing.postgres import Postgres
from kit.yandex.backing.redis import Redis
from kit.yandex.backing.stack import BackingStack, as_backing_errors
from kit.yandex.contract import (
    BalancedService,
    Cluster,
    ClusterPart,
    Engine,
    Inventory,
    KeyRights,
    KubernetesAccess,
    NotPossible,
    ObjectStore,
    Record,
)

if TYPE_CHECKING:
    from kit.adapters.docker.observed import Container
    from kit.supply.schedule import Progress
    from kit.targets.local.target import LocalTarget
    from kit.workspace import Workspace

LOOK_AGAIN_S = 1.0


class LocalBacking:
    """`contract.Backing`. `emulator` is the name of the stack whose cloud this is."""

    is_quick = False

    def __init__(self, emulator: str, workspace: Workspace) -> None:
        self._stack = BackingStack(emulator, workspace)
        self._kubernetes = Kubernetes(self._stack)
        postgres, clickhouse, redis = Postgres(self._stack), ClickHouse(self._stack), Redis(self._stack)
        self._managed: dict[Engine, Managed] = {
            Engine.KAFKA: Kafka(self._stack),
            Engine.POSTGRESQL: postgres,
            Engine.CLICKHOUSE: clickhouse,
            Engine.REDIS: redis,
            Engine.KUBERNETES: self._kubernetes,
        }
        self._backed_up: dict[Engine, BackedUp] = {
            Engine.POSTGRESQL: postgres,
            Engine.CLICKHOUSE: clickhouse,
            Engine.REDIS: redis,
        }
        self._backups = Backups(self._stack.workspace.state / "backups")
        self._object_storage = ObjectStorage(self._stack)
        self._seen: dict[str, tuple[float, int, Inventory]] = {}  # cluster → when, after how many changes, what
        self._changes: Counter[str] = Counter()
        self._looking = {engine: threading.Lock() for engine in Engine}

    @property
    def name(self) -> str:
        """The local stack, for people."""
        return f"the local stack {self._stack.name}"

    @property
    def local(self) -> LocalTarget:
        """The local stack: ports, authority, kubeconfig, images of the cluster."""
        return self._stack.local()

    @property
    def ca_file(self) -> Path:
        """The authority of the managed databases, which the cloud publishes as CA.pem."""
        return self._stack.workspace.ca_file

    def missing(self) -> tuple[str, ...]:
        """The tools and images that have to be built or pulled first."""
        local = self._stack.local()
        return tuple(need.key for need in local.supply.plan(local.supply_names()))

    def prepare(self, progress: Progress | None = None) -> None:
        """Build or pull them, so that the first cluster need not wait for them."""
        with as_backing_errors("the emulator's backing"):
            self._stack.prepare(progress)

    def purge(self) -> None:
        """Remove containers, volumes, cluster, network, certificates and passwords."""
        self._stack.purge()
        self._seen.clear()
        for managed in self._managed.values():
            managed.forget()

    def forget_clusters_except(self, cluster_ids: frozenset[str]) -> None:
        stores = {managed.store: managed for managed in self._managed.values()}
        for store, owner in self._stack.ownership.owners().items():
            if owner.id in cluster_ids or store not in stores:
                continue
            with as_backing_errors(f"the removal of {store}, which no cluster owns"), self._stack.store_lock(store):
                self._remove(stores[store])
            self._stack.remove_if_empty()
        if self._stack.ownership.owners():  # an engine that was restarted meanwhile gave containers other addresses
            with as_backing_errors("names in the cluster"):
                self._kubernetes.settle_names_if_there()

    # -- clusters

    def put_cluster(self, cluster: Cluster) -> KubernetesAccess | None:
        managed = self._managed[cluster.engine]
        with as_backing_errors(_subject(cluster)), self._stack.store_lock(managed.store):
            is_new = self._take(managed, cluster)
            try:
                access = managed.put(cluster)
                self._kubernetes.settle_names_if_there()
                return access
            except BaseException:
                if is_new:  # it was not made, so nobody will remove it
                    self._remove(managed)
                raise
            finally:
                self._has_changed(cluster)

    def remove_cluster(self, cluster: Cluster) -> None:
        managed = self._managed[cluster.engine]
        with as_backing_errors(_subject(cluster)), self._stack.store_lock(managed.store):
            if not self._owns(cluster):
                return
            self._remove(managed)
            self._kubernetes.settle_names_if_there()
            self._has_changed(cluster)
        self._stack.remove_if_empty()

    def observe_cluster(self, cluster: Cluster) -> Inventory:
        with as_backing_errors(_subject(cluster)), self._looking[cluster.engine]:
            changes = self._changes[cluster.id]
            looked_s, then, seen = self._seen.get(cluster.id, (float("-inf"), 0, Inventory(exists=False)))
            if time.monotonic() - looked_s < LOOK_AGAIN_S and then == changes:
                return seen
            # What is changed while this looks counts as not looked at: whoever made it must find it.
            seen = self._observe(cluster)
            self._seen[cluster.id] = (time.monotonic(), changes, seen)
            return seen

    def _has_changed(self, cluster: Cluster) -> None:
        self._changes[cluster.id] += 1

    def _observe(self, cluster: Cluster) -> Inventory:
        managed = self._managed[cluster.engine]
        if not self._owns(cluster):
            return Inventory(exists=False)
        container = self._container(managed)
        if container is None:
            managed.forget()
            return Inventory(exists=False)
        return managed.observe() if container.state == "running" else Inventory(exists=True)

    def _owns(self, cluster: Cluster) -> bool:
        owner = self._stack.ownership.owners().get(self._managed[cluster.engine].store)
        return owner is not None and owner.id == cluster.id

    def _container(self, managed: Managed) -> Container | None:
        return self._kubernetes.node() if managed is self._kubernetes else self._stack.container(managed.store)

    def _take(self, managed: Managed, cluster: Cluster) -> bool:
        """Give the store to the cluster; true where another or none had it. What is left of that one is removed."""
        store, owner = managed.store, self._stack.ownership.owners().get(managed.store)
        is_new = owner is None or owner.id != cluster.id
        if owner is not None and is_new:
            if self._container(managed) is not None:
                raise NotPossible(
                    subject=f"a second {cluster.engine} cluster",
                    why=f"one {store} stands behind this emulator, and cluster {owner.id} has it",
                    fix=f"delete that one first; if nobody knows it any more: kit purge --stack {self._stack.name}",
                )
            self._remove(managed)
        self._stack.ownership.own(store, Owner(cluster.id, _names(cluster)))
        return is_new

    def _remove(self, managed: Managed) -> None:
        managed.forget()
        if managed is self._kubernetes:
            self._kubernetes.remove()
        else:
            self._stack.remove_store(managed.store)

    def put_part(self, cluster: Cluster, part: ClusterPart) -> None:
        with as_backing_errors(f"{type(part).__name__.lower()} {part.name}"):
            put, _ = self._managed[cluster.engine].parts[type(part)]
            put(part)
        self._has_changed(cluster)

    def remove_part(self, cluster: Cluster, kind: type[ClusterPart], name: str) -> None:
        if self._observe(cluster).exists:
            with as_backing_errors(f"the removal of {kind.__name__.lower()} {name}"):
                _, remove = self._managed[cluster.engine].parts[kind]
                remove(name)
        self._has_changed(cluster)

    # -- backups

    def back_up(self, cluster: Cluster, backup_id: str) -> int:
        with as_backing_errors(f"backup {backup_id}"), self._stack.store_lock(self._managed[cluster.engine].store):
            return self._backups.make(self._backed_up[cluster.engine], backup_id)

    def restore(self, cluster: Cluster, backup_id: str) -> None:
        with as_backing_errors(f"backup {backup_id}"), self._stack.store_lock(self._managed[cluster.engine].store):
            self._backups.restore(self._backed_up[cluster.engine], backup_id)
            self._has_changed(cluster)

    def remove_backup(self, backup_id: str) -> None:
        with as_backing_errors(f"backup {backup_id}"):
            self._backups.remove(backup_id)

    # -- load balancers

    def balanced_services(self) -> tuple[BalancedService, ...] | None:
        return self._kubernetes.balancing.services()

    def settle_service(self, service: BalancedService, address: str | None, complaint: str) -> None:
        self._kubernetes.balancing.settle(service, address, complaint)

    def node_address(self, node_port: int) -> tuple[str, int] | None:
        return self._kubernetes.node_address(node_port)

    # -- names

    def put_records(self, records: tuple[Record, ...]) -> None:
        for record in records:
            if why := unusable(record):
                raise NotPossible(subject=f"DNS record {record.name}", why=why)
        if records == self._stack.ownership.records():
            return
        with as_backing_errors("DNS records"):
            self._stack.ownership.keep_records(records)
            self._kubernetes.settle_names_if_there()

    # -- object storage

    def put_bucket(self, name: str) -> None:
        with as_backing_errors(f"bucket {name}"):
            self._object_storage.put(name)
            self._kubernetes.settle_names_if_there()

    def remove_bucket(self, name: str) -> None:
        with as_backing_errors(f"the removal of bucket {name}"):
            self._object_storage.remove(name)
            self._kubernetes.settle_names_if_there()
        self._stack.remove_if_empty()

    def has_bucket(self, name: str) -> bool:
        with as_backing_errors(f"bucket {name}"):
            return self._object_storage.has(name)

    def put_keys(self, keys: tuple[KeyRights, ...]) -> None:
        with as_backing_errors("static keys"):
            self._object_storage.put_keys(keys)

    def object_store(self) -> ObjectStore | None:
        with as_backing_errors("object storage"):
            return self._object_storage.object_store()


def _subject(cluster: Cluster) -> str:
    return f"{cluster.engine} cluster {cluster.name}"


def _names(cluster: Cluster) -> tuple[str, ...]:
    """The host names of a cluster's store. Kafka has no special names in the cloud: the first host is what it calls itself."""
    if cluster.engine == Engine.KUBERNETES:
        return ()
    hosts = tuple(host.name for host in cluster.hosts) if cluster.engine == Engine.KAFKA else ()
    return tuple(dict.fromkeys((*hosts, *cluster.names)))
