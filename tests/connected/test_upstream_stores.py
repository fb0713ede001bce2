"""The five stores from images in upstream's shape: the same start scripts, mounts and promises as from those that kit builds.

Upstream's own programs (ClickHouse 25.8 above all) are not proven here, but that nothing in kit relies on the layout, the user,
the shell or the environment of the images that it builds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kit import files
from kit.adapters.docker.client import Docker
from kit.adapters.docker.observed import Mount
from kit.blueprint.stack import STORES
from kit.pki import folder
from kit.state import markers
from kit.stores import catalog
from kit.stores.contract import Ready
from kit.stores.wire.tls import Deadline
from kit.targets.local import plan, teardown
from kit.targets.local.target import LocalTarget

# The suite of the stores, over these images: whatever is named here runs with the fixture `local` of this module.
from tests.conformance.test_stores import (  # noqa: F401
    TestContainer,
    foreign,
    test_a_second_set_up_makes_nothing,
    test_a_wrong_name_is_refused,
    test_a_wrong_password_is_refused_as_such,
    test_another_authority_of_the_same_name_is_refused,
    test_every_name_in_use_verifies,
    test_is_ready_over_verified_tls,
    test_plaintext_is_refused,
    test_tls_11_is_refused,
    test_tls_12_and_13_are_accepted,
    test_what_is_written_is_read_back,
)
from tests.connected.upstream import stack
from tests.support.program import Program

NOFILE = 262144
DECLARED = {  # the volumes that upstream's images declare, without which half of this proves nothing
    "kafka": {"/etc/kafka/secrets", "/var/lib/kafka/data", "/mnt/shared/config"},
    "postgres": {"/var/lib/postgresql/data"},
    "redis": {"/data"},
    "clickhouse": {"/var/lib/clickhouse"},
    "s3": {"/data"},
}


@pytest.fixture(scope="session")
def docker() -> Docker:
    return Docker()


@pytest.fixture(scope="session")
def bases(engine: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The stores' images as kit builds them."""
    program = Program(tmp_path_factory.mktemp("bases"), "bases")
    return stack.built(stack.target(program, {}, "built").supply)


