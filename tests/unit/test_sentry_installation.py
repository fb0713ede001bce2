"""What stands in a new release's way: another chart's, a hook that is none any more, a version that cannot be followed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit.adapters.helm import Release
from kit.report.status import document, table
from kit.sentry.chart import manifests
from kit.sentry.chart.chart import Chart
from kit.sentry.installation import Installation
from kit.sentry.installed import FINISHED, RECORD, installed
from kit.sentry.lines.upgrade_path import UpgradePath
from kit.state import markers
from kit.status import Component, Status
from kit.stores.contract import Ready, Tls

HOOK = {"helm.sh/hook": "post-install,post-upgrade"}


def deployment(name: str, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {"kind": "Deployment", "metadata": {"name": name, "annotations": dict(annotations or {})}, "spec": {}}


class Cluster:
    """Remembers what was deleted."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def delete(self, kind: str, name: str, namespace: str) -> bool:
        self.deleted.append(f"{kind}/{name}")
        return True


@dataclasses.dataclass
class Helm:
    chart: str | None
    made_as_hooks: tuple[dict[str, Any], ...] = ()
    status: str = "deployed"
    uninstalled: bool = False

    def release(self, name: str, namespace: str) -> Release | None:
        return Release(name, namespace, 1, self.status, self.chart, "1.0.0", "") if self.chart else None

    def hooks(self, name: str, namespace: str) -> str:
        return manifests.dump(self.made_as_hooks)

    def uninstall(self, name: str, namespace: str) -> None:
        self.uninstalled = True


def installation(
    helm: Helm, version: str = "33.8.0", is_stand_in: bool = False, remembered: Path = Path("nowhere")
) -> Installation:
    flavour: Any = SimpleNamespace(is_stand_in=is_stand_in)
    site: Any = SimpleNamespace(api=Cluster(), helm=lambda: helm, markers=remembered)
    made = Installation(site, flavour)
    made.__dict__["chart"] = Chart(SimpleNamespace(), "sentry", version, "")  # type: ignore[arg-type]
    return made


def make_room(made: Installation, *documents: dict[str, Any]) -> list[str]:
    said: list[str] = []
    made._make_room(documents, said.append)
    return said


@pytest.mark.parametrize("status", ["deployed", "failed", "pending-install"])
def test_a_release_of_another_chart_goes_with_the_hooks_that_helm_forgets(status: str) -> None:
    helm = Helm("sentry-lite", (deployment("sentry-relay", HOOK),), status)
    made = installation(helm)
    assert make_room(made, deployment("sentry-web")) == ["removing sentry-lite 1.0.0, in whose place this comes"]
    assert helm.uninstalled
    assert made.site.api.deleted == ["Deployment/sentry-relay"]  # type: ignore[attr-defined]


def test_of_the_same_chart_only_what_is_no_hook_any_more_goes() -> None:
    """Helm would refuse to take it into the release, or leave it behind."""
    helm = Helm("sentry", tuple(deployment(name, HOOK) for name in ("sentry-still", "sentry-now-plain", "sentry-gone")))
    made = installation(helm)
    assert make_room(made, deployment("sentry-still", HOOK), deployment("sentry-now-plain")) == []
    assert not helm.uninstalled
    assert made.site.api.deleted == ["Deployment/sentry-now-plain", "Deployment/sentry-gone"]  # type: ignore[attr-defined]


def test_where_nothing_is_installed_nothing_goes() -> None:
    helm = Helm(None)
    made = installation(helm)
    assert make_room(made, deployment("sentry-web")) == []
    assert (helm.uninstalled, made.site.api.deleted) == (False, [])  # type: ignore[attr-defined]
    assert made.uninstall() == ()


@pytest.mark.parametrize(("migrated", "version"), [("33.9.0", "33.8.0"), ("26.15.1", "33.8.0"), ("", "31.0.0")])
def test_data_of_another_version_is_refused_before_the_manifests_are_looked_at(
    migrated: str, version: str, tmp_path: Path
) -> None:
    remembered = tmp_path / "markers.json"
    markers.record(remembered, "migrated/postgres", migrated)
    with pytest.raises(UpgradePath):
        installation(Helm(None), version, remembered=remembered).check()


def test_the_stand_in_has_a_schema_of_its_own_and_follows_any_version() -> None:
    installation(Helm(None), "0.1.0", is_stand_in=True).check_upgrade("33.9.0")


class Documents:
    """An API that keeps what it is given; annotations are added to those that are there."""

    def __init__(self, deployments: tuple[dict[str, Any], ...] = ()) -> None:
        self.record: dict[str, Any] | None = None
        self.deployments = deployments

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any] | None:
        return self.record

    def list(self, kind: str, namespace: str, selector: str = "") -> tuple[dict[str, Any], ...]:
        return self.deployments if kind == "Deployment" else ()

    def apply(self, document: dict[str, Any]) -> None:
        assert self.record
        assert document["metadata"]["name"] == self.record["metadata"]["name"]
        self.record["metadata"]["annotations"] = document["metadata"]["annotations"]


def test_a_release_is_installed_once_it_was_waited_for_and_not_as_soon_as_helm_has_written_its_record() -> None:
    api, receiver = (
        Documents(),
        SimpleNamespace(url="https://it", probe=lambda: Ready(Tls("TLSv1.3", "kit", datetime.max, ""), 1.0)),
    )
    flavour: Any = SimpleNamespace(finish=lambda wired, note: None, receiver=lambda: receiver)
    made = Installation(SimpleNamespace(api=api), flavour)  # type: ignore[arg-type]
    made.__dict__.update(fingerprint="f2", policies=())
    api.record = {"metadata": {"name": RECORD, "annotations": {FINISHED: "f1"}}, "data": {"fingerprint": "f2"}}
    seen = installed(api)  # type: ignore[arg-type]
    assert seen
    assert (seen.fingerprint, seen.complaint) == ("f2", "its installation did not come to its end")
    made.wait()
    seen = installed(api)  # type: ignore[arg-type]
    assert seen
    assert (seen.fingerprint, seen.complaint) == ("f2", None)


def with_pods(name: str, wanted: int, ready: int) -> dict[str, Any]:
    status = {
        "observedGeneration": 1,
        "updatedReplicas": wanted,
        "replicas": wanted,
        "availableReplicas": ready,
        "readyReplicas": ready,
    }
    return {"metadata": {"name": name}, "spec": {"replicas": wanted, "selector": {}}, "status": status}


def test_how_many_of_several_pods_are_ready_is_shown() -> None:
    api = Documents((with_pods("sentry-web", 3, 2), with_pods("sentry-cron", 1, 1), with_pods("sentry-relay", 3, 3)))
    api.record = {"metadata": {"name": RECORD, "annotations": {FINISHED: "f"}}, "data": {"fingerprint": "f"}}
    seen = installed(api)  # type: ignore[arg-type]
    assert seen
    assert seen.replicas == {"sentry-web": "2 of 3", "sentry-relay": "3 of 3"}
    assert seen.complaint == "sentry-web: no pod yet"
    shown = Status("it", "cloud", (Component("sentry", "application", "ready", replicas=seen.replicas),))
    assert table(shown).endswith("\n   pods: sentry-relay 3 of 3, sentry-web 2 of 3\n")
    assert document(shown)["components"][0]["replicas"] == seen.replicas
