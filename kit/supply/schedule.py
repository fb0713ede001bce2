"""Makes many entries at the same time, in an order that ends soonest.

Needs form a graph. As many are made at once as there are cores; Go and Rust builds, which take a gigabyte or two each, also by
memory. Among what is ready, the start of the longest chain goes first: the Kubernetes build decides when everything stands.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from kit.plan import graph
from kit.supply.lock import Built, Cargo, GoBuild, GoInstall, Maven
from kit.supply.resolve import Need

GO_BUILD_BYTES = 4 * 1024**3  # peak of the Kubernetes build is 1.9 GB; the page cache wants its share


class Progress(Protocol):
    """Who wants to know how far it is; called from several threads, one call at a time."""

    def begun(self, expected: Mapping[str, float | None]) -> None:
        """What will be made → how many seconds it took the last time here; None where it never was."""
        ...

    def started(self, name: str, cause: str) -> None: ...

    def doing(self, name: str, what: str) -> None:
        """How far one thing is: bytes and rate of a pull, the step of a build."""
        ...

    def gave_way(self, name: str, why: str) -> None:
        """It could not be pulled, and is tried in another way."""
        ...

    def finished(self, name: str, source: str, seconds: float) -> None: ...

    def failed(self, name: str, log: str) -> None: ...


class Silent:
    """Progress for who does not look."""

    def begun(self, expected: Mapping[str, float | None]) -> None:
        pass

    def started(self, name: str, cause: str) -> None:
        pass

    def doing(self, name: str, what: str) -> None:
        pass

    def gave_way(self, name: str, why: str) -> None:
        pass

    def finished(self, name: str, source: str, seconds: float) -> None:
        pass

    def failed(self, name: str, log: str) -> None:
        pass


def run(
    needs: Mapping[str, Need],
    make: Callable[[Need], None],
    *,
    workers: int | None = None,
    heavy: int | None = None,
) -> None:
    """Call `make` for every need after those it comes after; raises the first error once all that was begun has ended."""
    at_once = workers or max(2, os.cpu_count() or 1)
    heavy_at_once = heavy or max(1, min(at_once, memory_bytes() // GO_BUILD_BYTES))

    def may_start(name: str, running: Collection[str]) -> bool:
        return not _is_heavy(needs[name]) or sum(_is_heavy(needs[each]) for each in running) < heavy_at_once

    graph.run(
        {name: need.after for name, need in needs.items()},
        lambda name: make(needs[name]),
        workers=at_once,
        priority=chain_weights(needs).__getitem__,
        may_start=may_start,
    )


def chain_weights(needs: Mapping[str, Need]) -> Mapping[str, float]:
    """For each need: its own rough cost plus that of the longest chain that waits for it."""
    followers: dict[str, list[str]] = {key: [] for key in needs}
    for need in needs.values():
        for before in need.after:
            followers[before].append(need.key)
    known: dict[str, float] = {}

    def weight(key: str) -> float:
        if key not in known:
            known[key] = _cost(needs[key]) + max(map(weight, followers[key]), default=0)
        return known[key]

    return {key: weight(key) for key in needs}


def memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cost(need: Need) -> float:
    """Minutes, roughly, as measured on two cores; only their order matters."""
    if not isinstance(need.source, Built):
        return 0.3
    match need.source.recipe:
        case GoBuild(packages=packages):
            return 0.6 * len(packages)
        case GoInstall():
            return 1.0
        case Cargo():
            return 15.0
        case Maven():
            return 0.2
        case _:
            return 0.4


def _is_heavy(need: Need) -> bool:
    return isinstance(need.source, Built) and isinstance(need.source.recipe, GoBuild | GoInstall | Cargo)
