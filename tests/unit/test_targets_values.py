"""What `kit values` stands on, without a cluster: endpoints from a file, and the comparison with what runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from kit import workspace
from kit.blueprint import file
from kit.blueprint.stack import SentryWanted, Stack
from kit.endpoints import Secret
from kit.sentry.chart import values
from kit.sentry.preview import STAND_IN, NoRelease, Preview
from kit.state import given
from kit.supply.supply import Supply
from kit.targets.cloud import plan
from kit.targets.cloud.commands import CloudCommands
from kit.targets.cloud.target import CloudTarget
from kit.targets.given import MailPasswordMissing
from kit.targets.local import previews
from kit.targets.local.previews import EndpointsUnreadable
from kit.targets.local.target import LocalTarget
from kit.workspace import Workspace
from tests.support.elsewhere import ENDPOINTS
from tests.support.holding import holding

URL = "https://sentry.example.net"
Inputs = Callable[[Preview], dict[str, Any]]


@dataclass(frozen=True)
class Running:
    """The cluster and Helm, with the values that the release was given."""

    values_left: Mapping[str, Any]
    is_there: bool = True

    def get(self, kind: str, name: str, namespace: str) -> Mapping[str, Any] | None:
        return {} if self.is_there else None

    def values(self, name: str, namespace: str) -> Mapping[str, Any]:
        return self.values_left


@pytest.fixture
def local(tmp_path: Path) -> LocalTarget:
    return LocalTarget(Stack(), Workspace("kit", tmp_path, tmp_path, tmp_path / "cache"))


def wanted(local: LocalTarget, running: Running, said: str, with_cluster: bool = True) -> Preview:
    local.__dict__["kube"] = running
    made = previews.of_stack(local, SentryWanted())
    made.__dict__["installation"] = SimpleNamespace(values=yaml.safe_load(said))  # in place of what would be opened
    made.release.site = replace(made.release.site, helm=lambda: running)  # type: ignore[arg-type, return-value]
    if with_cluster:
        local.workspace.kubeconfig.parent.mkdir(parents=True)
        local.workspace.kubeconfig.write_text("")
    return made


@pytest.fixture
def inputs(monkeypatch: pytest.MonkeyPatch) -> Inputs:
    """What Terraform would be given for a preview."""
    monkeypatch.setattr(Supply, "ensure", lambda supply, names: ())
    monkeypatch.setattr(Supply, "tool", lambda supply, name: Path(name))
    monkeypatch.setattr(values, "written", lambda terraform, module, inputs: json.dumps(inputs))
    return lambda preview: json.loads(preview.text())


def test_a_running_release_is_compared_line_by_line(local: LocalTarget) -> None:
    made = wanted(local, Running({"externalRedis": {"db": 1, "ssl": True}}), "externalRedis: {ssl: true, db: 0}")
    lines = made.difference().splitlines()
    assert [line for line in lines if line[0] in "+-"][2:] == ["-  db: 1", "+  db: 0"]


def test_equal_values_have_no_difference(local: LocalTarget) -> None:
    assert wanted(local, Running({"a": {"b": 1}}), "a: {b: 1}").difference() == ""


@pytest.mark.parametrize(
    ("running", "with_cluster", "why"),
    [
        (Running({"a": 1}), False, "no cluster"),
        (Running({}, is_there=False), True, "has none"),
        (Running({}), True, "without leaving its values"),
    ],
)
def test_where_nothing_runs_that_is_said(local: LocalTarget, running: Running, with_cluster: bool, why: str) -> None:
    with pytest.raises(NoRelease) as refused:
        wanted(local, running, "a: 1", with_cluster).difference()
    assert why in refused.value.why


def test_the_local_stores_are_known_before_they_run(local: LocalTarget, inputs: Inputs) -> None:
    made = inputs(previews.of_stack(local, SentryWanted(retention_days=30)))
    assert made["endpoints"]["kafka"]["brokers"] == ["kafka:9091"]
    assert made["url"] == "https://127.0.0.1:9443"
    assert made["retention_days"] == 30
    assert STAND_IN not in json.dumps(made)


def test_a_fixed_port_is_in_the_url(tmp_path: Path, inputs: Inputs) -> None:
    local = LocalTarget(Stack(ports={"sentry.https": 1234}), Workspace("kit", tmp_path, tmp_path, tmp_path))
    assert inputs(previews.of_stack(local, SentryWanted()))["url"] == "https://127.0.0.1:1234"


def test_a_file_goes_to_the_module_as_it_is(local: LocalTarget, tmp_path: Path, inputs: Inputs) -> None:
    (tmp_path / "e.json").write_text(json.dumps(ENDPOINTS))
    made = previews.of_file(local, SentryWanted(), tmp_path / "e.json", URL)
    assert inputs(made)["endpoints"] == ENDPOINTS
    endpoints = made.release.site.endpoints()
    assert endpoints.kafka.brokers == ("a.example.net:9091", "b.example.net:9091")
    assert (endpoints.s3.host, endpoints.s3.port) == ("storage.example.net", 443)


def test_a_file_that_is_not_there_is_named(local: LocalTarget, tmp_path: Path) -> None:
    with pytest.raises(EndpointsUnreadable) as refused:
        previews.of_file(local, SentryWanted(), tmp_path / "none.json", URL)
    assert "none.json" in refused.value.what


# -- in the cloud: what terraform made, and the user's own over it


def in_the_cloud(text: str, made: str) -> Any:
    cloud = CloudTarget(file.parse(text, "kit.yaml"), workspace.find("kit"), rehearses=True)
    cloud._outputs = SimpleNamespace(document={"values": made})  # type: ignore[assignment]
    cloud.require_applied = lambda: None  # type: ignore[method-assign]
    return CloudCommands(cloud).preview()


def test_the_users_values_lie_over_those_of_the_cloud_too() -> None:
    made = "# made by terraform\nasHook: false\nconfig: {sentryConfPy: TLS = 1}\n"
    found = in_the_cloud("sentry:\n  values:\n    asHook: true\n    config: {sentryConfPy: MINE = 2}\n", made)
    assert found.data["asHook"] is True
    assert found.data["config"]["sentryConfPy"].splitlines()[::3] == ["TLS = 1", "MINE = 2"]
    assert "asHook: true  # kit.yaml:3" in found.written
    assert yaml.safe_load(found.written) == found.data


def test_without_values_of_the_users_terraforms_text_is_shown_with_its_comments() -> None:
    made = "# made by terraform\nasHook: false\n"
    assert in_the_cloud("", made).written == made


def test_a_cloud_stack_is_not_begun_without_the_mail_servers_password(tmp_path: Path) -> None:
    described = file.parse("mail: {host: smtp.example.org, user: me, from: a@b}\ncloud: {domain: a.example.com}", "kit.yaml")
    space = replace(workspace.find("kit"), home=tmp_path)
    cloud = CloudTarget(described, space, rehearses=True)
    with pytest.raises(MailPasswordMissing) as refused:
        plan.plan(cloud)
    assert "kit secrets set mail --cloud --rehearse" in refused.value.fix
    with holding(space):
        given.keep(cloud.place.given, given.MAIL, "hunter2")
    assert cloud.clients.given_secrets().mail == Secret("hunter2")
