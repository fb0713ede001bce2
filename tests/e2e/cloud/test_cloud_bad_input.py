"""What goes wrong between kit, terraform and the cloud, against the emulator's API alone: no container, seconds each.

The emulator runs beforehand, with the quotas and faults of the test; `kit … --rehearse` uses one that runs already.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest

from kit import workspace
from kit.adapters.terraform.errors import TerraformFailed
from kit.adapters.yandex.errors import CloudUnreachable, CredentialsRefused
from kit.blueprint.stack import Stack
from kit.errors import KitError
from kit.state import secrets
from kit.targets.cloud import apply, plan
from kit.targets.cloud.errors import ApplyStopped
from kit.targets.cloud.site import secret_makers
from kit.targets.cloud.target import CloudTarget
from kit.yandex.engine.journal import Journal
from tests.support.emulator import ALWAYS, Running
from tests.support.holding import holding
from tests.support.program import Program, Ran

CLOUD = ("--cloud", "--rehearse", "--only", "cluster")
AWKWARD = """Pa"s's$word`${x}\\%{y}1"""
NETWORK = "yandex_vpc_network.sentry"


class Kit:
    def __init__(self, home: Path, described: str = "", name: str = "bad") -> None:
        (home / "kit.yaml").write_text(f"cloud: {{domain: s.example.test{described}}}\n")
        self.program = Program(home, f"{name}{os.getpid()}")
        self.folder = home / ".kit" / self.program.stack
        self.place = self.folder / "rehearsal"

    def up(self, *words: str) -> Ran:
        return self.program("up", *CLOUD, "--yes", "-o", "json", *words)

    def refused(self, ran: Ran, code: str) -> dict[str, Any]:
        """The three lines as data; nothing of Python in them."""
        assert ran.exit_code != 0, ran.stderr
        error: dict[str, Any] = json.loads(ran.stdout[ran.stdout.rindex('{\n  "error"') :])["error"]
        assert error["code"] == code, ran.stderr
        assert "Traceback" not in ran.stderr
        return error

    @contextlib.contextmanager
    def emulator(self, *options: str) -> Iterator[Running]:
        running = Running(self.program, Path(), options)
        running.start()
        try:
            yield running
        finally:
            running.stop()

    def down(self) -> Ran:
        return self.program("down", "--cloud", "--rehearse", "--yes")

    def left(self) -> list[str]:
        """By its journal, which is the emulator's alone while that runs."""
        journal = Journal(self.folder / "yandex" / "journal.jsonl")
        try:
            return [f"{kind} {record.key}" for kind in journal.kinds() if kind not in ALWAYS for record in journal.all(kind)]
        finally:
            journal.close()


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kit, Running]]:
    """All is made, in an emulator that runs."""
    kit = Kit(tmp_path_factory.mktemp("standing"), name="stands")
    with kit.emulator() as running:
        assert kit.up().exit_code == 3, "all is made; a cluster that only answers is not ready"
        yield kit, running


def test_a_quota_that_is_too_small_is_known_before_anything_is_made(kit: Kit) -> None:
    with kit.emulator("--quota", "mdb.clusters.count=3"):
        error = kit.refused(kit.up(), "KIT-CLOUD-QUOTA")
    assert "mdb.clusters.count: 4 needed, 3 free of 3" in error["why"]
    assert kit.left() == []


def test_a_rehearsal_is_given_what_a_new_cloud_lacks_and_says_so(tmp_path: Path) -> None:
    kit = Kit(tmp_path, described=", size: ha", name="larger")
    with kit.emulator():
        ran = kit.up("--plan")
        (said,) = ran.json["not_checked"]
        assert "compute.ssdDisks.size: 384 GB needed, 200 GB free of 200" in said
    with kit.emulator("--quota", f"compute.ssdDisks.size={300 * 1024**3}"):
        error = kit.refused(kit.up("--plan"), "KIT-CLOUD-QUOTA")
    assert "compute.ssdDisks.size: 384 GB needed, 300 GB free of 300" in error["why"]


