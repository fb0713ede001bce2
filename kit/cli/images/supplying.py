"""What the commands of `kit images` share: making what is missing with its progress shown, and a line to the user."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit.supply.resolve import Way
    from kit.supply.supply import Supply

GB = 1024**3
MB = 1024**2


def ensure(
    supply: Supply,
    names: Iterable[str] | None,
    *,
    ways: Iterable[Way] = ("pulled", "built"),
    counting: Iterable[Way] = ("installed", "pulled", "built"),
) -> None:
    from kit.report import progress
    from kit.supply.cache import size_bytes
    from kit.targets.supply_events import SupplyEvents

    with progress.listener() as listen:
        made = supply.ensure(names, SupplyEvents(listen), ways=ways, counting=counting)
    say(f"{len(made)} made" if made else "everything is there")
    if any(need.how == "built" for need in made) and supply.cache.go.is_dir():
        caches = size_bytes(supply.cache.go) / GB
        say(f"Go's caches take {caches:.1f} GB in {supply.cache.go}; kit images prune --build-cache drops them")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
