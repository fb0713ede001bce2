"""`kit down`: containers and cluster end, data stays."""

from __future__ import annotations

import sys

import click

from kit.cli.context import Session


@click.command("down")
@click.pass_obj
def command(session: Session) -> int:
    """Stop the stack. Volumes, certificates and passwords stay; `kit up` brings everything back."""
    with session.lock("down"):
        kept = session.local.down()
    if kept:
        print(f"stopped; the data is kept in the volumes {', '.join(kept)}", file=sys.stderr)
        print("  back again:       kit up --local\n  gone for good:    kit purge", file=sys.stderr)
    else:
        print("nothing to stop, and no data", file=sys.stderr)
    return 0
