"""The checks of `kit verify` as a table and as data."""

from __future__ import annotations

from collections.abc import Sequence

from kit.report.table import columns
from kit.status import Check


def document(check: Check) -> dict[str, object]:
    return {"subject": check.subject, "claim": check.claim, "holds": check.holds, "said": check.said}


def table(checks: Sequence[Check]) -> str:
    rows = [("✓" if check.holds else "✗", check.subject, check.claim, check.said) for check in checks]
    broken = sum(not check.holds for check in checks)
    return f"{columns(rows)}{len(checks)} claims, {f'{broken} broken' if broken else 'all hold'}\n"
