"""`kit doctor`: examines this computer, and shows each check with its verdict and its remedy."""

from __future__ import annotations

import dataclasses
import json

import click

from kit.cli import hints
from kit.cli.context import Session
from kit.cli.frame import Command
from kit.status import FINE, SOMETHING_WRONG


@click.command("doctor", cls=Command)
@click.pass_obj
def command(session: Session) -> int:
    """Check this computer and the stack; say what is wrong and the command that mends it. Changes nothing.

    Exit 3 where something is wrong.
    """
    from kit import doctor as checks

    findings = [dataclasses.replace(found, fix=hints.complete(found.fix, session)) for found in checks.examine(session.local)]
    if session.is_json:
        print(json.dumps([checks.document(finding) for finding in findings], indent=2))
    else:
        print(checks.table(tuple(findings)), end="")
    return SOMETHING_WRONG if any(finding.verdict == "wrong" for finding in findings) else FINE
