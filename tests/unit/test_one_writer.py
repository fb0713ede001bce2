"""One writer per stack: its files are written under its lock, by one process after the other, and are whole at any moment."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import pytest

from kit import files
from kit.blueprint.stack import Stack
from kit.state import lock, markers, ports, secrets
from kit.targets.cloud import rehearsal
from kit.targets.cloud.target import CloudTarget
from kit.workspace import Workspace, lock_of
from tests.support.holding import holding
from tests.support.program import ROOT, Program

RECORDS = 300
RECORD = """
import sys
from pathlib import Path
from kit.state import lock, markers
home, name = Path(sys.argv[1]), sys.argv[2]
print("here", flush=True)
sys.stdin.read()
for number in range(int(sys.argv[3])):
    with lock.held(home / ".kit" / "s.lock", "s", name, wait_s=60, sleep=lambda seconds: None):
        markers.record(home / ".kit" / "s" / "markers.json", f"{name}/{number}", str(number))
"""
REPLACE = """
import sys
from pathlib import Path
from kit import files
print("here", flush=True)
sys.stdin.read()
for number in range(int(sys.argv[3])):
    files.write(Path(sys.argv[1]) / "one", f"{sys.argv[2]} {number}")
"""


def _side_by_side(program: str, place: Path, count: int) -> list[str]:
    """Two processes that begin at the same moment; what they said on stderr."""
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(place), name, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for each in both:
        assert each.stdout is not None
        assert each.stdout.readline() == "here\n"
    for each in both:
        assert each.stdin is not None
        each.stdin.close()
    said = []
    for each in both:
        assert each.stderr is not None
        said.append(each.stderr.read())
        assert each.wait() == 0, said
    return said


def test_two_processes_record_and_nothing_is_lost(tmp_path: Path) -> None:
    _side_by_side(RECORD, tmp_path, RECORDS)
    known = markers.load(tmp_path / ".kit" / "s" / "markers.json")
    assert known == {f"{name}/{number}": str(number) for name in ("a", "b") for number in range(RECORDS)}


def test_two_processes_replace_one_file_and_neither_dies(tmp_path: Path) -> None:
    _side_by_side(REPLACE, tmp_path, RECORDS)
    assert (tmp_path / "one").read_text() in {f"a {RECORDS - 1}", f"b {RECORDS - 1}"}
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


@pytest.mark.parametrize(
    "file", [".kit/s/markers.json", ".kit/s/cloud/secrets.json", "certs/s/ca.crt", "certs/s/kafka/v1/tls.key", ".kit/s/certs/x"]
)
def test_a_file_of_a_stack_is_not_written_without_its_lock(tmp_path: Path, file: str) -> None:
    (tmp_path / ".kit").mkdir()
    with pytest.raises(files.Unlocked):
        files.write(tmp_path / file, "x")
    with lock.held(tmp_path / ".kit" / "other.lock", "other", "up", wait_s=0), pytest.raises(files.Unlocked):
        files.write(tmp_path / file, "x")
    with lock.held(tmp_path / ".kit" / "s.lock", "s", "up", wait_s=0):
        files.write(tmp_path / file, "x")
    with pytest.raises(files.Unlocked):
        files.point(tmp_path / file, "x")
    assert (tmp_path / file).read_text() == "x"


def test_every_kind_of_state_is_refused_without_the_lock(tmp_path: Path) -> None:
    state = tmp_path / ".kit" / "s"
    with pytest.raises(files.Unlocked):
        markers.record(state / "markers.json", "cluster", "1")
    with pytest.raises(files.Unlocked):
        ports.save(state / "ports.json", {"kafka.sasl": 9091})
    with pytest.raises(files.Unlocked):
        secrets.ensure(state / "secrets.json", {"a": secrets.password})


@pytest.mark.parametrize("file", ["x/file", ".kit/s.lock", "certs/s/ca.crt", ".kit/s/yandex/token"])
def test_other_files_need_no_lock(tmp_path: Path, file: str) -> None:
    """`certs` without a `.kit` beside it is nobody's; the emulator's folder has a lock of its own."""
    assert lock_of(tmp_path / file) is None


def test_a_block_within_a_block_holds_the_lock_once(tmp_path: Path) -> None:
    path = tmp_path / ".kit" / "s.lock"
    with lock.held(path, "s", "up", wait_s=0):
        with lock.held(path, "s", "up", wait_s=0):
            pass
        assert lock.is_held(path)
        files.write(tmp_path / ".kit" / "s" / "file", "x")
    assert not lock.is_held(path)


def test_what_a_killed_writer_left_goes_with_the_next_lock(tmp_path: Path) -> None:
    state, certs = tmp_path / ".kit" / "s", tmp_path / "certs" / "s"
    kept = [state / "secrets.json", state / "yandex" / ".tmp-journal.x", certs / "authority" / "root.key"]
    left = [state / ".tmp-secrets.json.x", state / "cloud" / ".tmp-markers.json.x", certs / ".tmp-authority" / "root.key"]
    for path in (*kept, *left):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    with lock.held(tmp_path / ".kit" / "s.lock", "s", "up", wait_s=0):
        assert [path for path in (*kept, *left) if path.exists()] == kept
        assert not (certs / ".tmp-authority").exists()


def test_file_and_folder_are_synced_and_the_folder_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def renamed(old: str, new: Path) -> None:
        done.append("rename")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    files.write(tmp_path / "file", "x")
    files.point(tmp_path / "link", "file")
    assert done == ["file", "rename", "folder", "rename", "folder"]


def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write(tmp_path / "file", "old")
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError("no space")))
    with pytest.raises(OSError, match="no space"):
        files.write(tmp_path / "file", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "old")]


def test_threads_of_the_process_that_holds_the_lock_may_write(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def write(number: int) -> None:
        try:
            markers.record(tmp_path / ".kit" / "s" / "markers.json", str(number), "x")
        except BaseException as error:
            failed.append(error)

    with lock.held(tmp_path / ".kit" / "s.lock", "s", "up", wait_s=0):
        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failed
    assert set(markers.load(tmp_path / ".kit" / "s" / "markers.json")) == {str(number) for number in range(8)}


def _taken(path: Path) -> IO[str]:
    """The lock as another process has it: this one may hold its own twice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def test_the_emulator_makes_the_stacks_authority_only_under_the_stacks_lock(tmp_path: Path) -> None:
    space = Workspace("s", ROOT, tmp_path, tmp_path / "cache")
    with _taken(space.lock_file):
        with pytest.raises(lock.Locked):
            rehearsal.ensure_certificate(space, 0)
        assert not space.certs.exists()
    rehearsal.ensure_certificate(space, 0)
    before = sorted(space.certs.rglob("*"))
    with _taken(space.lock_file):  # as a rehearsal does that has made it for its emulator
        rehearsal.ensure_certificate(space, 0)
    assert sorted(space.certs.rglob("*")) == before


