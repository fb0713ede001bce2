"""Which change of its version a running cluster takes, from upgrades.yaml: upwards, by how many releases, or back as well."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from kit.yandex import refusal
from kit.yandex.rules import catalog, data


@dataclass(frozen=True, slots=True)
class Rule:
    """`may_go_down`: back to an older release. `step`: how many releases of the list one change may go up; None: any number."""

    may_go_down: bool
    step: int | None


def rule(engine: str) -> Rule:
    row = _rows()[engine]
    return Rule(bool(row["down"]), row["step"])


def check(engine: str, before: str, after: str, field: str) -> None:
    """INVALID_ARGUMENT where no such version is there, FAILED_PRECONDITION where the cluster's own does not lead to it."""
    if before == after:
        return
    order = [version.id for version in catalog.versions(engine)]
    if after not in order:
        raise refusal.invalid(field, f"version {after!r} is not available, choose one of {', '.join(order)}")
    if before not in order:
        return  # a cluster older than our list: where it may go is not known here
    step, allowed = order.index(after) - order.index(before), rule(engine)
    if step < 0 and not allowed.may_go_down:
        raise refusal.precondition(f"version downgrade from {before} to {after} is not supported")
    if allowed.step is not None and step > allowed.step:
        following = order[order.index(before) + 1]
        raise refusal.precondition(f"version upgrade from {before} to {after} is not supported: the next one is {following}")


def check_restore(engine: str, of_backup: str, wanted: str) -> None:
    """FAILED_PRECONDITION for an older release than the backup's. An assumption: the documentation says it of upgrades alone."""
    order = [version.id for version in catalog.versions(engine)]
    if of_backup in order and wanted in order and order.index(wanted) < order.index(of_backup):
        raise refusal.precondition(f"a backup of version {of_backup} cannot be restored into version {wanted}")


@functools.cache
def _rows() -> Any:
    return data.read("upgrades.yaml")
