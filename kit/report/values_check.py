"""What `kit values check` found, as a table and as data: what stops an installation, then what is only a warning.

What forty containers have in common is one entry of the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict

from kit.report.table import Row, with_details
from kit.sentry.check.check import RULES, Inspection
from kit.sentry.check.rule import Finding

PLACES_SHOWN = 3


def document(looked: Inspection) -> dict[str, object]:
    return {
        "objects": looked.objects,
        "kinds": dict(looked.kinds),
        "containers": looked.containers,
        "init_containers": looked.init_containers,
        "hooks": looked.hooks,
        "rules": len(RULES),
        "configurations": looked.configurations,
        "connections": looked.connections,
        "notes": list(looked.notes),
        "findings": [asdict(finding) for finding in looked.stopping],
        "warnings": [asdict(finding) for finding in looked.warnings],
    }


def table(looked: Inspection) -> str:
    found = with_details([(_row(alike[0]), _below(alike)) for alike in _grouped((*looked.stopping, *looked.warnings))])
    return found + "".join(f"· {note}\n" for note in looked.notes) + f"{_sum(looked)}\n"


def _grouped(findings: Iterable[Finding]) -> list[list[Finding]]:
    """In the order of their first appearance; alike are those that differ in the place alone."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.rule, finding.store or "", finding.found, finding.fix), []).append(finding)
    return list(groups.values())


def _row(finding: Finding) -> Row:
    return ("!" if finding.warns else "✗", finding.rule, finding.store or "", finding.found)


def _below(alike: list[Finding]) -> Iterator[str]:
    first, more = alike[0], len(alike) - PLACES_SHOWN
    places = ", ".join(finding.place for finding in alike[:PLACES_SHOWN])
    yield f"  at   {places}{f' and {more} more' if more > 0 else ''}"
    yield f"  why  {first.why}"
    yield f"  fix  {first.fix}"


def _sum(looked: Inspection) -> str:
    seen = f"{looked.objects} objects, {looked.containers} containers, {len(RULES)} rules"
    executed = f"{looked.configurations} configurations executed, {looked.connections} connections"
    warnings = f", {_counted(len(looked.warnings), 'warning')}" if looked.warnings else ""
    return f"{seen}; {executed}: {_counted(len(looked.stopping), 'finding')}{warnings}"


def _counted(count: int, word: str) -> str:
    return f"{count or 'no'} {word}{'' if count == 1 else 's'}"
