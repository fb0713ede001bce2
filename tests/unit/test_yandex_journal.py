"""The journal loses nothing: a thousand changes with a restart after each, full disks at every byte, compaction that fails."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import re
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit import files
from kit.yandex.contract import Cluster, KubernetesAccess, NoBacking
from kit.yandex.engine import descriptors, operations
from kit.yandex.engine import journal as module
from kit.yandex.engine.journal import Journal, Record
from kit.yandex.engine.state import Options
from tests.support import yandex
from tests.support.yandex import FOLDER, emulated

CHANGES = 1000
SEED = 20261128
NETWORK, SUBNET = "vpc.v1.Network", "vpc.v1.Subnet"
REFUSED = f"{os.strerror(errno.ENOSPC)}|{os.strerror(errno.EFBIG)}"
Content = dict[str, list[tuple[str, str, bytes, dict[str, Any]]]]


def content(journal: Journal) -> Content:
    """Everything in it: by kind, and in the order in which a list shows it."""
    return {
        kind: [
            (record.key, record.parent, record.message.SerializeToString(deterministic=True), dict(record.extra))
            for parent in sorted({each.parent for each in journal.all(kind)})
            for record in journal.children(kind, parent)
        ]
        for kind in sorted(journal.kinds())
        if journal.count(kind)
    }


def record(kind: str, key: str, parent: str, text: str) -> Record:
    return Record(key, parent, descriptors.message(kind)(id=key, description=text), {"secret": text[:3]})


def network(key: str, text: str = "") -> Record:
    return record(NETWORK, key, FOLDER, text)


def put(journal: Journal, made: Record) -> None:
    with journal.transaction() as change:
        change.put(made)


@contextlib.contextmanager
def full_after(path: Path, more_bytes: int) -> Iterator[None]:
    """A disk on which no file grows beyond this one's size and a few bytes: the kernel writes what fits, and refuses the rest."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + more_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def change_something(journal: Journal, chance: random.Random) -> None:
    """One transaction of one to three puts and deletes, of new and old records, in one of two kinds and three parents."""
    with journal.transaction() as change:
        for _ in range(chance.randint(1, 3)):
            kind, key = chance.choice((NETWORK, SUBNET)), f"k{chance.randint(0, 11)}"
            if chance.random() < 0.3:
                change.delete(kind, key)
            else:
                text = "x" * chance.randint(0, 40) + chance.choice(("\n", "\x00", "ü", '"'))
                change.put(record(kind, key, f"p{chance.randint(0, 2)}", text))


def test_a_thousand_changes_with_a_restart_after_each_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the order of lists, and also with two restarts: the first one reads lines, the second what the first compacted."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # asked of the disk, it takes a minute; that it is asked: below
    path, chance = tmp_path / "journal.jsonl", random.Random(SEED)
    journal = Journal(path)
    for number in range(CHANGES):
        change_something(journal, chance)
        before = content(journal)
        journal.close()
        if number % 10 == 0:
            Journal(path).close()
        journal = Journal(path)
        assert content(journal) == before, f"after change {number} of seed {SEED}"
    journal.close()


def test_a_change_is_on_disk_before_it_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, asked = Journal(tmp_path / "journal.jsonl"), []
    monkeypatch.setattr(os, "fdatasync", asked.append)
    put(journal, network("a"))
    assert len(asked) == 1
    journal.close()


def test_a_disk_that_is_full_at_any_byte_refuses_the_change_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    put(journal, network("kept", "from before"))
    before, size = content(journal), path.stat().st_size
    put(journal, network("refused"))
    line_bytes = path.stat().st_size - size
    with journal.transaction() as change:
        change.delete(NETWORK, "refused")
    for fitting in range(0, line_bytes, 7):
        with full_after(path, fitting), pytest.raises(OSError, match=REFUSED):
            put(journal, network("refused"))
        assert content(journal) == before
        copied = tmp_path / "copied.jsonl"
        copied.write_bytes(path.read_bytes())
        (restarted := Journal(copied)).close()
        assert content(restarted) == before, f"with room for {fitting} of {line_bytes} bytes"
    put(journal, network("afterwards"))
    journal.close()
    (restarted := Journal(path)).close()
    assert {each.key for each in restarted.all(NETWORK)} == {"kept", "afterwards"}


