"""Copies PostgreSQL's databases as SQL text, by the server's own pg_dump, and executes that text in a new server.

pg_dump runs beside the server, whose release it must have; it says INSERTs, which need no client but a connection. The whole of a
database is one transaction on both ways.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg

from kit import files
from kit.adapters.docker.client import Docker
from kit.endpoints import PostgresEndpoint

SUFFIX = ".sql"
ROWS_IN_A_STATEMENT = 500
# Words for psql around a dump since 17.6 (CVE-2025-8714): they carry a random key, so no row can look like them.
GUARD = re.compile(r"^\\restrict (\S+)$", re.MULTILINE)


def write(docker: Docker, container: str, port: int, admin: PostgresEndpoint, databases: frozenset[str], folder: Path) -> None:
    """One file for each database. `port`: inside the container."""
    for database in databases:
        argv = ["pg_dump", "--inserts", f"--rows-per-insert={ROWS_IN_A_STATEMENT}", "--no-comments", f"--dbname={database}"]
        env = {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(port),
            "PGUSER": admin.username,
            "PGPASSWORD": admin.password.reveal(),
            "PGSSLMODE": "require",  # the server beside it, by the loopback of its own container
        }
        text = docker.exec(container, argv, env=env).output
        files.write(folder / f"{database}{SUFFIX}", text, files.PRIVATE)


def dumped(folder: Path) -> dict[str, str]:
    """Database → its statements, as a server takes them."""
    return {file.name.removesuffix(SUFFIX): _statements(file.read_text()) for file in folder.glob(f"*{SUFFIX}")}


def execute(inside: psycopg.Connection[Any], statements: str) -> None:
    """All statements of a dump, in one transaction. They leave the connection without a search path."""
    with inside.transaction():
        inside.execute(statements.encode())


def _statements(text: str) -> str:
    guard = GUARD.search(text)
    if guard is None:
        return text
    words = {f"\\restrict {guard[1]}", f"\\unrestrict {guard[1]}"}
    return "\n".join(line for line in text.split("\n") if line not in words)
