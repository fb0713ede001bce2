"""`kit status`: five probes at once, the cluster, the application."""

from __future__ import annotations

import click

from kit.cli.context import Session
from kit.cli.frame import Command


@click.command("status", cls=Command, epilog="Example: kit status -o json | jq '.components[] | select(.state != \"ready\")'")
@click.pass_obj
def command(session: Session) -> int:
    """Show what runs, where, and whether its TLS verifies. Exit 0: all ready, 3: something is not, 4: no such stack."""
    from kit.cli import render

    with session.target() as target:
        status = target.status()
    render.status(status, session)
    return status.exit_code
