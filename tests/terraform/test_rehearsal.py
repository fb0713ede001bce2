"""The whole configuration against the emulator's control plane: made, unchanged by a second plan, changed, taken away, and in
between searched for every secret that the emulator knows.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import certifi
import grpc
import pytest
import yaml
from yandex.cloud.lockbox.v1 import payload_service_pb2, payload_service_pb2_grpc

from kit.pki import authority
from kit.yandex.contract import TOKEN_PREFIX, Backing, NoBacking
from kit.yandex.engine import ids
from kit.yandex.engine.state import Options
from kit.yandex.rules.data import GB
from kit.yandex.run import emulator
from kit.yandex.services import certificates
from tests.support.terraform import program, provider_environment
from tests.terraform.planning import FOREIGN, KAFKA_PASSWORD, REDIS_PASSWORD, copied

TOKEN = f"{TOKEN_PREFIX}rehearsal"
# What size ha needs more of than a new cloud has: the disks of its nodes.
RAISED = Options(quotas={"compute.ssdDisks.size": 400.0 * GB})
UNCHANGED, CHANGES = 0, 2  # `plan -detailed-exitcode`
VARIABLES = {
    "domain": "sentry.example.com",
    "kafka_password": KAFKA_PASSWORD,
    "redis_password": REDIS_PASSWORD,
    "iam_pause_s": 0,
    "bucket_force_destroy": True,
}
# What may lie in the state, and how often: the two passwords that provider 0.213 can neither generate nor take write-only.
IN_STATE = {KAFKA_PASSWORD: 1, REDIS_PASSWORD: 1}


@dataclass
class Rehearsal:
    folder: Path
    running: emulator.Emulator
    root: bytes
    environment: Mapping[str, str]
    said: list[str] = field(default_factory=list)  # everything that terraform printed

    def terraform(
        self, *words: str, expect: tuple[int, ...] = (0,), is_planned: bool = False, **variables: Any
    ) -> subprocess.CompletedProcess[str]:
        """`is_planned`: a file with a plan is applied, which holds its variables."""
        file = self.folder / "rehearsal.tfvars.json"
        file.write_text(json.dumps({**VARIABLES, **variables}))
        chosen = [f"-var-file={file}"] if words[0] in ("plan", "apply", "destroy") and not is_planned else []
        argv = [str(program()), f"-chdir={self.folder}", *words, *chosen]
        ran = subprocess.run(argv, env=dict(self.environment), capture_output=True, text=True, timeout=600, check=False)
        self.said.append(ran.stdout + ran.stderr)
        assert ran.returncode in expect, (
            f"terraform {' '.join(words)}: {ran.returncode}\n{ran.stdout[-3000:]}\n{ran.stderr[-6000:]}"
        )
        return ran

    def change(self, verb: str, **variables: Any) -> None:
        self.terraform(verb, "-auto-approve", "-input=false", "-no-color", **variables)

    def is_unchanged(self, **variables: Any) -> bool:
        words = ("plan", "-detailed-exitcode", "-input=false", "-no-color")
        return self.terraform(*words, expect=(UNCHANGED, CHANGES), **variables).returncode == UNCHANGED

    def outputs(self) -> dict[str, Any]:
        document = json.loads(self.terraform("output", "-json").stdout)
        self.said.pop()  # it is searched by name, below
        return {name: each["value"] for name, each in document.items()}

    def shown(self, plan: str) -> dict[str, Any]:
        """A plan as data."""
        document: dict[str, Any] = json.loads(self.terraform("show", "-json", plan).stdout)
        return document

    def state(self) -> str:
        return (self.folder / "terraform.tfstate").read_text()

    def payload(self, secret_id: str) -> dict[str, str]:
        """A secret of Lockbox, read as a user reads it."""
        channel = grpc.secure_channel(f"localhost:{self.running.port}", grpc.ssl_channel_credentials(self.root))
        with channel:
            stub = payload_service_pb2_grpc.PayloadServiceStub(channel)
            request = payload_service_pb2.GetPayloadRequest(secret_id=secret_id)
            answer = stub.Get(request, metadata=(("authorization", f"Bearer {TOKEN}"),), timeout=10)
        return {entry.key: entry.text_value for entry in answer.entries}

    def left(self) -> list[str]:
        """What the emulator still has, beside the cloud and the folder that it began with and what it has done."""
        own = ("resourcemanager.v1.Cloud", "resourcemanager.v1.Folder", "operation.Operation")
        journal = self.running.state.journal
        return [f"{kind} {record.key}" for kind in journal.kinds() if kind not in own for record in journal.all(kind)]


@contextmanager
def rehearsal(folder: Path, backing: Backing | None = None, options: Options | None = None) -> Iterator[Rehearsal]:
    made = authority.create("rehearsal", datetime.now(UTC))
    leaf = authority.issue(made, "localhost", ("localhost", "127.0.0.1"), datetime.now(UTC))
    root = made.root.certificate_pem()
    trusted = folder / "trusted.pem"
    trusted.write_bytes(Path(certifi.where()).read_bytes() + root)
    chain = leaf.certificate_pem() + made.intermediate.certificate_pem()
    settings = emulator.Settings(None, chain, leaf.key_pem(), TOKEN, options=options or Options())
    with emulator.running(settings, backing or NoBacking()) as running:
        plain = {name: value for name, value in os.environ.items() if name not in FOREIGN and not name.startswith(("TF_", "YC_"))}
        environment = {
            **plain,
            "YC_ENDPOINT": f"localhost:{running.port}",
            "YC_STORAGE_ENDPOINT_URL": "http://storage.yandexcloud.net",
            "HTTP_PROXY": f"http://127.0.0.1:{running.s3_port}",
            "YC_TOKEN": TOKEN,
            "YC_FOLDER_ID": ids.FOLDER,
            "YC_CLOUD_ID": ids.CLOUD,
            "YC_TERRAFORM_INITIALIZATION_SILENCE": "true",
            "SSL_CERT_FILE": str(trusted),
            "CHECKPOINT_DISABLE": "1",
            **provider_environment(folder / "mirror"),
        }
        it = Rehearsal(copied(folder / "terraform"), running, root, environment)
        it.terraform("init", "-input=false", "-no-color")
        yield it


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    with rehearsal(tmp_path_factory.mktemp("demo")) as it:
        it.change("apply")
        yield it


def secrets_of(running: emulator.Emulator) -> dict[str, str]:
    """Every secret that the emulator made, by where it keeps it."""
    found = {}
    for record in running.state.journal.all("lockbox.v1.Version"):
        for key, (_, value) in record.extra["entries"].items():
            found[f"lockbox {record.parent} {key}"] = value
    for record in running.state.journal.all("certificatemanager.v1.Certificate"):
        for version, content in record.extra.get("contents", {}).items():
            found[f"certificate {record.key} {version}"] = content["key"].splitlines()[1]  # a line of it, without PEM's ends
    return found


def test_the_certificate_is_issued_by_the_record_of_the_configuration(demo: Rehearsal) -> None:
    door = demo.outputs()["door"]
    assert (door["kind"], door["domain"]) == ("front", VARIABLES["domain"])
    certificates.settle(demo.running.state)
    record = demo.running.state.journal.get(certificates.CERTIFICATE, door["certificate_id"])
    assert record is not None
    assert record.message.status == certificates.ISSUED
    assert demo.is_unchanged()  # its status and its dates are no difference


def test_a_second_plan_is_empty(demo: Rehearsal) -> None:
    assert demo.is_unchanged()


def test_no_secret_is_in_the_state_but_the_two_that_are_listed(demo: Rehearsal) -> None:
    state = demo.state()
    made = secrets_of(demo.running)
    # Two keys of two halves for the buckets, a password for each database: all six are in Lockbox. And the certificate's key.
    assert len(made) == 7
    assert [place for place, value in made.items() if value in state] == []
    assert {secret: state.count(secret) for secret in IN_STATE} == IN_STATE
    shown = demo.terraform("show", "-json").stdout
    demo.said.pop()  # it holds what the state holds
    assert {secret: shown.count(secret) for secret in IN_STATE} == IN_STATE
    assert [place for place, value in made.items() if value in shown] == []


def test_no_secret_is_in_what_is_printed_or_put_out(demo: Rehearsal) -> None:
    printed = "\n".join(demo.said) + json.dumps(demo.outputs())
    every = {**secrets_of(demo.running), "kafka": KAFKA_PASSWORD, "redis": REDIS_PASSWORD}
    assert len(printed) > 10_000
    assert [place for place, value in every.items() if value in printed] == []


def test_the_outputs_lead_to_every_secret(demo: Rehearsal) -> None:
    made = {value for place, value in secrets_of(demo.running).items() if place.startswith("lockbox")}
    read = set()
    for name, place in demo.outputs()["secrets"].items():
        if place["kind"] == "variable":
            assert place["variable"] == name
            assert place["in_state"] is True
            continue
        read.add(demo.payload(place["secret_id"])[place["key"]])
        assert place["in_state"] is False
    assert read == made


def test_the_values_name_the_endpoints_and_no_secret(demo: Rehearsal) -> None:
    outputs = demo.outputs()
    values, endpoints = yaml.safe_load(outputs["values"]), outputs["endpoints"]
    brokers = [f"{broker['host']}:{broker['port']}" for broker in values["externalKafka"]["cluster"]]
    assert brokers == endpoints["kafka"]["brokers"]
    assert all(broker.endswith(".mdb.yandexcloud.net:9091") for broker in brokers)
    assert values["externalPostgresql"]["host"] == endpoints["postgres"]["host"]
    assert endpoints["postgres"]["host"].startswith("c-c9q")
    assert values["externalClickhouse"]["singleNode"] is True


def test_the_cluster_can_be_reached_with_what_is_put_out(demo: Rehearsal) -> None:
    kubernetes = demo.outputs()["kubernetes"]
    assert kubernetes["endpoint"].startswith("https://")
    assert kubernetes["cluster_id"].startswith("cat")
    assert kubernetes["version"].startswith("1.")
    # Behind the control plane alone there is no cluster, hence no authority; `kit up --cloud --rehearse` has both.
    assert kubernetes["cluster_ca_certificate"] == ""


def test_a_new_password_and_more_partitions_are_changes_in_place(demo: Rehearsal) -> None:
    changed = {"kafka_password": "another-password-of-the-tests", "topic_partitions": {"events": 4}}
    words = ("plan", "-json", "-input=false")
    events = [json.loads(line) for line in demo.terraform(*words, **changed).stdout.splitlines()]
    planned = {
        event["change"]["resource"]["addr"]: event["change"]["action"] for event in events if event["type"] == "planned_change"
    }
    assert planned == {"yandex_mdb_kafka_user.sentry": "update", 'yandex_mdb_kafka_topic.sentry["events"]': "update"}
    demo.change("apply", **changed)
    assert demo.is_unchanged(**changed)
    demo.change("apply", kafka_password=KAFKA_PASSWORD, topic_partitions={"events": 4})


def test_ha_is_made_protected_and_can_be_left(tmp_path: Path) -> None:
    with rehearsal(tmp_path, options=RAISED) as it:
        it.change("apply", size="ha")
        assert it.is_unchanged(size="ha")
        assert it.outputs()["endpoints"]["clickhouse"]["single_node"] is True
        words = ("destroy", "-auto-approve", "-no-color", "-target=yandex_dns_zone.private")
        assert "protect" in it.terraform(*words, expect=(1,), size="ha").stderr
        it.change("apply", size="ha", deletion_protection=False)
        it.change("destroy", size="ha", deletion_protection=False)
        assert it.left() == []


def test_ha_with_keeper_in_clickhouse_s_own_hosts_is_made_and_left(tmp_path: Path) -> None:
    """For the profile whose Snuba reaches several hosts; the one in use takes one."""
    resources = {"clickhouse": {"keeper": "embedded", "hosts": 3}}
    given: dict[str, Any] = {"size": "ha", "profile": "seed", "resources": resources, "deletion_protection": False}
    with rehearsal(tmp_path, options=RAISED) as it:
        it.change("apply", **given)
        assert it.is_unchanged(**given)
        clickhouse = it.outputs()["endpoints"]["clickhouse"]
        assert clickhouse["single_node"] is False
        assert clickhouse["cluster_name"].startswith("c9q")
        it.change("destroy", **given)
        assert it.left() == []


def test_destroy_leaves_nothing(demo: Rehearsal) -> None:
    """The last one: it takes away what the others looked at."""
    demo.change("destroy")
    assert demo.left() == []
    assert json.loads(demo.state())["resources"] == []
