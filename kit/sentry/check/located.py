"""Findings about values, with the line of kit.yaml where the user wrote them."""

from __future__ import annotations

from dataclasses import replace

from kit.blueprint.stack import OwnValues
from kit.sentry.check.check import Inspection
from kit.sentry.check.rule import Finding


def located(looked: Inspection, own: OwnValues) -> Inspection:
    """Findings about a key of the values say in which line of kit.yaml it stands, if it is the user's."""
    return replace(looked, findings=tuple(_located(finding, own) for finding in looked.findings))


def _located(finding: Finding, own: OwnValues) -> Finding:
    word = finding.found.partition(" ")[0].rstrip(":")
    where = own.places.get(tuple(word.split(".")), "") if finding.object == "values" else ""
    return replace(finding, found=f"{finding.found} ({where})") if where else finding
