"""The command line's frame: which commands there are, the options that all of them know, and how a failure is shown.

Commands are loaded when they are called. Their names and one-line helps stand here, so that `kit --help` and completion import
none of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from kit import __version__, cancel
from kit.cli import global_options, pipes
from kit.cli.frame import Group
from kit.errors import KitError

# What for → name → (module, one line of help), in the order of `kit --help`.
SECTIONS = {
    "Daily": {
        "up": ("up", "Bring the stack up: stores, cluster, Sentry, and a real exception received."),
        "status": ("status", "Show what runs, where, and whether its TLS verifies."),
        "verify": ("verify", "Prove every promise about the connections, from the host and from inside the cluster."),
        "demo": ("demo", "Raise a real exception, wait until Sentry shows it, print the link."),
        "env": ("env", 'Print the variables for clients: eval "$(kit env)".'),
        "logs": ("logs", "Show what a component wrote."),
        "down": ("down", "Stop the stack; its data stays."),
        "purge": ("purge", "Remove the stack with all its data, certificates and state."),
    },
    "Sentry": {
        "values": ("values", "Show, compare and check the values that the Sentry chart is given."),
        "chart": ("chart", "Render Sentry's chart as it would be applied."),
        "preflight": ("preflight", "Try every connection of the release in the cluster, before Helm would."),
        "topics": ("topics", "List, compare and mend the Kafka topics that Sentry needs."),
        "secrets": ("secrets", "Show where the stack's secrets lie, and keep those that only you know."),
    },
    "Cloud": {
        "capacity": ("capacity", "Calculate what a load needs, beside what a size has."),
        "cloud": ("cloud", "Share the cloud stack with others: its state in a bucket."),
        "yandex": ("yandex", "Emulate the Yandex Cloud API, for any Terraform."),
        "kube-token": ("kube_token", "Print a token for the cloud's cluster; kubeconfigs that kit wrote call this."),
    },
    "This computer": {
        "doctor": ("doctor", "Check this computer and say what to mend."),
        "setup": ("setup", "Prepare this computer: an engine that answers, and what images are built with."),
        "images": ("images.command", "List, build, pull, save and load the tools and images."),
        "certs": ("certs", "Show the authority and its certificates, and issue new ones."),
        "completion": ("completion", "Print the completion script of a shell."),
    },
}
COMMANDS = {name: where for section in SECTIONS.values() for name, where in section.items()}

EXAMPLES = """
\b
Examples:
  kit up                             five TLS stores, a cluster, Sentry, from nothing, on this computer
  kit up --plan                      what that would do, and why
  kit up --cloud --rehearse          the same in Yandex Cloud, against an emulator of it
  kit status -o json                 for scripts; exit 0 ready, 3 not ready, 4 no such stack
  eval "$(kit env)" && psql -c 'select 1'
  kit purge --stack scratch --yes    another stack of that name, gone
"""


class Lazy(Group):
    """A group whose commands are modules of this folder."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"kit.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise click.NoSuchCommand(args[0], possibilities=COMMANDS, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{width}}", help_line) for name, (_, help_line) in commands.items()])


@click.group(cls=Lazy, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="kit")
def kit() -> None:
    """The same Sentry installation, first against TLS stores and a cluster on this computer, then against the cloud."""


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point of the `kit` program; always ends the process with an exit code."""
    if "_KIT_COMPLETE" in os.environ:
        kit(prog_name="kit")  # click answers the shell and exits
    line = global_options.read(sys.argv[1:] if argv is None else argv)
    with cancel.current.listening(), pipes.named():
        try:
            code = _exit_code(line)
            sys.stdout.flush()
        except pipes.Unread:
            code = pipes.unread()
        except KeyboardInterrupt:  # while a failure was being shown
            code = cancel.current.exit_code
        sys.exit(code)


def _exit_code(line: global_options.Line) -> int:
    """Run the command and show how it failed. A command that a signal ended has the signal's exit code, whatever failed by it."""
    as_json, verbose = line.session.is_json, line.session.verbose
    try:
        if line.problem is not None:
            raise line.problem
        with kit.make_context("kit", list(line.words), obj=line.session) as context:  # click's main would hide broken pipes
            outcome: Any = kit.invoke(context)
        sys.stdout.flush()
        return outcome if isinstance(outcome, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt):  # the former comes from a question
        print("Interrupted. Finished steps are kept; run the same command again to continue.", file=sys.stderr)
        return cancel.current.exit_code or 130
    except click.ClickException as error:
        from kit.cli import usage
        from kit.report import failure

        misused = usage.of(error)
        if isinstance(error, click.exceptions.NoArgsIsHelpError) and not as_json:
            error.show()  # the help
        else:
            failure.show(misused, as_json=as_json, verbose=False)
        return misused.exit_code
    except KitError as error:
        from kit.report import failure

        failure.show(error, as_json=as_json, verbose=verbose)
        return cancel.current.exit_code or error.exit_code
    except pipes.Unread:
        raise
    except Exception as error:
        from kit.host import places
        from kit.report import failure

        known = places.refusal(error) if isinstance(error, OSError) else None
        shown = known or failure.unexpected(error)
        failure.show(shown, as_json=as_json, verbose=verbose)
        return cancel.current.exit_code or shown.exit_code
