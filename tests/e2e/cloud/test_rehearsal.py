"""From nothing to the demo event and back to nothing, by `kit … --cloud --rehearse`: the one full rehearsal of every run.

Real stores, a real cluster, the real Terraform and the real provider; only the API is the emulator's. The tests go on from each
other, in this order, for each way takes minutes.
"""

from __future__ import annotations

import http.client
import json
import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from kit import workspace
from kit.adapters import proxies
from kit.adapters.docker.client import Docker
from kit.blueprint import file as blueprint
from kit.blueprint.stack import Stack
from kit.sentry.objects import NAMESPACE, RELEASE
from kit.sentry.stand_in import front
from kit.stores import kafka as kafka_store
from kit.stores import kafka_admin, kafka_topics
from kit.targets.cloud.rehearsal import backing_name
from kit.targets.cloud.target import CloudTarget
from kit.targets.local.target import LocalTarget
from kit.yandex.engine.journal import Journal
from tests.support.emulator import ALWAYS
from tests.support.program import Program, Ran

NAME = f"re{os.getpid()}"
CLOUD = ("--cloud", "--rehearse")
PATIENCE_S = 2400.0  # where images and tools are to be made first, or the machine is busy
DRIFTED = "ingest-metrics-dlq"
KIT_YAML = "cloud: {size: demo}\n"  # no domain: a rehearsal needs none


@dataclass
class Rehearsed:
    program: Program
    said: list[str] = field(default_factory=list)  # everything that kit printed
    argvs: set[str] = field(default_factory=set)  # every command line that was seen while kit worked
    secrets: dict[str, str] = field(default_factory=dict)

    def __call__(self, verb: str, *words: str, expect: int = 0) -> Ran:
        over = threading.Event()
        watching = threading.Thread(target=self._watch, args=(over,))
        watching.start()
        try:
            ran = self.program(*verb.split(), *CLOUD, *words, timeout_s=PATIENCE_S)
        finally:
            over.set()
            watching.join()
        self.said += [ran.stdout, ran.stderr]
        assert ran.exit_code == expect, f"kit {verb} → {ran.exit_code}\n{ran.stdout}\n{ran.stderr}"
        return ran

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(0.2):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.argvs.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue  # it has ended meanwhile

    @property
    def state(self) -> Path:
        return self.program.home / ".kit" / NAME

    def stack(self) -> Stack:
        return blueprint.parse(KIT_YAML, "kit.yaml", name=NAME)

    def target(self) -> CloudTarget:
        """In this process, for what no command shows."""
        os.environ["KIT_HOME"] = str(self.program.home)
        return CloudTarget(self.stack(), workspace.find(NAME), rehearses=True)

    def backing(self) -> LocalTarget:
        os.environ["KIT_HOME"] = str(self.program.home)
        name = backing_name(NAME)
        return LocalTarget(Stack(name=name), workspace.find(name))

    def left(self) -> list[str]:
        """What the emulator still has, by its journal."""
        journal = Journal(self.state / "yandex" / "journal.jsonl")
        try:
            return [f"{kind} {record.key}" for kind in journal.kinds() if kind not in ALWAYS for record in journal.all(kind)]
        finally:
            journal.close()


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    home = tmp_path_factory.mktemp("rehearsal")
    (home / "kit.yaml").write_text(KIT_YAML)
    before = os.environ.get("KIT_HOME")
    found = Rehearsed(Program(home, NAME))
    try:
        yield found
    finally:
        found.program("purge", *CLOUD, "--yes", timeout_s=PATIENCE_S)
        if before is None:
            os.environ.pop("KIT_HOME", None)
        else:
            os.environ["KIT_HOME"] = before


def of_engine() -> list[str]:
    docker, prefix = Docker(), backing_name(NAME)
    return [each.name for each in (*docker.containers(), *docker.volumes(), *docker.networks()) if each.name.startswith(prefix)]


