"""`kit images`: the tools and images of the lock, where they are, and how to get or move them."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit.blueprint.stack import PROFILES, SIZES
from kit.cli.frame import Group

if TYPE_CHECKING:
    from kit.sentry.chart.chart import Chart
    from kit.sentry.chart.images import Used
    from kit.supply import Supply
    from kit.supply.lock import Entry, PulledImage
    from kit.supply.resolve import Way

PLATFORMS = ("linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64")
GB = 1024**3
MB = 1024**2

EXAMPLES = """
\b
Examples:
  kit images list                    what there is, and where each came from
  kit images build postgres          make one image, and what it needs
  kit images save kit.tar            everything in one file …
  kit images load kit.tar            … for a machine without any registry
  kit images build --custom sentry --base getsentry/sentry@sha256:…
  kit images verify                  whether upstream still has what the lock names
  KIT_REGISTRY_PREFIX=127.0.0.1:5000/ kit images pull
  kit images list --for chart --chart ./sentry-26.18.0.tgz --profile seed
  kit images save --for chart sentry.tar   Sentry's chart and all its images in one file
"""


@click.group("images", cls=Group, epilog=EXAMPLES)
def images() -> None:
    """List, build, pull, save and load the tools and images."""


command = images  # the name under which the frame finds every command


def of_chart(verb: Any) -> Any:
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


def _release(session: Any, whose: str | None, **chosen: str | None) -> tuple[Chart, tuple[Used, ...]] | None:
    """The chart and every image of it, rendered with the stack's values; None where the lock is meant."""
    given: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    if whose is None:
        if given:
            raise click.UsageError(f"--{', --'.join(given)} belongs to --for chart")
        return None
    from kit.sentry.chart import chart
    from kit.sentry.chart import images as chart_images
    from kit.sentry.objects import NAMESPACE, RELEASE
    from kit.targets import values

    wanted = dataclasses.replace(session.stack.sentry, flavour="chart", **given)
    found = values.of_local(session.local, wanted)
    documents = chart.render(found.chart, RELEASE, NAMESPACE, found.data, found.helm)
    return found.chart, chart_images.images_of(documents)


@images.command("list")
@of_chart
@click.pass_obj
def show(session: Any, /, whose: str | None, **chosen: str | None) -> None:
    """Every entry of the lock: its version, where it is, or why it is not there. With --for chart: every image of the chart."""
    from kit.supply.resolve import Missing
    from kit.supply.shelf import Found

    if release := _release(session, whose, **chosen):
        _show_release(session, *release)
        return
    rows = [
        {
            "name": listed.entry.key,
            "version": listed.state.version if isinstance(listed.state, Found) else _versions(listed.entry),
            "source": None if isinstance(listed.state, Missing) else listed.state.source,
            "place": None if isinstance(listed.state, Missing) else listed.state.place,
            "reason": listed.state.why if isinstance(listed.state, Missing) else None,
            "recipe": listed.recipe,
            "only": listed.entry.only or None,
            "unpublished": listed.entry.unpublished or None,
        }
        for listed in session.supply().survey()
    ]
    if session.output == "json":
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        _show_row(row, *(max(len(each[column]) for each in rows) for column in ("name", "version")))


def _show_row(row: dict[str, Any], name: int, version: int) -> None:
    notes = [f"only for {row['only']}: made when it is named"] if row["only"] else []
    if row["place"] is None and row["unpublished"]:
        notes.append(f"not pulled: {row['unpublished']}")
    where = "  ".join([row["place"] or row["reason"], *(f"({note})" for note in notes)])
    print(f"{row['name']:<{name}}  {row['version']:<{version}}  {row['source'] or '-':<9}  {where}")


def _versions(entry: Entry) -> str:
    """Those that it can have, where it is not there, in the order in which they are tried."""
    from kit.supply.lock import Installed

    return " | ".join(dict.fromkeys(source.version for source in entry.sources if not isinstance(source, Installed)))


def _show_release(session: Any, chart: Chart, used: tuple[Used, ...]) -> None:
    from kit.sentry.chart import images as chart_images

    absent = chart_images.missing(session.supply().docker, chart_images.names(used))
    rows = [{"image": each.reference, "containers": each.containers, "here": each.reference not in absent} for each in used]
    if session.output == "json":
        print(json.dumps({"chart": chart.name, "version": chart.version, "images": rows}, indent=2))
        return
    for row in rows:
        print(f"{'here' if row['here'] else 'absent':<6}  {row['containers']:>3} containers  {row['image']}")
    _say(f"{chart.name} {chart.version}: {len(rows)} images, {len(absent)} not here")


