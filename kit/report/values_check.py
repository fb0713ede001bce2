"""What `kit values check` found, as a table and as data: what stops an installation, then what is only a warning.

What forty containers have in common is one entry of the table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from kit.sentry.check.check import RULES, Looked
from kit.sentry.check.rule import Finding

PLACES_SHOWN = 3


def document(looked: Looked) -> dict[str, object]:
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


def table(looked: Looked) -> str:
    lines = [line for alike in _grouped((*looked.stopping, *looked.warnings)) for line in _entry(alike)]
    return "\n".join([*lines, *(f"· {note}" for note in looked.notes), _sum(looked)]) + "\n"


def _grouped(findings: Iterable[Finding]) -> list[list[Finding]]:
    """In the order of their first appearance; alike are those that differ in the place alone."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.rule, finding.store or "", finding.found, finding.fix), []).append(finding)
    return list(groups.values())


def _entry(alike: list[Finding]) -> list[str]:
    first = alike[0]
    places = ", ".join(finding.place for finding in alike[:PLACES_SHOWN])
    more = len(alike) - PLACES_SHOWN
    return [
        f"{'!' if first.warns else '✗'} {first.rule:<18}{first.store or '':<12}{first.found}",
        f"  at   {places}{f' and {more} more' if more > 0 else ''}",
        f"  why  {first.why}",
        f"  fix  {first.fix}",
    ]


def _sum(looked: Looked) -> str:
    seen = f"{looked.objects} objects, {looked.containers} containers, {len(RULES)} rules"
    executed = f"{looked.configurations} configurations executed, {looked.connections} connections"
    warnings = f", {_counted(len(looked.warnings), 'warning')}" if looked.warnings else ""
    return f"{seen}; {executed}: {_counted(len(looked.stopping), 'finding')}{warnings}"


def _counted(count: int, word: str) -> str:
    return f"{count or 'no'} {word}{'' if count == 1 else 's'}"
