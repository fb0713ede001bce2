"""Postgres by psycopg2: Sentry's `DATABASES`, whose OPTIONS go to libpq as they are. For sqlx (taskbroker) the same names."""

from __future__ import annotations

from typing import Any

from kit.sentry.preflight.clients.contract import TIMEOUT_S, Answer, Connection, Wanted, Wrong, address, library, token

# SQLSTATE → cause (PostgreSQL manual, appendix A)
KNOWN = {"28P01": "password", "28000": "login", "3D000": "database", "42501": "denied"}


def ask(connection: Connection, write: bool, wanted: Wanted) -> Answer:
    psycopg2 = library("psycopg2")
    host, port = address(connection)
    options = {key: value for key, value in connection["options"].items() if key != "database"}
    login = {"dbname": connection["options"].get("database"), "user": connection["user"], "password": connection["password"]}
    try:
        session = psycopg2.connect(host=host, port=port, connect_timeout=TIMEOUT_S, **login, **options)
    except psycopg2.OperationalError as error:
        raise _understood(error) from error
    try:
        return _written(session) if write else _asked(session)
    finally:
        session.close()


def _understood(error: Any) -> Any:
    """libpq tells a refused login in words only; the words are the server's own and not translated in these containers."""
    said = str(error)
    for words, cause in (
        ("password authentication failed", "password"),
        ("does not exist", "database"),
        ("pg_hba.conf", "login"),
    ):
        if words in said:
            return Wrong(cause, said)
    code = getattr(error, "pgcode", None)
    return Wrong(KNOWN[code], said) if code in KNOWN else error


def _asked(session: Any) -> Answer:
    with session.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Answer("SELECT 1 answered")


def _written(session: Any) -> Answer:
    value = token()
    with session.cursor() as cursor:  # the table goes with the session
        cursor.execute("CREATE TEMPORARY TABLE kit_preflight (value text)")
        cursor.execute("INSERT INTO kit_preflight VALUES (%s)", (value,))
        cursor.execute("SELECT value FROM kit_preflight")
        if cursor.fetchone() != (value,):
            raise Wrong("roundtrip", "read something else than was written")
        cursor.execute("SELECT version() ")
        version = str(cursor.fetchone()[0]).split(" on ", maxsplit=1)[0]
    return Answer(f"{version}: a row written and read back")
