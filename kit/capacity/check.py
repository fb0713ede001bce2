"""Refuses a plan whose disks would be full of the stated load before anything on them may be deleted. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date
from typing import Any

from kit.blueprint.load import Load
from kit.capacity import compare, need, sizes, tfvars
from kit.capacity.constants import Constants
from kit.capacity.shape import Shape
from kit.errors import KitError

DEFAULT_SIZE = "demo"  # of the variable `size`
VARIABLES = ("resources", "topic_partitions", "zones", "disk_growth")  # the others that say how large anything is
MIX = {"events": 5, "transactions": 1}  # of a load that nobody stated: as the sizes are made for


class PlanFills(KitError):
    """A disk, or the quota of Object Storage, would be full before anything on it may be deleted."""

    code = "KIT-CAPACITY-FULL"
    exit_code = 19
    what = "{full:; }"
    why = "that is the load which kit.yaml or the command line states: {load}"
    fix = (
        "kit capacity shows what is needed and writes it as variables; less is kept with `sentry: {{retention_days: …}}`;"
        " a quota is raised in the console"
    )


def mix(load: Load | None) -> Load:
    """The load, or one of the usual mix with its size of an event and its peak, where it says no rate."""
    load = load or Load()
    return load if load.events or load.transactions else dataclasses.replace(load, **MIX)


def planned(variables: Mapping[str, Any], known_sizes: Mapping[str, Any]) -> Shape:
    """What variables of the configuration ask for: `cloud:` of kit.yaml, say. Raises `SizeUnknown`."""
    return sizes.named(known_sizes, str(variables.get("size") or DEFAULT_SIZE), variables)


def refuse_full(
    load: Load, retention_days: int, shape: Shape, known: Constants, today: date, quota_gb: float | None = None
) -> None:
    """Raises `PlanFills` with the date of each. `quota_gb`: what Object Storage may still take, if that is known."""
    full = compare.filled(need.of(load, retention_days, known), shape, known, today, quota_gb)
    if full:
        said = [
            f"{each.what} would be full on {each.on:%Y-%m-%d}, after {each.days:.1f} of {each.kept_days:g} days" for each in full
        ]
        raise PlanFills(full=said, load=tfvars.said(load, retention_days))
