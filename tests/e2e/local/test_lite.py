"""The light Sentry in the real cluster, on the common road: what its pods may do, what is kept, what a browser shows."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
from base64 import b64decode, b64encode
from typing import Any

import psycopg
import pytest

from kit.adapters.helm import Helm
from kit.adapters.kubernetes.api import ClusterRefused
from kit.errors import ToolFailed
from kit.sentry.chart.manifests import containers, parse
from kit.sentry.installed import installed
from kit.sentry.objects import NAMESPACE, RELEASE, Document
from kit.sentry.preflight import preflight
from kit.sentry.stand_in import lite
from kit.targets.local import site
from kit.targets.local.target import LocalTarget
from tests.e2e.local.browser import newest_issue
from tests.support.holding import holding
from tests.support.program import Program
from tests.support.reach import local_target


@pytest.fixture(scope="module")
def local(whole: Program) -> LocalTarget:
    return local_target(whole)


@pytest.fixture(scope="module")
def manifests(local: LocalTarget) -> tuple[Document, ...]:
    """As they are applied."""
    return site.release(local).installation().wired()


def postgres(local: LocalTarget) -> psycopg.Connection:
    found = local.endpoints().postgres
    return psycopg.connect(
        host=found.host,
        port=found.port,
        dbname=found.database,
        user=found.username,
        password=found.password.reveal(),
        sslmode="verify-full",
        sslrootcert=str(local.workspace.ca_file),
        autocommit=True,
    )


def test_every_container_that_runs_is_confined_and_bounded(manifests: tuple[Document, ...]) -> None:
    running = [document for document in manifests if document["kind"] == "Deployment" and document["spec"]["replicas"]]
    found = [container for document in running for container in containers(document)]
    assert [container.name for container in found] == ["prepare", "web"]
    for container in found:
        assert container.pod["automountServiceAccountToken"] is False
        assert container.pod["securityContext"]["runAsNonRoot"] is True
        assert container.pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        security = container.spec["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert container.spec["resources"]["limits"]["memory"]
        assert container.spec["resources"]["requests"]["cpu"]


def test_nothing_of_the_image_comes_before_the_chart_s_configuration(manifests: tuple[Document, ...]) -> None:
    """Python looks first in the folder that it starts in, and upstream's image starts in one with a bugsink_conf.py."""
    running = [document for document in manifests if document["kind"] == "Deployment" and document["spec"]["replicas"]]
    for container in (container for document in running for container in containers(document)):
        assert container.spec["workingDir"] == container.env["PYTHONPATH"]["value"]


def test_what_is_stood_in_for_is_wired_like_what_runs(manifests: tuple[Document, ...]) -> None:
    found = [container for document in manifests for container in containers(document)]
    assert {"web", "prepare", "relay", "snuba-api", "snuba-consumer", "taskbroker"} <= {container.name for container in found}
    for container in found:
        assert container.env["PGSSLROOTCERT"]["value"] == "/etc/kit/trust/ca.crt"
        assert "/etc/kit/trust" in {mount["mountPath"] for mount in container.spec["volumeMounts"]}


def test_the_release_holds_no_secret(local: LocalTarget) -> None:
    """Neither its manifests, nor its values, nor the record that Helm keeps of it."""
    helm = Helm(local.supply.tool("helm"), local.workspace.kubeconfig)
    text = helm.manifest(RELEASE, NAMESPACE) + json.dumps(helm.values(RELEASE, NAMESPACE))
    secrets = {name: secret.reveal() for name, secret in local.secrets().items()}
    assert [name for name, secret in secrets.items() if secret in text] == []
    assert "verify-full" in text


