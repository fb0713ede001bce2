"""`kit certs`: what the authority issued, and new ones in their place."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

import click

from kit.cli import hints
from kit.cli.context import Session
from kit.cli.frame import Group, waits_for_lock
from kit.errors import KitError

SHOWN_DIGITS = 16  # of a fingerprint: enough to tell certificates apart


class NoAuthority(KitError):
    """The stack has no certificates to show."""

    code = "KIT-NO-AUTHORITY"
    exit_code = 4
    what = "stack {stack} has no certificates"
    why = "it was never brought up here"
    fix = "kit up --local"


@click.group("certs", cls=Group)
def command() -> None:
    """Show the authority and its certificates, and issue new ones."""


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


@command.command("rotate", epilog="Example: kit certs rotate redis && kit up")
@click.argument("holders", nargs=-1)
@waits_for_lock
@click.pass_obj
def rotate(session: Session, holders: tuple[str, ...]) -> None:
    """Issue new certificates by the same authority (for HOLDERS, or all). The next `kit up` restarts who serves a former one."""
    from kit.pki import folder
    from kit.targets.local import layout
    from kit.targets.local.apply import issue_leaf

    local = session.local
    known = tuple(layout.holders(local.stack))
    if unknown := [holder for holder in holders if holder not in known]:
        raise click.UsageError(f"certificates are held by {', '.join(known)}, and not by {', '.join(unknown)}")
    with session.lock("certs rotate"):
        if folder.load_authority(local.workspace.certs, datetime.now(UTC)) is None:
            raise NoAuthority(stack=session.stack.name)
        made = {holder: issue_leaf(local, holder) for holder in holders or known}
    print(
        json.dumps(made, indent=2) if session.is_json else "".join(f"{holder:<12}{text}\n" for holder, text in made.items()),
        end="",
    )
    print(hints.complete("kit up restarts who serves a former certificate", session), file=sys.stderr)
