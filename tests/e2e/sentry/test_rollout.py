"""A release watched in a real cluster, installed by the real Helm: a hook that takes its time, and each way of not coming up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kit.adapters.containerd import node
from kit.adapters.helm import Helm
from kit.adapters.kind import node_name
from kit.adapters.kubernetes.api import KubeApi
from kit.errors import ToolFailed
from kit.sentry.chart import hooks, manifests
from kit.sentry.rollout import rollout
from kit.targets.local.target import LocalTarget
from tests.support.program import Program
from tests.support.reach import local_target

HOOK = {"helm.sh/hook": "post-install,post-upgrade"}
GOES = {"helm.sh/hook-delete-policy": "hook-succeeded,before-hook-creation"}
SERVE = "while true; do sleep 1; done"
REFUSED = """echo 'FATAL:  password authentication failed for user "sentry"' >&2; exit 1"""


@pytest.fixture(scope="module")
def local(cluster: Program) -> LocalTarget:
    found = local_target(cluster)
    node.load(found.docker, node_name(found.stack.name), [found.supply.image("probe").reference])
    return found


@dataclass
class Site:
    """A namespace of one test, and what is installed there."""

    local: LocalTarget
    namespace: str
    chart: Path
    notes: list[str] = field(default_factory=list)

    @property
    def api(self) -> KubeApi:
        return self.local.kube

    @property
    def helm(self) -> Helm:
        return Helm(self.local.supply.tool("helm"), self.local.workspace.kubeconfig)

    def install(self, *documents: dict[str, Any], timeout_s: float = 120) -> float:
        """Through Helm, watched; seconds until all was up."""
        (self.chart / "templates").mkdir(parents=True, exist_ok=True)
        (self.chart / "Chart.yaml").write_text("{apiVersion: v2, name: wired, version: 1.0.0}\n")
        (self.chart / "templates" / "all.yaml").write_text(manifests.dump(documents))

        def watching(helm: Any) -> float:
            return rollout.watch(
                self.api,
                documents,
                release="sentry",
                namespace=self.namespace,
                helm=helm,
                note=self.notes.append,
                secrets=["s3cret"],
                timeout_s=timeout_s,
            )

        began = time.monotonic()
        rollout.install(lambda: self.helm.upgrade("sentry", self.chart, self.namespace, {}, hooks_timeout_s=100), watching)
        return time.monotonic() - began

    def workload(self, kind: str, name: str, script: str, **more: Any) -> dict[str, Any]:
        """A Deployment or Job of one confined container."""
        container = {
            "name": name,
            "image": more.pop("image", self.local.supply.image("probe").reference),
            "command": ["sh", "-c", script],
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
        security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        pod = {"containers": [container], "terminationGracePeriodSeconds": 1, "securityContext": more.pop("security", security)}
        pod |= {"restartPolicy": "Never"} if kind == "Job" else {}
        template = {"metadata": {"labels": {"app": "sentry", "role": name}}, "spec": pod}
        spec = {"template": template, **more.pop("spec", {})}
        spec |= {} if kind == "Job" else {"selector": {"matchLabels": {"role": name}}}
        metadata = {"name": f"sentry-{name}", "annotations": more.pop("annotations", {})}
        group = "batch/v1" if kind == "Job" else "apps/v1"
        return {"apiVersion": group, "kind": kind, "metadata": metadata, "spec": spec}


@pytest.fixture
def site(local: LocalTarget, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    namespace = f"ro-{abs(hash(request.node.name)) % 10**6}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
    local.kube.apply(document)
    yield Site(local, namespace, tmp_path / "chart")
    local.kube.delete("Namespace", namespace)


def test_a_hook_is_told_by_name_and_age_until_all_is_up(site: Site) -> None:
    site.install(
        site.workload("Job", "db-init", "echo migrating; sleep 12", annotations={**HOOK, **GOES, "helm.sh/hook-weight": "6"}),
        site.workload("Deployment", "web", SERVE),
        site.workload("Deployment", "relay", SERVE, annotations={**HOOK, "helm.sh/hook-weight": "25"}),
    )
    release = site.helm.release("sentry", site.namespace)
    assert release is not None
    assert release.status == "deployed"
    assert any(note.startswith("hook db-init 10 s: migrating") for note in site.notes), site.notes
    assert any("1/2 ready" in note for note in site.notes), site.notes
    assert site.api.get("Job", "sentry-db-init", site.namespace) is None  # Helm removed it, and that counts as success


def test_what_helm_leaves_behind_is_named_and_removed(site: Site) -> None:
    documents = (
        site.workload("Deployment", "web", SERVE),
        site.workload("Deployment", "relay", SERVE, annotations=HOOK),
    )
    site.install(*documents)
    site.helm.uninstall("sentry", site.namespace)
    assert site.api.get("Deployment", "sentry-web", site.namespace) is None
    assert site.api.get("Deployment", "sentry-relay", site.namespace) is not None
    assert [(left.kind, left.name) for left in hooks.leftovers(documents)] == [("Deployment", "sentry-relay")]
    assert hooks.remove_hooks(site.api, documents, site.namespace) == ("Deployment/sentry-relay",)
    assert site.api.get("Deployment", "sentry-relay", site.namespace) is None
    assert hooks.remove_hooks(site.api, documents, site.namespace) == ()


def test_a_crash_with_a_known_cause_ends_the_wait_and_the_mended_one_comes_up(site: Site) -> None:
    script = f"echo redis://:hunter2@redis:6380 s3cret; {REFUSED}"
    healthy = site.workload("Deployment", "worker", SERVE)
    with pytest.raises(rollout.RolloutFailed) as failed:
        site.install(healthy, site.workload("Deployment", "web", script))
    error = failed.value
    assert error.match is not None
    assert error.match.failure.id == "postgres-password"
    assert "Deployment/sentry-web" in error.why
    assert "kit-postgres" in error.fix
    assert 'user "sentry"' in error.detail
    assert "hunter2" not in error.detail
    assert "s3cret" not in error.detail
    # What the first attempt left behind is not held against the second.
    site.install(healthy, site.workload("Deployment", "web", SERVE))


def test_the_same_mistake_is_told_again(site: Site) -> None:
    for _ in range(2):
        with pytest.raises(rollout.RolloutFailed, match="web"):
            site.install(site.workload("Deployment", "web", REFUSED))


def test_an_image_that_cannot_be_had_ends_the_wait(site: Site) -> None:
    began = time.monotonic()
    with pytest.raises(rollout.RolloutFailed) as failed:
        site.install(site.workload("Deployment", "web", SERVE, image="kit.local/absent:1"))
    assert failed.value.match is not None
    assert failed.value.match.failure.id == "image-absent"
    assert "kit images" in failed.value.fix
    assert time.monotonic() - began < rollout.TIMEOUT_S / 10


def test_a_hook_past_its_deadline_leaves_its_last_words(site: Site) -> None:
    job = site.workload(
        "Job",
        "snuba-migrate",
        "while true; do echo still waiting for the moon; sleep 1; done",
        annotations={**HOOK, **GOES},
        spec={"activeDeadlineSeconds": 8, "backoffLimit": 0},
    )
    with pytest.raises(rollout.RolloutFailed) as failed:
        site.install(job, site.workload("Deployment", "web", SERVE))
    assert failed.value.match is not None
    assert failed.value.match.failure.id == "hook-deadline"
    assert "waiting for the moon" in failed.value.detail
    assert "snuba-migrate" in failed.value.what


def test_a_hook_that_fails_for_a_known_reason_is_told_at_once(site: Site) -> None:
    script = "echo 'InvalidClickhouseVersion: Snuba requires minimum Clickhouse version 23.8 (clickhouse:9440 - 18.16)'; exit 1"
    job = site.workload("Job", "snuba-db-init", script, annotations={**HOOK, **GOES}, spec={"backoffLimit": 10})
    began = time.monotonic()
    with pytest.raises(rollout.RolloutFailed) as failed:
        site.install(job)
    assert failed.value.match is not None
    assert failed.value.match.failure.id == "clickhouse-version"
    assert time.monotonic() - began < rollout.TIMEOUT_S / 10


def test_a_pod_that_the_namespace_does_not_admit_is_told(site: Site) -> None:
    with pytest.raises(rollout.RolloutFailed) as failed:
        site.install(site.workload("Deployment", "web", SERVE, security={"runAsUser": 0}))
    assert failed.value.match is not None
    assert failed.value.match.failure.id == "policy"


def test_a_secret_that_is_not_there_is_told(site: Site) -> None:
    document = site.workload("Deployment", "web", SERVE)
    pod = document["spec"]["template"]["spec"]
    pod["volumes"] = [{"name": "trust", "configMap": {"name": "kit-trust"}}]
    pod["containers"][0]["volumeMounts"] = [{"name": "trust", "mountPath": "/etc/kit/trust"}]
    with pytest.raises(rollout.RolloutFailed) as failed:
        site.install(document)
    assert failed.value.match is not None
    assert failed.value.match.failure.id == "object-absent"
    assert "kit-trust" in failed.value.why


def test_what_helm_itself_refuses_is_helm_s_own_error(site: Site) -> None:
    with pytest.raises(ToolFailed, match="helm"):
        site.install({"apiVersion": "example.org/v1", "kind": "Moon", "metadata": {"name": "moon"}})


def test_what_waited_for_the_schema_is_started_again_when_the_hooks_are_through(site: Site) -> None:
    """Its own next try would be far away: it crashes from the beginning, and the hook lets the back-off grow."""
    made = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "schema", "annotations": {**HOOK, "helm.sh/hook-weight": "9"}},
    }
    web = site.workload("Deployment", "web", f"test -e /schema/there || exit 1; {SERVE}")
    pod = web["spec"]["template"]["spec"]
    pod["volumes"] = [{"name": "schema", "configMap": {"name": "schema", "optional": True}}]
    pod["containers"][0]["volumeMounts"] = [{"name": "schema", "mountPath": "/schema"}]
    migrate = site.workload("Job", "migrate", "sleep 45", annotations={**HOOK, **GOES, "helm.sh/hook-weight": "8"})
    assert site.install(web, migrate, {**made, "data": {"there": "yes"}}, timeout_s=200) < 110
