"""The options that every command knows, before or after its name: which they are, and one reading of them into the session.

They are taken out of the command line before click looks for a command, so a failure is shown as the user asked for it, even
where the rest of the line cannot be understood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click

from kit.cli.context import Session

OPTIONS = (
    click.Option(["--config"], metavar="FILE", help="The description of the stack (default: kit.yaml, if there is one)."),
    click.Option(["--stack"], metavar="NAME", envvar="KIT_STACK", help="The stack's name (default: kit, or what kit.yaml says)."),
    click.Option(["--local"], is_flag=True, help="The stack on this computer: the default."),
    click.Option(["--cloud"], is_flag=True, help="The stack in Yandex Cloud."),
    click.Option(
        ["--rehearse"], is_flag=True, help="With --cloud: against the emulator of the cloud's API, with real stores behind it."
    ),
    click.Option(
        ["-o", "--output"],
        type=click.Choice(["table", "json", "env", "tfvars"]),
        envvar="KIT_OUTPUT",
        help="How data and errors are printed (default: table); env: of `kit env`, `kit yandex env`; tfvars: `kit capacity`.",
    ),
    click.Option(["-v", "--verbose"], is_flag=True, help="Show what tools said, and Python tracebacks."),
)

_READER = click.Command(
    "kit",
    params=list(OPTIONS),
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)


@dataclass(frozen=True, slots=True)
class Line:
    """A command line with the global options read: `words` are the rest of it, in their order."""

    session: Session
    words: tuple[str, ...]
    problem: click.UsageError | None = None  # with a global option; the session then holds those that could be read


def read(argv: Sequence[str]) -> Line:
    """The options of the environment count, too (KIT_STACK, KIT_OUTPUT). What stands after `--` is never an option."""
    end = argv.index("--") if "--" in argv else len(argv)
    head, tail = list(argv[:end]), tuple(argv[end:])
    try:
        context, problem = _parsed(head, lenient=False), None
        _check(context)
    except click.UsageError as error:
        context, problem = _parsed(head, lenient=True), error
    given = context.params
    session = Session(
        given["config"],
        given["stack"],
        given["output"] or "table",
        bool(given["verbose"]),
        cloud=bool(given["cloud"]),
        rehearse=bool(given["rehearse"]),
        says_local=bool(given["local"]),
    )
    return Line(session, (*context.args, *tail), problem)


def _parsed(words: Sequence[str], *, lenient: bool) -> click.Context:
    return _READER.make_context("kit", list(words), resilient_parsing=lenient)  # click empties the list


def _check(context: click.Context) -> None:
    """Options that name two different stacks are refused, and one that names none: nobody should have to know which one wins."""
    for name in ("stack", "config"):
        if context.params[name] == "":  # of a script whose variable was never set: `purge` would take the usual stack
            raise click.UsageError(f"--{name} is empty", context)
    if context.params["local"] and context.params["cloud"]:
        raise click.UsageError("--local and --cloud name two different stacks", context)
    if context.params["rehearse"] and not context.params["cloud"]:
        raise click.UsageError("--rehearse goes with --cloud", context)
