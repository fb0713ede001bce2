"""Pods of each workload, and the budgets that let a node be drained: which are made, and which would hold a drain up."""

from __future__ import annotations

from typing import Any

import pytest

from kit.sentry.chart.scale import Scale, budgets, scales
from kit.sentry.chart.wiring import from_document, wire
from kit.sentry.check.rule import Release
from kit.sentry.check.rules_availability import RULES
from tests.unit.test_sentry_check import Line


def workload(name: str, kind: str = "Deployment", **spec: Any) -> dict[str, Any]:
    labels = {"app": "sentry", "role": name}
    container = {"name": name, "image": "x:1", "ports": [{"containerPort": 1}]}
    pod = {"containers": [container], **spec.pop("pod", {})}
    template = {"metadata": {"labels": {**labels, "more": "yes"}}, "spec": pod}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": {"chart": "sentry-1"}, **spec.pop("metadata", {})},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


def budget(name: str, **spec: Any) -> dict[str, Any]:
    of = {"matchLabels": {"role": name}}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"selector": of, **spec},
    }


def autoscaler(name: str, least: int, most: int) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    spec = {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": most}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name}, "spec": spec}


def test_pods_are_counted_as_kubernetes_makes_them() -> None:
    documents = (workload("a"), workload("b", replicas=0), workload("c", "StatefulSet", replicas=2), workload("d"))
    assert scales((*documents, autoscaler("d", 2, 5))) == {
        ("Deployment", "a"): Scale(1, 1),
        ("Deployment", "b"): Scale(0, 0),
        ("StatefulSet", "c"): Scale(2, 2),
        ("Deployment", "d"): Scale(2, 5),
    }


def test_what_has_several_pods_gets_a_budget_and_nothing_else_does() -> None:
    hook = workload("hooked", replicas=2, metadata={"annotations": {"helm.sh/hook": "post-install"}})
    alone = (workload("one"), workload("none", replicas=0), hook)
    several = (workload("web", replicas=3), workload("broker", "StatefulSet", replicas=2), workload("api"))
    made = budgets((*alone, *several, autoscaler("api", 2, 4)))
    assert [each["metadata"]["name"] for each in made] == ["web", "broker", "api"]
    web = made[0]
    assert web["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": {"app": "sentry", "role": "web"}},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }


def test_a_budget_of_the_chart_s_own_is_left_alone() -> None:
    assert budgets((workload("web", replicas=3), budget("web", minAvailable=2))) == ()


def found(rule: str, *documents: dict[str, Any]) -> list[str]:
    (test,) = (each.test for each in RULES if each.id == rule)
    return [seen.found for seen in test(Release(documents, Line()))]


@pytest.mark.parametrize(
    ("replicas", "spec", "holds"),
    [
        (3, {"maxUnavailable": 1}, True),
        (3, {"minAvailable": 2}, True),
        (3, {"minAvailable": "50%"}, True),
        (3, {"maxUnavailable": "10%"}, True),  # rounded up: one
        (0, {"minAvailable": 1}, True),  # nothing is there that could stand in the way
        (1, {"minAvailable": 1}, False),
        (2, {"minAvailable": "51%"}, False),
        (3, {"maxUnavailable": 0}, False),
    ],
)
def test_a_budget_that_lets_no_pod_go_is_found(replicas: int, spec: dict[str, Any], holds: bool) -> None:
    said = found("DRAIN-ENDS", workload("web", replicas=replicas), budget("web", **spec))
    assert bool(said) is not holds


@pytest.mark.parametrize(("most", "holds"), [(1, True), ("25%", True), (2, False), ("100%", False)])
def test_a_roll_out_that_lets_all_pods_go_is_found(most: Any, holds: bool) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": most}}
    assert bool(found("ROLL-KEEPS-ONE", workload("web", replicas=2, strategy=strategy))) is not holds


def test_whoever_listens_goes_on_for_a_moment_after_its_end_was_announced() -> None:
    wiring = from_document("test", {"mount": "/etc/kit/trust", "everywhere": {}, "pre_stop_s": 5})
    own = {"preStop": {"exec": {"command": ["own"]}}}
    silent = workload("silent", pod={"containers": [{"name": "silent", "image": "x:1"}]})
    hooked = workload("hooked", pod={"containers": [{"name": "hooked", "image": "x:1", "ports": [{}], "lifecycle": own}]})
    listens = {"name": "hasty", "image": "x:1", "ports": [{}]}
    hasty = workload("hasty", pod={"containers": [listens], "terminationGracePeriodSeconds": 1})
    wired = wire((workload("web"), silent, hooked, hasty), wiring)
    said = [each["spec"]["template"]["spec"]["containers"][0].get("lifecycle") for each in wired]
    pause = {"preStop": {"sleep": {"seconds": 5}}}
    assert said == [pause, None, own, pause]
    grace = [each["spec"]["template"]["spec"].get("terminationGracePeriodSeconds") for each in wired]
    assert grace == [30 + 5, None, None, 1 + 5], "Kubernetes refuses a pause that is not shorter than the whole"
    assert wire(wired, wiring) == wired
