"""What the cluster keeps for everyone who works on a shared stack, and what a second computer makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit import files
from kit.blueprint.stack import SentryWanted, Stack
from kit.capacity import check, shape
from kit.pki import authority
from kit.plan.steps import Step
from kit.sentry.credentials import TrustTexts
from kit.sentry.installation import MIGRATED
from kit.sentry.installed import RECORD
from kit.sentry.objects import config_map, secret
from kit.state import choice, markers
from kit.targets.cloud import apply, changes, in_cluster, join, regions, restore, stack_secret, state
from kit.targets.cloud.place import BACKEND
from kit.targets.cloud.shared import LIFE
from kit.targets.cloud.target import CloudTarget
from kit.workspace import Workspace
from tests.support.holding import holding
from tests.support.program import ROOT

NAMES = ("sentry.localhost",)


@dataclass
class Cluster:
    """Objects by kind and name."""

    objects: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)

    def apply(self, document: Mapping[str, Any]) -> None:
        self.objects[document["kind"], document["metadata"]["name"]] = document

    def get(self, kind: str, name: str, namespace: str) -> Mapping[str, Any] | None:
        return self.objects.get((kind, name))

    def list(self, kind: str, namespace: str) -> tuple[()]:
        return ()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[CloudTarget]:
    space = Workspace("it", ROOT, tmp_path, tmp_path / "cache")
    target = CloudTarget(
        Stack(name="it", sentry=SentryWanted("chart", "current", chart="/home/me/sentry.tgz")), space, rehearses=True
    )
    target.clients.__dict__["kube"] = Cluster()
    with holding(space):
        target.place.configuration.mkdir(parents=True)
        (target.place.configuration / BACKEND).write_text("{}")
        target.place.kubeconfig.write_text("")
        yield target


def test_a_second_computer_knows_what_the_first_ones_roll_out_came_to(cloud: CloudTarget) -> None:
    done = {"values": "f1", "preflight": "f2", "demo": "f3", MIGRATED: "33.8.0"}
    files.write_json(cloud.place.markers, {**done, state.MARK: state.SETTLED, LIFE: "e6q"})
    in_cluster.remember(cloud)
    cloud.place.markers.unlink()
    chosen = in_cluster.recall(cloud)
    assert markers.load(cloud.place.markers) == done, "what is of one computer alone is not handed on"
    assert chosen == SentryWanted("chart", "current"), "nor is a file of one computer"
    assert choice.parsed("{") is None


def test_what_is_restored_is_of_an_earlier_version_for_everybody(cloud: CloudTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    postgres = restore.STORES["postgres"][1]
    planned = SimpleNamespace(plan=lambda *_, **__: True, show_plan=lambda _: {})
    cloud.clients.__dict__["configuration"] = planned
    monkeypatch.setattr(CloudTarget, "variables", lambda _: {})
    monkeypatch.setattr(changes, "steps", lambda _: (Step("create", postgres, "not there yet"),))
    monkeypatch.setattr(apply, "apply", lambda *_: None)
    with_version = {MIGRATED: "33.8.0", "demo": "f3"}
    files.write_json(cloud.place.markers, with_version)
    in_cluster.remember(cloud)
    in_cluster.recall(cloud)
    assert markers.load(cloud.place.markers) == with_version
    restore._make(cloud, "postgres", postgres, "c9q:backup", lambda _: None)
    in_cluster.recall(cloud)
    assert markers.load(cloud.place.markers) == {"demo": "f3"}, "no plan brings the former version back"


def test_what_the_others_chose_otherwise_is_said_before_it_is_taken_back() -> None:
    theirs = SentryWanted("chart", "current", "full")
    said = list(in_cluster.differences(theirs, SentryWanted("chart", "seed")))
    assert [line.partition(":")[0] for line in said] == [
        "the profile is seed here, and the team's last `kit up` chose current",
        "the size of Sentry is not named here, and the team's last `kit up` chose full",
    ]
    assert not list(in_cluster.differences(theirs, theirs))
    assert not list(in_cluster.differences(None, theirs))


@pytest.mark.parametrize(
    ("here", "theirs", "installed", "newest"),
    [
        ("", "", "33.8.0", "33.8.0"),
        ("33.8.0", "33.10.1", "", "33.10.1"),
        ("33.10.1", "33.9.0", "33.8.0", "33.10.1"),
        ("", "", "", ""),
    ],
)
def test_the_data_has_been_through_the_newest_version_that_anybody_knows_of(
    here: str, theirs: str, installed: str, newest: str, cloud: CloudTarget
) -> None:
    if theirs:
        files.write_json(cloud.place.markers, {MIGRATED: theirs})
        in_cluster.remember(cloud)
    files.write_json(cloud.place.markers, {MIGRATED: here} if here else {})
    if installed:
        cloud.clients.kube.apply(config_map("it", RECORD, {"chart": "sentry", "version": installed, "fingerprint": "f"}))
    in_cluster.recall(cloud)
    assert markers.load(cloud.place.markers).get(MIGRATED, "") == newest


def test_the_bundle_of_authorities_is_the_one_that_is_in_the_cluster(cloud: CloudTarget) -> None:
    mine = TrustTexts("CLOUD\n", "roots of this computer\nCLOUD\n")
    assert in_cluster.trust_texts(cloud, mine) == mine
    cloud.clients.kube.apply(config_map("it", "kit-trust", {"ca.crt": "CLOUD\n", "bundle.crt": "roots of theirs\nCLOUD\n"}))
    assert in_cluster.trust_texts(cloud, mine).bundle == "roots of theirs\nCLOUD\n"
    renewed = TrustTexts("CLOUD 2\n", "roots of this computer\nCLOUD 2\n")
    assert in_cluster.trust_texts(cloud, renewed) == renewed, "an authority that was renewed has to come to the cluster"


@pytest.mark.parametrize(("age", "names", "is_taken"), [(0, NAMES, True), (80, NAMES, False), (0, ("another.name",), False)])
def test_a_certificate_is_the_one_that_is_in_the_cluster_as_long_as_it_serves(
    age: int, names: tuple[str, ...], is_taken: bool, cloud: CloudTarget
) -> None:
    assert in_cluster.certificate(cloud, "tls", NAMES) is None
    then = datetime.now(UTC) - timedelta(days=age)
    made = authority.create("theirs", then)
    leaf = authority.issue(made, "sentry", names, then)
    data = {"tls.crt": leaf.certificate_pem().decode(), "tls.key": leaf.key_pem().decode()}
    cloud.clients.kube.apply(secret("it", "tls", data, "kubernetes.io/tls"))
    found = in_cluster.certificate(cloud, "tls", NAMES)
    assert (found.key.reveal() if found else None) == (data["tls.key"] if is_taken else None)


def test_a_stack_of_one_computer_asks_and_writes_nothing(cloud: CloudTarget) -> None:
    (cloud.place.configuration / BACKEND).unlink()
    cloud.clients.__dict__["kube"] = None
    in_cluster.remember(cloud)
    mine = TrustTexts("CLOUD", "CLOUD")
    assert (in_cluster.recall(cloud), in_cluster.certificate(cloud, "tls", NAMES)) == (None, None)
    assert in_cluster.trust_texts(cloud, mine) == mine


# -- what is said of a kit.yaml that differs, with the shipped configuration's own defaults

VARIABLES = ROOT / "terraform" / "variables.tf"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, "size is demo here, and the stack was applied with ha"),
        ({"size": "ha"}, None),
        ({"size": "demo"}, "size is demo here"),
    ],
)
def test_a_size_that_differs_is_said_also_where_it_is_the_default(wanted: Mapping[str, Any], said: str | None) -> None:
    applied = {"name_prefix": "sentry", "size": "ha", "retention_days": 90, "sentry_size": "full"}
    found = list(join.differences(VARIABLES, {"retention_days": 90, **wanted}, applied))
    assert found[0].startswith(said) if said else not found, found


@pytest.mark.parametrize(
    ("name", "default"), [("name_prefix", stack_secret.PREFIX), ("size", check.DEFAULT_SIZE), ("region", regions.DEFAULT)]
)
def test_what_kit_takes_for_a_default_is_that_of_the_configuration(name: str, default: str) -> None:
    assert not list(join.differences(VARIABLES, {}, {name: default}))
    assert list(join.differences(VARIABLES, {}, {name: "another"}))


def test_disks_are_taken_to_grow_as_far_as_the_configuration_lets_them_by_default() -> None:
    assert f"limit = optional(number, {shape.GROWTH:g})" in VARIABLES.read_text()


def test_every_variable_that_is_told_is_one_of_the_configuration() -> None:
    outputs = (ROOT / "terraform" / "outputs.tf").read_text()
    described = outputs[outputs.index('output "described"') :].partition("}\n}")[0]
    told = [line.split("=")[0].strip() for line in described.splitlines() if line.startswith("    ")]
    known = VARIABLES.read_text()
    assert len(told) == 6
    assert [name for name in told if f'variable "{name}"' not in known] == []
