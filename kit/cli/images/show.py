"""`kit images list`: what there is of the lock, or of the chart's images, and where."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from kit.cli.frame import Command
from kit.cli.images import of_chart
from kit.cli.images.supplying import say
from kit.report.table import columns

if TYPE_CHECKING:
    from kit.sentry.chart.chart import Chart
    from kit.sentry.chart.images import Used
    from kit.supply.lock import Entry


@click.command("list", cls=Command)
@of_chart.options
@click.pass_obj
def command(session: Any, /, whose: str | None, **chosen: str | None) -> None:
    """Every entry of the lock: its version, where it is, or why it is not there. With --for chart: every image of the chart."""
    from kit.supply.inventory import Found
    from kit.supply.resolve import Missing

    if release := of_chart.release(session, whose, **chosen):
        _show_release(session, *release)
        return
    rows = [
        {
            "name": listed.entry.key,
            "version": listed.state.version if isinstance(listed.state, Found) else _versions(listed.entry),
            "source": None if isinstance(listed.state, Missing) else listed.state.source,
            "place": None if isinstance(listed.state, Missing) else listed.state.place,
            "reason": listed.state.why if isinstance(listed.state, Missing) else None,
            "recipe": listed.recipe,
            "only": listed.entry.only or None,
            "unpublished": listed.entry.unpublished or None,
        }
        for listed in session.supply().survey()
    ]
    if session.output == "json":
        print(json.dumps(rows, indent=2))
        return
    print(columns([(row["name"], row["version"], row["source"] or "-", _where(row)) for row in rows]), end="")


def _where(row: dict[str, Any]) -> str:
    notes = [f"only for {row['only']}: made when it is named"] if row["only"] else []
    if row["place"] is None and row["unpublished"]:
        notes.append(f"not pulled: {row['unpublished']}")
    return "  ".join([row["place"] or row["reason"], *(f"({note})" for note in notes)])


def _versions(entry: Entry) -> str:
    """Those that it can have, where it is not there, in the order in which they are tried."""
    from kit.supply.lock import Installed

    return " | ".join(dict.fromkeys(source.version for source in entry.sources if not isinstance(source, Installed)))


def _show_release(session: Any, chart: Chart, used: tuple[Used, ...]) -> None:
    from kit.sentry.chart import images as chart_images

    absent = chart_images.missing(session.supply().docker, chart_images.names(used))
    rows = [{"image": each.reference, "containers": each.containers, "here": each.reference not in absent} for each in used]
    if session.output == "json":
        print(json.dumps({"chart": chart.name, "version": chart.version, "images": rows}, indent=2))
        return
    shown = [("here" if row["here"] else "absent", f"{row['containers']:>3} containers", str(row["image"])) for row in rows]
    print(columns(shown), end="")
    say(f"{chart.name} {chart.version}: {len(rows)} images, {len(absent)} not here")
