"""`kit secrets`: where each secret of a stack lies, one of them when it is asked for by name, and those that the user gives."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit.cli import hints
from kit.cli.context import Session
from kit.cli.frame import Group, waits_for_lock
from kit.errors import KitError

if TYPE_CHECKING:
    from kit.endpoints import Secret


class SecretUnknown(KitError):
    """There is no secret of that name."""

    code = "KIT-SECRET-UNKNOWN"
    exit_code = 10
    what = "there is no secret {name}"
    why = "there are {known}"
    fix = "kit secrets list; kit secrets set NAME"


EXAMPLES = """
\b
Examples:
  kit secrets set mail                          the mail server's password; asked for, or from standard input
  kit secrets set github-private-key < app.pem  for values of your own: existingSecret: kit-own
  kit secrets show postgres_password --cloud
"""


@click.group("secrets", cls=Group, epilog=EXAMPLES)
def secrets() -> None:
    """Show where the stack's secrets lie, or one of them, and give kit those that only you know."""


command = secrets  # the name under which the frame finds every command


@secrets.command("list")
@click.pass_obj
def every(session: Session) -> None:
    """Every secret and where it lies; none of them is shown."""
    places = _places(session)
    if session.is_json:
        print(json.dumps(places, indent=2))
        return
    from kit.report.table import columns

    print(columns([(name, place["kind"], _where(place)) for name, place in sorted(places.items())]), end="")


def _where(place: Mapping[str, Any]) -> str:
    where = place.get("path") or place.get("variable") or f"Lockbox {place.get('secret_id')}, key {place.get('key')}"
    return f"{where}  (also in the state)" if place["in_state"] else str(where)


@secrets.command("show")
@click.argument("name")
@click.pass_obj
def show(session: Session, name: str) -> None:
    """Print the secret NAME, and nothing else."""
    own = _kept(session)
    if name in own:
        print(own[name].reveal())
        return
    if not session.cloud:
        raise SecretUnknown(name=name, known=sorted(own) or ["none"])
    with session.in_cloud() as target:
        known = tuple(sorted(target.secret_places()))
        if name not in known:
            raise SecretUnknown(name=name, known=known or ("none",))
        print(target.secret(name).reveal())


@secrets.command("set")
@click.argument("name")
@waits_for_lock
@click.pass_obj
def keep(session: Session, name: str) -> None:
    """Keep a secret under NAME: asked for in a terminal, else read from standard input. The next `kit up` brings it to Sentry.

    `mail` is the password of `mail: {user: …}`. Every other NAME is a key of the Kubernetes Secret kit-own, for your own values.
    """
    from kit.state import given

    text = click.prompt(name, hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.read()
    with session.lock("secrets set"):
        given.keep(
            _given(session), name, text if "\n" in text.rstrip("\n") else text.rstrip("\n")
        )  # a key of many lines ends with one
    print(hints.complete(f"{name} is kept; kit up brings it to Sentry", session), file=sys.stderr)


@secrets.command("forget")
@click.argument("name")
@waits_for_lock
@click.pass_obj
def forget(session: Session, name: str) -> None:
    """Forget the secret NAME, which was set before."""
    from kit.state import given
    from kit.state import secrets as kept

    path = _given(session)
    with session.lock("secrets forget"):
        if not given.forget(path, name):
            raise SecretUnknown(name=name, known=sorted(kept.load(path)) or ["none"])
    print(hints.complete(f"{name} is forgotten; kit up takes it out of the cluster's Secret", session), file=sys.stderr)


def _given(session: Session) -> Path:
    return session.cloud_target().place.given if session.cloud else session.local.given_file


def _kept(session: Session) -> Mapping[str, Secret]:
    """On this computer, whoever made it. What the user gave wins over a name of kit's own."""
    from kit.state import secrets as kept

    made = {} if session.cloud else kept.load(session.local.secrets_file)
    return {**made, **kept.load(_given(session))}


def _places(session: Session) -> Mapping[str, Mapping[str, Any]]:
    from kit.state import secrets as kept

    path = _given(session)
    given = {name: {"kind": "given", "path": str(path), "in_state": False} for name in kept.load(path)}
    if not session.cloud:
        file = session.local.secrets_file
        return {**{name: {"kind": "file", "path": str(file), "in_state": False} for name in kept.load(file)}, **given}
    with session.in_cloud() as target:
        return {**target.secret_places(), **given}
