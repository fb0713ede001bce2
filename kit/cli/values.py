"""`kit values`: what the Sentry chart is given, what that would change, and whether it is right."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit.blueprint.stack import PROFILES, SIZES
from kit.cli.context import TRUST_CHART, Session
from kit.cli.frame import Group
from kit.status import FINE, SOMETHING_WRONG

if TYPE_CHECKING:
    from kit.sentry.preview import Preview

EXAMPLES = """
\b
Examples:
  kit values show                                  for the stack's own stores
  kit values show --cloud                          for those in the cloud
  kit values show --profile seed --size full       another line of Sentry, and all of it
  kit values show --endpoints e.json --url https://sentry.example.org
  kit values diff                                  what `kit up` would change in the running release
  kit values check --chart ./sentry-26.18.0.tgz    every container of the rendered chart held against the rules
"""


@click.group("values", cls=Group, epilog=EXAMPLES)
def values() -> None:
    """Show, compare and check the values that the Sentry chart is given."""


command = values  # the name under which the frame finds every command


def options(with_chart: bool) -> Callable[[Any], Any]:
    """Which Sentry, on which stores: the same words for every verb."""

    def decorate(verb: Any) -> Any:
        every = [
            click.option("--endpoints", type=click.Path(path_type=Path), metavar="FILE", help="Stores elsewhere, as JSON."),
            click.option("--url", metavar="URL", help="Sentry's public URL, with --endpoints."),
            click.option("--profile", type=click.Choice(PROFILES), help="The line of chart and Sentry."),
            click.option("--size", type=click.Choice(SIZES), help="How much of Sentry."),
        ]
        if with_chart:
            every.append(click.option("--chart", metavar="REF", help="A folder, a .tgz or oci://… (default: the profile's)."))
        for option in reversed(every):
            verb = option(verb)
        return click.pass_obj(verb)

    return decorate


@values.command("show")
@options(with_chart=True)
def show(session: Session, **chosen: Any) -> None:
    """Print the values. They hold no secret: passwords are named by their Kubernetes Secrets."""
    wanted = _wanted(session, **chosen)
    print(
        json.dumps(wanted.data, indent=2, sort_keys=True) if session.is_json else wanted.written,
        end="\n" if session.is_json else "",
    )


@values.command("diff")
@options(with_chart=True)
def diff(session: Session, **chosen: Any) -> int:
    """Print what an upgrade would change in the running release's values. Exit 3 where something would."""
    difference = _wanted(session, **chosen).difference()
    if session.is_json:
        print(json.dumps({"same": not difference, "diff": difference.splitlines()}, indent=2))
    else:
        print(difference, end="")
    return SOMETHING_WRONG if difference else FINE


@values.command("check")
@options(with_chart=True)
@click.option("--trust-chart", is_flag=True, help=TRUST_CHART)
def check(session: Session, trust_chart: bool, **chosen: Any) -> int:
    """Render the chart, wire it, and hold every container and every executed setting against the rules.

    Exit 3 on findings; a warning (!) is a guess, and stops nothing. The settings are executed where they reach nothing: in a
    container of the profile's probe image without network, else by bubblewrap.
    """
    from kit.report import values_check

    looked = _wanted(dataclasses.replace(session, trusts_chart=trust_chart), **chosen).inspect()
    if session.is_json:
        print(json.dumps(values_check.document(looked), indent=2))
    else:
        print(values_check.table(looked), end="")
    return SOMETHING_WRONG if looked.stopping else FINE


def _wanted(
    session: Session,
    endpoints: Path | None,
    url: str | None,
    profile: str | None,
    size: str | None,
    chart: str | None,
) -> Preview:
    if chart is not None and "://" not in chart:
        chart = str(Path(chart).resolve())
    given: dict[str, Any] = {"profile": profile, "size": size, "chart": chart, "flavour": "chart" if chart else None}
    wanted = dataclasses.replace(session.stack.sentry, **{name: value for name, value in given.items() if value is not None})
    if endpoints is not None:
        if url is None:
            raise click.UsageError("--endpoints needs --url: Sentry's public URL is not among the stores")
        from kit.targets.local import previews

        return previews.of_file(session.local, wanted, endpoints, url)
    if session.cloud and (profile or size):
        from kit.targets.cloud.errors import ValuesAreMade

        raise ValuesAreMade(option=" --rehearse" if session.rehearse else "")
    # The target stays open until the command ends.
    return click.get_current_context().with_resource(session.target(wanted)).preview()