def test_from_nothing_to_the_demo_event(kit: Rehearsed) -> None:
    ran = kit("up", "--yes", "-o", "json")
    assert ran.json["ready"] is True, ran.stdout
    assert "demo                event" in ran.stderr, "an exception was raised and seen"
    status = kit("status", "-o", "json").json
    assert {component["state"] for component in status["components"]} == {"ready"}
    assert {component["name"] for component in status["components"]} == {
        *("kafka", "postgres", "redis", "clickhouse", "s3"),
        *("kubernetes", "sentry"),
    }
    (sentry,) = (each for each in status["components"] if each["name"] == "sentry")
    assert sentry["url"] == "https://sentry.example.test"
    assert sentry["tls"]["verified"] is True


def test_a_second_run_changes_nothing(kit: Rehearsed) -> None:
    state = (kit.state / "rehearsal" / "configuration" / "terraform.tfstate").read_bytes()
    ran = kit("up", "--yes", "-o", "json")
    assert ran.stderr == "nothing to do\n"
    assert ran.json["ready"] is True
    assert (kit.state / "rehearsal" / "configuration" / "terraform.tfstate").read_bytes() == state


def test_a_topic_that_somebody_removed_is_missed_and_made_again(kit: Rehearsed) -> None:
    local = kit.backing()
    admin = kafka_admin.connect(kafka_store.admin_endpoint(local.endpoints().kafka, local.credentials()), local.trust())
    kafka_topics.delete(admin, [DRIFTED])
    planned = kit("up", "--plan", "-o", "json").json["steps"]
    resources = [step["step"] for step in planned if "yandex_" in step["step"]]
    assert resources == [f'create yandex_mdb_kafka_topic.sentry["{DRIFTED}"]']
    kit("up", "--yes")
    assert kit("up", "--plan").stdout == "nothing to do\n"


def test_every_connection_is_verified_from_inside(kit: Rehearsed) -> None:
    claims = kit("verify", "-o", "json").json
    assert len(claims) >= 10
    assert [claim for claim in claims if not claim["holds"]] == []
    assert any(claim["claim"] == "is refused to a foreign authority" for claim in claims)
    assert {claim["claim"] for claim in claims if claim["subject"] == "door"} == {
        *("the name sentry.example.test verifies", "another authority is refused"),
        *("a wrong name is refused", "TLS 1.1 is refused"),
    }


def test_the_name_leads_to_two_fronts_on_the_reserved_address(kit: Rehearsed) -> None:
    with kit.target().opened() as target:
        api, reserved = target.clients.kube, target.outputs.document["door"]["address"]
        service, deployment = (api.get(kind, front.NAME, NAMESPACE) for kind in ("Service", "Deployment"))
        assert service is not None
        assert deployment is not None
        assert service["status"]["loadBalancer"]["ingress"] == [{"ip": reserved, "ipMode": "VIP"}]
        assert deployment["status"]["readyReplicas"] == 2
        way = target.clients.changes["HTTP_PROXY"]
        proxy = proxies.named("the rehearsal", str(way))
        plain = http.client.HTTPConnection(proxy.host, proxy.port, timeout=10)
        plain.set_tunnel("sentry.example.test", 80)
        plain.request("GET", "/a?b=1")
        answer = plain.getresponse()
        assert (answer.status, answer.headers["Location"]) == (308, "https://sentry.example.test/a?b=1")


def test_a_renewed_certificate_rolls_the_front_and_nothing_else(kit: Rehearsed) -> None:
    def pods() -> dict[str, set[str]]:
        with kit.target().opened() as target:
            found = target.clients.kube.list("Pod", NAMESPACE)
        running = [each["metadata"] for each in found if not each["metadata"].get("deletionTimestamp")]
        labels = {each["name"]: each["labels"].get("app.kubernetes.io/name", "") for each in running}
        return {kind: {name for name, label in labels.items() if label == kind} for kind in (front.NAME, "bugsink")}

    before, journal = pods(), Journal(kit.state / "yandex" / "journal.jsonl")
    try:
        with journal.transaction() as change:
            for record in journal.all("certificatemanager.v1.Certificate"):
                fresh = record.copy()
                fresh.not_after.FromDatetime(datetime.now(UTC) + timedelta(days=20))
                change.put(record.with_message(fresh))
    finally:
        journal.close()
    kit("up", "--yes")
    after = pods()
    assert before[front.NAME].isdisjoint(after[front.NAME])
    assert before["bugsink"] == after["bugsink"]


