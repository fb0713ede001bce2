"""What a stack remembers: ports, secrets, markers, and its lock."""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import stat
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from kit.blueprint.stack import Stack
from kit.state import lock, markers, ports, secrets
from kit.targets.local import foreign, observe, plan
from kit.targets.local.target import LocalTarget
from kit.workspace import Workspace
from tests.support.holding import holding

USUAL = {"kafka.sasl": 9091, "redis.tls": 6380}


def test_usual_ports_are_taken_when_free() -> None:
    assert ports.choose(USUAL, {}, {}, (), free=lambda port: True) == USUAL


def test_a_remembered_port_stays() -> None:
    assert ports.choose(USUAL, {}, {"redis.tls": 7000}, (), free=lambda port: True)["redis.tls"] == 7000


def test_a_taken_port_gives_way_to_another() -> None:
    chosen = ports.choose(USUAL, {}, {}, (), free=lambda port: port != 9091, fallback=iter([50000]).__next__)
    assert chosen == {"kafka.sasl": 50000, "redis.tls": 6380}


def test_ports_of_our_own_containers_are_not_taken() -> None:
    assert ports.choose(USUAL, {}, USUAL, (9091, 6380), free=lambda port: False) == USUAL


def test_a_fixed_port_that_is_taken_names_its_owner() -> None:
    with pytest.raises(ports.PortTaken) as caught:
        ports.choose(USUAL, {"kafka.sasl": 9091}, {}, (), free=lambda port: False, owner=lambda port: "container other")
    assert caught.value.why == "container other listens on it"