@images.command()
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
    _ensure(session.supply(), names or None, ways=("built",))


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
        supply.registry.pull(image, local, log=log, interrupted=lambda: False)

    made = []
    for name, chosen in bases.items():
        _say(f"· custom {name}  on {chosen.reference}")
        made.append(
            custom_images.build(
                supply.docker,
                space.assets,
                name,
                chosen,
                trusted,
                fetch=fetch,
                log=log,
            )
        )
        _say(f"✓ {made[-1].reference}{'' if made[-1].is_new else '  was there'}")
    if session.output == "json":
        print(json.dumps([{"name": each.name, "reference": each.reference, "base": each.base} for each in made], indent=2))
        return
    for each in made:
        print(f"{each.name:<8} {each.reference}")


@images.command()
@click.argument("names", nargs=-1)
@of_chart
@click.pass_obj
def pull(session: Any, /, names: tuple[str, ...], whose: str | None, **chosen: str | None) -> None:
    """Pull NAMES, or everything that has an upstream image, by digest; through KIT_REGISTRY_PREFIX when it is set.

    With --for chart: every image of the chart, and into the cluster with them, if there is one.
    """
    supply = session.supply()
    if release := _release(session, whose, **chosen):
        _bring(session, release[1])
        return
    upstream = [entry for entry in supply.wanted(names or None) if entry.pulls or names]
    unknown = [] if names else [entry for entry in upstream if not entry.can_be_pulled]
    for entry in unknown:
        _say(f"- {entry.key}  the lock has no digest for it: kit images lock")
    known = [entry.key for entry in upstream if entry not in unknown]
    _ensure(supply, known, ways=("pulled",), counting=("installed", "pulled"))


def _bring(session: Any, used: tuple[Used, ...]) -> None:
    from kit.adapters.containerd import node
    from kit.adapters.kind import node_name
    from kit.sentry.chart import images as chart_images

    supply, stack = session.supply(), session.stack.name
    log = supply.cache.temporary() / "chart-images.log"
    pulled = chart_images.bring(supply.docker, supply.registry, chart_images.names(used), log=log, say=_say)
    _say(f"{len(pulled)} of {len(used)} images pulled, the others were here")
    if any(container.name == node_name(stack) for container in supply.docker.containers()):
        node.load(supply.docker, node_name(stack), [chart_images.local_name(each.reference) for each in used])
        _say(f"all of them are in the cluster of stack {stack}")


@images.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("names", nargs=-1)
@of_chart
@click.option("--platform", type=click.Choice(PLATFORMS), help="Whose tools (default: this computer's).")
@click.pass_obj
def save(
    session: Any, /, file: Path, names: tuple[str, ...], whose: str | None, platform: str | None, **chosen: str | None
) -> None:
    """Write all tools and images (or NAMES) to one FILE, making first what is missing.

    With --for chart: the chart and every image of it (and NAMES), pulling first what is missing.
    With --platform: tools for another computer; the images are the engine's, so its processor must be of the same kind.
    """
    import tempfile

    from kit.sentry.chart import images as chart_images
    from kit.supply import archive
    from kit.supply.resolve import PORTABLE

    supply = session.supply()
    release = _release(session, whose, **chosen)
    if platform:
        supply = _for_platform(supply, platform, whose, names)
    if release is None:
        _ensure(supply, names or None, counting=PORTABLE)
        _moved("saved", archive.save(supply, file, names or None), file)
        return
    chart, used = release
    if names:
        _ensure(supply, names, counting=PORTABLE)
    _bring(session, used)
    others = [chart_images.local_name(each.reference) for each in used]
    with tempfile.TemporaryDirectory(prefix="kit-chart-") as folder:
        charts = [chart_images.archived(chart, Path(folder))]
        _moved("saved", archive.save(supply, file, names, others=others, charts=charts), file)


def _for_platform(supply: Supply, platform: str, whose: str | None, names: tuple[str, ...]) -> Supply:
    """Refused where images would come along that do not run there: an engine of that kind is a machine with its processor."""
    wanted = supply.with_tools_for(platform)
    has_images = whose is not None or any(entry.section == "image" for entry in wanted.wanted(names or None))
    if has_images and wanted.engine_platform.partition("-")[2] != platform.partition("-")[2]:
        tools = " ".join(entry.name for entry in wanted.lock.of("tool") if not entry.only)
        raise click.UsageError(
            f"the images of this engine are for {wanted.engine_platform}, which do not run with {platform}: "
            f"save the tools alone (kit images save --platform {platform} FILE {tools}), and the images on such a computer"
        )
    return wanted


