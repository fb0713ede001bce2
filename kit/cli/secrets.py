"""`kit secrets`: where each secret of the cloud stack lies, and one of them when it is asked for by name."""

from __future__ import annotations

import json

import click

from kit.cli.context import Session
from kit.errors import KitError


class SecretUnknown(KitError):
    """There is no secret of that name."""

    code = "KIT-SECRET-UNKNOWN"
    exit_code = 10

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(what=f"there is no secret {name}", why=f"there are {', '.join(known)}", fix="kit secrets --cloud list")


class LocalSecrets(KitError):
    """The local stack's passwords have a command of their own."""

    code = "KIT-SECRETS-LOCAL"
    exit_code = 10

    def __init__(self) -> None:
        super().__init__(
            what="this command is for the cloud stack", why="--cloud was not given", fix="kit secrets --cloud …; locally: kit env"
        )


@click.group("secrets", epilog="Example: kit secrets --cloud show postgres_password")
def secrets() -> None:
    """Show where the cloud stack's secrets lie, or one of them."""


command = secrets  # the name under which the frame finds every command


@secrets.command("list")
@click.pass_obj
def every(session: Session) -> None:
    """Every secret and where it lies; none of them is shown."""
    if not session.cloud:
        raise LocalSecrets
    with session.in_cloud() as target:
        places = target.secret_places()
    if session.is_json:
        print(json.dumps(places, indent=2))
        return
    width = max(map(len, places))
    for name, place in sorted(places.items()):
        where = place.get("path") or place.get("variable") or f"Lockbox {place.get('secret_id')}, key {place.get('key')}"
        print(f"{name:<{width}}  {place['kind']:<8}  {where}" + ("  (also in the state)" if place["in_state"] else ""))


@secrets.command("show")
@click.argument("name")
@click.pass_obj
def show(session: Session, name: str) -> None:
    """Print the secret NAME, and nothing else."""
    if not session.cloud:
        raise LocalSecrets
    with session.in_cloud() as target:
        known = tuple(sorted(target.secret_places()))
        if name not in known:
            raise SecretUnknown(name, known)
        print(target.secret(name).reveal())
