"""The local stack that managed resources stand on: its foundations once, and each store when a cluster asks for it.

The deeds are those of `kit up --local` (volume, leaf, container), store by store instead of by plan: the cloud's clusters come
and go on their own. Nothing is set up inside a store here; users, topics and databases are the API's to make.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kit.adapters.docker.observed import Container
from kit.blueprint.stack import STORES, Stack
from kit.endpoints import Secret
from kit.errors import KitError
from kit.pki import folder
from kit.plan.steps import Step
from kit.state import markers, secrets
from kit.stores.contract import NotYet, Ready
from kit.supply import schedule
from kit.targets.local import layout, observe, teardown
from kit.targets.local import plan as planned
from kit.targets.local.apply import LOG_LINES, LOOK_AT_CONTAINER_S, POLL_S, STORE_TIMEOUT_S, StoreNotReady, actions
from kit.targets.local.target import LocalTarget
from kit.workspace import Workspace
from kit.yandex.backing.memory import Memory
from kit.yandex.contract import BackingFailed
from kit.yandex.run import environment

if TYPE_CHECKING:
    from kit.targets.local.observe import EngineSeen

SUFFIX = "-yc"
LONGEST_NAME = 30
KUBERNETES = "kubernetes"
LOOK_AGAIN_S = 0.5


def stack_name(emulator: str) -> str:
    """Of the backing stack of an emulator's stack: its name is part of host names, and those are short."""
    return emulator[: LONGEST_NAME - len(SUFFIX)] + SUFFIX


@contextmanager
def made_real(subject: str) -> Iterator[None]:
    """Whatever fails below is told as the seam says it."""
    try:
        yield
    except BackingFailed:
        raise
    except KitError as error:
        raise BackingFailed(subject, f"{error.what}: {error.why}", error.fix, error.detail) from error
    except OSError as error:
        raise BackingFailed(subject, str(error) or type(error).__name__) from error


def quiet(reason: str) -> None:
    """For deeds that may say what they wait for."""


