"""`kit preflight`: every component's connections, tried in its place in the cluster."""

from __future__ import annotations

import json
import sys

import click

from kit.cli.context import Session
from kit.cli.frame import Command, waits_for_lock
from kit.status import FINE, SOMETHING_WRONG


@click.command("preflight", cls=Command, epilog="Example: kit preflight -o json")
@waits_for_lock
@click.pass_obj
def command(session: Session) -> int:
    """Try every connection of the release as it would be applied: with each component's own configuration, mounts and
    variables, by Sentry's own client libraries, and again with a foreign authority, which must be refused. Helm does not run.

    The stores and the cluster must be up. Exit 3 where something is wrong.
    """
    from kit.report import preflight

    said: set[str] = set()

    def note(reason: str) -> None:
        if reason not in said and sys.stderr.isatty():
            print(reason, file=sys.stderr)
        said.add(reason)

    with session.lock("preflight"), session.target() as target:
        outcome = target.sentry.preflight(note)
    if session.is_json:
        print(json.dumps(preflight.document(outcome), indent=2))
    else:
        print(preflight.table(outcome), end="")
    return FINE if outcome.passed else SOMETHING_WRONG
