"""A command line that kit does not understand, shown like every other failure, with what was probably meant."""

from __future__ import annotations

import click

from kit.cli.global_options import OPTIONS
from kit.errors import KitError


class Misused(KitError):
    """The command line names no command, or an option or argument that the command does not take."""

    code = "KIT-USAGE"
    exit_code = 10
    why = "it is called as: {usage}"
    fix = "{guess}{command} --help"


def of(error: click.ClickException) -> Misused:
    """The same failure as an error of kit."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "kit"
    pieces = ["[OPTIONS]", "COMMAND", "[ARGS]..."]
    if context and path != "kit":
        pieces = context.command.collect_usage_pieces(context)
    guesses: list[str] = []
    message = error.format_message()
    if isinstance(error, click.NoSuchOption):
        own = [name for parameter in context.command.params for name in parameter.opts] if context else []
        everywhere = [name for option in OPTIONS for name in option.opts]
        guesses = click.NoSuchOption(error.option_name, possibilities=[*own, *everywhere]).possibilities or []
        message = f"{path} has no option {error.option_name}"
    elif isinstance(error, click.NoSuchCommand):  # since click 8.4
        guesses = error.possibilities or []
        message = f"{path} has no command {error.command_name}"
    guess = f"did you mean {' or '.join(guesses)}? " if guesses else ""
    message = " ".join(message.split())  # click lists choices one a line
    return Misused(what=message.rstrip("."), usage=" ".join((path, *pieces)), command=path, guess=guess)