def test_the_listener_of_a_port_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.listener(port).startswith(f"process {os.getpid()} (")


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_on_macos_a_listener_makes_a_port_taken_although_it_can_be_bound(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """BSD's SO_REUSEADDR lets 127.0.0.1 be bound beside a listener on all addresses."""

    class OfBsd(socket.socket):
        def bind(self, place: object) -> None:
            pass

    with socket.create_server((address, 0)) as server:
        monkeypatch.setattr(platform, "system", lambda: "Darwin")
        monkeypatch.setattr(socket, "socket", OfBsd)
        assert not ports.is_free(server.getsockname()[1])


def test_on_macos_a_port_that_nobody_has_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert ports.is_free(ports.any_free())


def test_damaged_ports_are_chosen_anew(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text('{"kafka.sasl": 90')
    assert ports.load(tmp_path / "ports.json") == {}


def test_secrets_are_made_once_and_are_private(tmp_path: Path) -> None:
    path = tmp_path / "state" / "secrets.json"
    first = secrets.ensure(path, {"a": secrets.password})
    second = secrets.ensure(path, {"a": secrets.password, "b": secrets.password})
    assert second["a"].reveal() == first["a"].reveal()
    assert set(second) == {"a", "b"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first["a"].reveal() not in repr(first)
    assert first["a"].reveal() not in f"{first['a']} {first['a']!r}"


@pytest.mark.parametrize("content", ['{"a": "x', "[]", '{"a": 1}', '{"a": ""}', ""])
def test_damaged_secrets_are_an_error_and_stay(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(content)
    with pytest.raises(secrets.SecretsCorrupt):
        secrets.ensure(path, {"b": secrets.password})
    assert path.read_text() == content


def test_markers_come_and_go_and_damage_forgets(tmp_path: Path) -> None:
    path = tmp_path / "markers.json"
    markers.record(path, "setup/kafka", "1")
    markers.record(path, "setup/redis", "2")
    markers.forget(path, "setup/kafka")
    assert markers.load(path) == {"setup/redis": "2"}
    path.write_text(path.read_text()[:5])
    assert markers.load(path) == {}


HOLD = """
import sys
from contextlib import nullcontext
from pathlib import Path
from kit.state import lock
with lock.held(Path(sys.argv[1]), "kit", "up", wait_s=0):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path):  # type: ignore[no-untyped-def]
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_held_lock_says_who_holds_it(tmp_path: Path, holder) -> None:  # type: ignore[no-untyped-def]
    told: list[str] = []
    times = iter([0.0, 0.0, 0.0, 9.0, 9.0, 9.0])
    with (
        pytest.raises(lock.Locked) as caught,
        lock.held(
            tmp_path / "lock", "kit", "down", wait_s=5, on_wait=told.append, clock=times.__next__, sleep=lambda seconds: None
        ),
    ):
        pass
    assert told == [f"`kit up` (process {holder.pid})"]
    assert str(holder.pid) in caught.value.why


def test_a_killed_holder_leaves_no_lock(tmp_path: Path, holder) -> None:  # type: ignore[no-untyped-def]
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with lock.held(tmp_path / "lock", "kit", "down", wait_s=5):
        assert json.loads((tmp_path / "lock").read_text())["command"] == "down"


def test_a_usual_port_gives_way_to_one_that_is_fixed_for_a_later_key() -> None:
    chosen = ports.choose(USUAL, {"redis.tls": 9091}, {}, (), free=lambda port: True, fallback=iter([50000]).__next__)
    assert chosen == {"kafka.sasl": 50000, "redis.tls": 9091}


def test_a_fixed_port_wins_over_one_that_another_key_remembers() -> None:
    remembered = {"kafka.sasl": 7000}
    chosen = ports.choose(USUAL, {"redis.tls": 7000}, remembered, (), free=lambda port: True)
    assert chosen == {"kafka.sasl": 9091, "redis.tls": 7000}


CHOOSE = """
import sys
from contextlib import nullcontext
from pathlib import Path
from kit.state import lock, ports
home, stack = Path(sys.argv[1]), sys.argv[2]
own = home / ".kit" / f"{stack}.lock"
with lock.held(own, stack, "up", wait_s=0):
    with ports.choosing(home):
        others = ports.claimed(home, own)
        chosen = ports.choose({"kafka.sasl": int(sys.argv[3])}, {}, {}, (), free=lambda port: port not in others)
        ports.claim(home, own, chosen.values())
    print(chosen["kafka.sasl"], flush=True)
    sys.stdin.read()
"""


def test_two_stacks_that_come_up_in_one_moment_have_ports_of_their_own(tmp_path: Path) -> None:
    """Nobody listens yet, so the kernel would give both the same one."""
    usual, ended = ports.any_free(), []

    def choosing(stack: str) -> tuple[subprocess.Popen[str], int]:
        argv = [sys.executable, "-c", CHOOSE, str(tmp_path), stack, str(usual)]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ended.append(process)
        assert process.stdout is not None
        return process, int(process.stdout.readline())

    try:
        first, port = choosing("a")
        assert port == usual
        assert choosing("b")[1] != usual
        assert ports.claimed(tmp_path, tmp_path / "other")[usual] == "a"
        first.kill()
        first.wait()
        assert choosing("c")[1] == usual, "a claim ends with the work on its stack"
    finally:
        for each in ended:
            each.kill()
            each.wait()


def test_a_damaged_claim_is_none(tmp_path: Path) -> None:
    (tmp_path / ports.CLAIMS).write_text('{"a": [90')
    assert ports.claimed(tmp_path, tmp_path / "own.lock") == {}


@pytest.mark.parametrize("is_locked", [True, False])
def test_only_who_works_on_the_stack_claims_its_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_locked: bool) -> None:
    """`kit up --plan` leaves nothing behind."""
    space = Workspace("a", tmp_path, tmp_path / "home", tmp_path / "cache")
    local = LocalTarget(Stack(name="a"), space)
    for name in ("check_foreign", "check_orphaned"):
        monkeypatch.setattr(foreign, name, lambda local, seen: None)
    with holding(space) if is_locked else nullcontext():
        chosen = plan.with_chosen_ports(local, observe.EngineSeen((), (), ())).ports()
        assert dict(ports.claimed(space.cache, space.home / "another.lock")) == (
            dict.fromkeys(chosen.values(), "a") if is_locked else {}
        )
    assert space.cache.exists() == is_locked
