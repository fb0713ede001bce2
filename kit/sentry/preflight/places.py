"""Finds the nodes where the preflight runs: one pod on every node that would take Sentry's.

A zone whose subnet or security group is wrong shows on its own nodes only. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MOST_NODES = 12  # of a large cluster a few of each zone tell as much, and the stores are spared
ZONE = "topology.kubernetes.io/zone"


def nodes(found: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The names of those that take pods without any word about it, in turns from each zone."""
    open_ones = sorted((node for node in found if _takes_pods(node)), key=lambda node: str(node["metadata"]["name"]))
    by_zone: dict[str, list[str]] = {}
    for node in open_ones:
        by_zone.setdefault((node["metadata"].get("labels") or {}).get(ZONE, ""), []).append(node["metadata"]["name"])
    turns = sorted((number, zone, name) for zone, names in by_zone.items() for number, name in enumerate(names))
    return tuple(name for _, _, name in turns)


def _takes_pods(node: Mapping[str, Any]) -> bool:
    spec, conditions = node.get("spec") or {}, (node.get("status") or {}).get("conditions") or ()
    is_ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    refuses = any(taint.get("effect") in ("NoSchedule", "NoExecute") for taint in spec.get("taints") or ())
    return is_ready and not refuses and not spec.get("unschedulable")
