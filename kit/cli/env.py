"""`kit env`: the variables under which each client looks for its own settings."""

from __future__ import annotations

import json
import shlex

import click

from kit.cli.context import Session
from kit.cli.frame import Command


@click.command("env", cls=Command, prints_variables=True, epilog="Example: eval \"$(kit env)\" && psql -c 'select 1'")
@click.pass_obj
def command(session: Session) -> int:
    """Print the variables for psql, redis-cli, aws, kubectl, kcat, sentry-sdk and their like. They hold passwords.

    With --cloud those of kubectl and Sentry: the managed stores have addresses inside the cloud's network only.
    """
    with session.target() as target:
        variables = target.client_env()
    if session.is_json:
        print(json.dumps(variables, indent=2))
    else:
        print("".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()), end="")
    return 0
