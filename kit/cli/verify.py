"""`kit verify`: every promise about the connections, tried."""

from __future__ import annotations

import json
from contextlib import nullcontext

import click

from kit.cli.context import Session
from kit.cli.frame import Command, waits_for_lock
from kit.status import FINE, SOMETHING_WRONG


@click.command("verify", cls=Command)
@waits_for_lock
@click.pass_obj
def command(session: Session) -> int:
    """Prove from the host and from inside the cluster: right names and chain accepted; wrong authority, wrong name, TLS 1.1,
    plaintext and wrong passwords refused; what is written can be read back. Exit 3 where something does not hold.

    With --cloud the preflight is run again, in the cluster: from here the managed stores cannot be reached.
    """
    from kit.report import verification

    with session.lock("verify --cloud") if session.cloud else nullcontext(), session.target() as target:
        results = target.verify()
    if session.is_json:
        print(json.dumps([verification.document(result) for result in results], indent=2))
    else:
        print(verification.table(results), end="")
    return FINE if all(result.holds for result in results) else SOMETHING_WRONG
