"""What terraform would do, in kit's own words: a step for each resource that changes, with its cause. Pure.

Read from the documented JSON of a plan (`terraform show -json`), whose attribute values are never shown: some are secrets. Only
their names are, and only of those that differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kit.plan.steps import Step

NAMES_SHOWN = 4
OUTPUTS = "outputs"  # the subject of a step that changes no resource
# What goes with a resource when it is deleted, by a part of its type; everything else is only configuration.
WITH_DATA = ("_cluster", "_database", "_topic", "_bucket", "_secret", "_symmetric_key", "_node_group")

VERBS: Mapping[tuple[str, ...], str] = {
    ("create",): "create",
    ("update",): "change",
    ("delete",): "delete",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
}
REASONS: Mapping[str, str] = {
    "replace_because_tainted": "its creation did not finish",
    "replace_because_cannot_update": "cannot be changed in place",
    "replace_by_request": "asked for",
    "delete_because_no_resource_config": "not wanted any more",
    "delete_because_count_index": "fewer are wanted",
    "delete_because_each_key": "not wanted any more",
}


@dataclass(frozen=True, slots=True)
class Sums:
    """What the plan needs in all, from the configuration's own output `cost_inputs`. GB are 10^9 or 2^30 as the cloud has it."""

    vcpu: float
    memory_gb: float
    disk_gb: float
    per_service: Mapping[str, Mapping[str, float]]
    growth: float = 1  # of the nodes: the most there may be, to those that there are at first


def steps(plan: Mapping[str, Any]) -> tuple[Step, ...]:
    """Deletions first, then in terraform's order; nothing for what stays as it is or is only read."""
    found = [step for change in plan.get("resource_changes") or () if (step := _step(change)) is not None]
    return tuple(sorted(found, key=lambda step: step.verb != "delete")) or _outputs(plan)


def _outputs(plan: Mapping[str, Any]) -> tuple[Step, ...]:
    """Sentry's values are an output: where nothing else changes, they alone are what the apply is for."""
    changed = [name for name, each in (plan.get("output_changes") or {}).items() if each.get("actions") not in (["no-op"], None)]
    return (Step("change", OUTPUTS, f"{_some(sorted(changed))} {_differ(changed)}"),) if changed else ()


def _step(change: Mapping[str, Any]) -> Step | None:
    verb = VERBS.get(tuple(change["change"]["actions"]))
    if verb is None or change.get("mode") == "data":
        return None
    has_data = any(part in change["type"] for part in WITH_DATA)
    return Step(verb, change["address"], _cause(verb, change), destructive=verb in ("delete", "replace") and has_data)


def _cause(verb: str, change: Mapping[str, Any]) -> str:
    reason = REASONS.get(change.get("action_reason") or "", "")
    if verb == "create":
        return "not there yet"
    if verb == "delete":
        return reason or "to be destroyed"
    paths = change["change"].get("replace_paths") or ()
    names = [_path(path) for path in paths] if verb == "replace" and paths else _differing(change["change"])
    return f"{_some(names) or 'something'} {_differ(names)}" + (f": {reason}" if reason else "")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else "")


def _differ(names: Sequence[str]) -> str:
    return "differ" if len(names) > 1 else "differs"


def _path(path: Sequence[Any]) -> str:
    return ".".join(str(part) for part in path)


def _differing(change: Mapping[str, Any]) -> list[str]:
    before, after = change.get("before") or {}, change.get("after") or {}
    unknown = change.get("after_unknown") or {}
    named = {key for key in {*before, *after} if before.get(key) != after.get(key) and not unknown.get(key)}
    return sorted(named)


def sums(plan: Mapping[str, Any]) -> Sums | None:
    """None where the configuration has no such output, or does not know it before it is applied."""
    output = (plan.get("planned_values") or {}).get("outputs", {}).get("cost_inputs", {})
    return of_cost_inputs(output.get("value"))


def of_cost_inputs(value: Mapping[str, Any] | None) -> Sums | None:
    if not value:
        return None
    total = value["total"]
    nodes = value.get("nodes") or {}
    growth = nodes["max"] / nodes["initial"] if nodes.get("initial") else 1
    return Sums(total["vcpu"], total["memory_gb"], total["disk_gb"], value["services"], growth)


def price(found: Sums, prices: Mapping[str, float]) -> float:
    """Per month, from the user's own prices of a vCPU, a GB of memory and a GB of disk for a month. kit knows no prices."""
    return found.vcpu * prices["vcpu"] + found.memory_gb * prices["memory_gb"] + found.disk_gb * prices["disk_gb"]


def resources(state: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Everything in a state (`terraform show -json`) that was made, not only read."""

    def walk(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        yield from (each for each in module.get("resources") or () if each.get("mode") == "managed")
        for child in module.get("child_modules") or ():
            yield from walk(child)

    return walk((state.get("values") or {}).get("root_module") or {})


def existing(state: Mapping[str, Any]) -> tuple[str, ...]:
    """Their addresses."""
    return tuple(each["address"] for each in resources(state))


def folders(state: Mapping[str, Any]) -> tuple[str, ...]:
    """The folders that they are in."""
    return tuple({str((each.get("values") or {}).get("folder_id") or "") for each in resources(state)} - {""})


def costly(addresses: Sequence[str]) -> tuple[str, ...]:
    """Those that cost money while they stand: clusters, node groups, addresses, buckets, gateways, keys."""
    billed = ("_cluster", "_node_group", "_vpc_address", "_storage_bucket.", "_vpc_gateway", "_symmetric_key", "_lockbox_secret.")
    return tuple(address for address in addresses if any(part in address for part in billed))


def protected(state: Mapping[str, Any]) -> tuple[str, ...]:
    """The addresses that the cloud itself would refuse to delete. Some resources say it as a word."""
    return tuple(
        each["address"] for each in resources(state) if (each.get("values") or {}).get("deletion_protection") in (True, "true")
    )


def buckets_without_force_destroy(state: Mapping[str, Any]) -> tuple[str, ...]:
    """The buckets that would not be deleted with objects in them."""
    return tuple(
        each["address"]
        for each in resources(state)
        if each["type"] == "yandex_storage_bucket" and not (each.get("values") or {}).get("force_destroy")
    )
