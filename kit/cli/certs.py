"""`kit certs`: what the authority issued."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from kit.cli.context import Session
from kit.cli.frame import Group
from kit.errors import KitError

SHOWN_DIGITS = 16  # of a fingerprint: enough to tell certificates apart


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
    """Days left, fingerprint, issuer, file and names of every certificate; with -o json whole fingerprints, and subjects."""
    from kit.pki import folder
    from kit.report import table

    found = folder.inventory(session.local.workspace.certs)
    if not found:
        raise NoAuthority(stack=session.stack.name)
    now = datetime.now(UTC)
    if session.is_json:
        documents = [
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
        print(json.dumps(documents, indent=2))
        return 0
    rows = [("holder", "days left", "until", "sha256", "issued by", "file", "names")]
    rows += [
        (
            facts.holder,
            str(facts.days_left(now)),
            f"{facts.not_after:%Y-%m-%d}",
            facts.fingerprint[:SHOWN_DIGITS],
            facts.issuer,
            str(facts.file),
            ", ".join(facts.names) or "-",
        )
        for facts in found
    ]
    print(table.columns(rows), end="")
    return 0
