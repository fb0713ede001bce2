"""`kit down`: stops the containers and deletes the cluster; the data stays."""

from __future__ import annotations

import sys

import click

from kit.cli import hints
from kit.cli.context import Session
from kit.cli.frame import Command, waits_for_lock
from kit.status import FINE, SOMETHING_WRONG


@click.command("down", cls=Command)
@click.option("--yes", is_flag=True, help="With --cloud: do not ask before everything is removed, data included.")
@waits_for_lock
@click.pass_obj
def command(session: Session, yes: bool) -> int:
    """Stop the stack. Volumes, certificates and passwords stay; `kit up` brings everything back.

    With --cloud everything that terraform made is removed, and its data with it: that is named, and asked for first.
    """
    if session.cloud:
        return _in_cloud(session, yes)
    from kit.targets.local import teardown

    with session.lock("down"):
        kept = teardown.down(session.local)
    if kept:
        print(f"stopped; the data is kept in the volumes {', '.join(kept)}", file=sys.stderr)
        print(hints.complete("  back again:       kit up --local\n  gone for good:    kit purge", session), file=sys.stderr)
    else:
        print("nothing to stop, and no data", file=sys.stderr)
    return 0


def _in_cloud(session: Session, yes: bool) -> int:
    from kit.cli import render
    from kit.report import plan as plans
    from kit.report import progress
    from kit.targets.cloud import plan, teardown

    with session.lock("down --cloud"):
        with session.in_cloud() as target:
            planned = plan.down(target)
            print(plans.text(planned), end="", file=sys.stderr)
            lost = [step.subject for step in planned if step.destructive]
            data = f", and the data in {', '.join(lost)}" if lost else ""
            render.confirm(session, yes, f"This removes {len(planned)} resources{data}.")
            with progress.listener() as listen:
                left = teardown.down(target, planned, listen)
        for address in left:
            print(f"still there: {address}", file=sys.stderr)
        print(_said(session, left, swept=not left and teardown.sweep(target)), file=sys.stderr)
    return SOMETHING_WRONG if left else FINE


def _said(session: Session, left: tuple[str, ...], *, swept: bool) -> str:
    if left:
        return f"{len(left)} resources are left"
    if not session.rehearse:
        return "nothing is left"
    kept = "the emulator's empty journal" if swept else "what else the emulator has, and the stack behind it"
    return f"nothing is left of it; {kept} stays until kit purge --cloud --rehearse"
