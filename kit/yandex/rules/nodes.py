"""Checks the nodes of Kubernetes (machine, disk, scaling, places) and the roles of the cluster's account, by nodes.yaml.

Only the words about a missing role are the cloud's own; the other codes are assumed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from kit.yandex import refusal
from kit.yandex.rules import data
from kit.yandex.rules.data import GB


def check(group: Any, siblings: Iterable[Any]) -> None:
    """Refuse a node group that cannot be had. `siblings`: the other groups of its cluster."""
    template = group.node_template
    if template.HasField("resources_spec"):
        _check_machine(template.platform_id, template.resources_spec)
    if template.HasField("boot_disk_spec") and template.boot_disk_spec.disk_size:
        _check_disk(template.boot_disk_spec)
    rule = data.read("nodes.yaml")["groups"]
    _check_scaling(group, rule)
    siblings = list(siblings)
    if len(siblings) + 1 > rule["in_a_cluster"]["value"]:
        raise refusal.precondition(f"a cluster has at most {rule['in_a_cluster']['value']} node groups")
    most = rule["nodes_of_a_cluster"]["value"]
    if (nodes := sum(count(each) for each in [*siblings, group])) > most:
        raise refusal.precondition(
            f"a cluster has at most {most} nodes (an autoscaled group counts with its maximum), {nodes} are wanted"
        )


def check_stays(before: Any, after: Any) -> None:
    """Refuse another kind of scaling: it is chosen when the group is made."""
    kinds = [group.scale_policy.WhichOneof("scale_type") for group in (before, after)]
    if kinds[0] != kinds[1]:
        raise refusal.invalid("scale_policy", f"the kind of scaling cannot be changed from {kinds[0]} to {kinds[1]}")


def check_account(cluster: Any, roles: Collection[str], *, is_public: bool) -> None:
    """Refuse a cluster whose account lacks a role in its folder. `roles`: those that have arrived."""
    rule = data.read("nodes.yaml")["account"]
    needs = {"agent_with_tunnels" if cluster.HasField("cilium") else "agent": "Cluster"}
    if is_public:
        needs["public_address"] = "Cluster: public access"
    if cluster.master.master_logging.enabled:
        needs["master_logging"] = "Cluster: master logging"
    for name, subject in needs.items():
        enough = rule[name]["value"]
        if not set(enough) & set(roles):
            message = f"require '{enough[0]}' role to be assigned to master serviceAccount"
            raise refusal.precondition(f"Precondition failure: master serviceAccount permission for {subject} {message}")


def count(group: Any) -> int:
    """The nodes of a group, as quotas count them: an autoscaled group with its maximum."""
    policy = group.scale_policy
    return int(policy.auto_scale.max_size if policy.WhichOneof("scale_type") == "auto_scale" else policy.fixed_scale.size)


def _check_machine(platform: str, wanted: Any) -> None:
    platforms = data.read("nodes.yaml")["platforms"]
    if platform not in platforms:
        raise refusal.invalid(
            "node_template.platform_id", f"platform {platform} is not available, choose one of {', '.join(platforms)}"
        )
    fraction, path = wanted.core_fraction or 100, "node_template.resources_spec"
    rows = [row for row in platforms[platform] if row["fraction"] == fraction]
    if not rows:
        fractions = sorted({row["fraction"] for row in platforms[platform]})
        raise refusal.invalid(f"{path}.core_fraction", f"{fraction} % is not available on {platform}, choose one of {fractions}")
    row = next((row for row in rows if wanted.cores in row["cores"]), None)
    if row is None:
        cores = sorted({number for each in rows for number in each["cores"]})
        raise refusal.invalid(f"{path}.cores", f"{wanted.cores} cores are not available on {platform}, choose one of {cores}")
    steps = row.get("memory") or list(range(1, row["to"] + 1))
    if wanted.memory not in {int(step * wanted.cores * GB) for step in steps}:
        found = f"{wanted.memory / GB:g} GB"
        raise refusal.invalid(
            f"{path}.memory", f"{found} do not go with {wanted.cores} cores of {platform}: GB for each are {steps}"
        )


def _check_disk(wanted: Any) -> None:
    path, rows = "node_template.boot_disk_spec", data.read("nodes.yaml")["disks"]
    row = next((row for row in rows if row["type"] == wanted.disk_type_id), None)
    if row is None:
        names = ", ".join(each["type"] for each in rows)
        raise refusal.invalid(f"{path}.disk_type_id", f"disk type {wanted.disk_type_id} is not available, choose one of {names}")
    size = wanted.disk_size / GB
    if not row["minimum"] <= size <= row["maximum"]:
        raise refusal.invalid(
            f"{path}.disk_size", f"a node has {row['minimum']} to {row['maximum']} GB of {row['type']}, not {size:g}"
        )
    if size % row.get("step", 1):
        raise refusal.invalid(f"{path}.disk_size", f"{row['type']} comes in steps of {row.get('step', 1)} GB, {size:g} is none")


def _check_scaling(group: Any, rule: Any) -> None:
    if group.scale_policy.WhichOneof("scale_type") != "auto_scale":
        return
    scale, path = group.scale_policy.auto_scale, "scale_policy.auto_scale"
    if not scale.min_size <= scale.initial_size <= scale.max_size or scale.max_size < 1:
        order = f"{scale.min_size}, {scale.initial_size} and {scale.max_size}"
        raise refusal.invalid(
            path, f"min_size, initial_size and max_size must not fall, and there must be a node: here are {order}"
        )
    places = {location.zone_id for location in group.allocation_policy.locations}
    if len(places) > rule["zones_when_autoscaled"]["value"]:
        raise refusal.invalid(
            "allocation_policy.locations", f"an autoscaled group stands in one zone, not in {', '.join(sorted(places))}"
        )
