"""`kit images … --for chart`: the same commands for the images of Sentry's chart."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from kit.blueprint.stack import PROFILES, SIZES
from kit.cli.images.supplying import say

if TYPE_CHECKING:
    from kit.sentry.chart.chart import Chart
    from kit.sentry.chart.images import Used


def options(verb: Any) -> Any:
    """Whose images: those of the lock, or those of a rendered chart."""
    every = [
        click.option("--for", "whose", type=click.Choice(["chart"]), help="The images of Sentry's chart, not of the lock."),
        click.option("--chart", metavar="REF", help="With --for chart: a folder, a .tgz or oci://… (default: the profile's)."),
        click.option("--profile", type=click.Choice(PROFILES), help="With --for chart: the line of chart and Sentry."),
        click.option("--size", type=click.Choice(SIZES), help="With --for chart: how much of Sentry."),
    ]
    for option in reversed(every):
        verb = option(verb)
    return verb


def release(session: Any, whose: str | None, **chosen: str | None) -> tuple[Chart, tuple[Used, ...]] | None:
    """The chart and every image of it, rendered with the stack's values; None where the lock is meant."""
    given: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    if whose is None:
        if given:
            raise click.UsageError(f"--{', --'.join(given)} belongs to --for chart")
        return None
    from kit.sentry.chart import chart
    from kit.sentry.chart import images as chart_images
    from kit.sentry.objects import NAMESPACE, RELEASE
    from kit.targets.local import previews

    wanted = dataclasses.replace(session.stack.sentry, flavour="chart", **given)
    found = previews.of_stack(session.local, wanted)
    there = found.release.flavour.chart()
    documents = chart.render(there, RELEASE, NAMESPACE, found.data, found.release.site.helm())
    return there, chart_images.images_of(documents)


def bring(session: Any, used: tuple[Used, ...]) -> None:
    from kit.adapters.containerd import node
    from kit.adapters.kind import node_name
    from kit.sentry.chart import images as chart_images

    supply, stack = session.supply(), session.stack.name
    log = supply.cache.temporary() / "chart-images.log"
    pulled = chart_images.bring(supply.docker, supply.registry, chart_images.names(used), log=log, say=say)
    say(f"{len(pulled)} of {len(used)} images pulled, the others were here")
    if any(container.name == node_name(stack) for container in supply.docker.containers()):
        node.load(supply.docker, node_name(stack), [chart_images.local_name(each.reference) for each in used])
        say(f"all of them are in the cluster of stack {stack}")
