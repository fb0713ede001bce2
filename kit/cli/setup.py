"""`kit setup`: an engine that answers, and what base images are made with where they cannot be pulled."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from kit.cli.context import Session
from kit.cli.frame import Command

if TYPE_CHECKING:
    from kit.supply.supply import Supply


@click.command("setup", cls=Command)
@click.pass_obj
def command(session: Session) -> int:
    """Prepare this computer. Says every change it makes outside its own folders; changes nothing that is right already."""
    from kit.host import engine, limits

    def say(change: str) -> None:
        print(f"setup: {change}", file=sys.stderr)

    if change := limits.raise_inotify():
        say(change)
    found = engine.prepare(session.workspace.cache, say)
    engine.prepare_builds(lambda: builds_debian(session.local.supply, session.local.supply_names()), say)
    say(f"Docker Engine {found.version} answers")
    return 0


def builds_debian(supply: Supply, names: Iterable[str]) -> bool:
    """Whether a base image of Debian is missing and has to be made here, for no registry gives it.

    Before the program that makes it is there, such an image is one that can neither be pulled nor built.
    """
    from kit.supply.errors import NoSource
    from kit.supply.lock import Debian

    bases = {entry.key for entry in supply.lock.entries.values() if isinstance(entry.recipe, Debian)}
    try:
        return any(need.how == "built" and need.key in bases for need in supply.plan(names))
    except NoSource as none:
        return not bases.isdisjoint(none.reasons)
