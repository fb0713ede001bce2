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

    if session.cloud:
        return _of_the_cloud(session, yes)
    left = session.local.belongings()
    if not left:
        print(f"there is nothing of stack {session.stack.name}", file=sys.stderr)
        return 0
    render.confirm(session, yes, f"This removes for good: {', '.join(left)}.")
    with session.lock("purge"):
        session.local.purge()
    print(f"stack {session.stack.name} is gone", file=sys.stderr)
    return 0


def _of_the_cloud(session: Session, yes: bool) -> int:
    from kit.cli import render

    target = session.cloud_target()
    name = f"{session.stack.name} {'of the rehearsal' if session.rehearse else 'of the cloud'}"
    left = target.belongings()
    if not left:
        print(f"there is nothing of stack {name} on this computer", file=sys.stderr)
        return 0
    render.confirm(session, yes, f"This removes for good: {', '.join(left)}.")
    with session.lock("purge --cloud"):
        target.purge()
    print(f"stack {name} is gone from this computer", file=sys.stderr)
    return 0
