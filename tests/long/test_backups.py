"""Backups of the stores behind the emulated cloud, on a real engine: the data comes back in a new store, the old one gone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from kit import workspace
from kit.endpoints import Secret
from kit.stores import catalog
from kit.stores import clickhouse as clickhouse_store
from kit.stores import postgres as postgres_store
from kit.stores import redis as redis_store
from kit.yandex.backing.local import LocalBacking
from kit.yandex.contract import BackingFailed, Cluster, Database, Engine, Grant, Host, NotPossible, User
from tests.support.holding import holding

NAME = f"yc-bk-{os.getpid()}"
PASSWORD = Secret("of-the-backup'\"$1")


@pytest.fixture(scope="module")
def backing(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBacking]:
    place = workspace.find(NAME)
    made = LocalBacking(NAME, workspace.Workspace(NAME, place.assets, tmp_path_factory.mktemp(NAME), place.cache))
    with holding(made.local.workspace):
        try:
            made.prepare()
            yield made
        finally:
            made.purge()


def cluster(engine: Engine, number: int) -> Cluster:
    host = Host(f"rc1a-{engine.value[0]}{number}23456789abcdea.mdb.yandexcloud.net", "a")
    password = PASSWORD if engine == Engine.REDIS else None
    return Cluster(f"c9q{number}23456789abcdefg", engine, f"test-{engine.value}", "b1gfolder", "1", (host,), password=password)


def make(backing: LocalBacking, wanted: Cluster) -> None:
    backing.put_cluster(wanted)
    user, database = User("sentry", PASSWORD, (Grant("sentry"),)), Database("sentry", "sentry", ("citext",))
    if wanted.engine == Engine.POSTGRESQL:
        backing.put_part(wanted, User("sentry", PASSWORD))
        backing.put_part(wanted, database)
    if wanted.engine == Engine.CLICKHOUSE:
        backing.put_part(wanted, Database("sentry"))
        backing.put_part(wanted, user)


def as_sentry(backing: LocalBacking, store: str) -> Any:
    return catalog.module(store).with_password(backing.local.endpoints().store(store), PASSWORD)


def postgres(backing: LocalBacking, query: str) -> list[Any]:
    with postgres_store.connected(as_sentry(backing, "postgres"), backing.local.trust()) as server:
        ran = server.execute(query.encode())
        return ran.fetchall() if ran.description else []


def clickhouse(backing: LocalBacking, query: str) -> str:
    return clickhouse_store.ask(as_sentry(backing, "clickhouse"), backing.local.trust(), query, "sentry")


def test_postgres_comes_back_with_rows_sequences_and_constraints(backing: LocalBacking) -> None:
    before, after = cluster(Engine.POSTGRESQL, 1), cluster(Engine.POSTGRESQL, 2)
    make(backing, before)
    postgres(backing, "CREATE TABLE project (id serial PRIMARY KEY, slug citext UNIQUE, note text, raw bytea)")
    odd = "it's \\n a 'quote' and\n\\restrict me\n— ü"
    with postgres_store.connected(as_sentry(backing, "postgres"), backing.local.trust()) as server:
        server.execute("INSERT INTO project (slug, note, raw) VALUES ('Internal', %s, %s)", (odd, b"\x00\xff"))
    assert backing.back_up(before, "b:one") > 0
    postgres(backing, "DELETE FROM project")
    with pytest.raises(NotPossible, match="a second postgresql cluster"):
        backing.put_cluster(after)
    backing.remove_cluster(before)
    make(backing, after)
    backing.restore(after, "b:one")
    assert postgres(backing, "SELECT id, slug, note, raw FROM project") == [(1, "Internal", odd, b"\x00\xff")]
    assert postgres(backing, "INSERT INTO project (slug) VALUES ('second') RETURNING id") == [(2,)]
    with pytest.raises(Exception, match="unique"):
        postgres(backing, "INSERT INTO project (slug) VALUES ('INTERNAL')")


def test_clickhouse_comes_back_and_its_views_count_nothing_twice(backing: LocalBacking) -> None:
    before, after = cluster(Engine.CLICKHOUSE, 3), cluster(Engine.CLICKHOUSE, 4)
    make(backing, before)
    for query in (
        "CREATE TABLE errors (day Date, id UInt64, title String) ENGINE = MergeTree(day, id, 8192)",
        "CREATE TABLE hourly (day Date, count UInt64) ENGINE = SummingMergeTree(day, day, 8192)",
        "CREATE MATERIALIZED VIEW a_view_before_its_tables TO hourly AS SELECT day, toUInt64(1) AS count FROM errors",
        "CREATE TABLE passing (id UInt64) ENGINE = Null",
        "INSERT INTO errors VALUES ('2026-11-28', 7, 'it\\'s \\n broken'), ('2026-11-28', 8, 'ü')",
    ):
        clickhouse(backing, query)
    assert backing.back_up(before, "b:two") > 0
    clickhouse(backing, "DROP TABLE errors")
    backing.remove_cluster(before)
    make(backing, after)
    backing.restore(after, "b:two")
    assert clickhouse(backing, "SELECT id, title FROM errors ORDER BY id") == "7\tit\\'s \\n broken\n8\tü\n"
    assert clickhouse(backing, "SELECT sum(count) FROM hourly").strip() == "2"
    clickhouse(backing, "INSERT INTO errors VALUES ('2026-11-28', 9, 'after')")
    assert clickhouse(backing, "SELECT sum(count) FROM hourly").strip() == "3"
    assert clickhouse(backing, "EXISTS TABLE passing").strip() == "1"


def test_valkey_comes_back_with_every_type_and_expiry(backing: LocalBacking) -> None:
    before, after = cluster(Engine.REDIS, 5), cluster(Engine.REDIS, 6)
    make(backing, before)
    with redis_store.connected(as_sentry(backing, "redis"), backing.local.trust()) as client:
        client.set("string", b"\x00\xff", px=600_000)
        client.rpush("list", "a", "b", "a")
        client.sadd("set", "a", "b")
        client.hset("hash", mapping={"a": "1", "b": b"\xff"})
        client.zadd("sorted", {"a": 1.5, "b": float("inf")})
        client.xadd("stream", {"field": "value"}, id="5-1")
    assert backing.back_up(before, "b:three") > 0
    backing.remove_cluster(before)
    make(backing, after)
    backing.restore(after, "b:three")
    with redis_store.connected(as_sentry(backing, "redis"), backing.local.trust()) as client:
        assert client.get("string") == b"\x00\xff"
        assert 0 < client.pttl("string") <= 600_000
        assert client.ttl("list") == -1
        assert client.lrange("list", 0, -1) == [b"a", b"b", b"a"]
        assert client.smembers("set") == {b"a", b"b"}
        assert client.hgetall("hash") == {b"a": b"1", b"b": b"\xff"}
        assert client.zrange("sorted", 0, -1, withscores=True) == [(b"a", 1.5), (b"b", float("inf"))]
        assert client.xrange("stream") == [(b"5-1", {b"field": b"value"})]


def test_a_copy_that_is_gone_is_said_to_be(backing: LocalBacking) -> None:
    kept = cluster(Engine.POSTGRESQL, 2)
    backing.remove_backup("b:one")
    with pytest.raises(BackingFailed, match="b:one"):
        backing.restore(kept, "b:one")
