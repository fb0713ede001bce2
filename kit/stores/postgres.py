"""Postgres 17: TLS only, SCRAM only, one database owned by Sentry's own user.

The server is made with an administrator (`admin`) whom only `bootstrap` uses: it makes the role, the database and the extension
citext, which Sentry's migrations expect to find. Every client option that could come from the environment, a service file or the
home folder is set explicitly, so that what is proven here is this stack and no other.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kit.endpoints import PostgresEndpoint, Secret, Trust
from kit.stores.contract import PROBE_TIMEOUT_S, Credentials, InClear, NotYet, Port, Preamble, Ready, Roundtrip, StoreError
from kit.stores.wire import postgres as wire
from kit.stores.wire import tls

if TYPE_CHECKING:
    import psycopg

NAME = "postgres"
SETUP = 1  # version of what `bootstrap` makes; tests/setups.yaml tells when it must be another one
PORTS = (Port.same("sql", 6432),)
PREAMBLE: Preamble | None = wire.start_tls
USER = DATABASE = "sentry"
# The login of a client with sslmode=disable. An error of class 28 ("no pg_hba.conf entry for … no encryption") is the refusal.
IN_CLEAR = InClear(
    wire.startup_message(USER, DATABASE), lambda said: said[:1] == b"E" and wire.error_words(said[5:])[0].startswith("28")
)
ADMIN = "admin"


def names() -> tuple[str, ...]:
    return (NAME, "localhost", "127.0.0.1", "::1")


def mounted_secrets(credentials: Credentials) -> Mapping[str, str]:
    """Read once, by initdb at the first start; Sentry's own password is given by `bootstrap` as a SCRAM verifier."""
    return {"admin-password": credentials.postgres_admin.reveal()}


def endpoint(host: str, ports: Mapping[str, int], credentials: Credentials) -> PostgresEndpoint:
    return PostgresEndpoint(host, ports["sql"], DATABASE, USER, credentials.postgres_sentry)


def with_password(endpoint: PostgresEndpoint, password: Secret) -> PostgresEndpoint:
    return replace(endpoint, password=password)


def probe(endpoint: PostgresEndpoint, trust: Trust) -> Ready | NotYet:
    """SCRAM-SHA-256, then `SELECT 1`, as Sentry's user in Sentry's database."""
    started = time.perf_counter()
    try:
        with tls.handshake(endpoint.host, endpoint.port, trust, preamble=wire.start_tls, timeout_s=PROBE_TIMEOUT_S) as connection:
            wire.log_in(connection, endpoint.username, endpoint.password, endpoint.database)
            wire.select_one(connection)
            latency_ms = (time.perf_counter() - started) * 1000
            wire.say_goodbye(connection)
            return Ready(connection.tls, latency_ms)
    except Exception as error:
        return tls.not_yet(error)


def bootstrap(endpoint: PostgresEndpoint, credentials: Credentials, trust: Trust) -> tuple[str, ...]:
    """Role, database, extension. Each is looked for first; the role's password is set anew when its login is refused."""
    import psycopg

    as_admin = replace(endpoint, username=ADMIN, password=credentials.postgres_admin)
    try:
        with connected(replace(as_admin, database="postgres"), trust) as server:
            made = [*_ensure_role(server, endpoint), *_ensure_database(server, endpoint)]
        with connected(as_admin, trust) as database:
            made += _ensure_citext(database)
        if isinstance(refused := probe(endpoint, trust), NotYet) and refused.cause == "refused":
            with connected(replace(as_admin, database="postgres"), trust) as server:
                set_password(server, endpoint)
            made.append(f"password of {endpoint.username}")
    except psycopg.Error as error:
        raise StoreError(NAME, "setting up", error) from error
    return tuple(made)


def _ensure_role(server: psycopg.Connection[Any], endpoint: PostgresEndpoint) -> Iterator[str]:
    if server.execute("SELECT FROM pg_roles WHERE rolname = %s", (endpoint.username,)).rowcount:
        return
    from psycopg import sql

    server.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(endpoint.username)))
    set_password(server, endpoint)
    yield f"role {endpoint.username}"


