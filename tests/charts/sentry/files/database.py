"""Sentry's models in small: rows of JSON in the stack's Postgres, reached by the rendered sentry.conf.py as Sentry would be."""

import json
import os
import sys
from types import ModuleType
from typing import Any

sys.path.insert(0, "/opt/probe/sentry")  # the client libraries of this Sentry release

import psycopg2

SETTINGS = "/etc/sentry/sentry.conf.py"
SCHEMA = """
CREATE SCHEMA IF NOT EXISTS fixture;
CREATE TABLE IF NOT EXISTS fixture.hooks (at timestamptz DEFAULT clock_timestamp(), name text, chart text);
CREATE TABLE IF NOT EXISTS fixture.rows (id serial PRIMARY KEY, model text, data jsonb);
CREATE TABLE IF NOT EXISTS fixture.events (id text PRIMARY KEY, data jsonb);
"""


def settings() -> dict[str, Any]:
    """What the chart's settings file says, on top of Sentry's own defaults, of which it needs these."""
    server = ModuleType("sentry.conf.server")
    vars(server).update(SENTRY_OPTIONS={}, KAFKA_CLUSTERS={}, env=os.environ.get, os=os)
    sys.modules.update({"sentry": ModuleType("sentry"), "sentry.conf": ModuleType("sentry.conf"), "sentry.conf.server": server})
    found: dict[str, Any] = {}
    with open(SETTINGS) as file:
        exec(compile(file.read(), SETTINGS, "exec"), found)
    return found


def connect() -> Any:
    said = settings()["DATABASES"]["default"]
    connection = psycopg2.connect(
        host=said["HOST"],
        port=said["PORT"],
        dbname=said["NAME"],
        user=said["USER"],
        password=said["PASSWORD"],
        connect_timeout=5,
        **said["OPTIONS"],
    )
    connection.autocommit = True
    return connection


def ask(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    connection = connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


class Row:
    def __init__(self, number: int, data: dict[str, Any]) -> None:
        self.__dict__.update(data, id=number)

    def update(self, **changes: Any) -> None:
        ask("UPDATE fixture.rows SET data = data || %s::jsonb WHERE id = %s", json.dumps(changes), self.id)

    def add_team(self, team: "Row") -> None:
        self.update(team_id=team.id)


class Query:
    def __init__(self, model: str, where: dict[str, Any], without: dict[str, Any] | None = None) -> None:
        self.model, self.where, self.without = model, where, without or {}

    def rows(self) -> list[Row]:
        every = ask("SELECT id, data FROM fixture.rows WHERE model = %s ORDER BY id", self.model)
        found = [Row(number, data) for number, data in every]
        found = [row for row in found if all(getattr(row, key, None) == value for key, value in self.where.items())]
        return [row for row in found if not (self.without and all(getattr(row, k, None) == v for k, v in self.without.items()))]

    def first(self) -> Row | None:
        return next(iter(self.rows()), None)

    def exists(self) -> bool:
        return bool(self.rows())

    def exclude(self, **where: Any) -> "Query":
        return Query(self.model, self.where, where)

    def delete(self) -> None:
        for row in self.rows():
            ask("DELETE FROM fixture.rows WHERE id = %s", row.id)


class Manager:
    def __init__(self, model: str) -> None:
        self.model = model

    def filter(self, **where: Any) -> Query:
        return Query(self.model, where)

    def get(self, **where: Any) -> Row:
        (found,) = self.filter(**where).rows()
        return found

    def create(self, **data: Any) -> Row:
        number = ask("INSERT INTO fixture.rows (model, data) VALUES (%s, %s::jsonb) RETURNING id", self.model, json.dumps(data))
        return Row(number[0][0], data)


def model(name: str) -> type:
    return type(name, (), {"objects": Manager(name)})
