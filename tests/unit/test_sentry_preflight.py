"""The preflight as data: which containers are tried, what their pod looks like, and what is said of what they found."""

from __future__ import annotations

import ast
import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kit.adapters.kubernetes.api import ClusterRefused
from kit.report import preflight as report
from kit.sentry import archive, jobs
from kit.sentry.jobs import Run
from kit.sentry.preflight import clients, places, preflight, verdict
from kit.sentry.preflight import components as parts
from kit.sentry.preflight.clients import driver, handshakes, kafka
from kit.sentry.preflight.verdict import Preflight

LABELS = {"dev.kit.stack": "a"}


def deployment(name: str, image: str = "getsentry/sentry:26.9.0", **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": image, "env": [], **spec.pop("container", {})}
    pod = {"containers": [container], **spec}
    return {"kind": "Deployment", "metadata": {"name": name}, "spec": {"template": {"spec": pod}}}


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def mounted(config: str, path: str = "/etc/sentry") -> dict[str, Any]:
    return {
        "container": {"volumeMounts": [{"name": "config", "mountPath": path}]},
        "volumes": [{"name": "config", "configMap": {"name": config}}],
    }


def made(documents: list[dict[str, Any]], own: frozenset[tuple[str, str]] = frozenset(), **given: Any) -> dict[str, Any]:
    usual = {"image": "probe:1", "version": "26.9.0", "trust": "/t", "labels": LABELS}
    job = parts.job(parts.components(documents), own, **usual, **given)  # type: ignore[arg-type]
    pod: dict[str, Any] = job["spec"]["template"]["spec"]
    return pod


# ── which are tried ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_containers_that_connect_alike_are_tried_once_in_the_name_of_all() -> None:
    found = parts.components([deployment("web", **mounted("c")), deployment("worker", **mounted("c"))])
    assert [(each.name, each.members) for each in found] == [("web", ("Deployment/web", "Deployment/worker"))]


@pytest.mark.parametrize(
    "other",
    [
        {"container": {"env": [{"name": "BROKER_URL", "value": "x"}]}},
        mounted("another"),
        mounted("c", "/elsewhere"),
        {"container": {"envFrom": [{"secretRef": {"name": "s"}}]}},
    ],
)
def test_what_a_connection_hangs_on_tells_containers_apart(other: dict[str, Any]) -> None:
    same = mounted("c")
    assert len(parts.components([deployment("web", **same), deployment("worker", **other)])) == 2


def test_what_speaks_to_no_store_is_not_tried() -> None:
    assert parts.components([deployment("a", "busybox:1"), deployment("b", "getsentry/symbolicator:1"), config_map("c")]) == ()


def test_disks_become_folders_and_make_no_difference() -> None:
    disk = {"name": "data", "persistentVolumeClaim": {"claimName": "d"}}
    mount = {"container": {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}, "volumes": [disk]}
    found = parts.components([deployment("web", **mount), deployment("worker")])
    assert len(found) == 1
    assert "persistentVolumeClaim" not in json.dumps(made([deployment("web", **mount)]))


def test_relay_s_driver_sees_what_its_init_container_sees() -> None:
    init = {"name": "init", "image": "busybox:1", "env": [{"name": "PASSWORD", "value": "x"}]}
    volumes = [{"name": "template", "configMap": {"name": "relay"}}, {"name": "work", "emptyDir": {}}]
    mount = {"volumeMounts": [{"name": "work", "mountPath": "/work"}]}
    found = parts.components(
        [deployment("relay", "getsentry/relay:26.9.0", container=mount, volumes=volumes, initContainers=[init])]
    )[0]
    assert {"name": "template", "mountPath": "/run/kit/volumes/template", "readOnly": True} in found.mounts
    assert {"name": "PASSWORD", "value": "x"} in found.env


# ── the Job ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_release_s_own_configuration_comes_under_a_name_of_the_preflight_s() -> None:
    documents = [config_map("sentry-sentry", a="1"), config_map("unused"), deployment("web", **mounted("sentry-sentry"))]
    copied = parts.copied_references(documents, parts.components(documents), LABELS)
    assert [(each["metadata"]["name"], each["data"]) for each in copied] == [("kit-preflight-sentry-sentry", {"a": "1"})]
    pod = made(documents, frozenset({("ConfigMap", "sentry-sentry")}))
    assert {"name": "kit-preflight-sentry-sentry"} in [volume.get("configMap") for volume in pod["volumes"]]


def test_references_in_variables_and_projections_follow_too() -> None:
    own = frozenset({("Secret", "env"), ("ConfigMap", "c")})
    entry = {"name": "X", "valueFrom": {"secretKeyRef": {"name": "env", "key": "k"}}}
    sources = [{"secret": {"name": "env"}}, {"configMap": {"name": "c"}}, {"secret": {"name": "kit-redis"}}]
    renamed = parts.with_run_names([entry, {"projected": {"sources": sources}}], own)
    assert "kit-preflight-env" in json.dumps(renamed[0])
    names = [next(iter(source.values()))["name"] for source in renamed[1]["projected"]["sources"]]
    assert names == ["kit-preflight-env", "kit-preflight-c", "kit-redis"]


def test_every_container_keeps_to_the_namespace_s_restrictions() -> None:
    pod = made([deployment("web", **mounted("c")), deployment("api", "getsentry/snuba:26.9.0")])
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["resources"]["limits"]["memory"]
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_volumes_of_one_pod_do_not_meet_under_one_name() -> None:
    pod = made([deployment("web", **mounted("a")), deployment("worker", **mounted("b"))])
    names = [volume["name"] for volume in pod["volumes"]]
    assert len(names) == len(set(names))
    for container in pod["containers"]:
        assert {mount["name"] for mount in container["volumeMounts"]} <= set(names)


def test_everything_that_a_pod_cannot_start_without_is_known_beforehand() -> None:
    env = [
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "maybe", "key": "k", "optional": True}}},
    ]
    given = {**mounted("c"), "container": {**mounted("c")["container"], "env": env}}
    given["container"]["volumeMounts"].append({"name": "p", "mountPath": "/p"})
    given["volumes"].append({"name": "p", "projected": {"sources": [{"secret": {"name": "projected"}}]}})
    found = parts.needed(parts.components([deployment("web", **given)])[0])
    assert {(each.kind, each.name, each.key) for each in found} == {
        ("Secret", "s", "k"),
        ("ConfigMap", "c", ""),
        ("Secret", "projected", ""),
    }


