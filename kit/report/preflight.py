"""What the preflight found, as a table and as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from kit.report.table import columns
from kit.sentry.preflight.verdict import Preflight, Probe


def document(result: Preflight) -> dict[str, Any]:
    probes = [{**asdict(probe), "holds": probe.holds, "what": probe.what, "fix": probe.fix} for probe in result.probes]
    run = {"passed": result.passed, "finished_at": result.finished_at.isoformat(), "seconds": result.seconds}
    return {**run, "nodes": list(result.nodes), "probes": probes}


def table(result: Preflight) -> str:
    """A line for each component and store, what is wrong below with its remedy; the last line counts."""
    rows = [
        (
            "✓" if probe.holds else "✗",
            probe.component + (f" ({', '.join(probe.nodes)})" if probe.nodes else ""),
            probe.store or "–",
            probe.client,
            probe.tls,
            f"{probe.latency_ms:.0f} ms" if probe.latency_ms is not None else "",
            probe.cause if not probe.holds else "",
        )
        for probe in result.probes
    ]
    lines: list[str] = []
    for (what, said, fix), places in _grouped(result.wrong).items():
        lines += ["", f"✗ {what}: {', '.join(places)}", f"  why  {said}", f"  fix  {fix}"]
    count = len({probe.component for probe in result.probes})
    verdict = "as they must be" if result.passed else f"{len(result.wrong)} of {len(result.probes)} wrong"
    where = f" on {len(result.nodes)} of {result.of_nodes} nodes" if result.nodes else ""
    counted = f"{count} components, {len(result.probes)} connections{where} in {result.seconds:.1f} s: {verdict}"
    return columns(rows) + "\n".join([*lines, "", counted]) + "\n"


def _grouped(probes: Iterable[Probe]) -> dict[tuple[str, str, str], list[str]]:
    found: dict[tuple[str, str, str], list[str]] = {}
    for probe in probes:
        found.setdefault((probe.what, probe.said, probe.fix), []).append(probe.place)
    return found