def test_the_values_are_those_that_run(kit: Rehearsed) -> None:
    shown = kit("values show").stdout
    assert ".mdb.yandexcloud.net" in shown
    assert kit("values diff").stdout == ""


def test_no_secret_is_where_it_does_not_belong(kit: Rehearsed) -> None:
    with kit.target().opened() as target:
        kit.secrets = {name: target.secret(name).reveal() for name in target.secret_places()}
        helm = json.dumps(target.clients.helm.values(RELEASE, NAMESPACE))
        maps = json.dumps(target.clients.kube.list("ConfigMap", NAMESPACE))
    secrets = {name: value for name, value in kit.secrets.items() if not name.endswith("access_key")}  # half of it is a name
    assert len(secrets) == 10
    for name, value in secrets.items():
        assert value not in helm, f"{name} is in the Helm values"
        assert value not in maps, f"{name} is in a ConfigMap"
        assert not any(value in argv for argv in kit.argvs), f"{name} is in a command line"
        assert not any(value in said for said in kit.said), f"{name} was printed"
    assert len(kit.argvs) > 20, "nothing was watched"


def test_files_hold_only_the_secrets_that_are_counted_and_nobody_else_reads_them(kit: Rehearsed) -> None:
    place, own = kit.target().place, kit.target().clients.own
    holding: dict[str, set[str]] = {}
    for path in place.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            found = {name for name, value in kit.secrets.items() if value.encode() in content}
            if found:
                holding[str(path.relative_to(place.root))] = {name for name in found if not name.endswith("access_key")}
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    in_state = {"kafka_password", "redis_password"}
    assert holding.pop("secrets.json") == set(own)
    assert all(names <= in_state for names in holding.values()), holding
    assert set(holding) <= {"configuration/terraform.tfstate", "configuration/terraform.tfstate.backup"}, holding
    for folder in (place.root, kit.state / "yandex", kit.backing().workspace.state):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


def test_commands_of_the_local_stack_do_not_act_for_the_cloud(kit: Rehearsed) -> None:
    for words in ("topics", "logs sentry", "certs show", "doctor"):
        assert "KIT-LOCAL-ONLY" in kit(words, expect=10).stderr
    assert set(kit("env", "-o", "json").json) >= {"KUBECONFIG", "SENTRY_DSN", "SENTRY_URL", "SSL_CERT_FILE"}


def test_purging_the_local_stack_of_the_same_name_takes_nothing_of_the_rehearsal(kit: Rehearsed) -> None:
    kit.program.must("purge", "--yes")
    assert kit.program("status").exit_code == 4
    assert kit("up", "--plan").stdout == "nothing to do\n"


def test_down_takes_full_buckets_with_it_and_leaves_nothing(kit: Rehearsed) -> None:
    local = kit.backing()
    with kit.target().opened() as target:
        store = target.outputs.endpoints().s3
    session = boto3.session.Session(store.nodestore.access_key, store.nodestore.secret_key.reveal(), region_name=store.region)
    s3: Any = session.client(
        "s3",
        endpoint_url=f"https://127.0.0.1:{local.ports()['s3.api']}",
        verify=str(local.workspace.ca_file),
        config=Config(s3={"addressing_style": "path"}),
    )
    s3.put_object(Bucket=store.nodestore.name, Key="an/event", Body=b"kept until now")
    ran = kit("down", "--yes")
    assert "yandex_storage_bucket.nodestore" in ran.stderr
    assert "nothing is left" in ran.stderr
    assert kit.left() == []
    assert of_engine() == []
    assert not (kit.state / "rehearsal").exists()
    assert not kit.backing().workspace.state.exists()
    assert "KIT-NO-CLOUD-STACK" in kit("down", "--yes", expect=4).stderr
    assert kit("status", expect=4).stdout.startswith(f"stack {NAME} (cloud)")


def test_purge_leaves_no_file(kit: Rehearsed) -> None:
    kit("purge", "--yes")
    assert not kit.state.exists()
    assert not (kit.program.home / "certs" / NAME).exists()
    assert "there is nothing" in kit("purge", "--yes").stderr
