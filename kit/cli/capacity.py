"""`kit capacity`: what a load needs, beside what a size or a kit.yaml has. Asks nobody: it calculates."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit.blueprint import load as loads
from kit.cli.context import Session
from kit.cli.frame import Command
from kit.errors import KitError
from kit.status import FINE, SOMETHING_WRONG

if TYPE_CHECKING:
    from kit.report.capacity import Comparison

EXAMPLES = """
\b
Examples:
  kit capacity --events 1000/s --transactions 200/s --retention 30 --size large
  kit capacity --events 86M/d --event-kb 6 -o tfvars > sentry.auto.tfvars
  kit capacity --check                        what kit.yaml plans against its own `load:`
"""


class BadLoad(KitError):
    """A part of the load on the command line cannot be understood."""

    code = "KIT-CAPACITY-LOAD"
    exit_code = 10
    what = "{option} {text} is not understood"
    why = "it is {wanted}"
    fix = "{fix}"


class NoLoad(KitError):
    """Something is asked that only a load answers, and none is stated."""

    code = "KIT-CAPACITY-NO-LOAD"
    exit_code = 10
    what = "{option} is about a load, and none is stated"
    why = "neither kit.yaml has one below `load:`, nor the command line"
    fix = "kit capacity --events 300/s, or `load: {{events: 300/s}}` in kit.yaml"


FIXES = {
    "events": "kit capacity --events 300/s",
    "event_kb": "kit capacity --events 300/s --event-kb 10",
    "transactions": "kit capacity --events 300/s --transactions 60/s",
    "peak": "kit capacity --events 300/s --peak 3",
}


@click.command("capacity", cls=Command, prints_tfvars=True, epilog=EXAMPLES)
@click.option("--events", metavar="RATE", help="Errors, on the average of a day: 300/s, 20k/min, 86M/d.")
@click.option("--event-kb", metavar="KB", help="Size of an event as JSON (default: 10).")
@click.option("--transactions", metavar="RATE", help="Transactions that are kept (default: none).")
@click.option("--peak", metavar="TIMES", help="How many times the average comes in the busiest minutes (default: 3).")
@click.option(
    "--retention", type=click.IntRange(1, 3650), metavar="DAYS", help="How long events are kept (default: as kit.yaml says)."
)
@click.option("--size", metavar="NAME", help="Compare with this size of terraform/sizes.yaml (default: what kit.yaml plans).")
@click.option(
    "--against", type=click.Path(exists=True, path_type=Path), metavar="FILE", help="Compare with what another kit.yaml plans."
)
@click.option(
    "--check", is_flag=True, help="Refuse what would be full before it may be deleted; exit 3 where anything is too small."
)
@click.pass_obj
def command(
    session: Session, /, retention: int | None, size: str | None, against: Path | None, check: bool, **written: str | None
) -> int:
    """Show what a load needs beside what there is, with the variables of Terraform for it.

    The load is that of the options, over `load:` of kit.yaml. Without any, how much the size carries is all that is shown. Every
    constant behind it has its source: docs/capacity.md.
    """
    from kit.capacity import check as checks
    from kit.capacity import constants
    from kit.report import capacity
    from kit.targets.cloud import load

    if size and against:
        raise click.UsageError("--size and --against name two things to compare with")
    known = constants.load()
    found = _compared(session, retention, size, against, written)
    if not (found.needed.load.events or found.needed.load.transactions):
        return _carried(session, found, check)
    if check:
        needed = found.needed
        checks.refuse_full(needed.load, needed.retention_days, found.shape, known, load.today())
    if session.is_json:
        print(json.dumps(capacity.document(found, known), indent=2))
    elif session.output == "tfvars":
        from kit.capacity import tfvars

        print(tfvars.text(found.size, found.needed, found.base), end="")
    else:
        print(capacity.table(found), end="")
    return SOMETHING_WRONG if check and not found.fits else FINE


def _carried(session: Session, found: Comparison, check: bool) -> int:
    """Nobody said a load."""
    from kit.report import capacity

    days = found.needed.retention_days
    if check or session.output == "tfvars":
        raise NoLoad(option="--check" if check else "-o tfvars")
    if session.is_json:
        print(
            json.dumps(
                {"against": found.shape.name, "retention_days": days, "carried": dataclasses.asdict(found.carried)}, indent=2
            )
        )
    else:
        print(f"size {found.shape.name} carries {capacity.carries(found.carried, days)}; a load of yours: {FIXES['events']}")
    return FINE


def _compared(
    session: Session, retention: int | None, size: str | None, against: Path | None, written: Mapping[str, str | None]
) -> Comparison:
    from kit.blueprint import file
    from kit.capacity import check, constants, sizes
    from kit.report import capacity
    from kit.targets.cloud import load

    stack = session.stack
    asked = _load(stack.load or loads.Load(), written)
    every = sizes.read(session.workspace.assets / "terraform")
    planned = file.load(against, name=None) if against is not None else stack
    there = sizes.named(every, size) if size else check.planned(planned.cloud, every)
    return capacity.compared(asked, retention or stack.sentry.retention_days, there, every, constants.load(), load.today())


def _load(described: loads.Load, written: Mapping[str, str | None]) -> loads.Load:
    given: dict[str, Any] = {}
    for name, text in written.items():
        if text is None:
            continue
        number = loads.FIELDS[name].read(text)
        if number is None:
            option = f"--{name.replace('_', '-')}"
            raise BadLoad(option=option, text=text, wanted=loads.FIELDS[name].wanted, fix=FIXES[name])
        given[name] = number
    return dataclasses.replace(described, **given)
