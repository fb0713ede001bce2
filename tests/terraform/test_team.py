"""Two computers and one stack in the cloud: the state in a bucket, kit's own secrets in Lockbox, real terraform, real S3."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest

from kit.adapters.terraform.errors import StateLocked
from kit.adapters.yandex.lockbox import Lockbox
from kit.blueprint.stack import Stack
from kit.endpoints import Secret
from kit.state import given, markers, secrets
from kit.targets.cloud import apply as applying
from kit.targets.cloud import join as joining
from kit.targets.cloud import refusals, shared, state
from kit.targets.cloud.errors import (
    NothingShared,
    NotShared,
    OtherName,
    SharedSecretsChanged,
    SharedSecretsForbidden,
    SharedSecretsMissing,
    StateHere,
    StateTaken,
)
from kit.targets.cloud.place import BACKEND
from kit.targets.cloud.site import secret_makers
from kit.targets.cloud.target import CloudTarget
from kit.workspace import Workspace
from kit.yandex.engine import ids
from kit.yandex.run import faults
from tests.support.holding import holding
from tests.support.minio import MinIO, minio
from tests.support.program import ROOT, Program
from tests.support.terraform import program
from tests.support.yandex import TOKEN, Cloud, certificate_of, emulated

BUCKET, REGION = "states", "ru-central1"
VARIABLES = """
variable "name_prefix" {
  description = "As it is shipped."
  type        = string
  default     = "sentry"
}

variable "size" {
  type    = string
  default = "demo"
}
"""
# As much of the shipped configuration as is looked at here, without a provider.
CONFIGURATION = """
variable "word" {
  type = string
}

resource "terraform_data" "word" {
  input = [var.word, var.size]
}

output "kubernetes" {
  value = { endpoint = "https://127.0.0.1:9", cluster_ca_certificate = "none" }
}

output "secrets" {
  value = {}
}

output "described" {
  value = { name_prefix = var.name_prefix, size = var.size }
}
"""


@dataclass
class Switched:
    """Faults that a test switches on and off."""

    now: faults.Faults = field(default_factory=faults.Faults)

    def apply(self, method: Any) -> None:
        self.now.apply(method)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinIO]:
    with minio(tmp_path_factory.mktemp("minio"), BUCKET) as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, bytes]:
    return certificate_of(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def cloud(certificate: tuple[bytes, bytes, bytes], s3: MinIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """The emulator's control plane, named to everybody by the variables that name the real cloud."""
    (tmp_path / "root.pem").write_bytes(certificate[2])
    broken = Switched()
    with emulated(certificate, faults=broken) as running:  # type: ignore[arg-type]
        said = {
            **s3.environment,
            "YC_ENDPOINT": f"localhost:{running.emulator.port}",
            "YC_TOKEN": TOKEN,
            "YC_FOLDER_ID": ids.FOLDER,
            "SSL_CERT_FILE": str(tmp_path / "root.pem"),
            "KIT_CLOUD_CA_FILE": str(tmp_path / "root.pem"),
        }
        for name, value in said.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("YC_SERVICE_ACCOUNT_KEY_FILE", raising=False)
        running.broken = broken  # type: ignore[attr-defined]
        yield running


Opened = Callable[..., Any]


