"""`kit logs`: what a container or a pod wrote."""

from __future__ import annotations

import click

from kit.blueprint.stack import STORES
from kit.cli.context import Session

COMPONENTS = (*STORES, "kubernetes", "sentry", "preflight")


@click.command("logs", epilog="Example: kit logs kafka --tail 20")
@click.argument("component", type=click.Choice(COMPONENTS))
@click.option("--tail", type=click.IntRange(1), default=100, show_default=True, metavar="LINES")
@click.option("-f", "--follow", is_flag=True, help="Go on printing what comes.")
@click.pass_obj
def command(session: Session, component: str, tail: int, follow: bool) -> int:
    """Show what a component wrote."""
    for piece in session.local.logs(component, tail, follow):
        print(piece, end="", flush=True)
    return 0
