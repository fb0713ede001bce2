"""Writes what docs/capacity.md shows of kit itself, an example and every constant: python docs/make_capacity.py"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from kit.blueprint.load import Load
from kit.capacity import constants, sizes
from kit.report import capacity

ROOT = Path(__file__).parents[1]
DOCUMENT = Path(__file__).with_name("capacity.md")
LINE = "<!-- made by make_capacity.py from here on -->\n"
LOAD, DAYS, SIZE = Load(1000, transactions=200), 30, "large"
EXAMPLE = "kit capacity --events 1000/s --transactions 200/s --retention 30 --size large"


def document(before: str) -> str:
    """The whole page: what stands above the line stays."""
    return before.partition(LINE)[0].rstrip() + "\n\n" + LINE + "".join(_parts())


def _parts() -> Iterator[str]:
    known = constants.load()
    every = sizes.read(ROOT / "terraform")
    shown = capacity.compared(LOAD, DAYS, sizes.named(every, SIZE), every, known, date(2026, 11, 28))
    yield f"\n## An example\n\n```\n$ {EXAMPLE}\n{capacity.table(shown)}```\n"
    yield f"\n## Every constant\n\nMeasured on {known.when}: {known.machine}.\n\n"
    yield "| constant | value | from | where |\n|---|---|---|---|\n"
    for name, each in known.constants.items():
        yield f"| `{name}` | {each.value:g} {each.unit} | {each.source} | {each.where} |\n"
    yield "\n| topic | records | before compression | readers, records/s of one process | from | where |\n"
    yield "|---|---|---|---|---|---|\n"
    for name, topic in known.topics.items():
        readers = ", ".join(f"{reader} {rate:g}" for reader, rate in topic.readers.items())
        size = " + ".join(part for part in (f"{topic.share:g} × its size" if topic.share else "", f"{topic.more:g} B") if part)
        of = {"all": "event, transaction"}.get(topic.of, topic.of.removesuffix("s"))
        batches = ", batched" if topic.batched else ""
        yield f"| `{name}` | {topic.records:g} per {of}{batches} | {size} | {readers} | {topic.source} | {topic.where} |\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document(DOCUMENT.read_text()))