@pytest.fixture
def opened(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """A stack as one command on one computer has it: each call knows what lies on that computer's disk and nothing else."""
    shipped = tmp_path / "assets" / "terraform"
    shipped.mkdir(parents=True)
    (shipped / "main.tf").write_text(CONFIGURATION)
    (shipped / "variables.tf").write_text(VARIABLES)
    for path in (ROOT / "terraform").glob("*.yaml"):
        (shipped / path.name).write_bytes(path.read_bytes())
    supply = SimpleNamespace(ensure=lambda names, progress=None: None, tool=lambda name: program())

    def initialised(configuration: Any, supply: Any, mirror: Path, progress: Any) -> Any:
        configuration.init()
        return configuration

    @contextmanager
    def opening(home: str, stack: str = "one", size: str | None = None) -> Iterator[CloudTarget]:
        space = Workspace(stack, tmp_path / "assets", tmp_path / home, tmp_path / "cache")
        described = Stack(name=stack, cloud={"domain": "s.example.test", **({"size": size} if size else {})})
        target = CloudTarget(described, space, rehearses=False)
        target.clients.machine.supply = supply  # type: ignore[assignment, misc]
        monkeypatch.setattr("kit.targets.cloud.clients.initialised", initialised)
        monkeypatch.setattr(target, "public_variables", lambda: dict(described.cloud))
        with holding(space), target.opened():
            yield target

    return opening


def bring_up(target: CloudTarget, size: str = "demo") -> None:
    """What `kit up` does with secrets and terraform: read, plan, publish, apply."""
    shared.ensure(target.clients, secret_makers(), lambda: target.is_applied)
    is_changed = plan(target, size)
    shared.publish(target.clients)
    if is_changed:
        applying.apply(target, (), lambda event: None)
    target.forget_outputs()
    markers.record(target.place.markers, state.MARK, state.SETTLED)


def plan(target: CloudTarget, size: str = "demo") -> bool:
    return target.clients.configuration.plan(
        target.place.plan, {"word": target.clients.own["kafka_password"].reveal(), "size": size}
    )


def move(target: CloudTarget, s3: MinIO) -> str:
    where = state.move(target.clients, BUCKET, None, s3.endpoint, REGION)
    shared.publish(target.clients)
    return where


def join(target: CloudTarget, s3: MinIO, key: str | None = None) -> joining.Joined:
    return joining.join(target, BUCKET, key, s3.endpoint, REGION)


@pytest.fixture
def team(opened: Opened, s3: MinIO, request: pytest.FixtureRequest) -> str:
    """A stack that `ann` has made and shares, and `bob` has joined; its name, for they all share one bucket."""
    name = f"team-{abs(hash(request.node.name)) % 10**6}"
    with opened("ann", name) as target:
        bring_up(target)
        move(target, s3)
    with opened("bob", name) as target:
        join(target, s3)
    return name


def lockbox(cloud: Cloud) -> list[Any]:
    return [record.message for record in cloud.emulator.state.journal.all("lockbox.v1.Secret")]


def test_a_second_computer_sees_the_stack_and_has_nothing_to_do(team: str, opened: Opened, cloud: Cloud) -> None:
    with opened("ann", team) as ann, opened("bob", team) as bob:
        assert bob.is_applied
        assert bob.outputs.document["described"] == {"name_prefix": "sentry", "size": "demo"}
        assert dict(bob.clients.own) == dict(ann.clients.own)
        assert bob.secret("redis_password") == ann.secret("redis_password")
        assert secrets.load(bob.place.secrets) == dict(ann.clients.own), "the files are what this computer knows"
        assert bob.place.secrets.stat().st_mode & 0o777 == 0o600
        assert not plan(bob)
        assert plan(bob, size="ha"), "what differs is planned, and nothing else"
    (held,) = lockbox(cloud)
    assert held.name == "sentry-kit"


def test_nothing_of_it_is_in_terraforms_state(team: str, opened: Opened) -> None:
    with opened("ann", team) as ann:
        text = json.dumps(ann.clients.configuration.pull_state())
        held = ann.clients.stack_secret.read()
        assert held is not None
        assert held.held is not None
        assert held.held.id not in text
        assert [name for name, secret in held.own.items() if secret.reveal() in text] == ["kafka_password"]  # which was given


def test_what_one_rotates_the_other_has(team: str, opened: Opened) -> None:
    with opened("bob", team) as bob:
        shared.refresh(bob.clients)
        secrets.put(bob.place.secrets, {"kafka_password": Secret("rotated-by-bob")})
        given.keep(bob.place.given, given.MAIL, "mail-password-of-bob")
        shared.publish(bob.clients)
    with opened("ann", team) as ann:
        assert ann.clients.own["kafka_password"] == Secret("rotated-by-bob")
        assert ann.clients.kept.given == {"mail": Secret("mail-password-of-bob")}
        assert plan(ann), "the next up brings it to the store"
        bring_up(ann)
    with opened("bob", team) as bob:
        assert not plan(bob)
        shared.refresh(bob.clients)
        given.forget(bob.place.given, given.MAIL)
        shared.publish(bob.clients)
    with opened("ann", team) as ann:
        shared.refresh(ann.clients)
        assert secrets.load(ann.place.given) == {}


def test_who_began_with_other_passwords_does_not_write_over_the_new_ones(team: str, opened: Opened) -> None:
    with opened("ann", team) as ann, opened("bob", team) as bob:
        for target, word in ((ann, "of-ann"), (bob, "of-bob")):
            shared.refresh(target.clients)
            secrets.put(target.place.secrets, {"redis_password": Secret(word)})
        shared.publish(ann.clients)
        with pytest.raises(SharedSecretsChanged):
            shared.publish(bob.clients)
    with opened("bob", team) as bob:
        assert bob.clients.own["redis_password"] == Secret("of-ann")


def test_two_who_make_it_at_once_end_with_one(cloud: Cloud, opened: Opened) -> None:
    """Both have looked, and found none: who sees another's beside the new one takes it away again, and begins anew."""
    with opened("ann") as ann:
        here = Lockbox(ann.clients.yandex, ids.FOLDER)
        first = here.create("sentry-kit", {}, {"a": Secret("first")})
        assert first is not None
        assert here.create("sentry-kit", {}, {"a": Secret("second")}) is None
        assert here.find("sentry-kit") == first
        assert here.read(first) == {"a": Secret("first")}
    assert len(lockbox(cloud)) == 1


def test_two_at_the_same_time_are_kept_apart_by_the_lock_of_the_state(team: str, opened: Opened, s3: MinIO) -> None:
    with opened("ann", team) as ann, opened("bob", team) as bob:
        lock = {"ID": "4a2b1c3d-0000-0000-0000-00000000000a", "Operation": "OperationTypeApply", "Who": "ann@office", "Info": ""}
        client = botocore.session.get_session().create_client("s3", REGION, endpoint_url=s3.endpoint)
        client.put_object(Bucket=BUCKET, Key=f"{state.default_key(ann.clients)}.tflock", Body=json.dumps(lock).encode())
        with pytest.raises(StateLocked) as refused:
            plan(bob)
        said = refusals.explained(refused.value, bob.option)
        assert "ann@office" in said.detail
        assert f"kit cloud unlock {lock['ID']}" in said.fix
        assert refusals.of_stopped_apply(refused.value, bob.option).fix == said.fix
        bob.clients.configuration.force_unlock(lock["ID"])
        assert not plan(bob)


def test_a_description_that_differs_is_said_with_both_sizes(team: str, opened: Opened, s3: MinIO) -> None:
    with opened("ann", team) as ann:
        bring_up(ann, size="ha")
    with opened("cleo", team) as cleo:
        assert "size is demo here, and the stack was applied with ha: see kit up --cloud --plan" in join(cleo, s3).notes
    with opened("cleo", team, size="ha") as cleo:
        assert not [note for note in join(cleo, s3).notes if note.startswith("size")]


def test_what_is_not_there_or_not_ones_own_is_not_joined(team: str, opened: Opened, s3: MinIO, cloud: Cloud) -> None:
    with opened("cleo", "nobody") as cleo, pytest.raises(NothingShared, match="there is no stack to join"):
        join(cleo, s3)
    key = f"kit/{team}/terraform.tfstate"
    with opened("cleo", "another") as cleo, pytest.raises(OtherName) as refused:
        join(cleo, s3, key)
    assert f"kit --stack {team}" in refused.value.fix
    with opened("cleo", "another") as cleo:
        assert not (cleo.place.configuration / BACKEND).exists(), "nothing is left of it"
        assert not cleo.place.secrets.exists()
        bring_up_alone(cleo)
        with pytest.raises(StateHere):
            join(cleo, s3, key)
    with opened("ann", team) as ann:
        assert join(ann, s3).where.endswith(key), "a second time it changes nothing"
        with pytest.raises(StateHere, match=team):
            join(ann, s3, "elsewhere")
    with opened("cleo", team) as cleo:
        bring_up_alone(cleo)
        with pytest.raises(StateTaken) as taken:
            state.move(cleo.clients, BUCKET, None, s3.endpoint, REGION)
        assert "kit cloud join" in taken.value.fix
    with opened("ann", team) as ann:
        held = ann.clients.stack_secret.read()
        assert held is not None
        assert held.held is not None
        Lockbox(ann.clients.yandex, ids.FOLDER).delete(held.held)
    with opened("dora", team) as dora, pytest.raises(SharedSecretsMissing) as missing:
        join(dora, s3)
    assert "kit cloud init-state" in missing.value.fix
    with opened("ann", team) as ann:
        move(ann, s3)  # what the remedy says
    with opened("dora", team) as dora:
        join(dora, s3)


def bring_up_alone(target: CloudTarget) -> None:
    """On this computer, with no Lockbox in it."""
    secrets.ensure(target.place.secrets, secret_makers())
    target.clients.configuration.plan(target.place.plan, {"word": "alone"})
    applying.apply(target, (), lambda event: None)


def test_who_leaves_forgets_it_and_the_others_go_on(team: str, opened: Opened, s3: MinIO, cloud: Cloud) -> None:
    with opened("bob", team) as bob:
        joining.leave(bob)
        assert not bob.place.root.exists()
    with opened("bob", team) as bob, pytest.raises(NotShared):
        joining.leave(bob)
    with opened("ann", team) as ann:
        assert not plan(ann)
        ann.clients.stack_secret.remove()
    with opened("ann", team) as ann:
        with pytest.raises(SharedSecretsMissing):
            joining.leave(ann)
        assert secrets.load(ann.place.secrets), "they would be nowhere any more"


@pytest.mark.parametrize(
    ("method", "roles"), [("SecretService/List", "lockbox.viewer"), ("PayloadService/Get", "lockbox.payloadViewer")]
)
def test_who_may_not_read_them_is_told_the_role(
    method: str, roles: str, team: str, opened: Opened, s3: MinIO, cloud: Cloud
) -> None:
    with failing(cloud, method), opened("cleo", team) as cleo, pytest.raises(SharedSecretsForbidden) as refused:
        join(cleo, s3)
    assert roles in refused.value.fix
    assert f"add-access-binding {ids.FOLDER}" in refused.value.fix
    with opened("cleo", team) as cleo:
        assert not cleo.place.has_backend


def test_who_may_not_write_them_is_told_the_role(team: str, opened: Opened, cloud: Cloud) -> None:
    with failing(cloud, "SecretService/AddVersion"), opened("bob", team) as bob:
        shared.refresh(bob.clients)
        secrets.put(bob.place.secrets, {"redis_password": Secret("new")})
        with pytest.raises(SharedSecretsForbidden, match="could not be written") as refused:
            shared.publish(bob.clients)
    assert "lockbox.editor" in refused.value.fix


@contextmanager
def failing(cloud: Cloud, method: str) -> Iterator[None]:
    switch: Switched = cloud.broken  # type: ignore[attr-defined]
    switch.now = faults.Faults((faults.parse(f"{method}:PERMISSION_DENIED:1"),))
    try:
        yield
    finally:
        switch.now = faults.Faults()


def test_a_stack_of_one_computer_has_nothing_in_lockbox(opened: Opened, cloud: Cloud) -> None:
    """While its state lies here nobody else could use it; and nobody is asked for a role in vain."""
    with failing(cloud, "SecretService/*"), opened("ann", "alone") as ann:
        bring_up(ann)
        assert ann.clients.own == secrets.load(ann.place.secrets)
        assert ann.secret_places()["sentry_django_key"]["kind"] == "file"
    assert lockbox(cloud) == []


def test_the_secret_goes_with_the_stack_and_the_bucket_is_remembered(team: str, opened: Opened, s3: MinIO, cloud: Cloud) -> None:
    with opened("bob", team) as bob:
        markers.record(bob.place.markers, "migrated/postgres", "33.8.0")
    with opened("ann", team) as ann:
        ann.clients.configuration.plan(ann.place.plan, {"word": ""}, destroy=True)
        applying.apply(ann, (), lambda event: None, again="down")
        shared.remove(ann.clients)
        ann.place.empty()
    assert lockbox(cloud) == []
    with opened("ann", team) as ann:
        assert ann.place.has_backend
        assert not ann.is_applied
        assert not ann.place.secrets.exists()
        bring_up(ann)
    with opened("bob", team) as bob:
        shared.refresh(bob.clients)
        assert dict(bob.clients.own) == dict(secrets.load(bob.place.secrets)) != {}
        assert "migrated/postgres" not in markers.load(bob.place.markers), "that was the data of the former one"
        assert not plan(bob)


def test_the_commands_themselves(s3: MinIO, tmp_path: Path) -> None:
    kit = Program(tmp_path, "nobody-s", {**s3.environment, "YC_TOKEN": "", "YC_SERVICE_ACCOUNT_KEY_FILE": ""})
    ran = kit(
        *("cloud", "join", "--bucket", BUCKET, "--key", "kit/none/terraform.tfstate", "-o", "json"),
        *("--endpoint", s3.endpoint, "--region", REGION, "--wait-lock", "60"),
    )
    assert (ran.exit_code, ran.json["error"]["code"]) == (4, "KIT-CLOUD-NOTHING-SHARED")
    alone = kit("cloud", "leave", "--wait-lock", "60", "-o", "json")
    assert (alone.exit_code, alone.json["error"]["code"]) == (10, "KIT-CLOUD-NOT-SHARED")
    assert kit("secrets", "rotate", "kafka_password").exit_code == 10
    nothing = kit("secrets", "rotate", "kafka_password", "--cloud", "--wait-lock", "60", "-o", "json")
    assert (nothing.exit_code, nothing.json["error"]["code"]) == (4, "KIT-NO-CLOUD-STACK")
