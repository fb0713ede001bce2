"""Watching a release against a cluster made of documents: what is told, what ends the wait, and what is given its time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit.errors import ToolFailed
from kit.sentry.chart import hooks
from kit.sentry.rollout import parts, rollout
from kit.sentry.rollout.parts import Part, Wanted
from kit.sentry.rollout.pods import Trouble

START = datetime(2026, 11, 23, 10, tzinfo=UTC)
HOOK = {"helm.sh/hook": "post-install,post-upgrade", "helm.sh/hook-weight": "6"}
PASSWORD = 'FATAL:  password authentication failed for user "sentry"'
Document = dict[str, Any]


def workload(kind: str, name: str, annotations: dict[str, str] | None = None, labels: dict[str, str] | None = None) -> Document:
    spec = {"template": {"metadata": {"labels": {"role": name} if labels is None else labels}, "spec": {"containers": []}}}
    return {"kind": kind, "metadata": {"name": f"sentry-{name}", "annotations": annotations or {}}, "spec": spec}


def condition(kind: str, reason: str = "", message: str = "") -> Document:
    return {"type": kind, "status": "True", "reason": reason, "message": message}


def there(kind: str, name: str, *, ready: bool = False, conditions: tuple[Document, ...] = ()) -> Document:
    counts = {"updatedReplicas": 1, "replicas": 1, "availableReplicas": 1} if ready else {}
    return {
        "kind": kind,
        "metadata": {"name": f"sentry-{name}", "uid": f"{kind}-{name}", "creationTimestamp": START.isoformat(), "generation": 1},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": 1, **counts, "conditions": list(conditions)},
    }


def pod(owner: str, name: str, *states: Document, suffix: str = "a") -> Document:
    kind, owned_by = ("Job", f"sentry-{name}") if owner == "Job" else ("ReplicaSet", f"sentry-{name}-7f9")
    metadata = {
        "name": f"sentry-{name}-{suffix}",
        "uid": f"pod-{name}-{suffix}",
        "creationTimestamp": START.isoformat(),
        "labels": {"pod-template-hash": "7f9"},
        "ownerReferences": [{"kind": kind, "name": owned_by}],
    }
    return {"kind": "Pod", "metadata": metadata, "status": {"containerStatuses": [{"name": name, **state} for state in states]}}


def crashed(at: int, times: int = 1) -> Document:
    ended = {"terminated": {"exitCode": 1, "finishedAt": (START + timedelta(seconds=at)).isoformat()}}
    if times == 1:
        return {"state": ended, "ready": False, "restartCount": 0}
    return {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended, "ready": False, "restartCount": times - 1}


RUNNING: Document = {"state": {"running": {}}, "ready": False}
NO_IMAGE: Document = {"state": {"waiting": {"reason": "ErrImagePull", "message": "no such host"}}, "ready": False}


@dataclass
class Cluster:
    """The API's answers; each look at it may find it changed by `script` (seconds since the start → what happens then)."""

    objects: list[Document] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)  # pod → its log
    events: list[Document] = field(default_factory=list)
    time_s: float = 0.0
    script: dict[float, Callable[[], object]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)

    def list(self, kind: str, namespace: str, selector: str = "", fields: str = "") -> tuple[Document, ...]:
        return tuple(self.events) if kind == "Event" else tuple(each for each in self.objects if each["kind"] == kind)

    def logs(self, pod: str, namespace: str, container: str, tail: int, *, previous: bool = False) -> str:
        return self.said.get(pod, "")

    def delete(self, kind: str, name: str, namespace: str) -> bool:
        self.deleted.append(f"{kind}/{name}")
        return any((each["kind"], each["metadata"]["name"]) == (kind, name) for each in self.objects)

    def clock(self) -> float:
        return self.time_s

    def sleep(self, seconds: float) -> None:
        self.time_s += seconds
        for at in sorted(self.script):
            if at <= self.time_s:
                self.script.pop(at)()

    def add(self, *objects: Document) -> None:
        self.remove(*(each["metadata"]["name"] for each in objects))
        self.objects += objects

    def remove(self, *names: str) -> None:
        self.objects = [each for each in self.objects if each["metadata"]["name"] not in names]

    def watch(self, *documents: Document, helm: Future[Any] | None = None, timeout_s: float = 2000) -> tuple[float, list[str]]:
        notes: list[str] = []
        took = rollout.watch(
            self,  # type: ignore[arg-type]
            documents,
            release="sentry",
            namespace="sentry",
            helm=helm,
            note=notes.append,
            timeout_s=timeout_s,
            sleep=self.sleep,
            clock=self.clock,
            now=lambda: START + timedelta(seconds=self.time_s),
        )
        return took, notes

    def fails(self, *documents: Document, helm: Future[Any] | None = None) -> rollout.RolloutFailed:
        with pytest.raises(rollout.RolloutFailed) as failed:
            self.watch(*documents, helm=helm)
        return failed.value


