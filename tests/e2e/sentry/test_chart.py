"""`kit up --sentry chart` to the demo event, with a chart of our own in Sentry's place (tests/charts/sentry), and on from there.

One stack goes through the life of a release: installed, changed, broken, mended, upgraded, replaced by the stand-in, brought
back. The tests stand in that order, and each leaves a release that is up. Its stores and its cluster are there before.
"""

from __future__ import annotations

import gzip
import json
import os
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from kit.adapters.helm import Helm
from kit.sentry import credentials, network_claims
from kit.sentry.chart import manifests
from kit.sentry.installed import installed
from kit.sentry.objects import NAMESPACE, RELEASE
from kit.stores import s3
from kit.targets.local import site
from kit.targets.local.target import LocalTarget
from tests.support import fixture_chart
from tests.support.program import Program, Ran
from tests.support.reach import local_target

REGISTRY = f"kit.test/p{os.getpid()}/getsentry"  # no such registry: a pod that had to pull would not start
NO_RIGHTS = "Code: 497. DB::Exception: sentry: Not enough privileges. ACCESS_DENIED"
UP_S = 1800


@dataclass(frozen=True)
class Stack:
    program: Program
    charts: Path
    app: str = "26.8.0"

    def chart(self, version: str = "33.7.0", **fixture: Any) -> Path:
        name = fixture_chart.folder_name(version, fixture)
        written = self.charts / name
        return written if written.exists() else fixture_chart.write(self.charts, version, self.app, registry=REGISTRY, **fixture)

    def up(self, chart: Path, *words: str) -> Ran:
        return self.program("up", "--local", "--sentry", "chart", "--chart", str(chart), "--yes", *words, timeout_s=UP_S)

    def must_up(self, chart: Path, *words: str) -> Ran:
        ran = self.up(chart, *words)
        assert ran.exit_code == 0, f"{ran.stdout}\n{ran.stderr}"
        return ran

    @property
    def local(self) -> LocalTarget:
        return local_target(self.program)

    def install_unchecked(self, chart: Path) -> None:
        """As somebody else would have, who keeps no rules: the chart with a Deployment as hook, which `kit up` refuses."""
        wanted = replace(self.local.stack.sentry, flavour="chart", chart=str(chart))
        site.release(self.local.wanting(wanted)).installation().install()

    @property
    def helm(self) -> Helm:
        return Helm(self.local.supply.tool("helm"), self.local.workspace.kubeconfig)

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Of the database that the pods write to."""
        end = self.local.endpoints().postgres
        where = {"host": end.host, "port": end.port, "dbname": end.database, "user": end.username}
        trust = {"sslmode": "verify-full", "sslrootcert": str(self.local.workspace.ca_file)}
        with psycopg.connect(**where, **trust, password=end.password.reveal()) as session:  # type: ignore[arg-type]
            return session.execute(statement).fetchall()  # type: ignore[call-overload, no-any-return]

    def deployments(self) -> set[str]:
        return {each["metadata"]["name"] for each in self.local.kube.list("Deployment", NAMESPACE)}


@contextmanager
def stack_of(program: Program, folder: Path, profile: str, app: str) -> Iterator[Stack]:
    """Sentry is not up yet; its chart's images are in this computer's engine."""
    made = Stack(program, folder, app)
    supply = made.local.supply
    supply.ensure([f"image/probe-{profile}"])
    fixture_chart.name_images(made.local.docker, supply.image(f"probe-{profile}").reference, REGISTRY, app)
    try:
        yield made
    finally:
        fixture_chart.forget_images(made.local.docker, REGISTRY, app)


@pytest.fixture(scope="module")
def stack(cluster: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_of(cluster, tmp_path_factory.mktemp("chart"), "current", "26.8.0") as made:
        made.must_up(made.chart())
        yield made


@pytest.fixture
def article(seed: Program, tmp_path: Path) -> Iterator[Stack]:
    (seed.home / "kit.yaml").unlink()  # the command line says it
    with stack_of(seed, tmp_path, "seed", "25.2.0") as made:
        yield made


def test_an_exception_is_seen_through_the_front_over_verified_tls(stack: Stack) -> None:
    seen = stack.program.must("demo", "-o", "json").json
    stored = stack.ask(f"select data from fixture.events where id = '{seen['event_id']}'")
    assert stored[0][0]["exception"]["values"][-1]["type"] == "OrderRejected"
    status = stack.program.must("status", "-o", "json").json
    (sentry,) = [each for each in status["components"] if each["name"] == "sentry"]
    assert sentry["state"] == "ready"
    assert sentry["tls"]["verified"] is True
    assert (sentry["release"]["chart"], sentry["release"]["version"]) == ("sentry", "33.7.0")


def test_no_foreign_pod_reaches_a_store_or_a_part_of_sentry_but_its_front(stack: Stack) -> None:
    checks = list(network_claims.of_policies(site.release(stack.local)))
    assert {check.claim: check.holds for check in checks} == {network_claims.UNLABELLED: True, network_claims.FOREIGN: True}
    assert all(name in checks[1].said for name in ("sentry-web:9000", "sentry-relay:3000", "sentry-snuba-api:1218")), checks[
        1
    ].said


def test_a_second_up_has_nothing_to_do(stack: Stack) -> None:
    assert stack.program.must("up", "--local", "--plan").stdout == "nothing to do\n"


def test_hooks_ran_in_their_order_and_the_key_was_made_known_after_them(stack: Stack) -> None:
    assert [name for (name,) in stack.ask("select name from fixture.hooks order by at limit 4")] == [
        "check",
        "upgrade",
        "createuser",
        "exec",
    ]


def test_chart_render_prints_what_helm_has(stack: Stack) -> None:
    def by_name(text: str) -> dict[tuple[str, str], Any]:
        return {(each["kind"], each["metadata"]["name"]): each for each in manifests.parse(text)}

    printed = by_name(stack.program.must("chart", "render").stdout)
    has = by_name(stack.helm.manifest(RELEASE, NAMESPACE))
    made_as_hooks = by_name(stack.helm.hooks(RELEASE, NAMESPACE))
    assert len(has) > 10
    assert len(made_as_hooks) == 3
    assert printed == {**has, **made_as_hooks}


def test_the_release_holds_no_secret(stack: Stack) -> None:
    text = stack.helm.manifest(RELEASE, NAMESPACE) + stack.helm.hooks(RELEASE, NAMESPACE)
    text += json.dumps(stack.helm.values(RELEASE, NAMESPACE))
    assert "verify-full" in text
    assert [name for name, secret in stack.local.secrets().items() if secret.reveal() in text] == []


def test_a_shorter_retention_is_shown_and_reaches_sentry_and_the_bucket_of_events(stack: Stack) -> None:
    assert stack.program.must("values", "diff").stdout == ""
    described = stack.program.home / "kit.yaml"
    described.write_text(f"sentry: {{kind: chart, chart: {stack.chart()}, retention_days: 30}}\n")
    shown = stack.program("values", "diff")
    assert shown.exit_code == 3
    assert "-    days: 90" in shown.stdout
    assert "+    days: 30" in shown.stdout
    stack.program.must("up", "--local", "--yes", timeout_s=UP_S)
    assert stack.program.must("values", "diff").stdout == ""
    local = stack.local
    assert s3.expire_events(local.endpoints().s3, local.credentials(), local.trust(), 30) is False  # it is so already
    described.unlink()  # the stack remembers


def test_a_crash_of_a_known_cause_ends_the_wait_with_advice_and_the_next_up_mends_it(stack: Stack) -> None:
    began = time.monotonic()
    broken = stack.up(stack.chart(crash=NO_RIGHTS))
    assert broken.exit_code == 59
    assert time.monotonic() - began < 300
    for words in ("snuba-api", "the ClickHouse user may not do this", "it needs all rights on its database", NO_RIGHTS):
        assert words in broken.stderr
    assert stack.program("status").exit_code == 3
    stack.must_up(stack.chart())
    assert stack.program("status").exit_code == 0


def test_a_deployment_as_hook_is_refused_before_helm(stack: Stack) -> None:
    refused = stack.up(stack.chart(hooked=True))
    assert refused.exit_code == 14
    assert f"Deployment/{RELEASE}-snuba-consumer" in refused.stderr
    assert "HOOKS-ARE-JOBS" in refused.stderr


def test_an_upgrade_makes_a_deployment_of_what_was_a_hook(stack: Stack) -> None:
    stack.install_unchecked(stack.chart(hooked=True))
    consumer = "Deployment", f"{RELEASE}-snuba-consumer"
    before = stack.local.kube.get(*consumer, NAMESPACE)
    assert before is not None
    assert before["metadata"]["annotations"]["helm.sh/hook"] == "post-install,post-upgrade"
    stack.must_up(stack.chart("33.8.0"), "--size", "full")
    after = stack.local.kube.get(*consumer, NAMESPACE)
    assert after is not None
    assert "helm.sh/hook" not in after["metadata"]["annotations"]
    release = stack.helm.release(RELEASE, NAMESPACE)
    assert release is not None
    assert (release.status, release.version) == ("deployed", "33.8.0")


def test_vroom_has_a_client_certificate_of_its_own_and_its_preflight_has_passed(stack: Stack) -> None:
    found = stack.local.kube.get("Secret", credentials.VROOM_CLIENT, NAMESPACE)
    assert found is not None
    assert b64decode(found["data"]["tls.crt"]).startswith(b"-----BEGIN CERTIFICATE-----")
    kept = stack.program.must("preflight", "-o", "json", timeout_s=UP_S).json
    assert f"{RELEASE}-vroom" in json.dumps(kept)


def test_an_older_chart_is_refused_before_anything_is_tried(stack: Stack) -> None:
    refused = stack.up(stack.chart())
    assert refused.exit_code == 17
    assert "chart 33.8.0 is installed, and 33.7.0 is older" in refused.stderr
    release = stack.helm.release(RELEASE, NAMESPACE)
    assert release is not None
    assert release.version == "33.8.0"


def test_the_stand_in_takes_the_charts_place_and_nothing_of_the_chart_stays(stack: Stack) -> None:
    stack.install_unchecked(stack.chart("33.8.0", hooked=True))
    assert f"{RELEASE}-taskbroker" in stack.deployments()
    ran = stack.program("up", "--local", "--sentry", "lite", "--yes", timeout_s=UP_S)
    assert ran.exit_code == 0, ran.stderr
    consumer = stack.local.kube.get("Deployment", f"{RELEASE}-snuba-consumer", NAMESPACE)
    assert consumer is not None
    assert consumer["metadata"]["labels"]["helm.sh/chart"].startswith("sentry-lite-")
    assert "kit-front" not in stack.deployments()
    stack.program.must("demo")


def test_the_data_remembers_its_chart_while_the_stand_in_runs(stack: Stack) -> None:
    assert stack.up(stack.chart()).exit_code == 17


@pytest.mark.parametrize("chart", ["sentry-lite", "sentry"])
def test_a_release_that_is_stuck_in_pending_install_is_taken_over(stack: Stack, chart: str) -> None:
    """As a Helm leaves it that was killed in a first installation, of another chart or of this one: a record, no release."""
    record = stack.local.kube.list("Secret", NAMESPACE, f"owner=helm,name={RELEASE},status=deployed")[0]
    stack.helm.uninstall(RELEASE, NAMESPACE)
    stack.local.kube.create(pending(record))
    stuck = stack.helm.release(RELEASE, NAMESPACE)
    assert stuck is not None
    assert (stuck.status, stuck.chart) == ("pending-install", chart)
    stack.must_up(stack.chart("33.8.0"))
    release = stack.helm.release(RELEASE, NAMESPACE)
    assert release is not None
    assert (release.status, release.chart) == ("deployed", "sentry")
    seen = installed(stack.local.kube)
    assert seen is not None
    assert seen.complaint is None
    stack.program.must("demo")


def pending(record: dict[str, Any]) -> dict[str, Any]:
    content = json.loads(gzip.decompress(b64decode(b64decode(record["data"]["release"]))))
    content["version"] = 1
    content["info"]["status"] = "pending-install"
    packed = b64encode(b64encode(gzip.compress(json.dumps(content).encode()))).decode()
    labels = {**record["metadata"]["labels"], "status": "pending-install", "version": "1"}
    metadata = {"name": f"sh.helm.release.v1.{RELEASE}.v1", "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "type": record["type"], "metadata": metadata, "data": {"release": packed}}


def test_a_cluster_out_of_reach_is_told_before_anything_is_tried(stack: Stack) -> None:
    stack.local.docker.api.kill(f"{stack.program.stack}-control-plane")
    for words in (("preflight",), ("values", "diff")):
        told = stack.program(*words)
        assert told.exit_code == 50, told.stderr
        assert "the cluster at 127.0.0.1:" in told.stderr
        assert "kit up --local" in told.stderr
    planned = stack.program.must("up", "--local", "--plan").stdout
    assert "recover  cluster " in planned
    assert "its node is exited" in planned


def test_a_purge_leaves_nothing(stack: Stack) -> None:
    stack.program.must("purge", "--yes")
    docker, name = stack.local.docker, stack.program.stack
    everything = (*docker.containers(), *docker.volumes(), *docker.networks())
    assert [each.name for each in everything if each.name.startswith(name)] == []


def test_the_article_s_line_goes_the_same_way_and_names_the_stops_on_the_way_to_the_next(article: Stack) -> None:
    article.must_up(article.chart("26.15.1"), "--profile", "seed")
    article.program.must("demo")
    # This Relay expands no variable: its file is filled into a Secret, and the release never sees the password.
    text = article.helm.manifest(RELEASE, NAMESPACE)
    password = article.local.secrets()["kafka_sentry"].reveal()
    has = {(each["kind"], each["metadata"]["name"]) for each in manifests.parse(text)}
    assert ("ConfigMap", "sentry-sentry") in has
    assert ("ConfigMap", "sentry-relay") not in has
    assert password not in text
    filled = article.local.kube.get("Secret", "sentry-relay-filled", NAMESPACE)
    assert filled is not None
    assert password in b64decode(filled["data"]["config.yml"]).decode()

    before = {each.name: each.image for each in article.local.docker.containers() if each.name.startswith(article.program.stack)}
    refused = article.up(article.chart("33.7.0"), "--profile", "current")
    assert refused.exit_code == 17
    assert "from chart 26.15.1 there is no direct way to 33.7.0" in refused.stderr
    said = " ".join(refused.stderr.split())
    assert "first chart 26.22.0 (Sentry 25.5.1) by kit up --local --sentry chart --profile seed" in said
    assert "then chart 28.0.0 (Sentry 25.12.1) by Helm with values of your own" in said
    after = {each.name: each.image for each in article.local.docker.containers() if each.name.startswith(article.program.stack)}
    assert after == before  # no store was moved to another line for it
    assert article.program("status").exit_code == 0
