"""Real things behind the cloud's API: containers, a Kind cluster, MinIO, of a local stack named after the emulator's.

There is one of each kind. A managed cluster owns its store from the call that makes it to the one that removes it; a second one
of the same kind is refused as what it is, impossible here. What is really there is asked of the engine and of the stores, so a
container or topic that somebody removed is missed at the next read.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kit.yandex.backing.buckets import Buckets
from kit.yandex.backing.clickhouse import ClickHouse
from kit.yandex.backing.ground import KUBERNETES, Ground, made_real
from kit.yandex.backing.kafka import Kafka
from kit.yandex.backing.kubernetes import Kubernetes
from kit.yandex.backing.memory import Owner
from kit.yandex.backing.names import unusable
from kit.yandex.backing.postgres import Postgres
from kit.yandex.backing.redis import Redis
from kit.yandex.contract import (
    Cluster,
    Database,
    Engine,
    Inventory,
    KeyRights,
    KubernetesAccess,
    NotPossible,
    ObjectStore,
    Record,
    Topic,
    User,
)

if TYPE_CHECKING:
    from kit.supply.schedule import Progress
    from kit.targets.local.target import LocalTarget
    from kit.workspace import Workspace

LOOK_AGAIN_S = 1.0


class Managed(Protocol):
    """What one kind of database cluster does with its store."""

    store: str

    def put(self, cluster: Cluster) -> None: ...

    def forget(self) -> None:
        """The store has gone: connections to it are of no use any more."""
        ...

    def observe(self) -> Inventory: ...

    def put_user(self, user: User) -> None: ...

    def remove_user(self, name: str) -> None: ...

    def put_database(self, database: Database) -> None: ...

    def remove_database(self, name: str) -> None: ...


class LocalBacking:
    """`kit.yandex.contract.Backing`. `emulator` is the name of the stack whose cloud this is."""

    is_quick = False

    def __init__(self, emulator: str, workspace: Workspace) -> None:
        self._ground = Ground(emulator, workspace)
        self._kafka = Kafka(self._ground)
        self._managed: dict[Engine, Managed] = {
            Engine.KAFKA: self._kafka,
            Engine.POSTGRESQL: Postgres(self._ground),
            Engine.CLICKHOUSE: ClickHouse(self._ground),
            Engine.REDIS: Redis(self._ground),
        }
        self._kubernetes = Kubernetes(self._ground)
        self._buckets = Buckets(self._ground)
        self._seen: dict[str, tuple[float, int, Inventory]] = {}  # cluster → when, after how many changes, what
        self._changes: Counter[str] = Counter()
        self._looking = {engine: threading.Lock() for engine in Engine}

    @property
    def name(self) -> str:
        return f"the local stack {self._ground.name}"

    @property
    def local(self) -> LocalTarget:
        """The stack behind, for whoever must reach it from this computer: ports, authority, kubeconfig, images of the cluster."""
        return self._ground.local()

    @property
    def ca_file(self) -> Path:
        """What clients of the managed databases trust: the cloud's CA.pem."""
        return self._ground.workspace.ca_file

    def missing(self) -> tuple[str, ...]:
        """Tools and images that have to be made before anything can be real."""
        local = self._ground.local()
        return tuple(need.key for need in local.supply.plan(local.supply_names()))

    def prepare(self, progress: Progress | None = None) -> None:
        """Optional: what the first cluster would otherwise wait for, tools and images above all."""
        with made_real("the emulator's backing"):
            self._ground.prepare(progress)

    def purge(self) -> None:
        """Everything: containers, volumes, cluster, network, certificates, passwords."""
        self._ground.purge()
        self._seen.clear()
        for managed in self._managed.values():
            managed.forget()

    def forget_clusters_except(self, cluster_ids: frozenset[str]) -> None:
        stores = {managed.store: managed for managed in self._managed.values()}
        for store, owner in self._ground.memory.owners().items():
            if owner.id in cluster_ids or (store not in stores and store != KUBERNETES):
                continue
            with made_real(f"the removal of {store}, which no cluster owns"), self._ground.store_lock(store):
                if store == KUBERNETES:
                    self._kubernetes.remove()
                else:
                    self._give_back(stores[store])
            self._ground.remove_if_empty()
        if self._ground.memory.owners():  # an engine that was restarted meanwhile gave containers other addresses
            with made_real("names in the cluster"):
                self._kubernetes.settle_names_if_there()

    # -- databases

    def put_cluster(self, cluster: Cluster) -> None:
        managed = self._managed[cluster.engine]
        with made_real(_subject(cluster)), self._ground.store_lock(managed.store):
            is_new = self._take(managed.store, cluster)
            try:
                managed.put(cluster)
                self._kubernetes.settle_names_if_there()
            except BaseException:
                if is_new:  # it was not made, so nobody will remove it
                    self._give_back(managed)
                raise
            self._has_changed(cluster)

    def remove_cluster(self, cluster: Cluster) -> None:
        managed = self._managed[cluster.engine]
        with made_real(_subject(cluster)), self._ground.store_lock(managed.store):
            owner = self._ground.memory.owners().get(managed.store)
            if owner is None or owner.id != cluster.id:
                return
            self._give_back(managed)
            self._kubernetes.settle_names_if_there()
            self._has_changed(cluster)
        self._ground.remove_if_empty()

    def observe_cluster(self, cluster: Cluster) -> Inventory:
        with made_real(_subject(cluster)), self._looking[cluster.engine]:
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
        store = KUBERNETES if cluster.engine == Engine.KUBERNETES else self._managed[cluster.engine].store
        owner = self._ground.memory.owners().get(store)
        if owner is None or owner.id != cluster.id:
            return Inventory(exists=False)
        if cluster.engine == Engine.KUBERNETES:
            return Inventory(exists=self._kubernetes.is_there())
        container = self._ground.container(store)
        if container is None:
            self._managed[cluster.engine].forget()
            return Inventory(exists=False)
        return self._managed[cluster.engine].observe() if container.state == "running" else Inventory(exists=True)

    def _take(self, store: str, cluster: Cluster) -> bool:
        """Make the store this cluster's; true when it was not before. The store of one that has gone is cleared for the next."""
        owner = self._ground.memory.owners().get(store)
        if owner is not None and owner.id != cluster.id:
            if self._ground.container(store) is not None:
                raise NotPossible(
                    f"a second {cluster.engine} cluster",
                    f"one {store} stands behind this emulator, and cluster {owner.id} has it",
                    f"delete that one first; if nobody knows it any more: kit purge --stack {self._ground.name}",
                )
            self._ground.remove_store(store)
        hosts = tuple(host.name for host in cluster.hosts)
        # Kafka has no special names in the cloud: the first host is what it calls itself.
        names = tuple(dict.fromkeys((*hosts, *cluster.names) if cluster.engine == Engine.KAFKA else cluster.names))
        self._ground.memory.own(store, Owner(cluster.id, names))
        return owner is None or owner.id != cluster.id

    def _give_back(self, managed: Managed) -> None:
        managed.forget()
        self._ground.remove_store(managed.store)

    def put_topic(self, cluster: Cluster, topic: Topic) -> None:
        with made_real(f"topic {topic.name}"):
            self._kafka.put_topic(topic)
        self._has_changed(cluster)

    def remove_topic(self, cluster: Cluster, name: str) -> None:
        if self._observe(cluster).exists:
            with made_real(f"the removal of topic {name}"):
                self._kafka.remove_topic(name)
        self._has_changed(cluster)

    def put_database(self, cluster: Cluster, database: Database) -> None:
        with made_real(f"database {database.name}"):
            self._managed[cluster.engine].put_database(database)
        self._has_changed(cluster)

    def remove_database(self, cluster: Cluster, name: str) -> None:
        if self._observe(cluster).exists:
            with made_real(f"the removal of database {name}"):
                self._managed[cluster.engine].remove_database(name)
        self._has_changed(cluster)

    def put_user(self, cluster: Cluster, user: User) -> None:
        with made_real(f"user {user.name}"):
            self._managed[cluster.engine].put_user(user)
        self._has_changed(cluster)

    def remove_user(self, cluster: Cluster, name: str) -> None:
        if self._observe(cluster).exists:
            with made_real(f"the removal of user {name}"):
                self._managed[cluster.engine].remove_user(name)
        self._has_changed(cluster)

    # -- Kubernetes and names

    def put_kubernetes(self, cluster: Cluster) -> KubernetesAccess:
        with made_real(_subject(cluster)), self._ground.store_lock(KUBERNETES):
            owner = self._ground.memory.owners().get(KUBERNETES)
            if owner is not None and owner.id != cluster.id and self._kubernetes.is_there():
                why = f"one Kind cluster stands behind this emulator, and cluster {owner.id} has it"
                raise NotPossible("a second Kubernetes cluster", why, "delete that one first")
            is_new = owner is None or owner.id != cluster.id
            self._ground.memory.own(KUBERNETES, Owner(cluster.id, ()))
            try:
                return self._kubernetes.put()
            except BaseException:
                if is_new:
                    self._kubernetes.remove()
                raise
            finally:
                self._has_changed(cluster)

    def remove_kubernetes(self, cluster: Cluster) -> None:
        with made_real(_subject(cluster)), self._ground.store_lock(KUBERNETES):
            owner = self._ground.memory.owners().get(KUBERNETES)
            if owner is not None and owner.id == cluster.id:
                self._kubernetes.remove()
                self._has_changed(cluster)
        self._ground.remove_if_empty()

    def put_records(self, records: tuple[Record, ...]) -> None:
        for record in records:
            if why := unusable(record):
                raise NotPossible(f"DNS record {record.name}", why)
        if records == self._ground.memory.records():
            return
        with made_real("DNS records"):
            self._ground.memory.keep_records(records)
            self._kubernetes.settle_names_if_there()

    # -- object storage

    def put_bucket(self, name: str) -> None:
        with made_real(f"bucket {name}"):
            self._buckets.put(name)
            self._kubernetes.settle_names_if_there()

    def remove_bucket(self, name: str) -> None:
        with made_real(f"the removal of bucket {name}"):
            self._buckets.remove(name)
            self._kubernetes.settle_names_if_there()
        self._ground.remove_if_empty()

    def has_bucket(self, name: str) -> bool:
        with made_real(f"bucket {name}"):
            return self._buckets.has(name)

    def put_keys(self, keys: tuple[KeyRights, ...]) -> None:
        with made_real("static keys"):
            self._buckets.put_keys(keys)

    def object_store(self) -> ObjectStore | None:
        with made_real("object storage"):
            return self._buckets.object_store()


def _subject(cluster: Cluster) -> str:
    return f"{cluster.engine} cluster {cluster.name}"
