"""The command line's frame: which commands there are, the options that all of them know, and how a failure is shown.

Commands are loaded when they are called. Their names and one-line helps stand here, so that `kit --help` and completion import
none of them.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from kit import __version__
from kit.cli.context import Session
from kit.errors import KitError

# name → (module, one line of help), in the order of `kit --help`.
COMMANDS = {
    "up": ("up", "Bring the stack up: stores, cluster, Sentry, and a real exception received."),
    "status": ("status", "Show what runs, where, and whether its TLS verifies."),
    "verify": ("verify", "Prove every promise about the connections, from the host and from inside the cluster."),
    "demo": ("demo", "Raise a real exception, wait until Sentry shows it, print the link."),
    "env": ("env", 'Print the variables for clients: eval "$(kit env)".'),
    "logs": ("logs", "Show what a component wrote."),
    "down": ("down", "Stop the stack; its data stays."),
    "purge": ("purge", "Remove the stack with all its data, certificates and state."),
    "certs": ("certs", "Show the authority and its certificates."),
    "chart": ("chart", "Render Sentry's chart as it would be applied."),
    "topics": ("topics", "List, compare and mend the Kafka topics that Sentry needs."),
    "preflight": ("preflight", "Try every connection of the release in the cluster, before Helm would."),
    "values": ("values", "Show, compare and check the values that the Sentry chart is given."),
    "secrets": ("secrets", "Show where the stack's secrets lie, and keep those that only you know."),
    "cloud": ("cloud", "Keep the cloud stack's state elsewhere."),
    "images": ("images", "List, build, pull, save and load the tools and images."),
    "setup": ("setup", "Prepare this computer: an engine that answers, and what images are built with."),
    "doctor": ("doctor", "Check this computer and say what to mend."),
    "kube-token": ("kube_token", "Print a token for the cloud's cluster; kubeconfigs that kit wrote call this."),
    "yandex": ("yandex", "Emulate the Yandex Cloud API, for any Terraform."),
    "completion": ("completion", "Print the completion script of a shell."),
}

# Known to every command, before or after its name: option → whether a value follows.
GLOBAL_OPTIONS = {"--config": True, "--stack": True, "-o": True, "--output": True, "-v": False, "--verbose": False}
GLOBAL_OPTIONS |= {"--cloud": False, "--rehearse": False}

EXAMPLES = """
\b
Examples:
  kit up --local                     five TLS stores, a cluster, Sentry, from nothing
  kit up --local --plan              what that would do, and why
  kit status -o json                 for scripts; exit 0 ready, 3 not ready, 4 no such stack
  eval "$(kit env)" && psql -c 'select 1'
  kit purge --stack scratch --yes    another stack of that name, gone
"""


class Lazy(click.Group):
    """A group whose commands are modules of this folder."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"kit.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])


@click.group(cls=Lazy, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--config", metavar="FILE", help="The description of the stack (default: kit.yaml, if there is one).")
@click.option("--stack", metavar="NAME", envvar="KIT_STACK", help="The stack's name (default: kit, or what kit.yaml says).")
@click.option("-o", "--output", type=click.Choice(["table", "json", "env"]), envvar="KIT_OUTPUT", help="How data is printed.")
@click.option("--cloud", is_flag=True, help="The stack in Yandex Cloud, instead of the one on this computer.")
@click.option(
    "--rehearse", is_flag=True, help="With --cloud: against the emulator of the cloud's API, with real stores behind it."
)
@click.option("-v", "--verbose", is_flag=True, help="Show what tools said, and Python tracebacks.")
@click.version_option(__version__, prog_name="kit")
@click.pass_context
def kit(
    ctx: click.Context, config: str | None, stack: str | None, output: str | None, cloud: bool, rehearse: bool, verbose: bool
) -> None:
    """The same Sentry installation, first against TLS stores and a cluster on this computer, then against the cloud.

    The options below may stand before or after the command.
    """
    if rehearse and not cloud:
        raise click.UsageError("--rehearse goes with --cloud")
    ctx.obj = Session(config, stack, output or "table", verbose, cloud=cloud, rehearse=rehearse)


def hoisted(argv: Sequence[str]) -> list[str]:
    """The arguments with the global options moved to the front, up to a `--` if there is one."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word.partition("=")[0] in GLOBAL_OPTIONS:
            front.append(word)
            if GLOBAL_OPTIONS[word.partition("=")[0]] and "=" not in word:
                front += [value for value in [next(words, None)] if value is not None]
        else:
            rest.append(word)
    return front + rest


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point of the `kit` program; always ends the process with an exit code."""
    if "_KIT_COMPLETE" in os.environ:
        kit(prog_name="kit")  # click answers the shell and exits
    arguments = hoisted(sys.argv[1:] if argv is None else argv)
    wants_json = any(first == "-o" and second == "json" for first, second in itertools.pairwise(arguments))
    verbose = bool({"-v", "--verbose"} & set(arguments))
    try:
        outcome: Any = kit.main(args=arguments, prog_name="kit", standalone_mode=False)
        sys.exit(outcome if isinstance(outcome, int) else 0)
    except (click.exceptions.Abort, KeyboardInterrupt):  # click turns the one into the other
        print("interrupted; what stands, stands: the same command goes on from there", file=sys.stderr)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(10)
    except BrokenPipeError:
        os._exit(0)  # the reader of our output has gone; flushing at exit would only fail again
    except KitError as error:
        from kit.report import failure

        failure.show(error, as_json=wants_json, verbose=verbose)
        sys.exit(error.exit_code)
    except Exception as error:
        from kit.host import places
        from kit.report import failure

        known = places.refusal(error) if isinstance(error, OSError) else None
        shown = known or failure.unexpected(error)
        failure.show(shown, as_json=wants_json, verbose=verbose)
        sys.exit(shown.exit_code)
