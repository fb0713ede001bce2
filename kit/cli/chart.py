"""`kit chart`: what the chart makes of the values, exactly as it would be applied."""

from __future__ import annotations

import json

import click

from kit.blueprint.stack import FLAVOURS, PROFILES, SIZES
from kit.cli.context import Session
from kit.cli.frame import Group


@click.group("chart", cls=Group, epilog="Example: kit chart render --sentry chart --chart ./sentry-26.18.0.tgz | less")
def chart() -> None:
    """Render Sentry's chart, wired and checked as `kit up` would apply it."""


command = chart  # the name under which the frame finds every command


@chart.command("render")
@click.option("--sentry", type=click.Choice(FLAVOURS), help="The kind of Sentry: lite, the stand-in, or its own chart.")
@click.option("--profile", type=click.Choice(PROFILES), help="The line of chart and Sentry.")
@click.option("--size", type=click.Choice(SIZES), help="How much of Sentry.")
@click.option("--chart", metavar="REF", help="A folder, a .tgz or oci://… (default: where the profile says).")
@click.pass_obj
def render(session: Session, /, **chosen: str | None) -> None:
    """Print the manifests. They hold no secret: what is secret stands in Secrets that kit applies beforehand."""
    from kit.sentry.chart import manifests
    from kit.targets.local import previews, site

    wanted = session.sentry_wanted(**chosen)
    # The stand-in is made from the stack's own images and certificates; the chart can be looked at before there is a stack.
    is_lite, local = wanted.flavour == "lite", session.local.wanting(wanted)
    made = site.release(local).installation() if is_lite else previews.of_stack(local, wanted).installation
    documents = made.documents()
    print(json.dumps(list(documents), indent=2) if session.is_json else manifests.dump(documents), end="")
