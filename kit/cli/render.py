"""What several commands print: the status, a plan, a question. Data to stdout, everything said to a person to stderr."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from kit.cli import hints
from kit.cli.context import Session
from kit.errors import KitError
from kit.plan import steps
from kit.report import plan as plans
from kit.report import status as reports
from kit.status import Status

if TYPE_CHECKING:
    from pathlib import Path

    from kit.sentry.release import Login
    from kit.supply.outlook import Outlook
    from kit.targets.cloud.plan import CloudPlan


class NeedsYes(KitError):
    """A destructive command was given without --yes, and there is no terminal to ask at."""

    code = "KIT-NEEDS-YES"
    exit_code = 16
    what = "nothing was done"
    why = "{question} There is no terminal to ask at."
    fix = "say --yes"


class Declined(KitError):
    """The user said no."""

    code = "KIT-DECLINED"
    exit_code = 16
    what = "nothing was done"
    why = "you said no"
    fix = "say yes, or --yes"


def status(status: Status, session: Session) -> None:
    if session.is_json:
        print(json.dumps(reports.document(status), indent=2))
    else:
        print(hints.complete(reports.table(status).rstrip("\n"), session))


def plan(plan: steps.Plan, session: Session, outlook: Sequence[Outlook] = ()) -> None:
    """With what the supply's step will get, if there is one."""
    from kit.report import outlook as supplied

    if session.is_json:
        rows = plans.document(plan)
        for row in rows:
            if row["step"].startswith("supply ") and outlook:
                row["entries"] = supplied.document(outlook)
        print(json.dumps(rows, indent=2))
    else:
        print(plans.text(plan) + (supplied.table(outlook) if outlook else ""), end="")


def prices(path: Path | None) -> Mapping[str, float] | None:
    """The user's own, for a month of one of each. Raises `PricesUnreadable`."""
    from kit import yaml_file
    from kit.targets.cloud.errors import PricesUnreadable

    if path is None:
        return None
    document, found = yaml_file.read(path, PricesUnreadable), dict[str, float]()
    for name in ("vcpu", "memory_gb", "disk_gb"):
        if not document.has((name,)):
            raise document.wrong((), f"it does not say {name}")
        try:
            found[name] = float(document.written((name,)))
        except ValueError as error:
            raise document.wrong((name,), f"{document.written((name,))!r} is no number") from error
    return found


def cloud_plan(plan: CloudPlan, session: Session, costs: Mapping[str, float] | None, *, to_stdout: bool) -> None:
    """Resources with their causes, then Sentry's steps, then what it all needs; and what could not be checked."""
    from kit.targets.cloud import changes

    sums = plan.sums
    monthly = changes.price(sums, costs) if sums and costs else None
    if session.is_json and to_stdout:
        totals = {"vcpu": sums.vcpu, "memory_gb": sums.memory_gb, "disk_gb": sums.disk_gb} if sums else None
        services = sums.per_service if sums else None
        document = {
            "steps": plans.document(plan.steps),
            "sums": totals,
            "services": services,
            "monthly": monthly,
            "carries": plan.carries,
        }
        print(json.dumps({**document, "not_checked": list(plan.left_out), "differs": list(plan.differs)}, indent=2))
        return
    out = sys.stdout if to_stdout else sys.stderr
    parts = "".join(plans.text(part) for part in (plan.supply, plan.resources, plan.sentry) if part)
    print(parts or plans.text(()), end="", file=out)
    if sums and plan.resources:
        print(f"needs {sums.vcpu:g} vCPU, {sums.memory_gb:g} GB of memory, {sums.disk_gb:g} GB of disk", file=out)
        if monthly is not None:
            print(f"about {monthly:.2f} a month by your prices", file=out)
    if plan.carries and plan.resources:
        print(plan.carries, file=out)
    for said in plan.left_out:
        print(f"- {said}", file=sys.stderr)
    for said in plan.differs:
        print(f"! {hints.complete(said, session)}", file=sys.stderr)


def cloud_question(plan: CloudPlan, *, rehearses: bool) -> str:
    counts = Counter(step.verb for step in plan.resources)
    said = ", ".join(f"{verb} {count}" for verb, count in counts.items())
    lost = [step.subject for step in plan.resources if step.destructive]
    where = "the rehearsal" if rehearses else "Yandex Cloud, where it costs money"
    return f"This will {said} resources in {where}." + (f" Data is lost in {', '.join(lost)}." if lost else "")


def next_steps(login: Login | None, session: Session) -> None:
    """The last lines of `up`: what the user needs now."""
    if session.is_json:
        return
    env = hints.complete("kit env", session)
    print(f'\n  eval "$({env})"      psql, redis-cli, aws, kubectl and sentry-sdk know the way', file=sys.stderr)
    if login is not None:
        print(f"  {login.url}   user {login.username}, password: {env} | grep SENTRY_PASSWORD", file=sys.stderr)


def confirm(session: Session, yes: bool, what: str) -> None:
    """Go on only with a yes: from the flag, or from the terminal."""
    if yes:
        return
    if not session.is_interactive:
        raise NeedsYes(question=what)
    print(f"{what} Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Declined


def permission(session: Session, yes: bool) -> Callable[[steps.Plan], None]:
    """Asks for a plan with destructive steps before it is carried out; what was agreed to is not asked again in the next plan."""
    agreed: set[str] = set()

    def ask(plan: steps.Plan) -> None:
        destructive = {f"{step.id} ({step.cause})" for step in plan if step.destructive}
        if not destructive <= agreed:
            confirm(session, yes, f"This destroys data: {'; '.join(sorted(destructive))}.")
            agreed.update(destructive)

    return ask
