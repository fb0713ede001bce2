"""The load that an installation is to carry, and rates as people write them: 300/s, 86M/d. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

SECONDS = {"s": 1, "sec": 1, "min": 60, "h": 3600, "d": 86_400, "day": 86_400}
THOUSANDS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "bn": 1e9}
RATE = re.compile(rf"([0-9]+(?:\.[0-9]+)?) ?({'|'.join(THOUSANDS)})/({'|'.join(SECONDS)})")
RATE_EXAMPLE = "a number and a unit of time: 300/s, 20k/min, 86M/d"
NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
LEAST, MOST = 1e-6, 1e9  # a second: beyond these nobody means what he writes


@dataclass(frozen=True, slots=True)
class Load:
    """Rates are averages over a day, a second; `peak`: how many times as much comes in the busiest minutes."""

    events: float = 0  # errors
    event_kb: float = 10  # 10^3 bytes of JSON, as an SDK sends it
    transactions: float = 0
    peak: float = 3


def rate(text: str) -> float | None:
    """A second; None for what is no rate. There is none without a unit: 1000 a day and 1000 a second are too far apart."""
    found = RATE.fullmatch(text.strip())
    if found is None:
        return None
    a_second = float(found[1]) * THOUSANDS[found[2]] / SECONDS[found[3]]
    return a_second if a_second == 0 or LEAST <= a_second <= MOST else None


@dataclass(frozen=True, slots=True)
class Field:
    """How a part of a load is written."""

    wanted: str
    least: float
    most: float
    is_rate: bool = False

    def read(self, text: str) -> float | None:
        """None for what it is not."""
        if self.is_rate:
            return rate(text)
        number = float(text) if NUMBER.fullmatch(text) else None
        return number if number is not None and self.least <= number <= self.most else None


FIELDS = {
    "events": Field(RATE_EXAMPLE, 0, MOST, is_rate=True),
    "event_kb": Field("the size of an event in KB, from 0.1 to 1000", 0.1, 1000),
    "transactions": Field(RATE_EXAMPLE, 0, MOST, is_rate=True),
    "peak": Field("how many times the average comes at the peak, from 1 to 100", 1, 100),
}
