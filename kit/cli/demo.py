"""`kit demo`: raises a real exception and waits until Sentry shows it."""

from __future__ import annotations

import json
import sys

import click

from kit.cli.context import Session
from kit.cli.frame import Command, waits_for_lock


@click.command("demo", cls=Command)
@waits_for_lock
@click.pass_obj
def command(session: Session) -> int:
    """Raise a real exception with the example sender, wait until Sentry's API shows that very event, print the link."""
    with session.lock("demo --cloud" if session.cloud else "demo"), session.target() as target:
        result = target.sentry.demo()
    if session.is_json:
        print(json.dumps({"event_id": result.event_id, "url": result.url, "seconds": round(result.seconds, 2)}, indent=2))
    else:
        print(result.url)
        print(f"event {result.event_id} was visible {result.seconds:.1f} s after it was raised", file=sys.stderr)
    return 0
