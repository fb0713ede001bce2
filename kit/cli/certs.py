"""`kit certs`: what the authority issued."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from kit.cli.context import Session
from kit.cli.frame import Group
from kit.errors import KitError


class NoAuthority(KitError):
    """There are no certificates to show."""

    code = "KIT-NO-AUTHORITY"
    exit_code = 15
    what = "stack {stack} has no certificates"
    why = "it was never brought up here"
    fix = "kit up --local"


@click.group("certs", cls=Group)
def command() -> None:
    """Show the authority and its certificates."""


@command.command("show")
@click.pass_obj
def show(session: Session) -> int:
    """Subject, names, issuer, days left, fingerprint and file of every certificate."""
    from kit.pki import folder

    found = folder.inventory(session.local.workspace.certs)
    if not found:
        raise NoAuthority(stack=session.stack.name)
    now = datetime.now(UTC)
    if session.is_json:
        rows = [
            {
                "holder": facts.holder,
                "subject": facts.subject,
                "names": facts.names,
                "issuer": facts.issuer,
                "not_before": f"{facts.not_before:%Y-%m-%dT%H:%M:%SZ}",
                "not_after": f"{facts.not_after:%Y-%m-%dT%H:%M:%SZ}",
                "days_left": facts.days_left(now),
                "fingerprint": facts.fingerprint,
                "file": str(facts.file),
            }
            for facts in found
        ]
        print(json.dumps(rows, indent=2))
        return 0
    for facts in found:
        print(f"{facts.holder:<13} {facts.days_left(now):>5} days left  {facts.subject}")
        print(f"{'':13} issued by   {facts.issuer}")
        print(f"{'':13} names       {', '.join(facts.names) or '-'}")
        print(f"{'':13} sha256      {facts.fingerprint}")
        print(f"{'':13} file        {facts.file}")
    return 0
