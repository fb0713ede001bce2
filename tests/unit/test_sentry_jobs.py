"""Jobs that are waited for: to the end of their last try, and no longer than something can come of it."""

from __future__ import annotations

from typing import Any

import pytest

from kit.sentry import jobs
from kit.sentry.jobs import Run


class Cluster:
    """An API whose Job has the pods of the next stage with every look."""

    def __init__(self, *stages: list[dict[str, Any]]) -> None:
        self.stages = list(stages)
        self.selectors: set[str] = set()

    def create(self, job: dict[str, Any]) -> dict[str, Any]:
        return {"metadata": {"name": "it-x7"}}

    def list(self, kind: str, namespace: str, selector: str) -> list[dict[str, Any]]:
        self.selectors.add(selector)
        return self.stages.pop(0) if len(self.stages) > 1 else self.stages[0]

    def logs(self, pod: str, namespace: str, container: str, tail: int | None) -> str:
        return f"log of {pod}"


def pod(name: str, phase: str, **state: Any) -> dict[str, Any]:
    metadata = {"name": name, "creationTimestamp": name, "labels": {jobs.JOB: "it-x7"}}
    statuses = [{"name": "main", "state": state}] if state else []
    return {
        "metadata": metadata,
        "spec": {"nodeName": "n", "containers": [{}]},
        "status": {"phase": phase, "containerStatuses": statuses},
    }


RUNS = pod("1", "Running", running={})
FAILED = {"terminated": {"exitCode": 1}}


def finished(cluster: Cluster, retries: int = 0, said: list[str] | None = None) -> Run:
    now = [0.0]
    run = jobs.start(cluster, {"metadata": {}, "spec": {"backoffLimit": retries}})  # type: ignore[arg-type]

    def note(words: str) -> None:
        (said if said is not None else []).append(words)

    def sleep(seconds: float) -> None:
        now[0] += 30  # a look each half minute

    jobs.wait([run], cluster, note, lambda: run.trouble.reason, sleep=sleep, clock=lambda: now[0])  # type: ignore[arg-type]
    return run


def test_a_job_that_succeeds_is_waited_for_by_its_own_pods() -> None:
    cluster, said = Cluster([], [RUNS], [pod("1", "Running", terminated={"exitCode": 0})]), list[str]()
    run = finished(cluster, said=said)
    assert (run.has_succeeded, run.why, said) == (True, "", ["the Job has no pod", "main is starting"])
    assert cluster.selectors == {"batch.kubernetes.io/job-name in (it-x7)"}
    assert run.log(cluster, "main") == "log of 1"  # type: ignore[arg-type]


@pytest.mark.parametrize("last", [{"exitCode": 0}, {"exitCode": 1}])
def test_a_failed_try_is_not_the_end_while_the_job_has_another(last: dict[str, int]) -> None:
    second = pod("2", "Succeeded" if not last["exitCode"] else "Failed", terminated=last)
    first = pod("1", "Failed", **FAILED)
    run = finished(Cluster([RUNS], [first], [first, pod("2", "Pending")], [first, second]), retries=1)
    assert run.has_ended
    assert run.has_succeeded is (last["exitCode"] == 0)
    assert run.pod == second


def test_without_another_try_the_first_failure_is_the_end() -> None:
    run = finished(Cluster([RUNS], [pod("1", "Running", **FAILED)]))
    assert (run.has_ended, run.has_succeeded, run.why) == (True, False, "")
    assert run.trouble.reason == "main ended with exit code 1"


def test_an_image_that_nobody_has_is_not_waited_for() -> None:
    hopeless = pod("1", "Pending", waiting={"reason": "ErrImagePull", "message": "no such image"})
    assert finished(Cluster([hopeless])).why == "main: ErrImagePull: no such image"


def test_a_pod_that_runs_for_too_long_is_given_up() -> None:
    assert finished(Cluster([RUNS])).why == "it did not end in time: main is starting"