def request(container: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(next(entry["value"] for entry in container["env"] if entry["name"] == parts.REQUEST)))


@pytest.mark.parametrize(
    "words",
    [
        {"command": ["sentry", "run", "consumer", "ingest-events", "--consumer-group", "ingest-consumer"]},
        {"args": ["snuba", "rust-consumer", "--consumer-group=ingest-consumer", "--synchronize-commit-group", "no"]},
        {"command": ["sh", "-c", "exec snuba consumer --followed-consumer-group no --consumer-group 'ingest-consumer'"]},
    ],
)
def test_groups_that_arguments_name_are_joined_with_the_component(words: dict[str, Any]) -> None:
    (component,) = parts.components([deployment("web"), deployment("consumer", container=words)])
    assert component.groups == ("ingest-consumer",)
    (container,) = made([deployment("web"), deployment("consumer", container=words)])["containers"]
    assert request(container)["groups"] == ["ingest-consumer"]


def test_one_container_of_a_run_tries_the_largest_record_and_has_room_for_it() -> None:
    documents = [
        deployment("web", **mounted("c")),
        deployment("relay", "getsentry/relay:26.9.0"),
        deployment("api", "getsentry/snuba:1"),
    ]
    tries = {
        each["name"]: (request(each)["largest"], each["resources"]["limits"]["memory"]) for each in made(documents)["containers"]
    }
    assert tries == {"web": (False, "256Mi"), "relay": (True, "512Mi"), "api": (False, "256Mi")}
    assert not any(request(each)["largest"] for each in made(documents, tries_largest=False)["containers"])


