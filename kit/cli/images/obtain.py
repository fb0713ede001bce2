"""`kit images build` and `pull`: make what is missing from recipes, or fetch it from upstream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from kit.blueprint.stack import PROFILES
from kit.cli.frame import Command
from kit.cli.images import of_chart, supplying
from kit.cli.images.supplying import say

if TYPE_CHECKING:
    from kit.supply.lock import PulledImage


@click.command("build", cls=Command)
@click.argument("names", nargs=-1)
@click.option("--custom", is_flag=True, help="Build sentry, snuba, relay (NAMES) with the stack's authority in them.")
@click.option("--base", metavar="REF", help="With --custom: upstream's image by digest (default: upstream.yaml's).")
@click.option("--profile", type=click.Choice(PROFILES), help="With --custom: whose upstream images (default: the stack's).")
@click.pass_obj
def build(session: Any, names: tuple[str, ...], custom: bool, base: str | None, profile: str | None) -> None:
    """Build what is not there (NAMES, or everything) from its recipe, without asking a registry."""
    if custom:
        _build_custom(session, names, base, profile or session.stack.sentry.profile)
        return
    if base or profile:
        raise click.UsageError("--base and --profile belong to --custom")
    supplying.ensure(session.supply(), names or None, ways=("built",))


def _build_custom(session: Any, names: tuple[str, ...], base: str | None, profile: str) -> None:
    from kit.cli.certs import NoAuthority
    from kit.sentry.chart import custom_images

    if unknown := [name for name in names if name not in custom_images.NAMES]:
        raise click.UsageError(f"--custom builds {', '.join(custom_images.NAMES)}, and not {', '.join(unknown)}")
    if base and len(names) != 1:
        raise click.UsageError("--base is of one image: name it")
    supply, space = session.supply(), session.workspace
    if not (space.ca_file.is_file() and space.bundle_file.is_file()):
        raise NoAuthority(stack=session.stack.name)
    trusted = custom_images.Trusted(space.ca_file.read_bytes(), space.bundle_file.read_bytes())
    bases = {name: custom_images.base_of(name, profile, base, space.assets) for name in names or custom_images.NAMES}
    log = supply.cache.temporary() / "custom-images.log"

    def fetch(image: PulledImage, local: str) -> None:
        supply.registry.pull(image, local, log=log)

    made = []
    for name, chosen in bases.items():
        say(f"· custom {name}  on {chosen.reference}")
        made.append(custom_images.build(supply.docker, space.assets, name, chosen, trusted, fetch=fetch, log=log))
        say(f"✓ {made[-1].reference}{'' if made[-1].is_new else '  was there'}")
    if session.output == "json":
        print(json.dumps([{"name": each.name, "reference": each.reference, "base": each.base} for each in made], indent=2))
        return
    for each in made:
        print(f"{each.name:<8} {each.reference}")


@click.command("pull", cls=Command)
@click.argument("names", nargs=-1)
@of_chart.options
@click.pass_obj
def pull(session: Any, /, names: tuple[str, ...], whose: str | None, **chosen: str | None) -> None:
    """Pull NAMES, or everything that has an upstream image, by digest; through KIT_REGISTRY_PREFIX when it is set.

    With --for chart: every image of the chart, and into the cluster with them, if there is one.
    """
    supply = session.supply()
    if release := of_chart.release(session, whose, **chosen):
        of_chart.bring(session, release[1])
        return
    upstream = [entry for entry in supply.wanted(names or None) if entry.pulls or names]
    unknown = [] if names else [entry for entry in upstream if not entry.can_be_pulled]
    for entry in unknown:
        say(f"- {entry.key}  the lock has no digest for it: kit images lock")
    known = [entry.key for entry in upstream if entry not in unknown]
    supplying.ensure(supply, known, ways=("pulled",), counting=("installed", "pulled"))
