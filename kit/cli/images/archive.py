"""`kit images save` and `load`: everything in one file, for a machine without any registry."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit.cli.frame import Command
from kit.cli.images import of_chart, supplying
from kit.cli.images.supplying import MB, say

if TYPE_CHECKING:
    from kit.supply.supply import Supply

PLATFORMS = ("linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64")


@click.command("save", cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("names", nargs=-1)
@of_chart.options
@click.option("--platform", type=click.Choice(PLATFORMS), help="Whose tools (default: this computer's).")
@click.pass_obj
def save(
    session: Any, /, file: Path, names: tuple[str, ...], whose: str | None, platform: str | None, **chosen: str | None
) -> None:
    """Write all tools and images (or NAMES) to one FILE, making first what is missing.

    With --for chart: the chart and every image of it (and NAMES), pulling first what is missing.
    With --platform: tools for another computer; the images are the engine's, so its processor must be of the same kind.
    """
    from kit.sentry.chart import images as chart_images
    from kit.supply import archive
    from kit.supply.resolve import PORTABLE

    supply = session.supply()
    release = of_chart.release(session, whose, **chosen)
    if platform:
        supply = _for_platform(supply, platform, whose, names)
    if release is None:
        supplying.ensure(supply, names or None, counting=PORTABLE)
        _moved("saved", archive.save(supply, file, names or None), file)
        return
    chart, used = release
    if names:
        supplying.ensure(supply, names, counting=PORTABLE)
    of_chart.bring(session, used)
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


@click.command("load", cls=Command)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def load(session: Any, file: Path) -> None:
    """Read a FILE that `kit images save` wrote, once every byte of it was checked against its hash.

    The hashes are in the FILE too: they prove that it came whole, and not who made it. Its programs and images will run here, so
    take one only from whom you trust, and by a way on which nobody could change it.
    """
    from kit.supply import archive

    supply = session.supply()
    moved = archive.load(supply, file)
    _moved("loaded", moved, file)
    if moved.charts:
        say(f"{', '.join(moved.charts)} is where kit looks for it; kit images pull --for chart takes the images into a cluster")
        return
    if missing := supply.plan():
        say(f"the lock of this kit also needs: {', '.join(need.key for need in missing)}")


def _moved(verb: str, moved: Any, file: Path) -> None:
    charts = f" and {len(moved.charts)} chart" if moved.charts else ""
    say(f"{verb} {len(moved.images)} images and {len(moved.tools)} tools{charts}, {moved.size_bytes / MB:.0f} MB, {file}")
