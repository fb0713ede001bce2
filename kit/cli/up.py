"""`kit up`: observe, plan, and carry the plan out."""

from __future__ import annotations

import click

from kit.blueprint.stack import FLAVOURS, PARTS, PROFILES, SIZES
from kit.cli.context import Session
from kit.errors import KitError


class NoTarget(KitError):
    """`kit up` without saying where."""

    code = "KIT-NO-TARGET"
    exit_code = 11

    def __init__(self) -> None:
        super().__init__(
            what="kit up needs a target",
            why="neither --local nor --cloud was given",
            fix="kit up --local",
        )


class NotBuiltYet(KitError):
    """A part of kit that is announced and does not exist yet."""

    code = "KIT-NOT-BUILT-YET"
    exit_code = 60

    def __init__(self, option: str) -> None:
        super().__init__(
            what=f"{option} does not exist yet",
            why="this version of kit builds the local stack only",
            fix="kit up --local",
        )


EXAMPLES = """
\b
Examples:
  kit up --local --only stores
  kit up --local --profile seed                       with the article's Sentry 25.2
  kit up --local --sentry chart --chart ./sentry.tgz  Sentry itself, from a chart at hand
"""


@click.command("up", epilog=EXAMPLES)
@click.option("--local", "target", flag_value="local", help="Stores in containers, a Kind cluster, on this computer.")
@click.option("--cloud", "target", flag_value="cloud", help="The same in Yandex Cloud (not built yet).")
@click.option("--plan", "plan_only", is_flag=True, help="Print what would be done and why, and do nothing.")
@click.option("--only", type=click.Choice(PARTS), help="Bring up this part alone, with what it needs.")
@click.option("--sentry", type=click.Choice(FLAVOURS), help="The small stand-in (lite), or Sentry's own chart.")
@click.option("--profile", type=click.Choice(PROFILES), help="The line of chart and Sentry.")
@click.option("--size", type=click.Choice(SIZES), help="How much of Sentry.")
@click.option("--chart", metavar="REF", help="The chart: a folder, a .tgz or oci://… (default: where the profile says).")
@click.option("--yes", is_flag=True, help="Do not ask before a step that destroys data.")
@click.option(
    "--wait-lock", type=float, default=600, show_default=True, metavar="SECONDS", help="How long to wait for another kit."
)
@click.pass_obj
def command(  # click gives each option as an argument
    session: Session, /, target: str | None, plan_only: bool, only: str | None, yes: bool, wait_lock: float, **chosen: str | None
) -> int:
    """Bring the stack up. A second run changes nothing; after an interruption it goes on from there."""
    if target is None:
        raise NoTarget
    if target == "cloud":
        raise NotBuiltYet("--cloud")
    from kit.cli import render
    from kit.report import progress

    local = session.wanting(**chosen).only(only)
    if plan_only:
        render.plan(local.plan(), session)
        return 0
    with session.lock("up", wait_lock), progress.listener() as listen:
        local.up(listen, allowed=render.permission(session, yes))
    status = local.status()
    render.status(status, session)
    render.next_steps(local, session)
    return status.exit_code
