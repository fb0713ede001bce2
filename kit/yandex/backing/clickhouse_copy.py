"""Copies ClickHouse's tables over HTTPS: how each was created, and the rows of the MergeTree family in the format Native.

As in the cloud, other engines keep their definition alone (managed-clickhouse/concepts/backup, read 2026-11-28). Native is used
rather than BACKUP, which the oldest server that kit runs does not have, and because it carries every type, also states of
aggregates.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from kit import files
from kit.endpoints import ClickHouseEndpoint, Trust
from kit.stores.clickhouse import NAME
from kit.stores.contract import StoreError

TABLES = "tables.json"
INNER = ".inner"  # of a view without a table of its own; Snuba's views all write into tables
VIEWS = ("View", "MaterializedView", "LiveView", "WindowView")
TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class Server:
    """One server and one database of it, as its user."""

    endpoint: ClickHouseEndpoint
    trust: Trust

    def ask(self, query: str, body: bytes = b"") -> bytes:
        """The answer to a query; `body` is what it inserts."""
        words = {"database": self.endpoint.database, "query": query}
        headers = {"X-ClickHouse-User": self.endpoint.username, "X-ClickHouse-Key": self.endpoint.password.reveal()}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and name; trusts the stack's authority alone
        context.load_verify_locations(cafile=str(self.trust.ca_file))
        connection = http.client.HTTPSConnection(self.endpoint.host, self.endpoint.https_port, context=context, timeout=TIMEOUT_S)
        try:
            with closing(connection):
                connection.request("POST", f"/?{urlencode(words)}", body=body, headers=headers)
                answer = connection.getresponse()
                content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise StoreError(NAME, query.partition(" ")[0], error) from error
        if answer.status != http.HTTPStatus.OK:
            raise StoreError(NAME, query.partition(" ")[0], content.decode(errors="replace").strip())
        return content


def write(server: Server, folder: Path) -> None:
    """The definitions in one file, and the rows of each table in one more."""
    tables = list(_tables(server))
    files.write_json(folder / TABLES, tables, files.PRIVATE)
    for number, table in enumerate(tables):
        if str(table["engine"]).endswith("MergeTree"):
            rows = server.ask(f"SELECT * FROM {_quoted(table['name'])} FORMAT Native")
            files.write(folder / f"{number}.native", rows, files.PRIVATE)


def read(server: Server, folder: Path) -> None:
    """Tables, then rows, then views: a view that stood already would write its share of the rows a second time."""
    tables = json.loads((folder / TABLES).read_text())
    _create(server, [table for table in tables if table["engine"] not in VIEWS])
    for number, table in enumerate(tables):
        rows = folder / f"{number}.native"
        if rows.exists() and rows.stat().st_size:
            server.ask(f"INSERT INTO {_quoted(table['name'])} FORMAT Native", rows.read_bytes())
    _create(server, [table for table in tables if table["engine"] in VIEWS])


def _tables(server: Server) -> Iterator[dict[str, str]]:
    query = (
        f"SELECT name, engine FROM system.tables WHERE database = '{server.endpoint.database}' ORDER BY name FORMAT JSONEachRow"
    )
    for line in server.ask(query).decode().splitlines():
        row = json.loads(line)
        if not row["name"].startswith(INNER):
            statement = server.ask(f"SHOW CREATE TABLE {_quoted(row['name'])} FORMAT TabSeparatedRaw").decode()
            yield {**row, "statement": statement.strip()}


def _create(server: Server, tables: list[dict[str, str]]) -> None:
    """In whatever order they need each other: what fails is tried again after the others, as long as that helps."""
    while tables:
        failed: list[dict[str, str]] = []
        complaint: StoreError | None = None
        for table in tables:
            try:
                server.ask(table["statement"])
            except StoreError as error:
                failed, complaint = [*failed, table], error
        if complaint is not None and len(failed) == len(tables):
            raise complaint
        tables = failed


def _quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