def test_a_state_is_never_taken_from_one_world_to_the_other(standing: tuple[Kit, Running]) -> None:
    """Made in the rehearsal, then shown to the cloud; and one that is lost, which would make everything twice."""
    kit, _ = standing
    own = json.loads((kit.place / "secrets.json").read_text())
    shown = kit.program.must("secrets", "show", "kafka_password", "--cloud", "--rehearse").stdout
    assert shown == own["kafka_password"] + "\n"
    real = kit.folder / "cloud"
    (real / "configuration").mkdir(parents=True)
    shutil.copy(kit.place / "configuration" / "terraform.tfstate", real / "configuration")
    words = ("up", "--cloud", "--only", "cluster", "--plan", "-o", "json")
    assert "rehearsal" in kit.refused(kit.program(*words), "KIT-CLOUD-FOREIGN-STATE")["why"]
    shutil.rmtree(real)
    state = kit.place / "configuration" / "terraform.tfstate"
    kept = state.rename(state.with_suffix(".elsewhere"))
    assert "second time" in kit.refused(kit.up(), "KIT-CLOUD-STATE-LOST")["why"]
    state.write_text(kept.read_text().replace("b1gemu", "b1gq8m"))
    kit.refused(kit.up(), "KIT-CLOUD-FOREIGN-STATE")
    kept.replace(state)
    assert kit.up("--plan").json["steps"] == []


def test_nothing_is_removed_unasked_or_under_a_running_emulator(standing: tuple[Kit, Running]) -> None:
    kit, running = standing
    ran = kit.program("down", "--cloud", "--rehearse")
    assert ran.exit_code == 16
    assert "KIT-NEEDS-YES" in ran.stderr
    assert "yandex_mdb_kafka_cluster.sentry" in ran.stderr, "what would be lost is named"
    purge = kit.program("purge", "--cloud", "--rehearse", "--yes")
    assert "KIT-CLOUD-EMULATOR-RUNS" in purge.stderr
    assert kit.left() != []
    running.stop()
    assert kit.program("purge", "--cloud", "--rehearse", "--yes").exit_code == 0
    assert not kit.folder.exists()


def test_a_secret_that_could_not_be_carried_everywhere_is_refused_unshown(kit: Kit) -> None:
    """Put there by hand: kit's own have letters and digits alone. Refused is better than forty pods with half of it."""
    kit.place.mkdir(parents=True)
    (kit.place / "secrets.json").write_text(json.dumps({"kafka_password": AWKWARD}))
    with kit.emulator():
        ran = kit.up()
        error = kit.refused(ran, "KIT-TERRAFORM")
        assert "kafka_password" in error["why"] + error["fix"]
        assert AWKWARD not in ran.stdout + ran.stderr
        assert json.dumps(AWKWARD) not in ran.stdout + ran.stderr
    assert kit.left() == []
    assert not list(kit.place.glob("plan.bin"))


def test_an_apply_that_fails_and_one_that_is_interrupted_go_on_where_they_were(kit: Kit) -> None:
    with kit.emulator("--fail", "kafka.v1.ClusterService/Create:RESOURCE_EXHAUSTED:1"):
        error = kit.refused(kit.up(), "KIT-CLOUD-STOPPED")
        assert "quota" in error["why"]
        assert re.search(r"\d+ resources stand, of which cost money: .*yandex_", error["why"])
        assert "kit down --cloud --rehearse" in error["fix"]
    made = set(kit.left())
    assert made
    with kit.emulator("--async", "2"):
        process = kit.program.start("up", *CLOUD, "--yes")
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("·") and "kafka_cluster" in line:
                break
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
        assert process.returncode == 130, said
        assert "KIT-CLOUD-INTERRUPTED" in said
        assert "resources stand" in said
    assert made <= set(kit.left()), "what stood before stands"
    with kit.emulator():
        assert kit.up().exit_code == 3
        assert kit.up("--plan").json["steps"] == []
        assert kit.down().exit_code == 0
    assert kit.left() == []