@images.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def load(session: Any, file: Path) -> None:
    """Read a FILE that `kit images save` wrote; every byte is checked against its hash first."""
    from kit.supply import archive

    supply = session.supply()
    moved = archive.load(supply, file)
    _moved("loaded", moved, file)
    if moved.charts:
        _say(f"{', '.join(moved.charts)} is where kit looks for it; kit images pull --for chart takes the images into a cluster")
        return
    if missing := supply.plan():
        _say(f"the lock of this kit also needs: {', '.join(need.key for need in missing)}")


@images.command()
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
    for found in pinned:
        state = "not in the registry" if found.after is None else "unchanged" if found.after == found.before else "pinned"
        print(f"{found.name:<18}  {state:<19}  {found.reference}  {found.after or found.before or ''}".rstrip())


@images.command()
@click.argument("names", nargs=-1)
@click.option(
    "--download", is_flag=True, help="Fetch each file too (about 1 GB in all) and hash it, instead of trusting the sum beside it."
)
@click.pass_obj
def verify(session: Any, names: tuple[str, ...], download: bool) -> int:
    """Compare what the lock pulls (NAMES, or everything) with what upstream says today: addresses, sums, tags and digests.

    A tag that names another image by now is no fault, as long as the locked digest can still be had. Changes nothing.
    Exit code 25 where something differs or is gone, 26 where upstream could not be asked.
    """
    from kit.report import lock_comparison
    from kit.supply import verify as verifying

    supply = session.supply()
    entries = supply.wanted(names) if names else tuple(supply.lock.entries.values())
    for entry in entries if names else ():
        if not entry.pulls:
            _say(f"- {entry.key}  is not pulled: {entry.unpublished or 'the lock does not say why'}")
    for variable in ("KIT_FILES_PREFIX", "KIT_REGISTRY_PREFIX"):
        if supply.environment.get(variable):
            _say(f"- {variable} is set: that mirror is asked, and not upstream itself")
    files, registry = supply.files, supply.registry  # a mirror that is none is said once, and not of each image
    found = list(verifying.compared(entries, files, lambda: registry, download=download, note=_say))
    if session.output == "json":
        print(json.dumps([lock_comparison.document(each) for each in found], indent=2))
    else:
        print(lock_comparison.table(found), end="")
    return verifying.exit_code(found)


@images.command()
@click.option("--build-cache", is_flag=True, help="Also drop what Go, Cargo and Maven fetched and compiled (several GB).")
@click.pass_obj
def prune(session: Any, build_cache: bool) -> None:
    """Remove what no recipe of the lock makes any more."""
    from kit.supply import prune as pruning
    from kit.targets.local import node_image

    supply = session.supply()
    removed = [pruning.outdated(supply, node_image.current(supply)), *([pruning.build_cache(supply)] if build_cache else [])]
    names = [name for pruned in removed for name in (*pruned.images, *pruned.folders)]
    used = [name for pruned in removed for name in pruned.in_use]
    freed = sum(pruned.freed_bytes for pruned in removed)
    if session.output == "json":
        print(json.dumps({"removed": names, "in_use": used, "freed_bytes": freed}, indent=2))
        return
    for name in names:
        print(f"removed  {name}")
    for name in used:
        print(f"kept     {name}  (a container uses it)")
    print(f"{freed / MB:.0f} MB freed in {supply.cache.root}")


def _ensure(
    supply: Supply,
    names: Iterable[str] | None,
    *,
    ways: Iterable[Way] = ("pulled", "built"),
    counting: Iterable[Way] = ("installed", "pulled", "built"),
) -> None:
    from kit.report import progress
    from kit.supply.cache import size_bytes
    from kit.targets.supply_events import SupplyEvents

    with progress.listener() as listen:
        made = supply.ensure(names, SupplyEvents(listen), ways=ways, counting=counting)
    _say(f"{len(made)} made" if made else "everything is there")
    if any(need.how == "built" for need in made) and supply.cache.go.is_dir():
        caches = size_bytes(supply.cache.go) / GB
        _say(f"Go's caches take {caches:.1f} GB in {supply.cache.go}; kit images prune --build-cache drops them")


def _moved(verb: str, moved: Any, file: Path) -> None:
    charts = f" and {len(moved.charts)} chart" if moved.charts else ""
    _say(f"{verb} {len(moved.images)} images and {len(moved.tools)} tools{charts}, {moved.size_bytes / MB:.0f} MB, {file}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
