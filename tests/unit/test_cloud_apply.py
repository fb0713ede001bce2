"""Coming up and going down in the cloud, with terraform played by a fake: what is said when it stops, and what is never lost."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kit.adapters.terraform.errors import TerraformFailed
from kit.blueprint.stack import Stack
from kit.errors import KitError
from kit.pki import authority
from kit.plan.events import StepEvent
from kit.plan.steps import Step
from kit.state import markers, secrets
from kit.targets.cloud import apply as deeds
from kit.targets.cloud import checks, site, state, teardown
from kit.targets.cloud import plan as planned
from kit.targets.cloud.errors import ApplyInterrupted, ApplyStopped, AuthorityMissing, Kept, NoCloudStack, StillStands
from kit.targets.cloud.plan import CloudPlan
from kit.targets.cloud.rehearsal import AUTHORITY_FILE
from kit.targets.cloud.target import CloudTarget
from kit.workspace import Workspace
from tests.support.holding import holding
from tests.support.program import ROOT
from tests.support.tls_server import certified, https

NETWORK, KAFKA, BUCKET = "yandex_vpc_network.sentry", "yandex_mdb_kafka_cluster.sentry", "yandex_storage_bucket.nodestore"
AWKWARD = """p"a's$s${w}o`r\\d%{ if true }"""


def resource(address: str, **values: Any) -> dict[str, Any]:
    return {"address": address, "type": address.partition(".")[0], "mode": "managed", "values": values}


@dataclass
class Terraform:
    """What `kit.adapters.terraform.program.Configuration` is asked, with a state that this test decides on."""

    state: list[dict[str, Any]] = field(default_factory=list)
    stops: Callable[[Terraform], None] = lambda self: None  # called in the middle of an apply
    plans: list[Mapping[str, Any]] = field(default_factory=list)
    applied: int = 0
    asked: list[str] = field(default_factory=list)

    def show_state(self) -> dict[str, Any]:
        return {"values": {"root_module": {"resources": self.state}}} if self.state else {}

    def plan(self, out: Path, variables: Mapping[str, Any], *, destroy: bool = False, targets: Sequence[str] = ()) -> bool:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text("plan")
        self.plans.append({**variables, "destroy": destroy, "targets": tuple(targets)})
        return True

    def show_plan(self, plan: Path) -> dict[str, Any]:
        verb = "delete" if self.plans[-1]["destroy"] else "create"
        return {"resource_changes": [{**each, "change": {"actions": [verb]}} for each in self.state]}

    def apply(self, plan: Path, on_event: Callable[[Mapping[str, Any]], None]) -> None:
        assert plan.exists(), "a plan is applied once"
        self.stops(self)
        last = self.plans[-1]
        self.applied += 1
        if last["destroy"]:
            assert not any(each["values"].get("force_destroy") is False for each in self.state), "the provider would stop here"
            self.state.clear()
        for each in self.state:
            if each["address"] in last["targets"]:
                each["values"]["force_destroy"] = last["bucket_force_destroy"]

    def force_unlock(self, lock: str) -> None:
        self.asked.append(lock)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[CloudTarget]:
    space = Workspace("it", ROOT, tmp_path, tmp_path / "cache")
    made = CloudTarget(Stack(cloud={"domain": "a.example.com"}), space, rehearses=False)
    with holding(space):
        made.place.prepare()
        secrets.ensure(made.place.secrets, site.secret_makers())
        yield made


def given(target: CloudTarget, terraform: Terraform) -> Terraform:
    target.clients.configuration = terraform  # type: ignore[assignment]
    return terraform


def quiet(event: StepEvent) -> None:
    pass


def planning(target: CloudTarget) -> tuple[Step, ...]:
    target.place.plan.write_text("plan")
    return (Step("create", NETWORK, "not there yet"), Step("create", KAFKA, "not there yet"))


@pytest.mark.parametrize(
    ("verb", "subject", "is_remembered"),
    [
        ("replace", "yandex_mdb_postgresql_cluster_v2.sentry", False),
        ("delete", "yandex_mdb_postgresql_database.sentry", False),
        ("change", "yandex_mdb_postgresql_cluster_v2.sentry", True),
        ("replace", "yandex_mdb_kafka_cluster.sentry", True),
    ],
)
def test_a_new_database_has_been_through_no_chart(target: CloudTarget, verb: str, subject: str, is_remembered: bool) -> None:
    given(target, Terraform()).plan(target.place.plan, {})
    markers.record(target.place.markers, "migrated/postgres", "33.8.0")
    deeds.apply(target, (Step(verb, subject, "", destructive=verb != "change"),), quiet)
    assert ("migrated/postgres" in markers.load(target.place.markers)) is is_remembered