@pytest.fixture(scope="session")
def images(bases: dict[str, str], docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return stack.shaped(docker, bases, tmp_path_factory.mktemp("logs"))


@dataclass(frozen=True, slots=True)
class Shaped:
    program: Program
    pulled: LocalTarget
    volumes: set[str]  # all that any of its containers has had until now


@pytest.fixture(scope="session")
def shaped(images: dict[str, str], docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shaped]:
    program = Program(tmp_path_factory.mktemp("shaped"), f"shaped-{os.getpid()}")
    target = stack.target(program, images, "pulled")
    try:
        with stack.volumes_used(docker, program.stack) as used:
            stack.up(target)
            yield Shaped(program, target, used)
    finally:
        teardown.purge(target)


@pytest.fixture(scope="session")
def local(shaped: Shaped) -> LocalTarget:
    return shaped.pulled


def container(local: LocalTarget, store: str) -> str:
    return f"{local.stack.name}-{store}"


def said(docker: Docker, local: LocalTarget, store: str, command: str) -> str:
    """What a shell in the store's container prints."""
    return docker.exec(container(local, store), ["sh", "-c", command]).output


def wait_until_ready(local: LocalTarget, store: str) -> Ready:
    deadline = Deadline(60)
    while True:
        answer = catalog.module(store).probe(local.endpoints().store(store), local.trust())
        if isinstance(answer, Ready):
            return answer
        deadline.remaining_s()
        time.sleep(0.2)


@pytest.mark.parametrize("store", STORES)
def test_it_runs_from_the_image_in_upstream_s_shape(
    local: LocalTarget, docker: Docker, images: dict[str, str], store: str
) -> None:
    seen = docker.api.inspect_container(container(local, store))
    assert seen["Config"]["Image"] == images[store]
    assert set(docker.api.inspect_image(images[store])["Config"]["Volumes"]) == DECLARED[store]


class TestVolumes:
    @pytest.mark.parametrize("store", STORES)
    def test_the_only_volume_is_kit_s_own(self, local: LocalTarget, docker: Docker, store: str) -> None:
        mounts = docker.api.inspect_container(container(local, store))["Mounts"]
        assert [mount["Name"] for mount in mounts if mount["Type"] == "volume"] == [container(local, store)]

    @pytest.mark.parametrize("store", STORES)
    def test_the_data_belongs_to_the_stores_user(
        self, local: LocalTarget, docker: Docker, images: dict[str, str], store: str
    ) -> None:
        owner = files.store_owner()
        argv = ["find", "/volume", "!", "(", "-uid", str(owner.uid), "-gid", str(owner.gid), ")", "-print"]
        found = docker.run_once(images["postgres"], argv, mounts=[Mount(container(local, store), "/volume")], user="0:0")
        assert found.output == ""

    def test_its_mark_is_of_the_line_that_was_pulled(self, local: LocalTarget) -> None:
        marks = markers.load(local.markers_file)
        assert {store: marks[f"format/{store}"] for store in STORES} == {
            "kafka": "kafka",
            "postgres": "postgres",
            "redis": "redis",
            "clickhouse": "clickhouse-25",
            "s3": "s3-2025",
        }


@pytest.mark.parametrize("store", STORES)
def test_as_many_files_may_be_open_as_compose_says_from_the_start(local: LocalTarget, docker: Docker, store: str) -> None:
    (limit,) = docker.api.inspect_container(container(local, store))["HostConfig"]["Ulimits"]
    assert limit == {"Name": "nofile", "Soft": NOFILE, "Hard": NOFILE}
    soft, hard = said(docker, local, store, "ulimit -Sn; ulimit -Hn").split()
    assert soft == hard  # the number itself is lower where the engine may not give more


def test_java_shares_its_classes(local: LocalTarget, docker: Docker) -> None:
    """Asked of the same Java with the options of the broker that runs."""
    options = said(docker, local, "kafka", "tr '\\0' '\\n' < /proc/1/cmdline").splitlines()
    assert options[0] == "java"
    assert not any(option.startswith("-XX:SharedArchiveFile") for option in options)
    told = docker.exec(container(local, "kafka"), [*options[: options.index("-cp")], "-version"]).output
    assert "sharing" in told.splitlines()[-1], told
    assert "/opt/java/openjdk/lib/server/classes.jsa" in said(docker, local, "kafka", "cat /proc/1/maps")


class TestClickHouse:
    def test_the_server_is_the_first_process_and_the_only_one(self, local: LocalTarget, docker: Docker) -> None:
        processes = docker.api.top(container(local, "clickhouse"), ps_args="-eo pid,args")["Processes"]
        assert [row[1] for row in processes] == ["clickhouse-server --config-file=/etc/kit/config.xml"]

    def test_it_is_told_to_start_no_watchdog(self, local: LocalTarget, docker: Docker) -> None:
        """18.16 has none and 25.8 reads this; the test above would tell only there."""
        assert "CLICKHOUSE_WATCHDOG_ENABLE=0" in said(docker, local, "clickhouse", "tr '\\0' '\\n' < /proc/1/environ").split()

    def test_it_listens_where_kit_says_and_not_where_upstream_s_configuration_does(
        self, local: LocalTarget, docker: Docker
    ) -> None:
        rows = said(docker, local, "clickhouse", "cat /proc/net/tcp /proc/net/tcp6").splitlines()
        columns = [row.split() for row in rows if not row.lstrip().startswith("sl")]
        on_every_address = ("00000000", "0" * 32)  # the engine's own resolver listens on 127.0.0.11
        listening = {
            int(local_address.partition(":")[2], 16)
            for _, local_address, _, state, *_ in columns
            if state == "0A" and local_address.partition(":")[0] in on_every_address
        }
        assert listening == {port.container for port in catalog.module("clickhouse").PORTS}


class TestKeys:
    @pytest.mark.parametrize("store", STORES)
    def test_the_server_has_a_copy_of_its_own_that_nobody_else_reads(
        self, local: LocalTarget, docker: Docker, store: str
    ) -> None:
        name = {"kafka": "keystore.pem", "s3": "certs/private.key"}.get(store, "certs/tls.key")
        process = docker.api.inspect_container(container(local, store))["State"]["Pid"]
        # Seen from the host: MinIO's image has no program that would tell.
        path, owner = Path(f"/proc/{process}/root/tmp/{name}"), files.store_owner()
        status = path.stat()
        assert (status.st_mode & 0o777, status.st_uid, status.st_gid) == (0o600, owner.uid, owner.gid)
        assert (local.workspace.certs / store / "current" / "tls.key").read_text().strip() in path.read_text()

    @pytest.mark.parametrize("store", STORES)
    def test_a_share_that_does_not_keep_modes_does_not_matter(self, local: LocalTarget, docker: Docker, store: str) -> None:
        """As through the file sharing of a virtual machine: whatever lies in the mounted folder seems to be for everyone."""
        key = local.workspace.certs / store / "current" / "tls.key"
        key.chmod(0o644)
        try:
            docker.restart(container(local, store), 20)
            wait_until_ready(local, store)
        finally:
            key.chmod(0o600)

    def test_a_renewed_certificate_is_served(self, local: LocalTarget) -> None:
        for store in STORES:
            (local.workspace.certs / store / "current" / "tls.key").write_bytes(b"")
        events = stack.up(local)
        assert {event.step.name for event in events if event.step.verb == "restart"} == set(STORES)
        for store in STORES:
            facts = folder.facts(store, local.workspace.certs / store / "current" / "tls.crt")
            assert wait_until_ready(local, store).tls.fingerprint == facts.fingerprint


@dataclass(frozen=True, slots=True)
class Moved:
    destroyed: dict[str, str]  # subject → why
    marks: dict[str, str]  # store → the lines that its volume is of


@pytest.fixture(scope="module")
def moved(shaped: Shaped, bases: dict[str, str]) -> Moved:
    """The stack from pulled to built on the same volumes, and then gone: what follows is the last that is seen of it."""
    built = stack.target(shaped.program, bases, "built")
    destroyed = {step.subject: step.cause for step in plan.plan(built) if step.destructive}
    stack.up(built)
    marks = markers.load(built.markers_file)
    teardown.purge(built)
    return Moved(destroyed, {store: marks[f"format/{store}"] for store in STORES})


def test_only_the_volume_that_cannot_be_opened_is_made_anew(moved: Moved) -> None:
    assert moved.destroyed == {"volume/clickhouse": "it has the format of clickhouse-25, which clickhouse-18 does not take over"}
    assert moved.marks["clickhouse"] == "clickhouse-18"
    assert moved.marks["s3"] == "s3-2025 s3-2026"
    assert moved.marks["postgres"] == "postgres"


@pytest.mark.usefixtures("moved")
def test_no_volume_is_left_that_a_container_of_the_stack_had(shaped: Shaped, docker: Docker) -> None:
    assert len(shaped.volumes) > len(STORES)  # those of the stores, and what the chown helper had of its image's own
    assert not shaped.volumes & {volume.name for volume in docker.volumes()}
