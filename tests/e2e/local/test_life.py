"""Life and death of a stack: interrupted, twice at once, foreign, broken, and gone without a trace."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from kit.adapters.docker.client import Docker
from kit.blueprint.stack import STORES
from kit.pki import folder
from kit.state import lock
from kit.targets.local import layout, node_image
from kit.targets.local.apply import STORE_TIMEOUT_S
from tests.support.holding import holding
from tests.support.program import Program
from tests.support.reach import local_target

UP = ("up", "--local", "--only", "stores")


@pytest.fixture(scope="module")
def docker(engine: None) -> Docker:
    return Docker()


def left_of(docker: Docker, stack: str) -> list[str]:
    labelled = {"dev.kit.stack": stack}
    return [
        *(
            container.name
            for container in docker.containers()
            if stack in container.name or container.labels.get("dev.kit.stack") == stack
        ),
        *(volume.name for volume in docker.volumes(labelled)),
        *(network.name for network in docker.networks(labelled)),
    ]


def assert_ready(program: Program) -> None:
    components = program("status", "-o", "json").json["components"]
    states = {component["name"]: component["state"] for component in components if component["role"] == "store"}
    assert states == dict.fromkeys(STORES, "ready")


@contextlib.contextmanager
def up_until(program: Program, pattern: str, words: tuple[str, ...] = UP):  # type: ignore[no-untyped-def]
    """`kit up` running in the background, at the moment its progress first says `pattern`."""
    process = program.start(*words)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if re.search(pattern, line):
                break
        else:
            pytest.fail(f"up ended before it said {pattern}")
        yield process
    finally:
        process.kill()
        process.communicate()


# What unit/test_plan_consistency.py cannot kill: it knows what steps leave behind, not what other programs do half.
MOMENTS = [
    r"· .* create +volume/kafka",  # the container that hands a volume to the stores' user is left over
    r"✓ .* start +store/redis",  # Compose is in the middle of the other stores
    r"· .* set-up +store/postgres",  # a part of the set-up is done, by statements that are each on their own
]


def test_sigkill_amid_other_programs_and_up_again_reaches_the_same_end(scratch: Program, docker: Docker) -> None:
    for moment in MOMENTS:
        with up_until(scratch, moment) as process:
            process.send_signal(signal.SIGKILL)
            process.wait()
        scratch.must(*UP)
        assert_ready(scratch)
        assert scratch.must(*UP, "--plan").stdout == "nothing to do\n"
        scratch.must("purge", "--yes")
        assert left_of(docker, scratch.stack) == []


def test_what_was_issued_before_a_kill_is_served_after_it(scratch: Program) -> None:
    """Another authority and its certificates, all on disk, and none of it served: as a kill before the restarts leaves it."""
    scratch.must(*UP)
    local, now = local_target(scratch), datetime.now(UTC)
    with holding(local.workspace):
        shutil.rmtree(local.workspace.certs / "authority")
        authority = folder.make_authority(local.workspace.certs, scratch.stack, now)
        for holder, names in layout.holders(local.stack).items():
            folder.make_leaf(local.workspace.certs, scratch.stack, holder, authority, names, now)
    plan = scratch.must(*UP, "--plan").stdout
    assert {name for name in STORES if re.search(rf"restart +store/{name} .*it serves a former certificate", plan)} == set(STORES)
    scratch.must(*UP)
    assert_ready(scratch)
    assert scratch.must(*UP, "--plan").stdout == "nothing to do\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_up_while_it_waits_and_the_next_goes_on(
    scratch: Program, docker: Docker, number: signal.Signals, code: int
) -> None:
    """It waits for a store that is frozen and never answers, so nothing but the signal ends the waiting before its time."""
    with up_until(scratch, r"· .* set-up +store/kafka") as process:
        docker.api.pause(f"{scratch.stack}-kafka")
        process.send_signal(number)
        _, stderr = process.communicate(timeout=STORE_TIMEOUT_S / 2)
        assert process.returncode == code, stderr
    assert re.search(r"✗ .* set-up +store/kafka +interrupted", stderr)
    assert "did not become ready" not in stderr
    assert "run the same command again to continue" in stderr
    scratch.must(*UP)
    assert_ready(scratch)


def test_nobody_works_on_a_cluster_that_a_killed_kit_is_still_creating(scratch: Program) -> None:
    """`kind create` goes on when kit is killed, and holds the lock: a second one beside it would delete what it makes."""
    up = ("up", "--local", "--only", "cluster")
    with up_until(scratch, r"· .* create +cluster", up) as process:
        lock_file = local_target(scratch).workspace.lock_file
        while not any(name == "kind" for _, name in lock.users(lock_file)):
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
        process.wait()
    ran = scratch(*up, "--wait-lock", "0", "-o", "json")
    assert ran.json["error"]["code"] == "KIT-LOCKED"
    assert re.search(rf"kind \(process \d+\).*left running by `kit up` \(process {process.pid}\)", ran.json["error"]["why"])
    scratch.must(*up)
    assert scratch.must(*up, "--plan").stdout == "nothing to do\n"


def test_a_node_image_in_the_making_at_a_kill_leaves_no_container(scratch: Program, docker: Docker) -> None:
    """The container in which it is made has all privileges."""
    scratch.must(*UP)
    image = next(each.image for each in docker.containers({"dev.kit.stack": scratch.stack}) if each.name.endswith("-redis"))
    making = f"""
