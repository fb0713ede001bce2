"""Valkey on the stack's server: sets the password of the `default` user, and copies the keys; nothing else can be set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kit.stores import redis as store
from kit.stores.contract import NotYet, Ready
from kit.yandex.backing import redis_copy
from kit.yandex.backing.managed import PartVerbs
from kit.yandex.contract import Cluster, Inventory, NotPossible, User

if TYPE_CHECKING:
    from kit.targets.local.target import LocalTarget
    from kit.yandex.backing.stack import BackingStack

SECRET = "redis_sentry"


class Redis:
    """`Managed` for Valkey."""

    store = store.NAME

    def __init__(self, stack: BackingStack) -> None:
        self._stack = stack
        self.parts: PartVerbs = {User: (self._put_user, self._remove_user)}

    def put(self, cluster: Cluster) -> None:
        self._stack.prepare()  # there are passwords to change
        if cluster.password is not None and self._stack.local().credentials().redis_sentry != cluster.password:
            self._stack.change_secret(SECRET, cluster.password)
        self._stack.put_store(self.store, _answers)

    def forget(self) -> None: ...

    def observe(self) -> Inventory:
        return Inventory(exists=True)

    def back_up(self, folder: Path) -> None:
        local = self._stack.local()
        with store.connected(local.endpoints().redis, local.trust()) as client:
            redis_copy.write(client, folder)

    def restore(self, folder: Path) -> None:
        local = self._stack.local()
        with store.connected(local.endpoints().redis, local.trust()) as client:
            redis_copy.read(client, folder)

    def _put_user(self, user: User) -> None:
        why = f"the Valkey behind this emulator has one user, {store.USER}, whose password is the cluster's"
        raise NotPossible(
            subject=f"user {user.name} in Valkey",
            why=why,
            fix="use the cluster's password, or rehearse with --control-plane-only",
        )

    def _remove_user(self, name: str) -> None: ...


def _answers(local: LocalTarget) -> Ready | NotYet:
    return store.probe(local.endpoints().redis, local.trust())
