"""PostgreSQL on the stack's server: roles, databases, extensions, and who may enter which database.

The cloud's right to a database is a role of the database's name here (pg_hba.conf lets in whoever is a member of it). Where the
owner is called like its database, that role is the owner itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import sql

from kit.endpoints import PostgresEndpoint
from kit.stores import postgres as store
from kit.stores.contract import NotYet, Ready, StoreError
from kit.yandex.backing import postgres_dump
from kit.yandex.backing.managed import PartVerbs
from kit.yandex.contract import Cluster, Database, Inventory, User

if TYPE_CHECKING:
    from kit.targets.local.target import LocalTarget
    from kit.yandex.backing.stack import BackingStack

MAINTENANCE = "postgres"  # the database that is always there
OWN_DATABASES = frozenset({MAINTENANCE, "template0", "template1"})
OWN_EXTENSION = "plpgsql"
CONNECTION_LIMIT, UNLIMITED = "conn_limit", -1

Result = TypeVar("Result")


class Postgres:
    """`Managed` for PostgreSQL."""

    store = store.NAME

    def __init__(self, stack: BackingStack) -> None:
        self._stack = stack
        self.parts: PartVerbs = {User: (self._put_user, self._remove_user), Database: (self._put_database, self._remove_database)}

    def put(self, cluster: Cluster) -> None:
        self._stack.put_store(self.store, _answers)

    def forget(self) -> None: ...

    def observe(self) -> Inventory:
        try:
            with self._server() as server:
                users = {row[0] for row in server.execute("SELECT rolname FROM pg_roles WHERE rolcanlogin")} - {store.ADMIN}
                databases = {row[0] for row in server.execute("SELECT datname FROM pg_database")} - OWN_DATABASES
        except psycopg.Error:  # it starts, or stops
            return Inventory(exists=True)
        return Inventory(exists=True, users=frozenset(users), databases=frozenset(databases))

    def back_up(self, folder: Path) -> None:
        local, container = self._stack.local(), self._stack.running(self.store)
        databases = self.observe().databases or frozenset()
        postgres_dump.write(local.docker, container, store.PORTS[0].container, _as_admin(local, MAINTENANCE), databases, folder)

    def restore(self, folder: Path) -> None:
        for database, statements in postgres_dump.dumped(folder).items():
            self._do("restoring", partial(postgres_dump.execute, statements=statements), database)

    def _put_user(self, user: User) -> None:
        def change(server: psycopg.Connection[Any]) -> None:
            name = sql.Identifier(user.name)
            if not server.execute("SELECT FROM pg_roles WHERE rolname = %s", (user.name,)).rowcount:
                server.execute(sql.SQL("CREATE ROLE {}").format(name))
            limit = int(user.settings.get(CONNECTION_LIMIT) or 0) or UNLIMITED
            server.execute(sql.SQL("ALTER ROLE {} LOGIN CONNECTION LIMIT {}").format(name, sql.Literal(limit)))
            endpoint = self._stack.local().endpoints().postgres
            store.set_password(server, replace(endpoint, username=user.name, password=user.password))
            self._let_in(server, user)

        self._do("setting up a user", change)

    def _remove_user(self, name: str) -> None:
        def change(server: psycopg.Connection[Any]) -> None:
            if not server.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).rowcount:
                return
            is_database = server.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).rowcount
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s AND pid <> pg_backend_pid()", (name,)
            )
            word = "ALTER ROLE {} NOLOGIN PASSWORD NULL" if is_database else "DROP ROLE {}"
            server.execute(sql.SQL(word).format(sql.Identifier(name)))

        self._do("removing a user", change)

    def _put_database(self, database: Database) -> None:
        def change(server: psycopg.Connection[Any]) -> None:
            name = sql.Identifier(database.name)
            if not server.execute("SELECT FROM pg_roles WHERE rolname = %s", (database.name,)).rowcount:
                server.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(name))
            if not server.execute("SELECT FROM pg_database WHERE datname = %s", (database.name,)).rowcount:
                server.execute(sql.SQL("CREATE DATABASE {}").format(name))
            if database.owner:
                owner = sql.Identifier(database.owner)
                server.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, owner))
                if database.owner != database.name:
                    server.execute(sql.SQL("GRANT {} TO {}").format(name, owner))
            server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
            server.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(name, name))

        self._do("making a database", change)
        self._do("setting extensions", lambda inside: _extend(inside, database), database.name)

    def _remove_database(self, name: str) -> None:
        def change(server: psycopg.Connection[Any]) -> None:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            if server.execute("SELECT FROM pg_roles WHERE rolname = %s AND NOT rolcanlogin", (name,)).rowcount:
                server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))

        self._do("removing a database", change)

    def _let_in(self, server: psycopg.Connection[Any], user: User) -> None:
        """Make the user a member of exactly the databases that it was given or owns."""
        databases = {row[0] for row in server.execute("SELECT datname FROM pg_database")} - OWN_DATABASES
        owned = "SELECT datname FROM pg_database JOIN pg_roles owner ON owner.oid = datdba WHERE owner.rolname = %s"
        wanted = {grant.subject for grant in user.grants} & databases
        wanted = (wanted | {row[0] for row in server.execute(owned, (user.name,))}) - {user.name}
        member = (
            "SELECT role.rolname FROM pg_auth_members JOIN pg_roles role ON role.oid = roleid"
            " JOIN pg_roles member ON member.oid = member WHERE member.rolname = %s"
        )
        held = {row[0] for row in server.execute(member, (user.name,))} & databases
        name = sql.Identifier(user.name)
        for database in wanted - held:
            server.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(database), name))
        for database in held - wanted:
            server.execute(sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(database), name))

    def _do(self, doing: str, change: Callable[[psycopg.Connection[Any]], Result], database: str = MAINTENANCE) -> Result:
        try:
            with self._server(database) as server:
                return change(server)
        except psycopg.Error as error:
            raise StoreError(self.store, doing, error) from error

    @contextmanager
    def _server(self, database: str = MAINTENANCE) -> Iterator[psycopg.Connection[Any]]:
        local = self._stack.local()
        with store.connected(_as_admin(local, database), local.trust()) as server:
            yield server


def _extend(inside: psycopg.Connection[Any], database: Database) -> None:
    held = {row[0] for row in inside.execute("SELECT extname FROM pg_extension")} - {OWN_EXTENSION}
    for extension in set(database.extensions) - held:
        inside.execute(sql.SQL("CREATE EXTENSION {} CASCADE").format(sql.Identifier(extension)))
    for extension in held - set(database.extensions):
        inside.execute(sql.SQL("DROP EXTENSION {}").format(sql.Identifier(extension)))


def _as_admin(local: LocalTarget, database: str) -> PostgresEndpoint:
    password = local.credentials().postgres_admin
    return replace(local.endpoints().postgres, username=store.ADMIN, password=password, database=database)


def _answers(local: LocalTarget) -> Ready | NotYet:
    return store.probe(_as_admin(local, MAINTENANCE), local.trust())
