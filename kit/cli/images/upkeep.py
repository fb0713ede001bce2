"""`kit images lock`, `verify` and `prune`: the lock beside what upstream has, and what no recipe makes any more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit.cli.frame import Command
from kit.cli.images.supplying import MB, say
from kit.report.table import columns

if TYPE_CHECKING:
    from kit.supply.pin import Pinned


@click.command("lock", cls=Command)
@click.pass_obj
def lock(session: Any) -> None:
    """Ask a registry for the digest behind each tag and write it into the lock."""
    from kit.sentry.chart import custom_images
    from kit.supply import pin
    from kit.supply.lock_file import read

    supply = session.supply()
    locks = [supply.lock, *map(read, filter(Path.is_file, [supply.assets / custom_images.UPSTREAM]))]
    pinned = [found for each in locks for found in pin.pin(each, supply.registry.digest)]
    if session.output == "json":
        rows = [{"name": p.name, "reference": p.reference, "before": p.before, "after": p.after} for p in pinned]
        print(json.dumps(rows, indent=2))
        return
    print(columns([(each.name, _state(each), each.reference, each.after or each.before or "") for each in pinned]), end="")


def _state(found: Pinned) -> str:
    return "not in the registry" if found.after is None else "unchanged" if found.after == found.before else "pinned"


@click.command("verify", cls=Command)
@click.argument("names", nargs=-1)
@click.option(
    "--download", is_flag=True, help="Fetch each file too (about 1 GB in all) and hash it, instead of trusting the sum beside it."
)
@click.pass_obj
def verify(session: Any, names: tuple[str, ...], download: bool) -> int:
    """Compare what the lock pulls (NAMES, or everything) with what upstream says today: addresses, sums, tags and digests.

    A tag that names another image by now is no fault, as long as the locked digest can still be had. Changes nothing.
    Exit code 3 where something differs or is gone, 26 where upstream could not be asked.
    """
    from kit.report import lock_comparison
    from kit.supply import verify as verifying

    supply = session.supply()
    entries = supply.wanted(names) if names else tuple(supply.lock.entries.values())
    for entry in entries if names else ():
        if not entry.pulls:
            say(f"- {entry.key}  is not pulled: {entry.unpublished or 'the lock does not say why'}")
    for variable in ("KIT_FILES_PREFIX", "KIT_REGISTRY_PREFIX"):
        if supply.environment.get(variable):
            say(f"- {variable} is set: that mirror is asked, and not upstream itself")
    files, registry = supply.files, supply.registry  # a mirror that is none is said once, and not of each image
    found = list(verifying.compared(entries, files, lambda: registry, download=download, note=say))
    if session.output == "json":
        print(json.dumps([lock_comparison.document(each) for each in found], indent=2))
    else:
        print(lock_comparison.table(found), end="")
    return verifying.exit_code(found)


@click.command("prune", cls=Command)
@click.option("--build-cache", is_flag=True, help="Also drop what Go, Cargo and Maven fetched and compiled (several GB).")
@click.pass_obj
def prune(session: Any, build_cache: bool) -> None:
    """Remove what no recipe of the lock makes any more; what the lock of another checkout names stays."""
    from kit.supply import prune as pruning
    from kit.targets.local import node_image

    supply = session.supply()
    removed = [pruning.outdated(supply, node_image.current(supply)), *([pruning.build_cache(supply)] if build_cache else [])]
    names = [name for pruned in removed for name in (*pruned.images, *pruned.folders)]
    used = [name for pruned in removed for name in pruned.in_use]
    needed = {name: str(lock) for pruned in removed for name, lock in pruned.needed.items()}
    freed = sum(pruned.freed_bytes for pruned in removed)
    if session.output == "json":
        print(json.dumps({"removed": names, "in_use": used, "needed": needed, "freed_bytes": freed}, indent=2))
        return
    for name in names:
        print(f"removed  {name}")
    for name in used:
        print(f"kept     {name}  (a container uses it)")
    for name, lock in needed.items():
        print(f"kept     {name}  (named by {lock})")
    print(f"{freed / MB:.0f} MB freed in {supply.cache.root}")