WEB, INIT = workload("Deployment", "web"), workload("Job", "db-init", HOOK)


def test_a_hook_is_told_with_its_age_and_last_words_and_counts_as_done_when_helm_removed_it() -> None:
    helm: Future[Any] = Future()
    cluster = Cluster([there("Deployment", "web"), pod("Deployment", "web", RUNNING)])
    cluster.script = {
        2: lambda: cluster.add(there("Job", "db-init"), pod("Job", "db-init", RUNNING)),
        40: lambda: cluster.remove("sentry-db-init", "sentry-db-init-a"),
        42: lambda: cluster.add(there("Deployment", "web", ready=True)),
        44: lambda: helm.set_result("deployed"),
    }
    cluster.said["sentry-db-init-a"] = "Running migrations:\n  Applying sentry.0773_group_score... OK\n"
    took, notes = cluster.watch(WEB, INIT, helm=helm)
    assert took == 44
    assert "hook db-init 30 s: Applying sentry.0773_group_score... OK · 0/1 ready · web (web is starting)" in notes
    assert notes[-1] == "1/1 ready"


def test_without_helm_only_the_parts_are_waited_for() -> None:
    cluster = Cluster([there("Deployment", "web", ready=True)])
    assert cluster.watch(WEB, INIT) == (0, [])


def test_a_known_crash_ends_the_wait_at_once_with_cause_advice_and_log() -> None:
    cluster = Cluster([there("Deployment", "web"), pod("Deployment", "web", crashed(1))], {"sentry-web-a": f"boot\n{PASSWORD}\n"})
    error = cluster.fails(WEB)
    assert cluster.time_s == 0
    assert error.match is not None
    assert (error.match.failure.id, error.match.line) == ("postgres-password", PASSWORD)
    assert error.why.startswith("Deployment/sentry-web: Postgres does not know this password")
    assert error.fix == error.match.failure.advice
    assert error.detail == f"boot\n{PASSWORD}"


def test_an_unknown_crash_is_forgiven_while_hooks_run_and_counted_after_them() -> None:
    helm: Future[Any] = Future()
    cluster = Cluster([there("Deployment", "web"), there("Job", "db-init"), pod("Job", "db-init", RUNNING)])
    for number in range(8):
        at = number * 50
        cluster.script[at + 1] = lambda at=at, n=number: cluster.add(pod("Deployment", "web", crashed(at, n + 1)))
    cluster.script[220] = lambda: cluster.remove("sentry-db-init", "sentry-db-init-a")
    cluster.said["sentry-web-a"] = "IndexError: list index out of range"
    error = cluster.fails(WEB, INIT, helm=helm)
    assert error.match is None
    assert error.detail == "IndexError: list index out of range"
    assert 300 < cluster.time_s < 310  # the ends at 200 (before the hooks were over, but seen after), 250 and 300


def test_what_crashed_before_the_schema_was_there_tries_again_as_soon_as_it_is() -> None:
    helm: Future[Any] = Future()
    cluster = Cluster([there("Deployment", "web"), there("Deployment", "worker", ready=True), there("Job", "db-init")])
    cluster.add(pod("Job", "db-init", RUNNING))
    cluster.script = {
        6: lambda: cluster.add(pod("Deployment", "web", crashed(5, 4))),
        30: lambda: cluster.remove("sentry-db-init", "sentry-db-init-a"),
        32: lambda: cluster.add(there("Deployment", "web", ready=True)),
        33: lambda: helm.set_result(None),
    }
    cluster.said["sentry-web-a"] = 'psycopg2.errors.UndefinedTable: relation "sentry_option" does not exist'
    assert cluster.watch(WEB, workload("Deployment", "worker"), INIT, helm=helm)[0] == 33
    assert cluster.deleted == ["Pod/sentry-web-a"]


