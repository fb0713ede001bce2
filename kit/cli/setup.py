"""`kit setup`: an engine that answers, and the tools of the lock."""

from __future__ import annotations

import sys

import click

from kit.cli.context import Session


@click.command("setup")
@click.pass_obj
def command(session: Session) -> int:
    """Prepare this computer. Says every change it makes outside its own folders; changes nothing that is right already."""
    from kit.host import engine, limits

    if change := limits.raise_inotify():
        print(f"setup: {change}", file=sys.stderr)
    found = engine.prepare(session.workspace.cache, lambda change: print(f"setup: {change}", file=sys.stderr))
    print(f"setup: Docker Engine {found.version} answers", file=sys.stderr)
    return 0