class Ground:
    """Thread-safe: foundations and the look at the engine are behind one lock, each store behind its own."""

    def __init__(self, emulator: str, workspace: Workspace) -> None:
        self.workspace = replace(workspace, stack=stack_name(emulator))
        self.token = environment.token(workspace)
        self.memory = Memory(self.workspace.state / "yandex.json")
        self._base = LocalTarget(Stack(name=self.workspace.stack, parts=("stores", "cluster")), self.workspace)
        self._lock = threading.RLock()
        self._store_locks: Mapping[str, threading.RLock] = {name: threading.RLock() for name in (*STORES, KUBERNETES)}
        self._is_prepared = False
        self._looked_s = 0.0
        self._seen: EngineSeen | None = None

    @property
    def name(self) -> str:
        return self.workspace.stack

    def local(self) -> LocalTarget:
        """The stack with the names that its stores have at this moment."""
        owners = self.memory.owners()
        names = {store: owner.names for store, owner in owners.items() if store in STORES and owner.names}
        return LocalTarget(replace(self._base.stack, names=names), self.workspace, self._base.machine)

    def store_lock(self, store: str) -> threading.RLock:
        return self._store_locks[store]

    # -- what is there

    def look(self) -> EngineSeen:
        """The engine's lists, at most half a second old."""
        with self._lock:
            if self._seen is None or time.monotonic() - self._looked_s > LOOK_AGAIN_S:
                self._seen, self._looked_s = observe.ask_engine(self._base), time.monotonic()
            return self._seen

    def look_anew(self) -> EngineSeen:
        with self._lock:
            self._seen = None
            return self.look()

    def container(self, store: str) -> Container | None:
        return self.look().store_containers(self.name).get(store)

    def node(self) -> Container | None:
        return self.look().node(self.name)

    def address(self, store: str) -> str | None:
        """The container's own address on the stack's network."""
        container = self.look_anew().store_containers(self.name).get(store)
        return container.addresses.get(self.name) or None if container and container.state == "running" else None

    # -- foundations

    def prepare(self, progress: schedule.Progress | None = None) -> None:
        """Tools and images, ports, authority, passwords, network. The first call does the work; it may take long where images are
        missing."""
        with self._lock:
            if not self._is_prepared:
                self._lay_foundations(progress or schedule.Silent())
                self._is_prepared = True
            if all(network.name != self.name for network in self.look_anew().networks):
                self._base.docker.create_network(self.name, layout.labels(self._base.stack, self.workspace))

    def _lay_foundations(self, progress: schedule.Progress) -> None:
        local, now = self._base, datetime.now(UTC)
        if local.supply.plan(local.supply_names()):
            local.supply.ensure(local.supply_names(), progress)
        planned.remember(planned.with_chosen_ports(local, self.look_anew()))
        authority = folder.load_authority(self.workspace.certs, now)
        if authority is None:
            folder.make_authority(self.workspace.certs, self.name, now)
        elif folder.trust_complaint(self.workspace.certs, authority):
            folder.publish_trust(self.workspace.certs, authority)
        secrets.ensure(local.secrets_file, layout.makers())

    def remove_if_empty(self) -> None:
        """The network, once nothing stands on it; passwords and certificates stay until `purge`."""
        with self._lock:
            seen = self.look_anew()
            if self.memory.owners() or seen.store_containers(self.name) or seen.node(self.name):
                return
            if any(network.name == self.name for network in seen.networks):
                teardown.down(self._base)

    def purge(self) -> None:
        with self._lock:
            teardown.purge(self._base)
            self._is_prepared, self._seen = False, None

    # -- one store

    def change_secret(self, name: str, value: Secret) -> None:
        """What a store's user logs in with; the container learns of it by the next `put_store`."""
        with self._lock:
            secrets.put(self._base.secrets_file, {name: value})

    def put_store(self, store: str, probe: Callable[[LocalTarget], Ready | NotYet]) -> None:
        """A running container of the present configuration, secrets and names, that answers `probe`."""
        with self.store_lock(store):
            self.prepare()
            local = self.local()
            deeds = actions(local)
            is_new_leaf = self._put_leaf(local, store)
            if not observe.stores(self.look_anew(), local.stack, markers.load(local.markers_file), {})[store].volume:
                deeds["create volume"](Step("create", f"volume/{store}", ""), quiet)
            container = self.container(store)
            config = local.container_fingerprints()[store]
            if container is None or container.state != "running" or container.labels.get(layout.CONFIG_LABEL) != config:
                deeds["start store"](Step("start", f"store/{store}", ""), quiet)
            elif is_new_leaf:
                deeds["restart store"](Step("restart", f"store/{store}", ""), quiet)
            self._wait(local, store, probe)
            self.look_anew()

    def _put_leaf(self, local: LocalTarget, store: str) -> bool:
        now, certs = datetime.now(UTC), self.workspace.certs
        names = layout.holders(local.stack)[store]
        authority = folder.load_authority(certs, now)
        assert authority is not None  # `prepare` came before
        if folder.leaf_complaint(certs, store, authority, names, now) is None:
            return False
        folder.make_leaf(certs, self.name, store, authority, names, now)
        return True

    def _wait(self, local: LocalTarget, store: str, probe: Callable[[LocalTarget], Ready | NotYet]) -> None:
        started = looked = time.monotonic()
        while isinstance(answer := probe(local), NotYet):
            now, is_dead = time.monotonic(), False
            if now - looked > LOOK_AT_CONTAINER_S:
                looked, is_dead = now, observe.is_dead(local, store)
            if is_dead or now - started > STORE_TIMEOUT_S:
                raise StoreNotReady(
                    store=store, why=answer.reason, waited_s=now - started, detail=local.log_tail(store, LOG_LINES)
                )
            time.sleep(POLL_S)

    def remove_store(self, store: str) -> None:
        """Container and volume with all data, and what was remembered of them."""
        with self.store_lock(store):
            local = self._base
            if any(store == name for name in self.look_anew().store_containers(self.name)):
                local.docker.stop_and_remove(f"{self.name}-{store}", 0)
            volume = layout.volume_name(local.stack, store)
            if any(volume == each.name for each in self.look_anew().volumes):
                local.docker.remove_volume(volume)
            for kind in ("volume", "setup"):
                markers.forget(local.markers_file, f"{kind}/{store}")
            self.memory.disown(store)
            self.look_anew()
