"""Terraform's plan and its stream of events, in kit's words."""

from __future__ import annotations

from typing import Any

from kit.plan.events import StepEvent
from kit.plan.steps import Step
from kit.report import plan as plans
from kit.targets.cloud import changes
from kit.targets.cloud.progress import Progress


def change(address: str, *actions: str, **more: Any) -> dict[str, Any]:
    fields = {key: more.pop(key) for key in ("before", "after", "after_unknown", "replace_paths") if key in more}
    kind = address.partition("[")[0].split(".")[-2]
    return {"address": address, "type": kind, "mode": "managed", "change": {"actions": list(actions), **fields}, **more}


PLAN = {
    "resource_changes": [
        change("yandex_vpc_network.main", "create"),
        change("yandex_mdb_kafka_topic.this", "no-op"),
        change(
            "yandex_mdb_redis_cluster_v2.main",
            "update",
            before={"labels": {}, "name": "a", "config": {"password": "old-secret"}},
            after={"labels": {"x": "y"}, "name": "a", "config": {"password": "new-secret"}},
        ),
        change(
            "yandex_vpc_subnet.nodes[0]",
            "delete",
            "create",
            replace_paths=[["zone"]],
            action_reason="replace_because_cannot_update",
        ),
        change('yandex_mdb_kafka_topic.topics["events"]', "delete", action_reason="delete_because_each_key"),
        {**change("yandex_client_config.current", "read"), "mode": "data"},
    ]
}


def test_every_change_is_a_step_with_its_cause_and_deletions_come_first() -> None:
    assert plans.text(changes.steps(PLAN)) == (
        '  1  delete   yandex_mdb_kafka_topic.topics["events"]    not wanted any more  (destroys data)\n'
        "  2  create   yandex_vpc_network.main                    not there yet\n"
        "  3  change   yandex_mdb_redis_cluster_v2.main           config, labels differ\n"
        "  4  replace  yandex_vpc_subnet.nodes[0]                 zone differs: cannot be changed in place\n"
    )


def test_no_value_of_an_attribute_is_shown() -> None:
    assert "secret" not in plans.text(changes.steps(PLAN))


def test_only_what_holds_data_is_destructive() -> None:
    found = {step.subject: step.destructive for step in changes.steps(PLAN)}
    assert found["yandex_vpc_subnet.nodes[0]"] is False
    assert found['yandex_mdb_kafka_topic.topics["events"]'] is True


def test_the_sums_are_those_of_the_configuration_and_money_only_by_the_user_s_prices() -> None:
    services = {"kafka": {"hosts": 3, "preset": "s3-c2-m8", "vcpu": 6, "memory_gb": 24, "disk_gb": 600}}
    total = {"hosts": 3, "vcpu": 6, "memory_gb": 24, "disk_gb": 600}
    plan = {"planned_values": {"outputs": {"cost_inputs": {"value": {"services": services, "total": total}}}}}
    found = changes.sums(plan)
    assert found is not None
    assert (found.vcpu, found.memory_gb, found.disk_gb) == (6, 24, 600)
    assert changes.price(found, {"vcpu": 2, "memory_gb": 1, "disk_gb": 0.5}) == 12 + 24 + 300
    assert changes.sums({}) is None


def test_what_stands_and_what_of_it_costs_is_read_from_the_state() -> None:
    topic = {"address": "module.a.yandex_mdb_kafka_topic.b", "mode": "managed"}
    resources = [{"address": "yandex_mdb_kafka_cluster.main", "mode": "managed"}, {"address": "data.x.y", "mode": "data"}]
    state = {"values": {"root_module": {"resources": resources, "child_modules": [{"resources": [topic]}]}}}
    found = changes.existing(state)
    assert found == ("yandex_mdb_kafka_cluster.main", "module.a.yandex_mdb_kafka_topic.b")
    assert changes.costly(found) == ("yandex_mdb_kafka_cluster.main",)
    assert changes.existing({}) == ()


def test_terraform_s_events_become_events_of_the_plan() -> None:
    heard: list[StepEvent] = []
    step = Step("create", "yandex_vpc_network.main", "not there yet")
    progress = Progress((step,), heard.append)
    resource = {"addr": step.subject}
    progress({"type": "version"})
    progress({"type": "apply_start", "hook": {"resource": resource, "action": "create"}})
    progress({"type": "apply_progress", "hook": {"resource": resource, "elapsed_seconds": 10}})
    progress({"type": "apply_complete", "hook": {"resource": resource, "elapsed_seconds": 12, "id_value": "enp1"}})
    other = {"resource": {"addr": "yandex_x.y"}, "action": "update"}
    progress({"type": "apply_start", "hook": other})
    diagnostic = {"severity": "error", "summary": "quota exceeded", "address": "yandex_x.y"}
    progress({"type": "diagnostic", "diagnostic": diagnostic})
    progress({"type": "apply_errored", "hook": other})
    assert [(event.step.id, event.state, event.elapsed_s, event.note) for event in heard] == [
        ("create yandex_vpc_network.main", "started", 0.0, ""),
        ("create yandex_vpc_network.main", "waiting", 10.0, "the cloud is at it"),
        ("create yandex_vpc_network.main", "done", 12.0, "enp1"),
        ("change yandex_x.y", "started", 0.0, ""),
        ("change yandex_x.y", "failed", 0.0, "quota exceeded"),
    ]
    assert heard[0].step.cause == "not there yet"
    assert progress.failed == {"yandex_x.y": "quota exceeded"}
