"""What every command and every group of commands of kit has in common: the global options in its help, and lists in full."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import click

from kit.cli import hints
from kit.cli.context import Session
from kit.cli.global_options import OPTIONS
from kit.errors import KitError

UNCUT = 10_000  # characters; click cuts the lines of a group's list at the width of the terminal otherwise


class _Seconds(click.FloatRange):
    """A length of time: any number from 0 on that is one, which "nan" and "inf" are not to whoever waits."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value} is not a length of time.", param, ctx)
        return found


SECONDS = _Seconds(0)


class _Known(click.Command):
    """A command that shows and completes the global options. They are read elsewhere, before click parses anything."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        own = super().get_params(ctx)
        return [*own, *OPTIONS] if ctx.resilient_parsing else own  # completion is the only one to parse leniently

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # a command that refuses its own options need not say which command it is
            raise
        except KitError as error:
            if isinstance(ctx.obj, Session):
                error.fix = hints.complete(error.fix, ctx.obj)
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        with formatter.section("Global options, before or after the command"):
            formatter.write_dl([record for option in OPTIONS if (record := option.get_help_record(ctx))])


class Command(_Known):
    """A command that does something. `prints_variables`: whether `-o env` means something to it; `prints_tfvars`: `-o tfvars`."""

    def __init__(self, *arguments: Any, prints_variables: bool = False, prints_tfvars: bool = False, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.prints_variables = prints_variables
        self.prints_tfvars = prints_tfvars

    def invoke(self, ctx: click.Context) -> Any:
        if isinstance(ctx.obj, Session) and ctx.obj.output == "env" and not self.prints_variables:
            raise click.UsageError("-o env is for what prints variables: kit env, kit yandex env", ctx)
        if isinstance(ctx.obj, Session) and ctx.obj.output == "tfvars" and not self.prints_tfvars:
            raise click.UsageError("-o tfvars is for what prints variables of Terraform: kit capacity", ctx)
        return super().invoke(ctx)


class Group(_Known, click.Group):
    """A group of commands, listed with the whole of their first sentences."""

    command_class = Command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(limit=UNCUT))
                    for name, command in commands
                    if command is not None and not command.hidden
                ]
            )


def waits_for_lock(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The option of every command that takes the stack's lock: how long it waits for another kit."""
    return click.option(
        "--wait-lock",
        type=SECONDS,
        default=600,
        show_default=True,
        metavar="SECONDS",
        expose_value=False,
        callback=_wait,
        help="How long to wait for another kit that works on the stack.",
    )(verb)


def _wait(ctx: click.Context, _: click.Parameter, seconds: float) -> None:
    if isinstance(ctx.obj, Session):
        ctx.obj = dataclasses.replace(ctx.obj, wait_lock_s=seconds)