def set_password(server: psycopg.Connection[Any], endpoint: PostgresEndpoint) -> None:
    """The verifier is made here, so that the password itself is in no statement, log or statistics view."""
    from psycopg import sql

    password, name = endpoint.password.reveal().encode(), endpoint.username.encode()
    verifier = server.pgconn.encrypt_password(password, name, b"scram-sha-256").decode()
    server.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(endpoint.username), sql.Literal(verifier)))


def _ensure_database(server: psycopg.Connection[Any], endpoint: PostgresEndpoint) -> Iterator[str]:
    if server.execute("SELECT FROM pg_database WHERE datname = %s", (endpoint.database,)).rowcount:
        return
    from psycopg import sql

    name, owner = sql.Identifier(endpoint.database), sql.Identifier(endpoint.username)
    server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
    server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    yield f"database {endpoint.database}"


def _ensure_citext(database: psycopg.Connection[Any]) -> Iterator[str]:
    if not database.execute("SELECT FROM pg_extension WHERE extname = 'citext'").rowcount:
        database.execute("CREATE EXTENSION IF NOT EXISTS citext")
        yield "extension citext"


@contextmanager
def connected(endpoint: PostgresEndpoint, trust: Trust) -> Iterator[psycopg.Connection[Any]]:
    import psycopg

    connection = psycopg.connect(
        host=endpoint.host,
        hostaddr="",  # empty is not absent: absent would let PGHOSTADDR and its siblings decide
        port=endpoint.port,
        dbname=endpoint.database,
        user=endpoint.username,
        password=endpoint.password.reveal(),
        sslmode="verify-full",
        sslrootcert=str(trust.ca_file),
        sslcertmode="disable",  # or libpq would offer a certificate it finds in the home folder
        sslcrl="",
        sslcrldir="",
        ssl_min_protocol_version="TLSv1.2",
        gssencmode="disable",
        channel_binding="require",
        require_auth="scram-sha-256",
        options="",
        target_session_attrs="any",
        application_name="kit",
        connect_timeout=int(PROBE_TIMEOUT_S),
        autocommit=True,
    )
    with connection:
        yield connection


def client_env(endpoint: PostgresEndpoint, trust: Trust) -> Mapping[str, str]:
    """libpq's own variables: psql, pg_dump, psycopg and Django read them."""
    return {
        "PGHOST": endpoint.host,
        "PGPORT": str(endpoint.port),
        "PGUSER": endpoint.username,
        "PGPASSWORD": endpoint.password.reveal(),
        "PGDATABASE": endpoint.database,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": str(trust.ca_file),
    }


def smoke(endpoint: PostgresEndpoint, trust: Trust) -> Roundtrip:
    """A table with a citext column in a schema of its own, through two connections, and the schema's removal."""
    import psycopg
    from psycopg import sql

    token = secrets.token_hex(8)
    schema = sql.Identifier(f"kit_smoke_{token}")
    table = sql.SQL("{}.{}").format(schema, sql.Identifier("mail"))
    started = time.perf_counter()
    try:
        with connected(endpoint, trust) as writer:
            writer.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
            try:
                writer.execute(sql.SQL("CREATE TABLE {} (address citext PRIMARY KEY, token text)").format(table))
                writer.execute(sql.SQL("INSERT INTO {} VALUES ('Someone@Example.org', %s)").format(table), (token,))
                with connected(endpoint, trust) as reader:
                    query = sql.SQL("SELECT token FROM {} WHERE address = 'someone@EXAMPLE.org'").format(table)
                    row = reader.execute(query).fetchone()
            finally:
                writer.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(schema))
    except psycopg.Error as error:
        raise StoreError(NAME, "writing and reading back a row", error) from error
    if row != (token,):
        raise StoreError(NAME, "reading back", f"wrote {token}, read {row}")
    return Roundtrip("a row was inserted, found without regard to case, and removed", (time.perf_counter() - started) * 1000)
