"""What bringing up will get first: for each tool and image how it will be got, why not otherwise, and how long that takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kit.supply.durations import Durations, Expected
from kit.supply.resolve import Missing, Way

if TYPE_CHECKING:
    from kit.supply.supply import Supply


@dataclass(frozen=True, slots=True)
class Outlook:
    key: str  # "tool/kind", "image/kafka", "artifact/kafka"
    how: Way
    what: str  # "build compose/kafka/image"; where it is, if it is there
    why: str = ""  # it must be got, and not in an earlier way; "": it is there
    expected: Expected | None = None

    @property
    def is_here(self) -> bool:
        return not self.why


def of(supply: Supply, names: Iterable[str]) -> tuple[Outlook, ...]:
    """First what is missing, in the order in which it is made; then what is there. Changes nothing. Raises `NoSource`."""
    wanted = tuple(names)
    durations = Durations(supply.cache.durations)
    missing = [Outlook(need.key, need.how, need.what, need.cause, durations.expected(need)) for need in supply.plan(wanted)]
    keys = {entry.key for entry in supply.wanted(wanted)} - {each.key for each in missing}
    looks = ((listed.entry.key, listed.state) for listed in supply.survey() if listed.entry.key in keys)
    there = [Outlook(key, state.source, state.place) for key, state in looks if not isinstance(state, Missing)]
    return (*missing, *there)
