"""What a load needs beside what there is: as a table with the variables of Terraform below it, and as data."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from kit.blueprint.load import Load
from kit.capacity import choose, compare, need, quotas, shape, sizes, tfvars
from kit.capacity.check import mix
from kit.capacity.compare import Filled, Row
from kit.capacity.constants import Constants
from kit.capacity.need import Need
from kit.capacity.quotas import Quota
from kit.capacity.shape import Shape
from kit.report.table import columns

TIGHT = 0.8  # from this ratio on
WIDTH = 110


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that is shown of one load and one shape."""

    needed: Need
    shape: Shape
    rows: tuple[Row, ...]
    carried: Load
    filled: tuple[Filled, ...]
    quotas: tuple[Quota, ...]
    size: dict[str, Any]  # that was chosen for the load
    base: str
    new_cloud: Mapping[str, float]  # quota → its limit
    dominates: float  # PUT/s from which on requests are the largest part of the bill

    @property
    def fits(self) -> bool:
        return all(row.ratio <= 1 for row in self.rows)


def compared(
    load: Load, retention_days: int, there: Shape, sizes_there: Mapping[str, Any], known: Constants, today: date
) -> Comparison:
    """Raises `NotCarried`, where there is no size to show."""
    needed = need.of(load, retention_days, known)
    chosen = choose.size(needed, known)
    return Comparison(
        needed=needed,
        shape=there,
        rows=compare.rows(needed, there, known),
        carried=compare.carried(mix(load), retention_days, there, known),
        filled=compare.filled(needed, there, known, today),
        quotas=quotas.of(shape.of("chosen", chosen), needed),
        size=chosen,
        base=sizes.base(sizes_there, needed, known),
        new_cloud=known.new_cloud,
        dominates=known["nodestore_dominates"],
    )


def table(shown: Comparison) -> str:
    return "".join(_parts(shown))


def _parts(shown: Comparison) -> Iterator[str]:
    needed, name, first = shown.needed, shown.shape.name, compare.first(shown.rows)
    yield f"{tfvars.said(needed.load, needed.retention_days)}; against size {name}\n\n"
    yield columns((("", "part", "resource", "need", "have", "ratio"), *(_row(row) for row in shown.rows)))
    carried = carries(shown.carried, needed.retention_days)
    yield f"\nsize {name} carries {carried}; of this load used up first: {first.part}, {first.what}\n"
    yield "".join(
        f"✗ {each.what} would be full on {each.on:%Y-%m-%d}, after {each.days:.1f} of {each.kept_days:g} days\n"
        for each in shown.filled
    )
    processes = ", ".join(f"{name} {count}" for name, count in needed.replicas.items())
    requests = f"{millions(needed.puts_a_month)} PUT and {millions(needed.gets_a_month)} GET a month"
    asked = ", ".join(f"{each.id} {each.needed:g}{each.unit and ' ' + each.unit}{_more(each, shown)}" for each in shown.quotas)
    yield f"\n{_wrapped(f'pods at the peak: {processes}')}"
    yield f"Object Storage: {requests}, {needed.objects_gb:,.0f} GB kept\n"
    if needed.puts_a_second > shown.dominates:
        rate = f"{needed.puts_a_second:,.0f} PUT/s, one object an event"
        yield f"! {rate}: above about {shown.dominates:g}/s requests are most of the bill;\n"
        yield "  a nodestore that writes in batches, or sampling, is cheaper (docs/capacity.md)\n"
    yield f"{_wrapped(f'quotas that the size below needs: {asked}')}\n"
    yield tfvars.text(shown.size, needed, shown.base)


def _more(quota: Quota, shown: Comparison) -> str:
    """Where a new cloud has less."""
    there = shown.new_cloud.get(quota.id)
    return "" if there is None or quota.needed <= there else f" (a new cloud has {there:g})"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent="  ") + "\n"


def carries(load: Load, retention_days: int) -> str:
    """How much, in words, rounded down: two digits say all that is known."""
    transactions = f" and {_rounded(load.transactions)} transactions/s" if load.transactions else ""
    return f"about {_rounded(load.events)} events/s of {load.event_kb:g} KB{transactions} for {retention_days} days"


def _rounded(number: float) -> str:
    if number <= 0:
        return "0"
    digits = math.floor(math.log10(number)) - 1
    step = 10.0**digits
    return f"{math.floor(number / step + 1e-9) * step:.{max(0, -digits)}f}"


def millions(count: float) -> str:
    return f"{count / 1e6:,.0f} million"


def _row(row: Row) -> tuple[str, ...]:
    mark = "✗" if row.ratio > 1 else "!" if row.ratio > TIGHT else "✓"
    unit = row.unit and f" {row.unit}"
    return mark, row.part, row.what, f"{_short(row.needed)}{unit}", f"{_short(row.there)}{unit}", f"{row.ratio:.2f}"


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 or number == int(number) else f"{number:.1f}"


def document(shown: Comparison, known: Constants) -> dict[str, Any]:
    needed, first = shown.needed, compare.first(shown.rows)
    return {
        "load": {**asdict(needed.load), "retention_days": needed.retention_days},
        "against": shown.shape.name,
        "fits": shown.fits,
        "resources": [{**asdict(row), "ratio": row.ratio if math.isfinite(row.ratio) else None} for row in shown.rows],
        "first": f"{first.part}, {first.what}",
        "carried": asdict(shown.carried),
        "full": [{**asdict(each), "on": each.on.isoformat()} for each in shown.filled],
        "replicas": dict(needed.replicas),
        "object_storage": {
            "gb": needed.objects_gb,
            "puts_a_second": needed.puts_a_second,
            "puts_a_month": needed.puts_a_month,
            "gets_a_month": needed.gets_a_month,
            "requests_dominate": needed.puts_a_second > shown.dominates,
        },
        "quotas": {each.id: each.needed for each in shown.quotas},
        "variables": tfvars.variables(shown.size, needed, shown.base),
        "assumptions": {name: asdict_of(each) for name, each in known.constants.items()},
    }


def asdict_of(constant: Any) -> dict[str, Any]:
    return {"value": constant.value, "unit": constant.unit, "source": constant.source, "where": constant.where}