def test_a_pod_for_one_node_is_left_to_the_scheduler_and_goes_nowhere_else() -> None:
    assert "affinity" not in made([deployment("web")])
    pod = made([deployment("web")], node="node-2")
    required = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert required["nodeSelectorTerms"] == [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-2"]}]}]
    assert "nodeName" not in pod


# ── on which nodes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def node(name: str, zone: str = "", ready: str = "True", **spec: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready}, {"type": "DiskPressure", "status": "False"}]
    labels = {places.ZONE: zone} if zone else {}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": {"conditions": conditions}}


def test_nodes_that_take_no_pods_are_left_out() -> None:
    closed = [
        node("cordoned", unschedulable=True),
        node("control-plane", taints=[{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]),
        node("gone", ready="Unknown"),
    ]
    soft = node("soft", taints=[{"key": "x", "effect": "PreferNoSchedule"}])
    assert places.nodes([*closed, soft, node("plain")]) == ("plain", "soft")


def test_of_many_nodes_each_zone_comes_first() -> None:
    many = [*(node(f"a-{number}", "a") for number in range(9)), node("b-0", "b"), node("c-0", "c")]
    assert places.nodes(many)[:4] == ("a-0", "b-0", "c-0", "a-1")


class Cluster:
    """An API with nodes, whose Jobs get a pod each: with every look it is one stage further, of those that the node is given."""

    def __init__(self, stages: dict[str, list[dict[str, Any]]], logs: dict[str, str]) -> None:
        self.stages, self.said = stages, logs
        self.jobs: dict[str, str] = {}
        self.created: list[dict[str, Any]] = []
        self.kept: dict[str, Any] = {}
        self.deleted: list[str] = []

    def apply(self, document: dict[str, Any]) -> None:
        self.kept[document["metadata"]["name"]] = document

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        return {"data": {"k": "v"}}

    def delete(self, kind: str, name: str, namespace: str) -> None:
        self.deleted.append(f"{kind}/{name}")

    def create(self, job: dict[str, Any]) -> dict[str, Any]:
        self.created.append(job)
        where = job["spec"]["template"]["spec"].get("affinity")
        name = f"job-{len(self.jobs)}"
        terms = where and where["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        self.jobs[name] = terms[0]["matchFields"][0]["values"][0] if terms else next(iter(self.stages))
        return {"metadata": {"name": name}}

    def list(self, kind: str, namespace: str | None = None, selector: str = "") -> tuple[dict[str, Any], ...]:
        if kind == "Node":
            return tuple(node(name) for name in self.stages)
        return tuple(pod for job, where in self.jobs.items() if (pod := self._pod(job, where)))

    def _pod(self, job: str, where: str) -> dict[str, Any] | None:
        stages = self.stages[where]
        status = stages.pop(0) if len(stages) > 1 else stages[0]
        labels = {jobs.JOB: job}
        metadata = {"name": f"{job}-pod", "labels": labels, "creationTimestamp": "2026-01-01T00:00:00Z"}
        return {"metadata": metadata, "spec": {"nodeName": where} if status.pop("placed", True) else {}, "status": dict(status)}

    def logs(self, pod: str, namespace: str, container: str) -> str:
        return self.said[self.jobs[pod.removesuffix("-pod")]]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += 30  # a look each half minute


def preflighted(cluster: Cluster, clock: Clock | None = None) -> Preflight:
    clock = clock or Clock()
    release = preflight.Candidate("a", [deployment("web", **mounted("c"))], "26.8.0", "probe:1", "/t", {}, [])
    return preflight.run(release, cluster, sleep=clock.sleep, clock=clock)  # type: ignore[arg-type]


DONE = {"phase": "Succeeded"}
RUNS = {"phase": "Running"}
PULLS = {"phase": "Pending", "conditions": [{"type": "Initialized", "status": "True"}]}


def test_one_node_gets_one_pod_and_its_name_is_in_nothing() -> None:
    cluster = Cluster({"only": [RUNS, DONE]}, {"only": log(outcome())})
    result = preflighted(cluster)
    assert result.passed
    assert [probe.nodes for probe in result.probes] == [()]
    assert "affinity" not in cluster.created[0]["spec"]["template"]["spec"]
    assert "on 1" not in report.table(result)


def test_what_is_wrong_on_one_node_is_told_with_its_name() -> None:
    fine, wrong = (
        log(outcome(), outcome(store="s3", use="filestore")),
        log(outcome(cause="unreachable", said="no answer", latency_ms=None), outcome(store="s3", use="filestore")),
    )
    result = preflighted(Cluster({"a": [DONE], "b": [RUNS, DONE]}, {"a": fine, "b": wrong}))
    assert [(probe.store, probe.cause, probe.nodes) for probe in result.probes] == [
        ("redis", "", ("a",)),
        ("s3", "", ()),
        ("redis", "unreachable", ("b",)),
    ]
    assert not result.passed
    table = report.table(result)
    assert "web → redis on b" in table
    assert "on 2 of 2 nodes" in table
    assert verdict.from_kept(verdict.kept(result)) == result


def test_of_several_nodes_one_tries_the_largest_record() -> None:
    cluster = Cluster({"a": [DONE], "b": [DONE]}, dict.fromkeys("ab", log(outcome())))
    assert preflighted(cluster).passed
    containers = [job["spec"]["template"]["spec"]["containers"][0] for job in cluster.created]
    assert [request(each)["largest"] for each in containers] == [True, False]


@pytest.mark.parametrize(
    ("states", "has_ended"),
    [
        (("terminated", "terminated"), True),
        (("terminated", "running"), False),
        (("terminated",), False),  # the other container has no state yet
        ((), False),
    ],
)
def test_a_pod_has_ended_with_the_last_of_its_programs(states: tuple[str, ...], has_ended: bool) -> None:
    statuses = [{"name": str(number), "state": {state: {}}} for number, state in enumerate(states)]
    pod = {"spec": {"containers": [{}, {}]}, "status": {"phase": "Running", "containerStatuses": statuses}}
    assert Run({}, pod=pod).has_ended is has_ended


def test_the_pull_of_the_image_is_not_counted_against_the_run() -> None:
    pulling = [dict(PULLS) for _ in range(15)]  # seven minutes
    result = preflighted(Cluster({"a": [*pulling, RUNS, RUNS, DONE]}, {"a": log(outcome())}))
    assert result.passed


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ({"phase": "Running"}, "it did not end in time"),
        ({"phase": "Pending"}, "its pod is being created"),
        (
            {
                "phase": "Pending",
                "placed": False,
                "conditions": [{"type": "PodScheduled", "status": "False", "message": "no room"}],
            },
            "not scheduled: no room",
        ),
    ],
)
def test_a_node_where_it_does_not_get_on_says_why_and_keeps_no_pod(stage: dict[str, Any], said: str) -> None:
    stages = [dict(stage) for _ in range(40)]
    cluster = Cluster({"a": [DONE], "b": stages}, {"a": log(outcome()), "b": ""})
    (probe,) = preflighted(cluster).wrong
    assert (probe.component, probe.cause, probe.nodes) == ("web", "not-started", ("b",))
    assert said in probe.said
    assert "Job/job-1" in cluster.deleted
    assert "Job/job-0" not in cluster.deleted


def test_a_login_that_sees_no_nodes_runs_one_pod_somewhere() -> None:
    class Bound(Cluster):
        def list(self, kind: str, namespace: str | None = None, selector: str = "") -> tuple[dict[str, Any], ...]:
            if kind == "Node":
                raise ClusterRefused(doing="list Nodes", status=403, why="forbidden")
            return super().list(kind, namespace, selector)

    assert preflighted(Bound({"a": [DONE]}, {"a": log(outcome())})).passed


# ── the driver's own ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_trusted_paths_are_swapped_in_text_and_variables(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("ours")
    foreign = tmp_path / "foreign.pem"
    foreign.write_text("theirs")
    connection = {"tls": {"ca": str(tmp_path / "elsewhere.pem")}}
    swap = driver._swapped([str(tmp_path)], [connection], foreign)
    swapped = swap(f"ca={tmp_path}/ca.crt other={tmp_path}/elsewhere.pem")
    assert str(tmp_path) not in swapped
    assert {Path(word.partition("=")[2]).read_text() for word in swapped.split()} == {"theirs"}


@pytest.mark.parametrize(("source", "given"), [("SSL_CERT_FILE", "/bundle"), ("ssl.ca.location", None), (None, None)])
def test_where_the_program_reads_ssl_cert_file_its_stand_in_is_told_the_path(source: str | None, given: str | None) -> None:
    """taskbroker's librdkafka takes it from there; the wheel's, which tries in its place, reads no such variable."""
    tls = {"on": True, "verify": "full", "ca": "/bundle" if source else None, "ca_from": source}
    options = {"bootstrap.servers": "kafka:9091", "security.protocol": "SASL_SSL"}
    connection = {"client": "rdkafka", "options": options, "tls": tls}
    assert kafka._options(connection).get("ssl.ca.location") == given


def test_one_redis_named_many_times_is_tried_once() -> None:
    connection = {"store": "redis", "use": "REDIS cache", "options": {"db": 0}}
    assert len(driver._distinct([connection, {**connection, "use": "REDIS dlq"}, {**connection, "options": {"db": 1}}])) == 2


@pytest.mark.parametrize(
    ("said", "is_refusal"),
    [
        ("OperationalError: SSL error: certificate verify failed", True),
        ("Wrong: sasl_ssl://kafka:9091/bootstrap: SSL handshake failed", True),
        ("ConnectionError: Error 1 connecting to redis:6380. [SSL: CERTIFICATE_VERIFY_FAILED]", True),
        ("Wrong: sasl_ssl://kafka:9091/bootstrap: SASL authentication error", False),
        ("timeout: timed out", False),
        ("gaierror: [Errno -3] Temporary failure in name resolution", False),
    ],
)
def test_only_a_word_about_the_certificate_counts_as_refusing_a_foreign_authority(said: str, is_refusal: bool) -> None:
    assert driver._about_trust(said) is is_refusal


def test_a_silent_name_service_is_told_from_a_name_that_is_not_there() -> None:
    silent = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    assert handshakes.cause_of(silent) == "dns"
    assert handshakes.cause_of(socket.gaierror(socket.EAI_NONAME, "Name or service not known")) == "unresolved"


def test_the_driver_and_all_clients_import_from_the_archive_alone(tmp_path: Path) -> None:
    (tmp_path / "kit.zip").write_bytes(archive.archive(modules=archive.CLIENTS))
    names = sorted(path.stem for path in Path(clients.__path__[0]).glob("*.py") if path.stem != "__init__")
    code = "import importlib; " + "; ".join(f"importlib.import_module('kit.sentry.preflight.clients.{name}')" for name in names)
    environment = {"PYTHONPATH": str(tmp_path / "kit.zip"), "PATH": os.environ["PATH"]}
    argv = [sys.executable, "-S", "-c", code]  # without site-packages: the probe image has none of kit's libraries
    ran = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_every_cause_that_is_said_has_a_sentence_and_a_remedy() -> None:
    said = {
        cause
        for path in (*Path(clients.__path__[0]).glob("*.py"), Path(verdict.__file__), Path(preflight.__file__))
        for cause in _causes(path)
    }
    assert len(said) > 40
    assert said <= verdict.causes().keys()
    for name, cause in verdict.causes().items():
        assert cause["what"], name
        assert cause["fix"].format(component="c", use="u", store="s", address="a"), name


def _causes(path: Path) -> set[str]:
    """First words of `Wrong(…)`, values of tables from words to causes, and `cause=…`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Wrong", "Trouble"):
            found |= _texts(node.args[0])
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "broken":
            found |= _texts(node.args[2])
        elif isinstance(node, ast.keyword) and node.arg == "cause":
            found |= _texts(node.value)
        elif isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "KNOWN" for target in node.targets):
            found |= {text for value in getattr(node.value, "values", []) for text in _texts(value)}
        elif isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple):
            pairs = [each.elts for each in node.iter.elts if isinstance(each, ast.Tuple) and len(each.elts) == 2]
            found |= {text for _, cause in pairs for text in _texts(cause)}
    return found


def _texts(node: ast.AST) -> set[str]:
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


# ── what is said ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def outcome(**fields: Any) -> dict[str, Any]:
    usual = {"store": "redis", "client": "redis-py", "use": "redis.clusters.default.0", "addresses": [["redis", 6380]]}
    seen = {"tls": "TLSv1.3", "latency_ms": 4.2, "cause": "", "said": "fine", "foreign": "refused: x", "options": {"db": 0}}
    return {**usual, **seen, **fields}


def log(*outcomes: dict[str, Any], error: str | None = None) -> str:
    return "chatter\n" + json.dumps({"error": error, "connections": list(outcomes)}) + "\n"


def result(*probes: verdict.Probe) -> Preflight:
    return Preflight("f", datetime(2026, 1, 1, tzinfo=UTC), 3.0, probes)


def test_what_the_driver_says_is_kept_whole() -> None:
    probes = verdict.from_log("sentry-web", ["Deployment/sentry-web"], log(outcome(), outcome(cause="expired", said="at noon")))
    kept = verdict.from_kept(verdict.kept(result(*probes)))
    assert kept == result(*probes)
    assert [probe.holds for probe in probes] == [True, False]


def test_settings_that_do_not_run_are_the_component_s_trouble() -> None:
    (probe,) = verdict.from_log("sentry-web", ["a"], log(error="NameError: x (line 3)"))
    assert (probe.cause, probe.said, probe.holds) == ("settings", "NameError: x (line 3)", False)


@pytest.mark.parametrize("said", ["", "Killed", '{"half": ', "[]"])
def test_a_driver_without_a_last_word_has_failed(said: str) -> None:
    (probe,) = verdict.from_log("sentry-web", ["a"], said)
    assert probe.cause == "not-started"


def test_another_database_number_than_sentry_s_is_found_by_comparing() -> None:
    sentry = verdict.from_log("sentry-web", ["a"], log(outcome()))
    snuba = verdict.from_log("sentry-snuba-api", ["b"], log(outcome(use="REDIS default", options={"db": 1})))
    found = verdict.with_cross_checks((*snuba, *sentry))
    assert [(probe.component, probe.cause) for probe in found] == [("sentry-snuba-api", "redis-db"), ("sentry-web", "")]


def test_an_empty_preflight_has_not_passed() -> None:
    assert not result().passed


def test_the_table_groups_one_trouble_of_many_components() -> None:
    wrong = log(outcome(cause="expired", said="yesterday", latency_ms=None))
    probes = (*verdict.from_log("web", ["a"], wrong), *verdict.from_log("relay", ["b"], wrong))
    text = report.table(result(*probes))
    assert text.count("why  yesterday") == 1
    assert "web → redis, relay → redis" in text
    assert "2 of 2 wrong" in text


def test_a_failure_leads_with_component_cause_and_remedy() -> None:
    probes = verdict.from_log("sentry-web", ["a"], log(outcome(cause="password", said="no")))
    error = preflight.ReleaseUnfit(result(*probes))
    assert "sentry-web" in error.what
    assert "(redis)" in error.what
    assert "sentry-web" in error.fix
