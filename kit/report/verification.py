"""The checks of `kit verify` as a table and as data."""

from __future__ import annotations

from collections.abc import Sequence

from kit.status import Check


def document(check: Check) -> dict[str, object]:
    return {"subject": check.subject, "claim": check.claim, "holds": check.holds, "said": check.said}


def table(checks: Sequence[Check]) -> str:
    subject = max(len(check.subject) for check in checks)
    claim = max(len(check.claim) for check in checks)
    lines = [
        f"{'✓' if check.holds else '✗'} {check.subject:<{subject}}  {check.claim:<{claim}}  {check.said}" for check in checks
    ]
    broken = sum(not check.holds for check in checks)
    return "\n".join([*lines, f"{len(checks)} claims, {broken} broken" if broken else f"{len(checks)} claims, all hold"]) + "\n"
