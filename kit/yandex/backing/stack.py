"""Starts and removes the containers behind the emulated clusters, one at a time, by plan and actions of `kit up --local`.

Nothing is set up inside a store here: users, topics and databases are made by the calls of the cloud's API.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from kit.adapters.docker.observed import Container
from kit.blueprint.stack import STORES, Stack
from kit.endpoints import Secret
from kit.errors import KitError
from kit.plan import stack
from kit.plan.execute import execute
from kit.plan.stack import Desired
from kit.plan.steps import Step
from kit.state import markers, secrets
from kit.stores.contract import NotYet, Ready
from kit.supply import schedule
from kit.targets.local import apply, observe, teardown
from kit.targets.local import plan as planned
from kit.targets.local.target import LocalTarget
from kit.workspace import Workspace, backing_name
from kit.yandex.backing.ownership import Ownership
from kit.yandex.contract import BackingFailed
from kit.yandex.run import environment

if TYPE_CHECKING:
    from kit.targets.local.observe import EngineSeen

KUBERNETES = "kubernetes"
LOOK_AGAIN_S = 0.5


@contextmanager
def as_backing_errors(subject: str) -> Iterator[None]:
    """Converts every failure into `BackingFailed`."""
    try:
        yield
    except BackingFailed:
        raise
    except KitError as error:
        raise BackingFailed(subject=subject, why=f"{error.what}: {error.why}", fix=error.fix, detail=error.detail) from error
    except OSError as error:
        raise BackingFailed(subject=subject, why=str(error) or type(error).__name__) from error


class BackingStack:
    """Thread-safe: foundations and the engine's lists are behind one lock, each store behind its own."""

    def __init__(self, emulator: str, workspace: Workspace) -> None:
        self.workspace = replace(workspace, stack=backing_name(emulator))
        self.token = environment.token(workspace)
        self.ownership = Ownership(self.workspace.state / "yandex.json")
        self._base = LocalTarget(Stack(name=self.workspace.stack, parts=("stores", "cluster")), self.workspace)
        self._lock = threading.RLock()
        self._store_locks: Mapping[str, threading.RLock] = {name: threading.RLock() for name in (*STORES, KUBERNETES)}
        self._has_supply = False
        self._looked_s = 0.0
        self._seen: EngineSeen | None = None

    @property
    def name(self) -> str:
        return self.workspace.stack

    def local(self) -> LocalTarget:
        """The stack with the names that its stores have at this moment."""
        owners = self.ownership.owners()
        names = {store: owner.names for store, owner in owners.items() if store in STORES and owner.names}
        return LocalTarget(replace(self._base.stack, names=names), self.workspace, self._base.machine)

    def store_lock(self, store: str) -> threading.RLock:
        return self._store_locks[store]

    # -- what is there

    def observe(self) -> EngineSeen:
        """The engine's lists, at most half a second old."""
        with self._lock:
            if self._seen is None or time.monotonic() - self._looked_s > LOOK_AGAIN_S:
                self._seen, self._looked_s = observe.ask_engine(self._base), time.monotonic()
            return self._seen

    def observe_again(self) -> EngineSeen:
        with self._lock:
            self._seen = None
            return self.observe()

    def container(self, store: str) -> Container | None:
        return self.observe().store_containers(self.name).get(store)

    def running(self, store: str) -> str:
        """The name of a store's running container; raises where there is none."""
        container = self.observe_again().store_containers(self.name).get(store)
        if container is None or container.state != "running":
            raise BackingFailed(subject=store, why="it does not run")
        return container.name

    def node(self) -> Container | None:
        return self.observe().node(self.name)

    def address(self, store: str) -> str | None:
        """The container's own address on the stack's network."""
        container = self.observe_again().store_containers(self.name).get(store)
        return container.addresses.get(self.name) or None if container and container.state == "running" else None

    # -- foundations

    def prepare(self, progress: schedule.Progress | None = None) -> None:
        """Tools and images, ports, authority, passwords, network. The first call may take long, where images are missing."""
        with self._lock:
            local, seen = self._base, self.observe_again()
            if not self._has_supply:
                if local.supply.plan(local.supply_names()):
                    local.supply.ensure(local.supply_names(), progress or schedule.Silent())
                planned.remember(planned.with_chosen_ports(local, seen))
                self._has_supply = True
            # Certificates carry the names of managed clusters, so each store's is issued with the store.
            observed = replace(planned.foundations(local, seen), certificates={})
            self.carry_out(local, Desired(), observed)

    def carry_out(self, local: LocalTarget, desired: Desired, observed: stack.Observed) -> None:
        execute(stack.plan(desired, observed), apply.actions(local), lambda event: None)
        self.observe_again()

    def remove_if_empty(self) -> None:
        """The network, once nothing stands on it; passwords and certificates stay until `purge`."""
        with self._lock:
            seen = self.observe_again()
            if self.ownership.owners() or seen.store_containers(self.name) or seen.node(self.name):
                return
            if any(network.name == self.name for network in seen.networks):
                teardown.down(self._base)

    def purge(self) -> None:
        with self._lock:
            teardown.purge(self._base)
            self._has_supply, self._seen = False, None

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
            desired, observed = self._one(local, store)
            steps = [step for step in stack.plan(desired, observed) if step.kind != "wait store"]  # that asks Sentry's own user
            execute(tuple(steps), apply.actions(local), lambda event: None)
            apply.ready(local, store, lambda reason: None, lambda: probe(local))
            self.observe_again()

    def _one(self, local: LocalTarget, store: str) -> tuple[Desired, stack.Observed]:
        """What is wanted and seen of one store."""
        seen, complaint = self.observe_again(), local.leaf_complaints().get(store)
        wanted = replace(planned.stores(local, {})[store], setup=None)
        marks, shown = markers.load(local.markers_file), observe.certificates(seen, local)
        certificates = {store: complaint} if complaint else {}
        return Desired({store: wanted}), stack.Observed(
            certificates=certificates, stores=observe.stores(seen, local.stack, marks, shown)
        )

    def remove_store(self, store: str) -> None:
        """Container and volume with all data, and what was remembered of them."""
        with self.store_lock(store):
            apply.actions(self._base)["delete volume"](Step("delete", f"volume/{store}", ""), lambda reason: None)
            self.ownership.release(store)
            self.observe_again()
