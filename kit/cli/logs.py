"""`kit logs`: what a container or a pod wrote."""

from __future__ import annotations

import click

from kit.blueprint.stack import STORES
from kit.cli.context import Session
from kit.cli.frame import Command

COMPONENTS = (*STORES, "kubernetes", "sentry", "probes", "preflight")


@click.command("logs", cls=Command, epilog="Example: kit logs kafka --tail 20")
@click.argument("component", type=click.Choice(COMPONENTS), metavar="COMPONENT")
@click.option("--tail", type=click.IntRange(1), default=100, show_default=True, metavar="LINES", help="How many of the last.")
@click.option("-f", "--follow", is_flag=True, help="Go on printing what comes.")
@click.pass_obj
def command(session: Session, component: str, tail: int, follow: bool) -> int:
    """Show what COMPONENT wrote: kafka, postgres, redis, clickhouse, s3, kubernetes, sentry or probes.

    probes: the Job by which `kit verify` tries the stores from inside. The preflight has an outcome and no log: `kit preflight`.
    """
    from kit.targets.local import logs

    for piece in logs.read(session.local, component, tail, follow):
        print(piece, end="", flush=True)
    return 0
