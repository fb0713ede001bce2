"""The light Sentry in the real cluster: what its pods may do, what the preflight keeps, what a browser shows."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from kit import stores
from kit.engines.helm import Helm
from kit.engines.kube import ClusterRefused
from kit.errors import ToolFailed
from kit.sentry import lite, preflight, release
from kit.sentry.preflight_job import TRUSTS
from kit.targets.local import LocalTarget
from tests.e2e.browser import newest_issue
from tests.support.program import Program
from tests.support.reach import local_target


@pytest.fixture(scope="module")
def local(whole: Program) -> LocalTarget:
    return local_target(whole)


@pytest.fixture(scope="module")
def manifests(local: LocalTarget) -> list[dict[str, Any]]:
    import yaml

    helm = Helm(local.supply.tool("helm"), local.workspace.kubeconfig)
    values = {"images": {"bugsink": "bugsink:1", "probe": "probe:1"}}
    rendered = helm.template(lite.RELEASE, local.workspace.assets / lite.CHART, lite.NAMESPACE, values)
    return [document for document in yaml.safe_load_all(rendered) if document]


def pod_specs(manifests: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for document in manifests:
        if document["kind"] == "Deployment":
            yield document["spec"]["template"]["spec"]
        if document["kind"] == "CronJob":
            yield document["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def test_every_container_is_confined_and_bounded(manifests: list[dict[str, Any]]) -> None:
    specs = list(pod_specs(manifests))
    assert len(specs) == 2
    for spec in specs:
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
            assert container["resources"]["requests"]["cpu"]
            mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
            assert "/run/kit/authority" in mounted


def test_chart_holds_no_secret_and_no_plaintext_address(manifests: list[dict[str, Any]]) -> None:
    assert {document["kind"] for document in manifests} == {"ConfigMap", "Service", "Deployment", "CronJob"}
    text = str(manifests)
    assert "http://" not in text
    assert "verify-full" in text


def test_namespace_takes_no_pod_that_is_root(local: LocalTarget) -> None:
    container = {"name": "root", "image": "bugsink:1", "securityContext": {"privileged": True}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root", "namespace": lite.NAMESPACE}}
    with pytest.raises(ClusterRefused) as refused:
        local.kube.create({**pod, "spec": {"containers": [container]}})
    assert refused.value.status == 403
    assert "restricted" in refused.value.why


def test_sentry_speaks_tls_to_postgres(local: LocalTarget) -> None:
    """The server's own word about every session that comes from the cluster."""
    import psycopg

    postgres = local.endpoints().postgres
    server = local.sentry.server()
    server.find("0" * 32)  # makes Sentry hold at least one session
    with psycopg.connect(
        host=postgres.host,
        port=postgres.port,
        dbname=postgres.database,
        user=postgres.username,
        password=postgres.password.reveal(),
        sslmode="verify-full",
        sslrootcert=str(local.workspace.ca_file),
    ) as session:
        sessions = "select ssl, version from pg_stat_ssl join pg_stat_activity using (pid)"
        rows = session.execute(f"{sessions} where usename = current_user and pid <> pg_backend_pid()").fetchall()
    assert rows, "no session of Sentry was seen: this would prove nothing"
    assert {(is_tls, version) for is_tls, version in rows} <= {(True, "TLSv1.2"), (True, "TLSv1.3")}


def test_preflight_is_kept_with_what_it_was_run_with(local: LocalTarget) -> None:
    kept = preflight.last(local.kube)
    assert kept is not None
    assert kept.passed
    assert kept.fingerprint == local.sentry.preflight_fingerprint()
    assert {(probe.store, probe.trust) for probe in kept.probes} == set(product(stores.NAMES, TRUSTS))
    assert all(probe.roundtrip for probe in kept.probes if probe.trust == "authority")
    assert {probe.cause for probe in kept.probes if probe.trust != "authority"} == {"tls"}


def test_cluster_shows_the_fingerprint_of_what_is_wanted(local: LocalTarget) -> None:
    seen = release.look(local.kube)
    assert seen is not None
    assert (seen.complaint, seen.chart) == (None, "sentry-lite")
    assert seen.fingerprint == local.sentry.fingerprint()


def test_a_helm_that_was_killed_does_not_stop_the_next(local: LocalTarget) -> None:
    helm = Helm(local.supply.tool("helm"), local.workspace.kubeconfig)
    deployed = helm.release(lite.RELEASE, lite.NAMESPACE)
    assert deployed is not None
    local.kube.create(interrupted_record(local, deployed.revision))
    with pytest.raises(ToolFailed) as refused:
        helm.upgrade(lite.RELEASE, local.workspace.assets / lite.CHART, lite.NAMESPACE, {})
    assert "in progress" in refused.value.why
    local.sentry.install(lambda reason: None)
    local.sentry.wait(lambda reason: None)
    again = helm.release(lite.RELEASE, lite.NAMESPACE)
    assert again is not None
    assert (again.status, again.revision) == ("deployed", deployed.revision + 1)


def interrupted_record(local: LocalTarget, revision: int) -> dict[str, Any]:
    """What a killed `helm upgrade` leaves: the record of the next revision, pending."""
    record = local.kube.get("Secret", f"sh.helm.release.v1.{lite.RELEASE}.v{revision}", lite.NAMESPACE)
    assert record is not None
    content = json.loads(gzip.decompress(b64decode(b64decode(record["data"]["release"]))))
    content["version"] = revision + 1
    content["info"]["status"] = "pending-upgrade"
    packed = b64encode(b64encode(gzip.compress(json.dumps(content).encode()))).decode()
    labels = {**record["metadata"]["labels"], "status": "pending-upgrade", "version": str(revision + 1)}
    name = f"sh.helm.release.v1.{lite.RELEASE}.v{revision + 1}"
    metadata = {"name": name, "namespace": lite.NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "type": record["type"], "metadata": metadata, "data": {"release": packed}}


def test_browser_shows_the_issue_after_login(whole: Program, local: LocalTarget) -> None:
    whole.must("demo")
    login = local.login()
    assert login is not None
    seen = newest_issue(login.url, login.username, login.password.reveal(), local.workspace.ca_file)
    assert seen.listed == "OrderRejected: order A-1002 has an unreadable price"
    for text in ("parse_price", "ValueError", "invalid literal for int() with base 10: '7,50'", "shop@1.4.2"):
        assert text in seen.page