def test_a_name_that_is_taken_is_told_with_another_way(kit: Kit) -> None:
    with kit.emulator("--fail", "vpc.v1.NetworkService/Create:ALREADY_EXISTS:1"):
        error = kit.refused(kit.up(), "KIT-CLOUD-STOPPED")
    assert "a name is taken" in error["why"]
    assert "name_prefix" in error["fix"]


def test_a_port_that_somebody_took_is_not_waited_for(kit: Kit) -> None:
    """The ports of the last run are only a habit."""
    import socket

    with kit.emulator() as running:
        port = running.ready["port"]
    with socket.create_server(("127.0.0.1", port)):
        ran = kit.up("--plan")
    assert ran.exit_code == 0, ran.stderr
    assert json.loads((kit.folder / "yandex" / "address.json").read_text())["port"] != port


def test_deletion_protection_is_respected(tmp_path: Path) -> None:
    kit = Kit(tmp_path, ", deletion_protection: true")
    with kit.emulator():
        assert kit.up().exit_code == 3
        ran = kit.down()
        assert ran.exit_code == 16
        assert "KIT-CLOUD-PROTECTED" in ran.stderr
        assert json.loads((kit.place / "configuration" / "terraform.tfstate").read_text())["resources"]
        (tmp_path / "kit.yaml").write_text("cloud: {domain: s.example.test, deletion_protection: false}\n")
        assert kit.up().exit_code == 3
        assert kit.down().exit_code == 0
    assert kit.left() == []


def test_prices_that_cannot_be_counted_with_are_refused(kit: Kit) -> None:
    prices = kit.program.home / "prices.yaml"
    prices.write_text("vcpu: 1000\nmemory_gb: ten\n")
    error = kit.refused(kit.up("--plan", "--prices", str(prices)), "KIT-CLOUD-PRICES")
    assert "ten" in error["why"]
    prices.write_text("vcpu: 1000\nmemory_gb: 300\n")
    assert "disk_gb" in kit.refused(kit.up("--plan", "--prices", str(prices)), "KIT-CLOUD-PRICES")["why"]
    prices.write_text("vcpu: 1000\nmemory_gb: 300\ndisk_gb: 12\n")
    with kit.emulator():
        planned = kit.up("--plan", "--prices", str(prices)).json
    sums = planned["sums"]
    assert planned["monthly"] == 1000 * sums["vcpu"] + 300 * sums["memory_gb"] + 12 * sums["disk_gb"]


@pytest.mark.parametrize(
    ("variable", "value", "asked", "cause"),
    [
        ("SSL_CERT_FILE", certifi.where(), CloudUnreachable, "not of an authority that is trusted here"),
        ("YC_TOKEN", "t1.expired.token", CredentialsRefused, "the credentials have expired"),
    ],
)
def test_what_stands_between_kit_and_the_api_is_told_as_what_it_is(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, asked: type[KitError], cause: str
) -> None:
    """By kit's own questions, and by the provider's words where those come first."""
    monkeypatch.setenv("KIT_HOME", str(kit.program.home))
    name = kit.program.stack
    target = CloudTarget(Stack(name, cloud={"domain": "s.example.test"}), workspace.find(name), rehearses=True)
    with kit.emulator(), target.opened():
        target.clients.changes = {**target.clients.changes, variable: value}
        with pytest.raises(asked) as first:
            plan.plan(target)
        assert variable in first.value.fix
        with holding(target.workspace):
            secrets.ensure(target.place.secrets, secret_makers())
            with pytest.raises((TerraformFailed, ApplyStopped)) as refused:
                apply.apply(target, plan._resources(target, destroy=False)[0], lambda event: None)
        assert cause in refused.value.why
        assert variable in refused.value.fix
    assert kit.left() == []