import sys, time
from kit.adapters.containerd import node
from kit.adapters.docker.client import Docker
with node._running(Docker(), {image!r}, {node_image.workplace(scratch.stack)!r}):
    print("made", flush=True)
    time.sleep(3600)
"""
    for removed_by in (UP, ("purge", "--yes")):
        with subprocess.Popen([sys.executable, "-c", making], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"made\n"
            process.kill()
        assert node_image.workplace(scratch.stack) in left_of(docker, scratch.stack)
        scratch.must(*removed_by)
        assert node_image.workplace(scratch.stack) not in left_of(docker, scratch.stack)


def test_a_second_up_waits_for_the_first_and_then_has_nothing_to_do(scratch: Program) -> None:
    both = [scratch.start(*UP) for _ in range(2)]
    said = [process.communicate(timeout=300)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    first, second = sorted(said, key=lambda text: "waiting for `kit up`" in text)
    assert "waiting for `kit up`" in second
    assert "waiting for" not in first
    assert re.search(r"✓ .* start +store/kafka", first)
    assert not re.search(r"[·✓] ", second), "it had something to do"
    assert_ready(scratch)


def test_a_second_up_that_may_not_wait_says_who_holds_the_lock(scratch: Program) -> None:
    with up_until(scratch, r"· .* start +store/redis") as process:
        ran = scratch(*UP, "--wait-lock", "0", "-o", "json")
        assert ran.json["error"]["code"] == "KIT-LOCKED"
        assert f"process {process.pid}" in ran.stderr
        assert ran.exit_code == 24
        process.communicate(timeout=300)


def test_down_keeps_the_data_and_purge_leaves_nothing(scratch: Program, docker: Docker) -> None:
    import psycopg

    scratch.must(*UP)
    where = scratch.variables()
    login = {
        key: where[f"PG{name}"]
        for key, name in {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "DATABASE"}.items()
    } | {"sslmode": "verify-full", "sslrootcert": where["PGSSLROOTCERT"]}
    with psycopg.connect(**login) as connection:
        connection.execute("create table kept (word text)")
        connection.execute("insert into kept values ('still here')")
    down = scratch.must("down")
    assert f"{scratch.stack}-postgres" in down.stderr
    assert not docker.containers({"dev.kit.stack": scratch.stack})
    assert scratch("status").exit_code == 4
    scratch.must(*UP)
    with psycopg.connect(**login) as connection:
        assert connection.execute("select word from kept").fetchone() == ("still here",)
    scratch.must("purge", "--yes")
    assert left_of(docker, scratch.stack) == []
    assert [
        path
        for path in scratch.home.rglob("*")
        if scratch.stack in str(path.relative_to(scratch.home)) and path.suffix != ".lock"
    ] == []


def test_purge_without_a_terminal_needs_yes(scratch: Program) -> None:
    scratch.must(*UP)
    ran = scratch("purge", "-o", "json")
    assert ran.json["error"]["code"] == "KIT-NEEDS-YES"
    assert_ready(scratch)


def test_a_rotated_certificate_is_served_after_the_next_up(stores: Program) -> None:
    def served() -> str:
        endpoints = stores.must("env", "-o", "json").json
        return ssl.get_server_certificate(("127.0.0.1", urlsplit(endpoints["REDIS_URL"]).port or 0))

    before = served()
    stores.must("certs", "rotate", "redis")
    assert served() == before
    assert re.search("restart +store/redis .*former certificate", stores.must(*UP, "--plan").stdout)
    stores.must(*UP)
    assert served() != before
    assert stores.must(*UP, "--plan").stdout == "nothing to do\n"
    assert_ready(stores)


def test_two_stacks_live_side_by_side(scratch: Program, stores: Program) -> None:
    scratch.must(*UP)
    assert_ready(stores)
    assert_ready(scratch)
    ours, theirs = local_target(scratch).ports(), local_target(stores).ports()
    of_stores = [{port for key, port in ports.items() if key != "sentry.https"} for ports in (ours, theirs)]
    assert not of_stores[0] & of_stores[1]


def test_a_container_removed_behind_our_back_comes_back(scratch: Program, docker: Docker) -> None:
    scratch.must(*UP)
    docker.remove_container(f"{scratch.stack}-redis")
    plan = scratch.must(*UP, "--plan").stdout
    assert "start  store/redis           no container yet" in plan
    assert "store/kafka" not in plan
    scratch.must(*UP)
    assert_ready(scratch)


def test_a_stopped_container_is_told_and_started(scratch: Program, docker: Docker) -> None:
    scratch.must(*UP)
    docker.api.stop(f"{scratch.stack}-redis", timeout=5)
    status = scratch("status", "-o", "json")
    redis = next(component for component in status.json["components"] if component["name"] == "redis")
    assert (status.exit_code, redis["state"], redis["reason"]) == (3, "failed", "its container is exited")
    scratch.must(*UP)
    assert_ready(scratch)


class TestForeign:
    """What others made under our name is named and never touched."""

    @pytest.fixture
    def image(self, stores: Program, docker: Docker) -> str:
        return next(seen.image for seen in docker.containers({"dev.kit.stack": stores.stack}) if seen.name.endswith("-redis"))

    def refused(self, program: Program) -> None:
        ran = program(*UP, "-o", "json")
        assert ran.json["error"]["code"] == "KIT-FOREIGN"
        assert ran.exit_code == 25

    def test_network(self, scratch: Program, docker: Docker) -> None:
        docker.create_network(scratch.stack, {})
        try:
            self.refused(scratch)
            assert any(network.name == scratch.stack for network in docker.networks())
        finally:
            docker.remove_network(scratch.stack)

    def test_volume(self, scratch: Program, docker: Docker) -> None:
        docker.create_volume(f"{scratch.stack}-kafka", {})
        try:
            self.refused(scratch)
            assert any(volume.name == f"{scratch.stack}-kafka" for volume in docker.volumes())
        finally:
            docker.remove_volume(f"{scratch.stack}-kafka")

    @pytest.mark.parametrize("name", ["{stack}-kafka", "{stack}-control-plane"], ids=["container", "cluster"])
    def test_container(self, scratch: Program, docker: Docker, image: str, name: str) -> None:
        foreign = docker.api.create_container(image, entrypoint=["sleep", "60"], name=name.format(stack=scratch.stack))["Id"]
        try:
            self.refused(scratch)
            assert any(container.id == foreign for container in docker.containers())
        finally:
            docker.remove_container(foreign)


class TestBadInput:
    """Each with its code, what, why, fix, exit code, and nothing lost."""

    def failed(self, program: Program, code: str, *words: str) -> dict[str, str]:
        ran = program(*words, "-o", "json")
        error: dict[str, str] = ran.json["error"]
        assert error["code"] == code, ran.stderr
        assert ran.exit_code == error["exit_code"] != 0
        assert error["what"]
        assert error["why"]
        assert error["fix"]
        assert "Traceback" not in ran.stderr
        return error

    def test_a_port_that_is_taken_names_its_owner(self, scratch: Program) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            (scratch.home / "kit.yaml").write_text(f"ports: {{kafka.sasl: {port}}}\n")
            error = self.failed(scratch, "KIT-PORT-TAKEN", *UP)
            assert f"process {os.getpid()}" in error["why"]

    def test_an_unknown_key_is_named_with_its_line(self, scratch: Program) -> None:
        (scratch.home / "kit.yaml").write_text("name: x\nstore: kafka\n")
        assert "kit.yaml:2" in self.failed(scratch, "KIT-BLUEPRINT", *UP)["what"]
        (scratch.home / "kit.yaml").unlink()

    def test_no_engine_at_the_address(self, scratch: Program) -> None:
        nowhere = Program(scratch.home, scratch.stack, {"DOCKER_HOST": f"unix://{scratch.home}/nowhere.sock"})
        self.failed(nowhere, "KIT-ENGINE-NOT-RUNNING", "status")

    def test_an_engine_that_is_too_old(self, scratch: Program) -> None:
        from tests.support.old_engine import answering

        with answering(scratch.home / "old.sock", api="1.40", version="19.03.1"):
            old = Program(scratch.home, scratch.stack, {"DOCKER_HOST": f"unix://{scratch.home}/old.sock"})
            self.failed(old, "KIT-ENGINE-TOO-OLD", "status")

    def test_no_stack_yet(self, scratch: Program) -> None:
        for command in ("env", "demo", "verify"):
            assert self.failed(scratch, "KIT-NO-STACK", command)["exit_code"] == 4
        assert scratch("status").exit_code == 4

    def test_damaged_files_are_named_and_nothing_is_lost(self, scratch: Program) -> None:
        scratch.must(*UP)
        local = local_target(scratch)
        root = local.workspace.certs / "authority" / "root.crt"
        for victim, code in ((root, "KIT-AUTHORITY-CORRUPT"), (local.secrets_file, "KIT-SECRETS-CORRUPT")):
            whole = victim.read_bytes()
            victim.write_bytes(whole[:20])
            self.failed(scratch, code, *UP)
            assert victim.read_bytes() == whole[:20]
            victim.write_bytes(whole)
        assert_ready(scratch)

    def test_a_damaged_leaf_is_made_again_and_served(self, scratch: Program) -> None:
        scratch.must(*UP)
        leaf = local_target(scratch).workspace.certs / "redis" / "current" / "tls.key"
        leaf.write_bytes(b"")
        assert "leaf/redis" in scratch.must(*UP, "--plan").stdout
        scratch.must(*UP)
        assert_ready(scratch)

    def test_a_wrong_clock_is_named(self, scratch: Program) -> None:
        local = local_target(scratch)
        folder.ensure(local.workspace.certs, scratch.stack, {"kafka": ("kafka",)}, datetime.now(UTC) + timedelta(days=2))
        self.failed(scratch, "KIT-CLOCK", *UP)


def test_a_store_that_cannot_start_is_told_with_its_log(scratch: Program, docker: Docker) -> None:
    """A volume full of nonsense: the store dies, kit says so early and shows what it wrote."""
    scratch.must(*UP)
    name = f"{scratch.stack}-redis"
    docker.exec(
        name,
        [
            "sh",
            "-c",
            "for f in $(find /data -name '*.base.rdb' -o -name 'dump.rdb' -o -name '*.manifest'); do echo nonsense > $f; done",
        ],
    )
    docker.api.kill(name)
    deadline = time.monotonic() + 20
    ran = scratch(*UP, "-o", "json")
    while ran.exit_code == 0 and time.monotonic() < deadline:
        ran = scratch(*UP, "-o", "json")
    assert ran.json["error"]["code"] == "KIT-STORE-NOT-READY", ran.stderr
    assert "kit logs redis" in ran.json["error"]["fix"]


def test_a_stack_run_from_another_folder_is_left_to_it(scratch: Program, tmp_path_factory: pytest.TempPathFactory) -> None:
    scratch.must(*UP)
    elsewhere = Program(tmp_path_factory.mktemp("elsewhere"), scratch.stack)
    for words in (UP, ("down",), ("purge", "--yes")):
        ran = elsewhere(*words, "-o", "json")
        assert (ran.json["error"]["code"], ran.exit_code) == ("KIT-ELSEWHERE", 25)
        assert str(scratch.home) in ran.json["error"]["what"]
    assert_ready(scratch)


def test_volumes_without_passwords_are_named_and_can_be_purged(scratch: Program, docker: Docker) -> None:
    scratch.must(*UP)
    shutil.rmtree(scratch.home / ".kit")
    ran = scratch(*UP, "-o", "json")
    assert (ran.json["error"]["code"], ran.exit_code) == ("KIT-ORPHANED", 26)
    assert len(docker.volumes({"dev.kit.stack": scratch.stack})) == len(STORES)
    scratch.must("purge", "--yes")
    assert left_of(docker, scratch.stack) == []