@pytest.mark.parametrize("fails", ["no space", "the folder cannot be synced"])
def test_a_change_whose_compaction_fails_is_kept_and_so_is_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """It was written before: to refuse it would be to lose it. And what follows goes into the file that is there."""
    monkeypatch.setattr(module, "SPARE_LINES", 3)
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)

    def refuse(*arguments: Any, **words: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for number in range(12):
        with monkeypatch.context() as full:
            full.setattr(*(("kit.files.write", refuse) if fails == "no space" else (files, "sync_names", refuse)))
            put(journal, network("a", str(number)))
        copied = tmp_path / "copied.jsonl"
        copied.write_bytes(path.read_bytes())
        (restarted := Journal(copied)).close()
        assert [each.message.description for each in restarted.all(NETWORK)] == [str(number)]
    journal.close()


def test_a_journal_is_opened_on_a_full_disk_also_after_a_line_was_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    put(journal, network("whole"))
    journal.close()
    with path.open("ab") as file:
        file.write(b'{"put":[["vpc.v1.Network","cut')

    def refuse(*arguments: Any, **words: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(files, "write", refuse)
        journal = Journal(path)
        assert [each.key for each in journal.all(NETWORK)] == ["whole"]
    put(journal, network("next"))
    journal.close()
    (restarted := Journal(path)).close()
    assert [each.key for each in restarted.all(NETWORK)] == ["whole", "next"]


def test_a_closed_journal_takes_no_change(tmp_path: Path) -> None:
    """Else a change would be answered, and be nowhere after the next start."""
    journal = Journal(tmp_path / "journal.jsonl")
    journal.close()
    with pytest.raises(OSError, match="closed"):
        put(journal, network("late"))
    assert journal.all(NETWORK) == []


# -- the server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, bytes]:
    return yandex.certificate_of(tmp_path_factory.mktemp("certs"))


def test_a_server_that_is_restarted_after_every_change_shows_the_same(
    certificate: tuple[bytes, bytes, bytes], tmp_path: Path
) -> None:
    """Resources of several services with users, hosts, passwords in Lockbox, operations: all that one change writes at once."""
    with emulated(certificate, tmp_path) as cloud:
        yandex.subnet(cloud, network_id := yandex.network(cloud))
        before = content(cloud.emulator.state.journal)
    steps = [
        yandex.account,
        lambda cloud: yandex.kafka(cloud, network_id),
        lambda cloud: yandex.postgres(cloud, network_id),
        lambda cloud: yandex.redis(cloud, network_id),
        lambda cloud: yandex.clickhouse(cloud, network_id),
        lambda cloud: cloud.done("kms.v1.SymmetricKeyService/Create", folder_id=FOLDER, name="k", default_algorithm=1),
        *[lambda cloud, number=number: yandex.network(cloud, f"n{number}") for number in range(14)],
    ]
    many = Options(quotas={"vpc.networks.count": len(steps), "vpc.securityGroups.count": len(steps)})
    for step in steps:
        with emulated(certificate, tmp_path, options=many) as cloud:
            assert content(cloud.emulator.state.journal) == before
            step(cloud)
            before = content(cloud.emulator.state.journal)


def test_a_server_on_a_full_disk_refuses_and_has_nothing_of_it_afterwards(
    certificate: tuple[bytes, bytes, bytes], tmp_path: Path
) -> None:
    with emulated(certificate, tmp_path) as cloud:
        kept = yandex.network(cloud, "kept")
        with full_after(tmp_path / "journal.jsonl", 40):
            refused = cloud.refused("vpc.v1.NetworkService/Create", folder_id=FOLDER, name="refused")
        assert re.search(REFUSED, refused.details())
        assert [found.id for found in cloud("vpc.v1.NetworkService/List", folder_id=FOLDER).networks] == [kept]
        after = yandex.network(cloud, "refused")  # the same call, once there is room
    with emulated(certificate, tmp_path) as cloud:
        assert [found.id for found in cloud("vpc.v1.NetworkService/List", folder_id=FOLDER).networks] == [kept, after]


class Held(NoBacking):
    """A backing that makes clusters when it is let, and remembers which it removed."""

    is_quick = False

    def __init__(self) -> None:
        self.lets, self.removed = threading.Event(), threading.Event()

    def put_cluster(self, cluster: Cluster) -> KubernetesAccess | None:
        self.lets.wait(60)
        return None

    def remove_cluster(self, cluster: Cluster) -> None:
        self.removed.set()


def test_an_operation_whose_end_finds_no_room_fails_once_there_is_some(
    certificate: tuple[bytes, bytes, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And does not go on for ever in the eyes of whoever waits for it."""
    backing = Held()
    monkeypatch.setattr(operations, "WRITTEN_AGAIN_AFTER_S", 0.01)
    with emulated(certificate, tmp_path, backing) as cloud:
        yandex.subnet(cloud, network_id := yandex.network(cloud))
        monkeypatch.setattr(operations, "ANSWERED_WITHIN_S", 0.0)
        shape = yandex.BROKERS
        fields = {"folder_id": FOLDER, "name": "kafka", "network_id": network_id, "environment": 1, "config_spec": shape}
        started = cloud("mdb.kafka.v1.ClusterService/Create", **fields)
        with full_after(tmp_path / "journal.jsonl", 10):
            backing.lets.set()
            assert backing.removed.wait(60)  # it could not be written down that it was made, so it was taken back
            assert not cloud("operation.OperationService/Get", operation_id=started.id).done
        deadline = time.monotonic() + 60
        while not (found := cloud("operation.OperationService/Get", operation_id=started.id)).done:
            assert time.monotonic() < deadline
        assert re.search(REFUSED, found.error.message)
        assert not cloud("mdb.kafka.v1.ClusterService/List", folder_id=FOLDER).clusters
