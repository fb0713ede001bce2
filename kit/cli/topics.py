"""`kit topics`: what Kafka has beside what Sentry needs."""

from __future__ import annotations

import json
import sys

import click

from kit.cli.context import Session

DIFFERENT = 3


@click.command("topics", epilog="Example: kit topics --mend")
@click.option("--mend", is_flag=True, help="Create what is missing and set what differs. Nothing is ever deleted.")
@click.pass_obj
def command(session: Session, mend: bool) -> int:
    """List the topics, compare them with what Sentry's own schemas say, and mend them. Exit 3 where they differ."""
    from kit.sentry import topics

    if mend:
        with session.lock("topics --mend"):
            for line in session.local.mend_topics():
                print(line, file=sys.stderr)
    comparison = session.local.compare_topics()
    if session.is_json:
        print(json.dumps(topics.document(comparison), indent=2))
    else:
        print(topics.table(comparison), end="")
    return 0 if comparison.is_same else DIFFERENT
