"""`kit up`: observe, plan, and carry the plan out."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from kit.blueprint.stack import FLAVOURS, PARTS, PROFILES, SIZES
from kit.cli.context import TRUST_CHART, Session
from kit.cli.frame import Command, waits_for_lock

EXAMPLES = """
\b
Examples:
  kit up --only stores
  kit up --profile seed                       with the article's Sentry 25.2
  kit up --sentry chart --chart ./sentry.tgz  Sentry itself, from a chart at hand
"""


@click.command("up", cls=Command, epilog=EXAMPLES)
@click.option("--plan", "plan_only", is_flag=True, help="Print what would be done and why, and do nothing.")
@click.option("--only", type=click.Choice(PARTS), help="Bring up this part alone, with what it needs.")
@click.option("--sentry", type=click.Choice(FLAVOURS), help="The kind of Sentry: lite, the stand-in, or its own chart.")
@click.option("--profile", type=click.Choice(PROFILES), help="The line of chart and Sentry.")
@click.option("--size", type=click.Choice(SIZES), help="How much of Sentry.")
@click.option("--chart", metavar="REF", help="The chart: a folder, a .tgz or oci://… (default: where the profile says).")
@click.option("--trust-chart", is_flag=True, help=TRUST_CHART)
@click.option(
    "--prices", type=click.Path(exists=True, path_type=Path), metavar="FILE", help="With --cloud: your prices, for a sum."
)
@click.option(
    "--yes", is_flag=True, help="Do not ask: neither before data is destroyed, nor before the cloud makes what costs money."
)
@waits_for_lock
@click.pass_obj
def command(  # click gives each option as an argument
    session: Session,
    /,
    plan_only: bool,
    only: str | None,
    prices: Path | None,
    yes: bool,
    trust_chart: bool,
    **chosen: str | None,
) -> int:
    """Bring the stack up: on this computer, stores in containers and a Kind cluster; with --cloud, what terraform makes there.

    A second run changes nothing; after an interruption it goes on from there.
    """
    if prices is not None and not session.cloud:
        raise click.UsageError("--prices goes with --cloud: nothing here costs by the hour")
    session = dataclasses.replace(session, trusts_chart=trust_chart)
    if session.cloud:
        return _in_cloud(session, plan_only, only, yes, prices, **chosen)
    return _on_this_computer(session, plan_only, only, yes, **chosen)


def _on_this_computer(session: Session, plan_only: bool, only: str | None, yes: bool, **chosen: str | None) -> int:
    from kit.cli import render
    from kit.report import progress
    from kit.supply import outlook
    from kit.targets.local import plan, site, status

    local = session.local.wanting(session.sentry_wanted(**chosen)).only(only)
    if plan_only:
        planned = plan.plan(local)
        is_supplied = all(step.id != plan.SUPPLY for step in planned)
        render.plan(planned, session, () if is_supplied else outlook.of(local.supply, local.supply_names()))
        return 0
    with session.lock("up"), progress.listener() as listen:
        plan.carry_out(local, listen, render.permission(session, yes))
    seen = status.of(local)
    render.status(seen, session)
    render.next_steps(site.release(local).login() if "sentry" in local.stack.parts else None, session)
    return seen.exit_code


def _in_cloud(session: Session, plan_only: bool, only: str | None, yes: bool, prices: Path | None, **chosen: str | None) -> int:
    from kit.cli import render
    from kit.report import progress
    from kit.targets.cloud import apply, plan, status

    costs = render.prices(prices)
    with session.lock("up --cloud"), session.in_cloud(session.sentry_wanted(**chosen)) as target:
        with progress.listener() as listen:
            target.report_supply_to(listen)
            planned = plan.plan(target.only(only))
        render.cloud_plan(planned, session, costs, to_stdout=plan_only)
        if plan_only:
            return 0
        if planned.is_for_the_cloud:
            render.confirm(session, yes, render.cloud_question(planned, rehearses=session.rehearse))
        with progress.listener() as listen:
            target.report_supply_to(listen)
            apply.up(target, planned, listen)
        seen = status.of(target)
        render.status(seen, session)
        return seen.exit_code
