"""`kit secrets`: where each secret of a stack lies, one of them when it is asked for by name, and those that the user gives."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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


# Those that terraform is given, and changes in the store in place.
ROTATED = ("kafka_password", "redis_password")

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
    with session.lock("secrets set"), _given(session) as path:
        given.keep(path, name, text if "\n" in text.rstrip("\n") else text.rstrip("\n"))  # a key of many lines ends with one
    print(hints.complete(f"{name} is kept; kit up brings it to Sentry", session), file=sys.stderr)


@secrets.command("rotate")
@click.argument("name", type=click.Choice(ROTATED))
@waits_for_lock
@click.pass_obj
def rotate(session: Session, name: str) -> None:
    """Make a new password NAME of a store in the cloud. The next `kit up --cloud` brings it to the store and to Sentry.

    Between the two Sentry cannot log in there, for as long as its roll-out takes.
    """
    if not session.cloud:
        raise click.UsageError(
            "kit secrets rotate goes with --cloud: on this computer kit purge and kit up make all of them anew"
        )
    from kit.endpoints import Secret
    from kit.state import secrets as kept
    from kit.targets.cloud import shared

    with session.lock("secrets rotate"), session.in_cloud() as target:
        target.require_applied()
        shared.refresh(target.clients)
        kept.put(target.place.secrets, {name: Secret(kept.password())})
        shared.publish(target.clients)
    print(hints.complete(f"{name} is a new one; kit up --cloud{target.option} brings it there", session), file=sys.stderr)


@secrets.command("forget")
@click.argument("name")
@waits_for_lock
@click.pass_obj
def forget(session: Session, name: str) -> None:
    """Forget the secret NAME, which was set before."""
    from kit.state import given
    from kit.state import secrets as kept

    with session.lock("secrets forget"), _given(session) as path:
        if not given.forget(path, name):
            raise SecretUnknown(name=name, known=sorted(kept.load(path)) or ["none"])
    print(hints.complete(f"{name} is forgotten; kit up takes it out of the cluster's Secret", session), file=sys.stderr)


@contextmanager
def _given(session: Session) -> Iterator[Path]:
    """The file with what the user gave, to be changed; where others work on the stack, too, they see the change afterwards."""
    if not session.cloud:
        yield session.local.given_file
        return
    from kit.targets.cloud import shared

    with session.in_cloud() as target:
        shared.refresh(target.clients)
        yield target.place.given
        shared.publish(target.clients)


def _kept(session: Session) -> Mapping[str, Secret]:
    """What the user gave, which wins over a name of kit's own; and of the stack on this computer what kit made."""
    from kit.state import secrets as kept

    if session.cloud:
        with session.in_cloud() as target:
            return target.clients.kept.given
    return {**kept.load(session.local.secrets_file), **kept.load(session.local.given_file)}


def _places(session: Session) -> Mapping[str, Mapping[str, Any]]:
    from kit.state import secrets as kept

    if session.cloud:
        with session.in_cloud() as target:
            return target.secret_places()
    places = (("file", session.local.secrets_file), ("given", session.local.given_file))
    return {name: {"kind": kind, "path": str(path), "in_state": False} for kind, path in places for name in kept.load(path)}