def test_what_may_pass_is_given_its_time_and_forgotten_when_it_passes() -> None:
    cluster = Cluster([there("Deployment", "web"), pod("Deployment", "web", crashed(1))])
    cluster.said["sentry-web-a"] = "redis.exceptions.ConnectionError: Error 111 connecting to redis:6380. Connection refused."
    error = cluster.fails(WEB)
    assert error.match is not None
    assert error.match.failure.id == "nobody-listens"
    assert cluster.time_s == rollout.PASSING_LASTS_S
    cluster.time_s = 0
    cluster.script[100] = lambda: cluster.add(there("Deployment", "web", ready=True))
    assert cluster.watch(WEB)[0] == 100


TOPIC_ABSENT = "Subscribed topic not available: taskworker-ingest"


@pytest.mark.parametrize("running", [False, True])
def test_a_broker_that_shuts_down_in_order_over_a_missing_topic_ends_the_wait(running: bool) -> None:
    ended = {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": (START + timedelta(seconds=1)).isoformat()}}
    now = {"running": {}} if running else {"waiting": {"reason": "CrashLoopBackOff"}}
    state = {"state": now, "lastState": ended, "ready": False, "restartCount": 1}
    broker = {**pod("Deployment", "broker", state), "spec": {"restartPolicy": "Always"}}
    cluster = Cluster([there("Deployment", "broker"), broker], {"sentry-broker-a": f"{TOPIC_ABSENT}\nshutting down\n"})
    error = cluster.fails(workload("Deployment", "broker"))
    assert cluster.time_s == 0
    assert error.match is not None
    assert (error.match.failure.id, error.match.line) == ("kafka-topic", TOPIC_ABSENT)


def test_a_container_that_has_done_its_part_has_not_ended_badly() -> None:
    done = {"terminated": {"exitCode": 0, "finishedAt": "then"}}
    init, job = pod("Deployment", "web", RUNNING), pod("Job", "db-init", {"state": done, "ready": False})
    init["status"]["initContainerStatuses"] = [{"name": "prepare", "state": done, "ready": False}]
    init["spec"], job["spec"] = {"restartPolicy": "Always"}, {"restartPolicy": "Never"}
    assert rollout.last_end(init) is None
    assert rollout.last_end(job) is None


@pytest.mark.parametrize(
    ("status", "steady_s"), [(None, parts.STEADY_S), (1, parts.STEADY_AFTER_CRASH_S), (0, parts.STEADY_AFTER_CRASH_S)]
)
def test_a_container_that_runs_for_a_moment_only_is_not_up(status: int | None, steady_s: float) -> None:
    state = {"state": {"running": {"startedAt": START.isoformat()}}, "ready": True, "restartCount": int(status is not None)}
    state |= {"lastState": {"terminated": {"exitCode": status, "finishedAt": "before"}}} if status is not None else {}
    cluster = Cluster([there("Deployment", "web", ready=True), pod("Deployment", "web", state)])
    took, notes = cluster.watch(WEB)
    assert took == steady_s
    assert notes[0].startswith("0/1 ready · web (web has only just been started")


def test_an_image_gets_a_second_try_and_no_more() -> None:
    cluster = Cluster([there("Deployment", "web"), pod("Deployment", "web", NO_IMAGE)])
    error = cluster.fails(WEB)
    assert error.match is not None
    assert error.match.failure.id == "image-absent"
    assert cluster.time_s == rollout.STATE_LASTS_S


def test_a_hook_that_goes_on_naming_what_cannot_heal_is_given_up() -> None:
    helm: Future[Any] = Future()
    cluster = Cluster([there("Job", "db-init")])
    cluster.script[1] = lambda: cluster.add(pod("Job", "db-init", RUNNING))
    cluster.said["sentry-db-init-a"] = "retrying: certificate verify failed: unable to get local issuer certificate"
    error = cluster.fails(INIT, helm=helm)
    assert error.match is not None
    assert error.match.failure.id == "tls-authority"
    assert rollout.NAMED_BY_RUNNING_S <= cluster.time_s <= rollout.NAMED_BY_RUNNING_S + 5


@pytest.mark.parametrize("kind", ["Failed", "FailureTarget"])
def test_a_hook_that_failed_keeps_the_words_its_pod_took_with_it(kind: str) -> None:
    helm: Future[Any] = Future()
    cluster = Cluster()
    late = there(
        "Job", "db-init", conditions=(condition(kind, "DeadlineExceeded", "Job was active longer than specified deadline"),)
    )
    cluster.script = {
        1: lambda: cluster.add(there("Job", "db-init"), pod("Job", "db-init", RUNNING)),
        30: lambda: (cluster.remove("sentry-db-init-a"), cluster.add(late)),
    }
    cluster.said["sentry-db-init-a"] = "waiting for the lock"
    error = cluster.fails(INIT, helm=helm)
    assert error.match is not None
    assert error.match.failure.id == "hook-deadline"
    assert error.detail == "waiting for the lock"


def test_what_an_earlier_attempt_left_is_not_held_against_this_one() -> None:
    helm: Future[Any] = Future()
    failed = there("Job", "db-init", conditions=(condition("Failed", "BackoffLimitExceeded"),))
    old = pod("Deployment", "web", crashed(0, 5))
    cluster = Cluster([there("Deployment", "web"), failed, old, pod("Job", "db-init", crashed(0))])
    cluster.said = {"sentry-web-a": PASSWORD, "sentry-db-init-a": PASSWORD}
    cluster.script = {
        3: lambda: cluster.remove("sentry-db-init", "sentry-db-init-a"),
        20: lambda: helm.set_result(None),
        90: lambda: cluster.add(there("Deployment", "web", ready=True)),  # it tried again, with the mended Secret
    }
    assert cluster.watch(WEB, INIT, helm=helm)[0] == 90
    # but a new end of the same pod is
    cluster.add(there("Deployment", "web"), old)
    helm, cluster.time_s = Future(), 0.0
    cluster.script = {20: lambda: helm.set_result(None), 50: lambda: cluster.add(pod("Deployment", "web", crashed(49, 6)))}
    assert cluster.fails(WEB, helm=helm).match is not None
    assert cluster.time_s == 50


def test_helm_s_own_error_is_raised_where_the_pods_know_no_better() -> None:
    helm: Future[Any] = Future()
    helm.set_exception(ToolFailed(what="helm failed", why="no matches for kind Moon", fix=""))
    with pytest.raises(ToolFailed, match="helm failed"):
        Cluster().watch(WEB, helm=helm)


def test_where_helm_failed_over_a_hook_the_hook_s_reason_is_the_error() -> None:
    helm: Future[Any] = Future()
    cluster = Cluster([there("Job", "db-init"), pod("Job", "db-init", RUNNING)])
    failed = there("Job", "db-init", conditions=(condition("Failed", "BackoffLimitExceeded"),))
    cluster.said["sentry-db-init-a"] = PASSWORD
    cluster.script[9] = lambda: (cluster.add(failed), helm.set_exception(ToolFailed(what="helm failed", why="", fix="")))
    error = cluster.fails(INIT, helm=helm)
    assert error.match is not None
    assert error.match.failure.id == "postgres-password"


def test_what_keeps_a_pod_from_being_made_is_read_from_the_events() -> None:
    cluster = Cluster([there("Deployment", "web"), pod("Deployment", "web")])
    mount = {"reason": "FailedMount", "message": 'MountVolume.SetUp failed for volume "trust" : configmap "kit-trust" not found'}
    cluster.events = [{**mount, "involvedObject": {"name": "sentry-web-a"}, "lastTimestamp": START.isoformat()}]
    error = cluster.fails(WEB)
    assert error.match is not None
    assert error.match.failure.id == "object-absent"
    assert "kit-trust" in error.why


def test_too_slow_names_what_is_still_awaited() -> None:
    cluster = Cluster([there("Deployment", "web"), pod("Deployment", "web", RUNNING)])
    with pytest.raises(rollout.RolloutSlow) as slow:
        cluster.watch(WEB, workload("StatefulSet", "broker"), timeout_s=300)
    assert slow.value.what == "Sentry is not up after 5 minutes"
    assert slow.value.why == "broker: not there yet; web: web is starting"


def test_secrets_and_passwords_in_urls_are_not_shown() -> None:
    cluster = Cluster([there("Deployment", "web"), pod("Deployment", "web", crashed(1))])
    cluster.said["sentry-web-a"] = f"rediss://:hunter2@redis:6380/0 and s3cret\n{PASSWORD}"
    watching = rollout.Watch(cluster, parts.wanted([WEB], "sentry"), "sentry", ("s3cret",))  # type: ignore[arg-type]
    with pytest.raises(rollout.RolloutFailed) as failed:
        watching.observe(is_installing=False)
    assert failed.value.detail.startswith("rediss://:***@redis:6380/0 and ***\n")


def test_pods_that_gave_up_are_replaced_before_the_next_try() -> None:
    cluster = Cluster(
        [pod("Deployment", "web", crashed(1, 3)), pod("Deployment", "worker", RUNNING), pod("Deployment", "other", NO_IMAGE)]
    )
    documents = [WEB, workload("Deployment", "worker")]
    gone = rollout.restart_hopeless(cluster, documents, release="sentry", namespace="sentry")  # type: ignore[arg-type]
    assert gone == ("sentry-web-a",)
    assert cluster.deleted == ["Pod/sentry-web-a"]


def test_install_stops_helm_when_the_watching_gives_up() -> None:
    import threading

    began, ended = threading.Event(), threading.Event()
    ran: list[int] = []
    stopped: list[int] = []

    def stop(thread: int) -> None:
        stopped.append(thread)
        ended.set()

    def helm() -> bool:
        ran.append(threading.get_ident())
        began.set()
        return ended.wait(30)

    def watching(running: Future[Any]) -> None:
        assert began.wait(30)
        raise rollout.RolloutFailed(Part(Wanted("Job", "x", "x", True, 0), "failed", Trouble("lost")), None, "")

    with pytest.raises(rollout.RolloutFailed):
        rollout.install(helm, watching, stop)
    assert stopped == ran
    assert rollout.install(lambda: 5, lambda helm: helm.result(), stop) == 5


@pytest.mark.parametrize(("seconds", "spelt"), [(3, "0 s"), (59, "50 s"), (61, "1 min"), (95, "1 min 30 s"), (700, "11 min")])
def test_ages_change_seldom(seconds: float, spelt: str) -> None:
    assert parts.spell(seconds) == spelt


def test_hook_jobs_stand_in_the_order_in_which_helm_runs_them() -> None:
    documents = [
        WEB,
        workload("Job", "user-create", {**HOOK, "helm.sh/hook-weight": "9"}),
        workload("Job", "db-check", {**HOOK, "helm.sh/hook-weight": "-1"}),
        workload("Deployment", "relay", {**HOOK, "helm.sh/hook-weight": "25"}),
        workload("Job", "smoke", {"helm.sh/hook": "test"}),
        INIT,
    ]
    assert [each.component for each in parts.wanted(documents, "sentry")] == [
        "db-check",
        "db-init",
        "user-create",
        "web",
        "relay",
    ]


@pytest.mark.parametrize(
    ("labels", "component"),
    [
        ({"app": "sentry", "role": "sentry-process-spans"}, "process-spans"),
        ({"app.kubernetes.io/component": "api", "app.kubernetes.io/name": "symbolicator"}, "api"),
        ({"app.kubernetes.io/name": "memcached"}, "memcached"),
        ({}, "x"),
    ],
)
def test_a_component_is_called_by_its_labels(labels: dict[str, str], component: str) -> None:
    assert parts.component(workload("Deployment", "x", labels=labels), "sentry") == component


def test_what_uninstall_leaves_is_named_with_its_reason() -> None:
    broker = workload("StatefulSet", "broker")
    broker["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}}]
    kept = {"kind": "PersistentVolumeClaim", "metadata": {"name": "files", "annotations": {"helm.sh/resource-policy": "keep"}}}
    gone = workload("Job", "db-init", {**HOOK, "helm.sh/hook-delete-policy": "hook-succeeded,before-hook-creation"})
    relay, smoke = workload("Deployment", "relay", HOOK), workload("Job", "smoke", {"helm.sh/hook": "test"})
    found = hooks.leftovers([WEB, broker, kept, gone, relay, smoke])
    assert [(left.kind, left.name) for left in found] == [
        ("PersistentVolumeClaim", "data-sentry-broker-*"),
        ("PersistentVolumeClaim", "files"),
        ("Deployment", "sentry-relay"),
    ]


def test_removing_hooks_touches_hooks_alone() -> None:
    cluster = Cluster([there("Deployment", "relay"), there("Deployment", "web"), there("Job", "db-init")])
    documents = [WEB, INIT, workload("Deployment", "relay", HOOK), workload("Job", "smoke", {"helm.sh/hook": "test"})]
    removed = hooks.remove_hooks(cluster, documents, "sentry")  # type: ignore[arg-type]
    assert removed == ("Job/sentry-db-init", "Deployment/sentry-relay")
    assert cluster.deleted == list(removed)


def replica_set(name: str, hash_: str, revision: int) -> Document:
    metadata = {
        "name": f"sentry-{name}-{hash_}",
        "uid": f"set-{hash_}",
        "annotations": {parts.REVISION: str(revision)},
        "ownerReferences": [{"kind": "Deployment", "name": f"sentry-{name}"}],
    }
    return {"kind": "ReplicaSet", "metadata": metadata}


def applied(document: Document, generation: int, *, observed: int | None = None) -> Document:
    document["metadata"]["generation"] = generation
    document["status"]["observedGeneration"] = generation if observed is None else observed
    return document


def test_a_pod_of_an_older_template_is_not_held_against_the_new_one() -> None:
    """The mended template may even be one that ran before: its pod is older than the one that crashes."""
    cluster = Cluster([applied(there("Deployment", "web"), 3), replica_set("web", "7f9", 2), replica_set("web", "abc", 3)])
    cluster.add(pod("Deployment", "web", crashed(1)))
    cluster.said["sentry-web-a"] = PASSWORD
    cluster.script = {5: lambda: cluster.add(applied(there("Deployment", "web", ready=True), 3))}
    assert cluster.watch(WEB)[0] == 5
    cluster.add(applied(there("Deployment", "web"), 3), replica_set("web", "7f9", 4))
    assert cluster.fails(WEB).match is not None  # now it is the newest


def test_a_crash_before_helm_has_applied_anything_is_the_earlier_attempt_s() -> None:
    helm: Future[Any] = Future()
    cluster = Cluster([applied(there("Deployment", "web"), 1)])
    cluster.said["sentry-web-b"] = PASSWORD
    cluster.script = {
        1: lambda: cluster.add(pod("Deployment", "web", crashed(1), suffix="b")),  # its set goes on making them
        4: lambda: cluster.add(applied(there("Deployment", "web"), 2, observed=1)),  # applied, and nobody has looked at it yet
        5: lambda: helm.set_result(None),
        6: lambda: (cluster.remove("sentry-web-b"), cluster.add(applied(there("Deployment", "web", ready=True), 2))),
    }
    assert cluster.watch(WEB, helm=helm)[0] == 6


def test_the_same_broken_template_again_is_told_as_soon_as_the_first_hook_runs() -> None:
    helm: Future[Any] = Future()
    cluster = Cluster([applied(there("Deployment", "web"), 1)])
    cluster.said["sentry-web-b"] = PASSWORD
    cluster.script = {
        1: lambda: cluster.add(pod("Deployment", "web", crashed(1), suffix="b")),
        7: lambda: cluster.add(there("Job", "db-init"), pod("Job", "db-init", RUNNING)),
    }
    assert cluster.fails(WEB, INIT, helm=helm).match is not None
    assert 7 <= cluster.time_s < 10