def test_namespace_takes_no_pod_that_is_root(local: LocalTarget) -> None:
    container = {"name": "root", "image": "bugsink:1", "securityContext": {"privileged": True}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root", "namespace": NAMESPACE}}
    with pytest.raises(ClusterRefused) as refused:
        local.kube.create({**pod, "spec": {"containers": [container]}})
    assert refused.value.status == 403
    assert "restricted" in refused.value.why


def test_sentry_speaks_tls_to_postgres(local: LocalTarget) -> None:
    """The server's own word about every session that comes from the cluster."""
    server = site.release(local).receiver()
    server.find("0" * 32)  # makes Sentry hold at least one session
    with postgres(local) as session:
        sessions = "select ssl, version from pg_stat_ssl join pg_stat_activity using (pid)"
        rows = session.execute(f"{sessions} where usename = current_user and pid <> pg_backend_pid()").fetchall()
    assert rows, "no session of Sentry was seen: this would prove nothing"
    assert {(is_tls, version) for is_tls, version in rows} <= {(True, "TLSv1.2"), (True, "TLSv1.3")}


# In a schema of its own, as the pod's own preparation runs: what the running server has is left alone.
PREPARE_TRIAL = """
import os, sys
sys.path.insert(0, "/etc/bugsink")
import bugsink_conf
bugsink_conf.SCHEMA = "trial"
bugsink_conf.DATABASES["default"]["OPTIONS"]["options"] = "-c search_path=trial"
exec(compile(open("/etc/bugsink/prepare.py").read(), "prepare.py", "exec"), {"__name__": "prepare"})
"""


def test_tables_that_a_newer_bugsink_migrated_are_set_aside_and_lost_to_nobody(whole: Program, local: LocalTarget) -> None:
    def prepare() -> str:
        argv = ["kubectl", "-n", NAMESPACE, "exec", f"deploy/{RELEASE}", "-c", "web", "--", "python", "-c", PREPARE_TRIAL]
        environment = {**os.environ, **whole.variables()}
        ran = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    with postgres(local) as session:
        try:
            assert "newer" not in prepare()
            applied = session.execute("select count(*) from trial.django_migrations").fetchone()
            token = session.execute("select token from trial.bsmain_authtoken").fetchall()
            assert "Running migrations:\n  No migrations to apply." in prepare()
            session.execute(
                "insert into trial.django_migrations (app, name, applied) values ('bsmain', '0099_of_a_newer', now())"
            )
            said = prepare()
            (kept,) = re.findall(r"\(bsmain\.0099_of_a_newer\): they are kept in the schema (trial_\d+)", said)
            assert session.execute("select count(*) from trial.django_migrations").fetchone() == applied
            assert session.execute("select token from trial.bsmain_authtoken").fetchall() == token
            of_the_newer = f"select count(*) from {kept}.django_migrations where name = '0099_of_a_newer'"
            assert session.execute(of_the_newer).fetchone() == (1,)
        finally:
            for (schema,) in session.execute("select nspname from pg_namespace where nspname like 'trial%'").fetchall():
                session.execute(f"drop schema {schema} cascade")


def test_preflight_is_kept_and_says_what_was_proven(local: LocalTarget) -> None:
    kept = preflight.last(local.kube)
    assert kept is not None
    assert kept.passed
    assert {probe.store for probe in kept.probes} == {"kafka", "postgres", "redis", "clickhouse", "s3"}
    assert all(probe.foreign.startswith("refused") for probe in kept.probes)
    assert {probe.tls for probe in kept.probes} <= {"TLSv1.2", "TLSv1.3"}


def test_cluster_shows_the_fingerprint_of_what_is_wanted(local: LocalTarget) -> None:
    seen = installed(local.kube)
    assert seen is not None
    assert (seen.complaint, seen.chart, seen.profile) == (None, "sentry-lite", "current")
    assert seen.fingerprint == site.release(local).installation().fingerprint


def test_a_helm_that_was_killed_does_not_stop_the_next(local: LocalTarget) -> None:
    helm = Helm(local.supply.tool("helm"), local.workspace.kubeconfig)
    deployed = helm.release(RELEASE, NAMESPACE)
    assert deployed is not None
    local.kube.create(interrupted_record(local, deployed.revision))
    with pytest.raises(ToolFailed) as refused:
        helm.upgrade(RELEASE, local.workspace.assets / lite.CHART, NAMESPACE, {"lite": {"images": {"bugsink": "none"}}})
    assert "in progress" in refused.value.why
    with holding(local.workspace):
        site.release(local).install(lambda reason: None)
        site.release(local).wait(lambda reason: None)
    again = helm.release(RELEASE, NAMESPACE)
    assert again is not None
    assert (again.status, again.revision) == ("deployed", deployed.revision + 1)


def interrupted_record(local: LocalTarget, revision: int) -> dict[str, Any]:
    """What a killed `helm upgrade` leaves: the record of the next revision, pending."""
    record = local.kube.get("Secret", f"sh.helm.release.v1.{RELEASE}.v{revision}", NAMESPACE)
    assert record is not None
    content = json.loads(gzip.decompress(b64decode(b64decode(record["data"]["release"]))))
    content["version"] = revision + 1
    content["info"]["status"] = "pending-upgrade"
    packed = b64encode(b64encode(gzip.compress(json.dumps(content).encode()))).decode()
    labels = {**record["metadata"]["labels"], "status": "pending-upgrade", "version": str(revision + 1)}
    name = f"sh.helm.release.v1.{RELEASE}.v{revision + 1}"
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "type": record["type"], "metadata": metadata, "data": {"release": packed}}


def test_its_values_are_checked_and_compared_as_the_chart_s_are(whole: Program, local: LocalTarget) -> None:
    looked = whole.must("values", "check", "-o", "json").json
    assert looked["findings"] == []
    assert looked["connections"] > 10
    assert whole.must("values", "diff").stdout == ""
    printed = {(each["kind"], each["metadata"]["name"]): each for each in whole.must("chart", "render", "-o", "json").json}
    helm = Helm(local.supply.tool("helm"), local.workspace.kubeconfig)
    has = {(each["kind"], each["metadata"]["name"]): each for each in parse(helm.manifest(RELEASE, NAMESPACE))}
    assert printed == has


def test_browser_shows_the_issue_after_login(whole: Program, local: LocalTarget) -> None:
    whole.must("demo")
    login = site.release(local).login()
    assert login is not None
    seen = newest_issue(login.url, login.username, login.password.reveal(), local.workspace.ca_file)
    assert seen.listed == "OrderRejected: order A-1002 has an unreadable price"
    for text in ("parse_price", "ValueError", "invalid literal for int() with base 10: '7,50'", "shop@1.4.2"):
        assert text in seen.page
