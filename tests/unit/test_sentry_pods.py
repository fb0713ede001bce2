"""A pod's status in words: what is worth waiting for, and what ends the wait at once."""

from __future__ import annotations

from typing import Any

import pytest

from kit.sentry.rollout.pods import Trouble, is_rolled_out, newest, pod_trouble


def pod(*, prepare: dict[str, Any] | None = None, web: dict[str, Any] | None = None, **conditions: str) -> dict[str, Any]:
    return {
        "status": {
            "conditions": [{"type": kind, "status": status, "message": "0/1 nodes"} for kind, status in conditions.items()],
            "initContainerStatuses": [{"name": "prepare", **prepare}] if prepare else [],
            "containerStatuses": [{"name": "web", **web}] if web else [],
        }
    }


DONE = {"state": {"terminated": {"exitCode": 0}}, "ready": True}
RUNNING = {"state": {"running": {}}, "ready": False}
FAILED_ONCE = {"state": {"terminated": {"exitCode": 1}}, "ready": False, "restartCount": 0}
FAILED_TWICE = {
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 1}},
    "ready": False,
    "restartCount": 1,
}
ENDED_IN_ORDER = {**FAILED_TWICE, "lastState": {"terminated": {"exitCode": 0}}}
KILLED_LONG_AGO = {**RUNNING, "restartCount": 4, "lastState": {"terminated": {"exitCode": 255}}}
NO_IMAGE = {"state": {"waiting": {"reason": "ErrImagePull", "message": "no such host"}}, "ready": False}
OUT_OF_MEMORY = {"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, "ready": False, "restartCount": 2}


@pytest.mark.parametrize(
    ("given", "trouble"),
    [
        (pod(), Trouble("its pod is being created")),
        (pod(PodScheduled="False"), Trouble("not scheduled: 0/1 nodes")),
        (pod(prepare=NO_IMAGE), Trouble("prepare: ErrImagePull: no such host", is_final=True)),
        (pod(prepare=RUNNING), Trouble("preparing its schema", log_of="prepare")),
        (pod(prepare=FAILED_ONCE), Trouble("prepare ended with exit code 1", log_of="prepare")),
        (pod(prepare=FAILED_TWICE), Trouble("prepare ended with exit code 1, 2 times", True, "prepare")),
        (pod(prepare=DONE, web=ENDED_IN_ORDER), Trouble("web ended with exit code 0, 2 times", True, "web")),
        (pod(prepare=DONE, web=RUNNING), Trouble("web is starting", log_of="web")),
        (pod(prepare=DONE, web=KILLED_LONG_AGO), Trouble("web is starting", log_of="web")),
        (pod(prepare=DONE, web=OUT_OF_MEMORY), Trouble("web ended with exit code 137 (out of memory), 3 times", True, "web")),
        (pod(prepare=DONE, Initialized="True"), Trouble("it is starting")),
        (pod(prepare=DONE, Initialized="True", Ready="True"), Trouble("the older pod is going")),
    ],
)
def test_a_pod_says_what_it_waits_for(given: dict[str, Any], trouble: Trouble) -> None:
    assert pod_trouble(given, {"prepare": "preparing its schema"}) == trouble


@pytest.mark.parametrize(
    ("observed", "updated", "total", "available", "rolled_out"),
    [
        (2, 1, 1, 1, True),
        (1, 1, 1, 1, False),  # the controller has not seen the new generation yet
        (2, 1, 2, 1, False),  # the older pod is still there
        (2, 0, 1, 1, False),  # only the older pod is there
        (2, 1, 1, 0, False),
    ],
)
def test_rolled_out_is_the_new_one_alone(observed: int, updated: int, total: int, available: int, rolled_out: bool) -> None:
    status = {"observedGeneration": observed, "updatedReplicas": updated, "replicas": total, "availableReplicas": available}
    assert is_rolled_out({"metadata": {"generation": 2}, "spec": {"replicas": 1}, "status": status}) is rolled_out


def test_a_deployment_that_was_just_made_is_not_rolled_out() -> None:
    assert not is_rolled_out({"metadata": {"generation": 1}, "spec": {}})


def test_a_pod_that_is_going_is_not_the_newest() -> None:
    old = {"metadata": {"name": "old", "creationTimestamp": "2026-01-01T00:00:00Z"}}
    new = {"metadata": {"name": "new", "creationTimestamp": "2026-01-02T00:00:00Z"}}
    going = {"metadata": {"name": "going", "creationTimestamp": "2026-01-03T00:00:00Z", "deletionTimestamp": "now"}}
    assert newest([new, old, going]) == new
    assert newest([going]) is None