def test_an_emulator_waits_for_whoever_works_on_the_stack_behind_it(tmp_path: Path) -> None:
    program = Program(tmp_path, "s")
    with _taken(tmp_path / ".kit" / "s-yc.lock"):
        ran = program("yandex", "emulate", "--wait-lock", "0", "-o", "json")
    assert ran.json["error"]["code"] == "KIT-LOCKED"
    assert "stack s-yc is being worked on" in ran.json["error"]["what"]


def test_the_stack_behind_is_not_swept_away_under_an_emulator(tmp_path: Path) -> None:
    space = Workspace("s-yc", ROOT, tmp_path, tmp_path / "cache")
    with _taken(space.lock_file):
        assert not rehearsal.sweep(SimpleNamespace(stack=SimpleNamespace(name="s-yc"), workspace=space))  # type: ignore[arg-type]


def test_a_command_that_only_reads_writes_nothing_of_a_cloud_stack(tmp_path: Path) -> None:
    """And takes no plan away that another one is about to apply."""
    space = Workspace("s", ROOT, tmp_path, tmp_path / "cache")
    target = CloudTarget(Stack(name="s"), space, rehearses=False)
    target.place.root.mkdir(parents=True)
    target.place.plan.write_text("of another kit")
    with target.opened():
        target.place.prepare()
    assert [path.name for path in target.place.root.iterdir()] == ["plan.bin"]
    with holding(space), target.opened():
        target.place.prepare()
    assert sorted(path.name for path in target.place.root.iterdir()) == ["configuration"]


@pytest.mark.parametrize("words", [("demo",), ("demo", "--cloud"), ("secrets", "forget", "mail"), ("topics", "--delete-extra")])
def test_a_command_that_writes_waits_for_the_stacks_lock(tmp_path: Path, words: tuple[str, ...]) -> None:
    program = Program(tmp_path, "s")
    with _taken(tmp_path / ".kit" / "s.lock"):
        ran = program(*words, "--wait-lock", "0", "-o", "json")
    assert ran.json["error"]["code"] == "KIT-LOCKED"


ONCE = """
import sys
from pathlib import Path
from kit import files
print("here", flush=True)
sys.stdin.read()
for number in range(int(sys.argv[3])):
    print(files.write_once(Path(sys.argv[1]) / str(number), sys.argv[2], files.PRIVATE), file=sys.stderr)
"""


def test_of_two_that_make_a_secret_once_both_get_the_same(tmp_path: Path) -> None:
    first, second = _side_by_side(ONCE, tmp_path, RECORDS)
    assert first == second
    assert len(first.split()) == RECORDS
    assert {path.name for path in tmp_path.iterdir()} == {str(number) for number in range(RECORDS)}
