"""The images of a rendered release: listed, pulled, saved and loaded, for clusters that reach no registry.

They are not in kit's lock: the chart names them, by tag. So what is brought is what the tag means when it is brought, through
KIT_REGISTRY_PREFIX if that is set, and it keeps the name that the pods ask for. In a cluster they are loaded by Kind, which needs
no registry either.
"""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kit.adapters.docker.client import Docker
from kit.errors import KitError
from kit.sentry.chart.chart import Chart
from kit.sentry.chart.families import repository, tag
from kit.sentry.chart.manifests import containers
from kit.sentry.objects import Document
from kit.supply.lock import PulledImage

if TYPE_CHECKING:
    from kit.supply.registry import Registry

FLOATING = "latest"


class ImageNotPublished(KitError):
    """The chart names an image that the registry does not have."""

    code = "KIT-CHART-IMAGE"
    exit_code = 23
    what = "the registry has no image {reference}"
    why = "the chart names it, and nobody publishes it under that name (any more)"
    fix = "name another in the values (images.<component>), or point KIT_REGISTRY_PREFIX at a mirror that has it"


@dataclass(frozen=True, slots=True)
class Used:
    """An image, and how many containers of the release run it."""

    reference: str
    containers: int


def images_of(documents: Iterable[Document]) -> tuple[Used, ...]:
    """Every image of every container, hooks and init containers included, by name; the same documents give the same answer."""
    counted = Counter(container.image for document in documents for container in containers(document) if container.image)
    return tuple(Used(reference, counted[reference]) for reference in sorted(counted))


def bring(
    docker: Docker,
    registry: Registry,
    references: Iterable[str],
    *,
    log: Path,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[str, ...]:
    """Pull what the engine does not have; returns the names of those.

    Raises `ImageNotPublished` only where the registry says that it has no such image, and else `ImagePullFailed` with its reason.
    """
    pulled = []
    for reference in references:
        if docker.images.find(local_name(reference)) is not None:
            continue
        name, _, digest = reference.partition("@")
        found = digest or registry.digest(name)
        if found is None:
            raise ImageNotPublished(reference=reference)
        say(f"· {reference}  {found[:19]}")
        registry.pull(PulledImage(name, found), local_name(reference), log=log)
        pulled.append(reference)
    return tuple(pulled)


def local_name(reference: str) -> str:
    """What it is called in the engine and in the cluster: its name and tag, without a digest."""
    return f"{repository(reference)}:{tag(reference) or FLOATING}"


def missing(docker: Docker, references: Iterable[str]) -> tuple[str, ...]:
    return tuple(reference for reference in references if docker.images.find(local_name(reference)) is None)


def archived(chart: Chart, folder: Path) -> Path:
    """The chart as the one file that kit's cache keeps it in, <name>-<version>.tgz; a folder is packed."""
    target = folder / f"{chart.name}-{chart.version}.tgz"
    if not chart.path.is_dir():
        target.write_bytes(chart.path.read_bytes())
        return target
    with tarfile.open(target, "w:gz") as tar:
        for path in sorted(each for each in chart.path.rglob("*") if each.is_file()):
            member = tarfile.TarInfo(f"{chart.name}/{path.relative_to(chart.path).as_posix()}")
            content = path.read_bytes()
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    return target


def names(used: Sequence[Used]) -> tuple[str, ...]:
    return tuple(each.reference for each in used)
