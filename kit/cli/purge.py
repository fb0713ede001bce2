"""`kit purge`: nothing of the stack stays."""

from __future__ import annotations

import sys

import click

from kit.cli.context import Session
from kit.cli.frame import Command, waits_for_lock


@click.command("purge", cls=Command)
@click.option("--yes", is_flag=True, help="Do not ask.")
@waits_for_lock
@click.pass_obj
def command(session: Session, yes: bool) -> int:
    """Remove the stack: containers, cluster, network, volumes with all data, certificates, passwords, state.

    Tools and images stay in the cache, for the next stack (kit images prune). With --cloud --rehearse: what the rehearsal left
    on this computer, the stack behind the emulator included. With --cloud: only what is left here of a stack that is down.
    """
    from kit.cli import render

    name, here = f"stack {session.stack.name}", ""
    if session.cloud:
        name, here = f"{name} of the {'rehearsal' if session.rehearse else 'cloud'}", " on this computer"
    with session.target() as target:
        left = target.belongings()
        if not left:
            print(f"there is nothing of {name}{here}", file=sys.stderr)
            return 0
        render.confirm(session, yes, f"This removes for good: {', '.join(left)}.")
        with session.lock("purge --cloud" if session.cloud else "purge"):
            target.purge()
    print(f"{name} is gone{here.replace('on', 'from', 1)}", file=sys.stderr)
    return 0
