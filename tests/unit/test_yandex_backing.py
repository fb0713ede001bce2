"""What the backing decides without an engine: names, what it remembers, what a key may do, what Kafka is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.cli import yandex
from kit.cli.context import Session
from kit.endpoints import Secret
from kit.supply.schedule import Progress
from kit.workspace import LONGEST_NAME, backing_name
from kit.yandex.backing import kafka, object_storage
from kit.yandex.backing.local import LocalBacking
from kit.yandex.backing.ownership import Owner, Ownership
from kit.yandex.contract import AccessKey, Grant, KeyRights, NotPossible, Record, Topic

KEY = AccessKey("YCAJE1", Secret("secret"), "aje1", "b1g1")


@pytest.mark.parametrize("name", ["kit", "a" * 30, "a-stack-with-a-very-long-name-indeed"])
def test_the_stack_behind_has_a_short_name_of_its_own(name: str) -> None:
    found = backing_name(name)
    assert found != name
    assert len(found) <= LONGEST_NAME
    assert found.endswith("-yc")


def test_what_is_remembered_survives(tmp_path: Path) -> None:
    file = tmp_path / "yandex.json"
    ownership = Ownership(file)
    ownership.own("kafka", Owner("c9q1", ("a", "b")))
    ownership.keep_records((Record("a.org.", "A", 60, ("192.0.2.1",)),))
    again = Ownership(file)
    assert again.owners() == {"kafka": Owner("c9q1", ("a", "b"))}
    assert again.records() == (Record("a.org.", "A", 60, ("192.0.2.1",)),)
    again.put_fingerprint("names", "1")
    again.put_fingerprint("keys", "2")
    again.release("kafka")
    again.release("kafka")
    assert (ownership.fingerprint("names"), ownership.fingerprint("keys"), ownership.fingerprint("other")) == ("1", "2", "")
    assert ownership.owners() == {}


def test_a_damaged_memory_is_an_empty_one(tmp_path: Path) -> None:
    file = tmp_path / "yandex.json"
    file.write_text('{"owners":')
    assert Ownership(file).owners() == {}
    Ownership(file).own("kafka", Owner("c9q1", ()))
    assert set(Ownership(file).owners()) == {"kafka"}


def allowed(policy: dict[str, object] | None, action: str, resource: str) -> bool:
    statements: list[dict[str, list[str]]] = (policy or {"Statement": []})["Statement"]  # type: ignore[assignment]
    return any(action in each["Action"] and f"arn:aws:s3:::{resource}" in each["Resource"] for each in statements)


def test_a_key_reads_and_writes_what_it_was_given_and_no_more() -> None:
    policy = object_storage.policy(KeyRights(KEY, frozenset({"read", "both"}), frozenset({"both", "drop"})))
    assert allowed(policy, "s3:GetObject", "read/*")
    assert not allowed(policy, "s3:PutObject", "read/*")
    assert allowed(policy, "s3:PutObject", "both/*")
    assert allowed(policy, "s3:ListBucket", "both")
    assert allowed(policy, "s3:PutObject", "drop/*")
    assert not allowed(policy, "s3:GetObject", "drop/*")
    assert not allowed(policy, "s3:ListBucket", "drop")


def test_a_key_without_buckets_has_no_policy() -> None:
    assert object_storage.policy(KeyRights(KEY, frozenset(), frozenset())) is None


def test_a_topic_for_three_brokers_works_on_one() -> None:
    wanted = Topic("a", 1, 3, {"min.insync.replicas": "2", "retention.ms": "1"})
    assert kafka._possible(wanted) == {"min.insync.replicas": "1", "retention.ms": "1"}


def rights(*grants: Grant) -> set[tuple[str, str, str]]:
    return {(found.restype.name, found.name, found.operation.name) for found in kafka._bindings("someone", grants)}


def test_roles_become_rights() -> None:
    reads = rights(Grant("events", "ACCESS_ROLE_TOPIC_CONSUMER"))
    assert ("TOPIC", "events", "READ") in reads
    assert ("GROUP", "*", "READ") in reads
    assert not any(operation in ("WRITE", "ALL") for _, _, operation in reads)
    writes = rights(Grant("events", "ACCESS_ROLE_PRODUCER"))
    assert ("TOPIC", "events", "WRITE") in writes
    assert ("TOPIC", "events", "READ") not in writes
    assert ("TOPIC", "*", "ALL") in rights(Grant("*", "ADMIN"))
    assert rights() == set()


def test_a_role_in_a_schema_registry_is_refused() -> None:
    with pytest.raises(NotPossible):
        rights(Grant("*", "ACCESS_ROLE_SCHEMA_READER"))


def test_settings_are_worded_as_the_broker_reads_them() -> None:
    assert [kafka._text(value) for value in ("COMPRESSION_TYPE_ZSTD", 52428800, True)] == ["zstd", "52428800", "true"]


@pytest.mark.parametrize("missing", [("image/kafka",), ()])
def test_what_is_missing_is_made_before_the_emulator_is_ready(
    missing: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def prepare(self: LocalBacking, progress: Progress) -> None:
        progress.started("image/kafka", "missing")
        progress.finished("image/kafka", "built", 1.0)

    monkeypatch.setattr(LocalBacking, "missing", lambda self: missing)
    monkeypatch.setattr(LocalBacking, "prepare", prepare)
    monkeypatch.setenv("KIT_HOME", str(tmp_path))
    assert isinstance(yandex._backing(Session(None, "told", "table", False), control_plane_only=False), LocalBacking)
    assert ("image/kafka" in capsys.readouterr().err) == bool(missing)