# -- an apply that stops


def test_an_apply_that_stops_says_what_stands_and_costs_money_and_how_to_go_on(target: CloudTarget) -> None:
    def stops(terraform: Terraform) -> None:
        terraform.state = [resource(NETWORK), resource(KAFKA)]
        raise TerraformFailed(what="no: ResourceExhausted", why="rpc error: code = ResourceExhausted", fix="", detail="all of it")

    given(target, Terraform(stops=stops))
    with pytest.raises(ApplyStopped) as stopped:
        deeds.apply(target, planning(target), quiet)
    assert "the cloud's quota is used up" in stopped.value.why
    assert f"2 resources stand, of which cost money: {KAFKA}" in stopped.value.why
    assert "`kit up --cloud` goes on from there" in stopped.value.fix
    assert "`kit down --cloud` takes it all away" in stopped.value.fix
    assert stopped.value.detail == "all of it"
    assert target.is_applied, "the next run knows that a state must be there"
    assert not target.place.plan.exists(), "it holds the variables"


def test_ctrl_c_ends_like_a_stop_with_nothing_lost(target: CloudTarget) -> None:
    def stops(terraform: Terraform) -> None:
        terraform.state = [resource(NETWORK)]
        raise KeyboardInterrupt

    given(target, Terraform(stops=stops))
    with pytest.raises(ApplyInterrupted) as interrupted:
        deeds.apply(target, planning(target), quiet)
    assert interrupted.value.exit_code == 130
    assert interrupted.value.why == "1 resources stand, none of which costs money"
    assert not target.place.plan.exists()


def test_an_apply_that_made_nothing_leaves_no_mark(target: CloudTarget) -> None:
    def stops(terraform: Terraform) -> None:
        raise TerraformFailed(what="no", why="no", fix="")

    given(target, Terraform(stops=stops))
    with pytest.raises(ApplyStopped) as stopped:
        deeds.apply(target, planning(target), quiet)
    assert "nothing stands" in stopped.value.why
    assert not target.is_applied


def test_an_apply_that_is_killed_is_known_to_have_begun(target: CloudTarget) -> None:
    def killed(terraform: Terraform) -> None:
        terraform.state = [resource(NETWORK)]
        raise SystemExit  # nobody is left to write anything down

    given(target, Terraform(stops=killed))
    with pytest.raises(SystemExit):
        deeds.up(target, CloudPlan(planning(target), (), None), quiet)
    assert target.is_applied, "something may stand and cost money"
    checks.state(target.place, state.must_exist(target.clients))  # and it may be that nothing was made: there need not be a state


def test_whatever_happens_no_plan_stays_behind(target: CloudTarget) -> None:
    def interrupted() -> None:
        with target.opened():
            planning(target)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not target.place.plan.exists()


# -- what terraform is given


def test_a_secret_with_quotes_and_dollars_reaches_terraform_as_it_is(target: CloudTarget) -> None:
    secrets.put(target.place.secrets, {"kafka_password": secrets.Secret(AWKWARD)})
    terraform = given(target, Terraform())
    planned._resources(target, destroy=False)
    assert terraform.plans[0]["kafka_password"] == AWKWARD
    assert stat.S_IMODE(target.place.secrets.stat().st_mode) == 0o600


def test_a_change_of_outputs_alone_is_applied_and_costs_nothing(target: CloudTarget) -> None:
    from kit.targets.cloud import changes

    document = {"resource_changes": [], "output_changes": {"values": {"actions": ["update"]}, "kept": {"actions": ["no-op"]}}}
    steps = changes.steps(document)
    assert [(step.id, step.cause) for step in steps] == [("change outputs", "values differs")]
    assert not planned.CloudPlan(steps, (), None).is_for_the_cloud


# -- the authority of the managed stores


def certificate(tmp_path: Path) -> Path:
    from datetime import UTC, datetime

    path = tmp_path / "CA.pem"
    path.write_bytes(authority.create("cloud", datetime.now(UTC)).root.certificate_pem())
    return path


