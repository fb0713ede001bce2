"""ClickHouse on the stack's server: one user and one database, both called `sentry`.

The server reads its users from a file (the oldest version that kit runs has no users by SQL), and that file names these two.
Other names are refused with that reason, not accepted and forgotten. A new password means a restart of a second or two.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kit.endpoints import ClickHouseEndpoint, Secret
from kit.state.secrets import password
from kit.stores import clickhouse as store
from kit.stores.contract import NotYet, Ready, StoreError
from kit.yandex.backing import clickhouse_copy
from kit.yandex.backing.managed import PartVerbs
from kit.yandex.contract import Cluster, Database, Inventory, NotPossible, User

if TYPE_CHECKING:
    from kit.targets.local.target import LocalTarget
    from kit.yandex.backing.stack import BackingStack

SECRET = "clickhouse_sentry"
ALWAYS_THERE = "system"  # a database that every user may read
OWN_DATABASES = frozenset({ALWAYS_THERE, "default", "information_schema", "INFORMATION_SCHEMA"})


class ClickHouse:
    """`Managed` for ClickHouse."""

    store = store.NAME

    def __init__(self, stack: BackingStack) -> None:
        self._stack = stack
        self.parts: PartVerbs = {User: (self._put_user, self._remove_user), Database: (self._put_database, self._remove_database)}

    def put(self, cluster: Cluster) -> None:
        if cluster.password is not None:
            why = "the ClickHouse behind this emulator takes no users by SQL"
            raise NotPossible(
                subject=f"user admin of ClickHouse cluster {cluster.name}", why=why, fix="leave sql_user_management off"
            )
        self._stack.put_store(self.store, _answers)

    def forget(self) -> None: ...

    def observe(self) -> Inventory:
        local = self._stack.local()
        try:
            found = store.ask(local.endpoints().clickhouse, local.trust(), "SELECT name FROM system.databases", ALWAYS_THERE)
        except StoreError:  # it starts, or stops
            return Inventory(exists=True)
        return Inventory(exists=True, databases=frozenset(found.split()) - OWN_DATABASES)

    def back_up(self, folder: Path) -> None:
        clickhouse_copy.write(self._server(), folder)

    def restore(self, folder: Path) -> None:
        clickhouse_copy.read(self._server(), folder)

    def _server(self) -> clickhouse_copy.Server:
        local = self._stack.local()
        return clickhouse_copy.Server(local.endpoints().clickhouse, local.trust())

    def _put_user(self, user: User) -> None:
        if user.name != store.USER:
            raise _only("user", user.name, store.USER)
        for grant in user.grants:
            if grant.subject != store.DATABASE:
                raise _only("database", grant.subject, store.DATABASE)
        self._log_in_with(user.password)

    def _remove_user(self, name: str) -> None:
        """Set a password that nobody knows: the server's users stand in a file."""
        if name == store.USER and self._stack.container(self.store):
            self._log_in_with(Secret(password()))

    def _put_database(self, database: Database) -> None:
        if database.name != store.DATABASE:
            raise _only("database", database.name, store.DATABASE)
        local = self._stack.local()
        query = f"CREATE DATABASE IF NOT EXISTS {store.DATABASE}"
        store.ask(local.endpoints().clickhouse, local.trust(), query, ALWAYS_THERE)

    def _remove_database(self, name: str) -> None:
        local = self._stack.local()
        if name == store.DATABASE:
            store.ask(local.endpoints().clickhouse, local.trust(), f"DROP DATABASE IF EXISTS {name}", ALWAYS_THERE)

    def _log_in_with(self, secret: Secret) -> None:
        if self._stack.local().credentials().clickhouse_sentry != secret:
            self._stack.change_secret(SECRET, secret)
        self._stack.put_store(self.store, _answers)


def _only(kind: str, asked: str, there: str) -> NotPossible:
    why = f"the ClickHouse behind this emulator has one {kind}, {there}"
    return NotPossible(
        subject=f"{kind} {asked} in ClickHouse", why=why, fix=f"call it {there}, or rehearse with --control-plane-only"
    )


def _anywhere(local: LocalTarget) -> ClickHouseEndpoint:
    return replace(local.endpoints().clickhouse, database=ALWAYS_THERE)


def _answers(local: LocalTarget) -> Ready | NotYet:
    return store.probe(_anywhere(local), local.trust())
