"""Holds the load that kit.yaml states against what the configuration would make; says how much that carries."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from kit.capacity import check, compare, constants, need, sizes
from kit.errors import KitError
from kit.report import capacity

if TYPE_CHECKING:
    from kit.capacity.shape import Shape
    from kit.targets.cloud.target import CloudTarget

GB = 2**30
VOLUME = "storage.volume.size"


def refuse_full(cloud: CloudTarget, cloud_id: str) -> tuple[str, ...]:
    """Raises `PlanFills`; nothing where no load is stated. After terraform's plan, which says better what is no number.

    In a rehearsal the quota of Object Storage refuses nothing, for nobody can raise it there: it comes back in words.
    """
    stack, known = cloud.stack, constants.load()
    if stack.load is None:
        return ()
    days, shape, quota_gb = stack.sentry.retention_days, _shape(cloud), _room(cloud, cloud_id)
    check.refuse_full(stack.load, days, shape, known, today(), None if cloud.place.rehearses else quota_gb)
    needed = need.of(stack.load, days, known)
    full = compare.filled(needed, shape, known, today(), quota_gb)
    ask = f"ask for {needed.objects_gb:,.0f} GB of {VOLUME} in the real cloud"
    return tuple(f"{each.what} would be full on {each.on:%Y-%m-%d}: {ask}" for each in full)


def carried(cloud: CloudTarget) -> str:
    """In words: "size ha carries about 20 events/s …"."""
    stack, shape = cloud.stack, _shape(cloud)
    days = stack.sentry.retention_days
    found = compare.carried(check.mix(stack.load), days, shape, constants.load())
    return f"size {shape.name} carries {capacity.carries(found, days)} (an estimate: kit capacity)"


def _shape(cloud: CloudTarget) -> Shape:
    """Of kit.yaml, or of the shell's variables where it says nothing."""
    clients = cloud.clients
    said = [name for name in check.VARIABLES if name in cloud.stack.cloud or clients.given(name) is not None]
    given = {name: clients.given(name) for name in said}
    every = sizes.read(cloud.workspace.assets / "terraform")
    return check.planned({**given, "size": cloud.clients.setting("size")}, every)


def _room(cloud: CloudTarget, cloud_id: str) -> float | None:
    """GB that may lie in buckets; once the stack stands, most of what is used is its own."""
    try:
        quota = cloud.clients.yandex.quotas(cloud_id, "storage").get(VOLUME)
    except KitError:  # the check of the quotas says that they could not be asked
        return None
    if quota is None or quota.limit is None:
        return None
    used = 0 if cloud.is_applied else quota.usage or 0
    return max(quota.limit - used, 0) / GB


def today() -> date:
    return datetime.now(UTC).date()
