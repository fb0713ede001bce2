"""`kit topics`: what Kafka has beside what Sentry needs."""

from __future__ import annotations

import json
import sys

import click

from kit.cli.context import Session
from kit.cli.frame import Command, waits_for_lock
from kit.status import FINE, SOMETHING_WRONG


@click.command("topics", cls=Command, epilog="Example: kit topics --mend")
@click.option("--mend", is_flag=True, help="Create what is missing and set what differs. Nothing is deleted.")
@click.option("--delete-extra", is_flag=True, help="Delete topics that nobody asked for, with all that is in them. Asks first.")
@click.option("--yes", is_flag=True, help="Do not ask before deleting.")
@waits_for_lock
@click.pass_obj
def command(session: Session, mend: bool, delete_extra: bool, yes: bool) -> int:
    """List the topics, compare them with what Sentry's own schemas say, and mend them. Exit 3 where they differ."""
    from kit.cli import render
    from kit.report import topics
    from kit.targets.local import topics as kafka

    local = session.local
    if mend:
        with session.lock("topics --mend"):
            for line in kafka.mend(local):
                print(line, file=sys.stderr)
    if delete_extra:
        with session.lock("topics --delete-extra"):  # from the comparison on: what is asked about is what is deleted
            if extra := kafka.compare(local).extra:
                render.confirm(session, yes, f"This deletes {', '.join(extra)} and all that is in them.")
                kafka.delete(local, extra)
    comparison = kafka.compare(local)
    if session.is_json:
        print(json.dumps(topics.document(comparison), indent=2))
    else:
        print(topics.table(comparison), end="")
    return FINE if comparison.is_same else SOMETHING_WRONG