@pytest.mark.parametrize("content", [None, "", "<html>", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_an_authority_that_is_missing_or_none_is_refused_before_forty_pods_find_out(
    target: CloudTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    path = tmp_path / "CA.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv(AUTHORITY_FILE, str(path))
    with pytest.raises(AuthorityMissing) as refused:
        deeds.publish_trust(target)
    assert str(path) in refused.value.what
    assert "KIT_CLOUD_CA_FILE" in refused.value.fix
    assert not target.place.ca_file.exists()


def test_the_authority_of_a_file_is_taken_and_a_newer_one_replaces_it(
    target: CloudTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        path = certificate(tmp_path)
        monkeypatch.setenv(AUTHORITY_FILE, str(path))
        deeds.publish_trust(target)
        assert target.place.ca_file.read_text() == path.read_text()
    monkeypatch.delenv(AUTHORITY_FILE)
    deeds.publish_trust(target)  # what is known is not fetched again


def test_the_published_authority_is_fetched_as_everything_else_is(
    target: CloudTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what this computer trusts, a company's proxy among it; and whoever is not trusted is named."""
    by = certified(tmp_path)
    published = [certificate(tmp_path).read_bytes()]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(published[-1])

        def log_message(self, *words: object) -> None:
            pass

    monkeypatch.delenv(AUTHORITY_FILE, raising=False)
    with https(by, Handler) as port:
        region = msgspec.structs.replace(target.clients.region, authority=f"https://127.0.0.1:{port}/CA.pem")
        monkeypatch.setattr(type(target.clients), "region", region)
        with pytest.raises(AuthorityMissing) as refused:
            deeds.publish_trust(target)
        assert "not trusted" in refused.value.why
        monkeypatch.setenv("SSL_CERT_FILE", str(by.ca))
        deeds.publish_trust(target)
        published.append(certificate(tmp_path).read_bytes())  # the cloud has a new one
        deeds.publish_trust(target)
        assert target.place.ca_file.read_bytes() == published[0]
        os.utime(target.place.ca_file, (0, 0))
        deeds.publish_trust(target)
        assert target.place.ca_file.read_bytes() == published[1]
    os.utime(target.place.ca_file, (0, 0))
    deeds.publish_trust(target)  # nobody answers, so what was published before goes on serving
    assert target.place.ca_file.read_bytes() == published[1]


# -- the way back


def test_what_is_protected_is_named_and_nothing_is_removed(target: CloudTarget) -> None:
    terraform = given(
        target, Terraform([resource(KAFKA, deletion_protection=True), resource(BUCKET, deletion_protection="true")])
    )
    markers.record(target.place.markers, state.MARK, "yes")
    target.place.state.write_text('{"resources": []}')
    with pytest.raises(Kept) as kept:
        planned.down(target)
    assert KAFKA in kept.value.why
    assert BUCKET in kept.value.why
    assert terraform.plans == []


def test_down_of_nothing_says_so(target: CloudTarget) -> None:
    given(target, Terraform())
    with pytest.raises(NoCloudStack):
        planned.down(target)


def test_down_names_the_data_lets_full_buckets_go_and_forgets_the_place(target: CloudTarget) -> None:
    terraform = given(target, Terraform([resource(NETWORK), resource(KAFKA), resource(BUCKET, force_destroy=False)]))
    markers.record(target.place.markers, state.MARK, "yes")
    target.place.state.write_text('{"resources": []}')
    steps = planned.down(target)
    assert {step.subject for step in steps if step.destructive} == {KAFKA, BUCKET}
    assert teardown.down(target, steps, quiet) == ()
    assert [each["targets"] for each in terraform.plans] == [(), (BUCKET,), ()]
    assert [each["destroy"] for each in terraform.plans] == [True, False, True]
    assert terraform.applied == 2
    assert not target.place.root.exists()


def test_what_still_stands_is_not_forgotten_by_a_purge(target: CloudTarget) -> None:
    given(target, Terraform([resource(KAFKA)]))
    target.place.state.write_text("{}")
    with pytest.raises(StillStands) as refused:
        teardown.purge(target)
    assert KAFKA in refused.value.why
    assert target.place.state.exists()
    given(target, Terraform())
    teardown.purge(target)
    assert not target.place.root.exists()


class Api:
    """A cluster whose namespace goes after being asked about it twice."""

    def __init__(self, held: Mapping[str, Sequence[dict[str, Any]]], fails: bool = False) -> None:
        self.held, self.fails = held, fails
        self.deleted: list[str] = []
        self.questions = 0

    def list(self, kind: str, namespace: str) -> tuple[dict[str, Any], ...]:
        if self.fails:
            raise KitError(what="no", why="connection refused", fix="")
        return tuple(self.held.get(kind, ()))

    def delete(self, kind: str, name: str) -> bool:
        self.deleted.append(f"{kind} {name}")
        return True

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        self.questions += 1
        return {} if self.questions < 3 else None


CLAIM = {"metadata": {"name": "data-0"}}
BALANCER = {"metadata": {"name": "front"}, "spec": {"type": "LoadBalancer"}}
INTERNAL = {"metadata": {"name": "inside"}, "spec": {"type": "ClusterIP"}}


@pytest.mark.parametrize(
    ("api", "deleted", "said"),
    [
        (
            Api({"PersistentVolumeClaim": [CLAIM], "Service": [BALANCER, INTERNAL]}),
            ["Namespace sentry"],
            "disk data-0, load balancer front",
        ),
        (Api({"Service": [INTERNAL]}), [], ""),
        (Api({}, fails=True), [], "look for disks and load balancers"),
    ],
)
def test_what_kubernetes_made_goes_before_the_cluster_or_is_named(
    target: CloudTarget, monkeypatch: pytest.MonkeyPatch, api: Api, deleted: list[str], said: str
) -> None:
    monkeypatch.setattr(teardown, "LEAVE_POLL_S", 0)
    target.place.kubeconfig.write_text("")
    target.clients.kube = api  # type: ignore[assignment]
    heard: list[StepEvent] = []
    teardown.leave_cluster(target, heard.append)
    assert api.deleted == deleted
    assert said in " ".join(f"{event.step.cause} {event.note}" for event in heard)
    assert bool(heard) is bool(said)


def test_a_lock_that_was_left_behind_is_broken_by_its_name(target: CloudTarget) -> None:
    terraform = given(target, Terraform())
    state.unlock(target.clients, "4a2b")
    assert terraform.asked == ["4a2b"]


def test_a_lock_that_is_none_is_said_to_be_none(target: CloudTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    terraform = given(target, Terraform())

    def refuse(lock: str) -> None:
        said = "Failed to unlock state: LocalState not locked"
        raise TerraformFailed(what="terraform could not force-unlock", why=said, fix="mend it", detail=said)

    monkeypatch.setattr(terraform, "force_unlock", refuse)
    with pytest.raises(TerraformFailed) as none:
        state.unlock(target.clients, "4a2b")
    assert none.value.why.startswith("no lock of that ID holds the state")


# -- beside the local stack


def test_purging_the_local_stack_leaves_the_cloud_s_state_alone(target: CloudTarget) -> None:
    from kit.targets.local import teardown
    from kit.targets.local.target import LocalTarget

    target.place.state.write_text("{}")
    local = LocalTarget(target.stack, target.workspace)
    (target.workspace.state / "secrets.json").write_text("{}")
    assert [path.name for path in teardown._state(local)] == ["secrets.json"]


def test_the_cloud_and_its_rehearsal_lie_apart(tmp_path: Path) -> None:
    space = Workspace("it", ROOT, tmp_path, tmp_path)
    real, rehearsed = (CloudTarget(Stack(), space, rehearses=each).place for each in (False, True))
    for name in ("root", "state", "secrets", "kubeconfig", "markers", "ca_file", "data"):
        assert getattr(real, name) != getattr(rehearsed, name)
    with holding(space):
        real.prepare()
    assert stat.S_IMODE(real.root.stat().st_mode) == 0o700
    assert os.listdir(space.state) == ["cloud"]


# -- the rehearsal's images, while the cluster comes up


def test_the_images_go_into_the_node_as_soon_as_there_is_one_and_a_first_failure_is_not_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = CloudTarget(Stack(), Workspace("it", ROOT, tmp_path, tmp_path), rehearses=True)
    tries: list[str] = []
    loaded = threading.Event()

    def load(cloud: object, note: object) -> None:
        tries.append("load")
        if len(tries) == 1:
            raise KitError(what="no", why="containerd does not answer yet", fix="")
        loaded.set()

    monkeypatch.setattr(deeds, "LOAD_POLL_S", 0.01)
    monkeypatch.setattr(deeds.rehearsal, "has_node", lambda local: True)
    monkeypatch.setattr(deeds, "load_images", load)
    heard: list[StepEvent] = []
    with deeds._images_meanwhile(made, heard.append) as listen:
        listen(StepEvent(Step("create", "yandex_vpc_network.sentry", ""), "started"))
        assert tries == []
        listen(StepEvent(Step("create", "yandex_kubernetes_cluster.sentry", ""), "started"))
        assert loaded.wait(10)
    assert [(event.step.id, event.state) for event in heard if event.step.verb == "load"] == [
        ("load cluster/images", "started"),
        ("load cluster/images", "done"),
    ]


def test_an_apply_that_is_over_is_not_held_up_by_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = CloudTarget(Stack(), Workspace("it", ROOT, tmp_path, tmp_path), rehearses=True)
    monkeypatch.setattr(deeds, "LOAD_POLL_S", 0.01)
    monkeypatch.setattr(deeds.rehearsal, "has_node", lambda local: False)
    heard: list[StepEvent] = []
    with deeds._images_meanwhile(made, heard.append) as listen:
        listen(StepEvent(Step("create", "yandex_kubernetes_cluster.sentry", ""), "started"))
    assert len(heard) == 1
