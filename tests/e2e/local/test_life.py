"""Life and death of a stack: interrupted, twice at once, foreign, broken, and gone without a trace.

Most of it happens to the one stack that other modules share: each test leaves its five stores up. `mortal` is killed and purged.
"""

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
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from kit.adapters.docker.client import Docker
from kit.blueprint.stack import STORES
from kit.pki import folder
from kit.targets.local import layout, node_image
from kit.targets.local.apply import STORE_TIMEOUT_S
from tests.support.holding import holding
from tests.support.program import Program
from tests.support.reach import local_target

UP = ("up", "--local", "--only", "stores")


@pytest.fixture(scope="module")
def docker(engine: None) -> Docker:
    return Docker()


@pytest.fixture(scope="module")
def mortal(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Not up yet."""
    program = Program(tmp_path_factory.mktemp("mortal"), f"mortal-{os.getpid()}")
    try:
        yield program
    finally:
        program.must("purge", "--yes")


@pytest.fixture
def image(stores: Program, docker: Docker) -> str:
    """One that is there, for containers that need do nothing."""
    return next(seen.image for seen in docker.containers({"dev.kit.stack": stores.stack}) if seen.name.endswith("-redis"))


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
def up_until(program: Program, pattern: str):  # type: ignore[no-untyped-def]
    """`kit up` running in the background, at the moment its progress first says `pattern`."""
    process = program.start(*UP)
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
    r"✓ .* start +store/",  # Compose is in the middle of the other stores
    r"· .* set-up +store/postgres",  # a part of the set-up is done, by statements that are each on their own
]


def killed_at(program: Program, moment: str) -> bool:
    """Whether that moment came."""
    process = program.start(*UP)
    assert process.stderr is not None
    came = any(re.search(moment, line) for line in process.stderr)
    process.kill()
    process.communicate()
    return came


def test_sigkill_amid_other_programs_and_up_again_reaches_the_same_end(mortal: Program) -> None:
    """One kill after another: what the first leaves behind is there at the second."""
    for moment in MOMENTS:
        if not killed_at(mortal, moment):  # the one that was killed before had already come further
            mortal.must("purge", "--yes")
            assert killed_at(mortal, moment), moment
    mortal.must(*UP)
    assert_ready(mortal)
    assert mortal.must(*UP, "--plan").stdout == "nothing to do\n"


def test_down_keeps_the_data_and_purge_leaves_nothing(mortal: Program, docker: Docker) -> None:
    import psycopg

    mortal.must(*UP)
    where = mortal.variables()
    login = {
        key: where[f"PG{name}"]
        for key, name in {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "DATABASE"}.items()
    } | {"sslmode": "verify-full", "sslrootcert": where["PGSSLROOTCERT"]}
    with psycopg.connect(**login) as connection:
        connection.execute("create table kept (word text)")
        connection.execute("insert into kept values ('still here')")
    down = mortal.must("down")
    assert f"{mortal.stack}-postgres" in down.stderr
    assert not docker.containers({"dev.kit.stack": mortal.stack})
    assert mortal("status").exit_code == 4
    mortal.must(*UP)
    with psycopg.connect(**login) as connection:
        assert connection.execute("select word from kept").fetchone() == ("still here",)
    mortal.must("purge", "--yes")
    assert left_of(docker, mortal.stack) == []
    assert [
        path for path in mortal.home.rglob("*") if mortal.stack in str(path.relative_to(mortal.home)) and path.suffix != ".lock"
    ] == []


def test_what_was_issued_before_a_kill_is_served_after_it(stores: Program) -> None:
    """Another authority and its certificates, all on disk, and none of it served: as a kill before the restarts leaves it."""
    local, now = local_target(stores), datetime.now(UTC)
    with holding(local.workspace):
        shutil.rmtree(local.workspace.certs / "authority")
        authority = folder.make_authority(local.workspace.certs, stores.stack, now)
        for holder, names in layout.holders(local.stack).items():
            folder.make_leaf(local.workspace.certs, stores.stack, holder, authority, names, now)
    plan = stores.must(*UP, "--plan").stdout
    assert {name for name in STORES if re.search(rf"restart +store/{name} .*it serves a former certificate", plan)} == set(STORES)
    stores.must(*UP)
    assert_ready(stores)
    assert stores.must(*UP, "--plan").stdout == "nothing to do\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_up_while_it_waits_and_the_next_goes_on(
    stores: Program, docker: Docker, number: signal.Signals, code: int
) -> None:
    """It waits for a store that is frozen and never answers, so nothing but the signal ends the waiting before its time."""
    docker.api.kill(f"{stores.stack}-kafka")
    with up_until(stores, r"· .* wait +store/kafka") as process:
        docker.api.pause(f"{stores.stack}-kafka")
        process.send_signal(number)
        _, stderr = process.communicate(timeout=STORE_TIMEOUT_S / 2)
        assert process.returncode == code, stderr
    assert re.search(r"✗ .* wait +store/kafka +interrupted", stderr)
    assert "did not become ready" not in stderr
    assert "run the same command again to continue" in stderr
    stores.must(*UP)
    assert_ready(stores)


@pytest.mark.parametrize(("stack", "removed_by"), [("stores", UP), ("scratch", ("purge", "--yes"))], ids=["up", "purge"])
def test_a_node_image_in_the_making_at_a_kill_leaves_no_container(
    stack: str, removed_by: tuple[str, ...], image: str, docker: Docker, request: pytest.FixtureRequest
) -> None:
    """The container in which it is made has all privileges."""
    program: Program = request.getfixturevalue(stack)
    making = f"""
import sys, time
from kit.adapters.containerd import node
from kit.adapters.docker.client import Docker
with node._running(Docker(), {image!r}, {node_image.workplace(program.stack)!r}):
    print("made", flush=True)
    time.sleep(3600)
"""
    with subprocess.Popen([sys.executable, "-c", making], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"made\n"
        process.kill()
    assert node_image.workplace(program.stack) in left_of(docker, program.stack)
    program.must(*removed_by)
    assert node_image.workplace(program.stack) not in left_of(docker, program.stack)


def test_a_second_up_waits_for_the_first_or_says_who_holds_the_lock_and_then_has_nothing_to_do(stores: Program) -> None:
    stores.must("down")
    with up_until(stores, r"· .* start +store/") as first:
        second = stores.start(*UP)
        ran = stores(*UP, "--wait-lock", "0", "-o", "json")
        assert (ran.exit_code, ran.json["error"]["code"]) == (24, "KIT-LOCKED")
        assert f"process {first.pid}" in ran.stderr
        (_, said), (_, waited) = (process.communicate(timeout=300) for process in (first, second))
    assert (first.returncode, second.returncode) == (0, 0), said + waited
    assert "waiting for" not in said
    assert re.search(r"✓ .* start +store/kafka", said)
    assert "waiting for `kit up`" in waited
    assert not re.search(r"[·✓] ", waited), "it had something to do"
    assert_ready(stores)


def test_purge_without_a_terminal_needs_yes(stores: Program) -> None:
    ran = stores("purge", "-o", "json")
    assert ran.json["error"]["code"] == "KIT-NEEDS-YES"
    assert_ready(stores)


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


def test_two_stacks_live_side_by_side(whole: Program, stores: Program) -> None:
    assert_ready(stores)
    assert_ready(whole)
    ours, theirs = local_target(whole).ports(), local_target(stores).ports()
    of_stores = [{port for key, port in ports.items() if key != "sentry.https"} for ports in (ours, theirs)]
    assert not of_stores[0] & of_stores[1]


def test_a_container_removed_behind_our_back_comes_back(stores: Program, docker: Docker) -> None:
    docker.remove_container(f"{stores.stack}-redis")
    plan = stores.must(*UP, "--plan").stdout
    assert "start  store/redis           no container yet" in plan
    assert "store/kafka" not in plan
    stores.must(*UP)
    assert_ready(stores)


def test_a_stopped_container_is_told_and_started(stores: Program, docker: Docker) -> None:
    docker.api.stop(f"{stores.stack}-redis", timeout=5)
    status = stores("status", "-o", "json")
    redis = next(component for component in status.json["components"] if component["name"] == "redis")
    assert (status.exit_code, redis["state"], redis["reason"]) == (3, "failed", "its container is exited")
    stores.must(*UP)
    assert_ready(stores)


class TestForeign:
    """What others made under our name is named and never touched."""

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

    def test_damaged_files_are_named_and_nothing_is_lost(self, stores: Program) -> None:
        local = local_target(stores)
        root = local.workspace.certs / "authority" / "root.crt"
        for victim, code in ((root, "KIT-AUTHORITY-CORRUPT"), (local.secrets_file, "KIT-SECRETS-CORRUPT")):
            whole = victim.read_bytes()
            victim.write_bytes(whole[:20])
            self.failed(stores, code, *UP)
            assert victim.read_bytes() == whole[:20]
            victim.write_bytes(whole)
        assert_ready(stores)

    def test_a_damaged_leaf_is_made_again_and_served(self, stores: Program) -> None:
        leaf = local_target(stores).workspace.certs / "redis" / "current" / "tls.key"
        leaf.write_bytes(b"")
        assert "leaf/redis" in stores.must(*UP, "--plan").stdout
        stores.must(*UP)
        assert_ready(stores)

    def test_a_wrong_clock_is_named(self, scratch: Program) -> None:
        local = local_target(scratch)
        folder.ensure(local.workspace.certs, scratch.stack, {"kafka": ("kafka",)}, datetime.now(UTC) + timedelta(days=2))
        self.failed(scratch, "KIT-CLOCK", *UP)


def test_a_store_that_cannot_start_is_told_with_its_log(stores: Program, docker: Docker) -> None:
    """A volume full of nonsense: the store dies, kit says so early and shows what it wrote."""
    name = f"{stores.stack}-redis"
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
    ran = stores(*UP, "-o", "json")
    while ran.exit_code == 0 and time.monotonic() < deadline:
        ran = stores(*UP, "-o", "json")
    assert ran.json["error"]["code"] == "KIT-STORE-NOT-READY", ran.stderr
    assert "kit logs redis" in ran.json["error"]["fix"]
    docker.remove_container(name)
    docker.remove_volume(name)
    stores.must(*UP)
    assert_ready(stores)


def test_a_stack_run_from_another_folder_is_left_to_it(stores: Program, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = Program(tmp_path_factory.mktemp("elsewhere"), stores.stack)
    for words in (UP, ("down",), ("purge", "--yes")):
        ran = elsewhere(*words, "-o", "json")
        assert (ran.json["error"]["code"], ran.exit_code) == ("KIT-ELSEWHERE", 25)
        assert str(stores.home) in ran.json["error"]["what"]
    assert_ready(stores)


def test_volumes_without_passwords_are_named_and_can_be_purged(scratch: Program, docker: Docker) -> None:
    scratch.must(*UP)
    shutil.rmtree(scratch.home / ".kit")
    ran = scratch(*UP, "-o", "json")
    assert (ran.json["error"]["code"], ran.exit_code) == ("KIT-ORPHANED", 26)
    assert len(docker.volumes({"dev.kit.stack": scratch.stack})) == len(STORES)
    scratch.must("purge", "--yes")
    assert left_of(docker, scratch.stack) == []
