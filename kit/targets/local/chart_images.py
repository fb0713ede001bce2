"""Brings the chart's own images into the node of a cluster that reaches no registry: those that the engine has.

kit's lock does not know them (the chart names them), so they are no part of the plan's `load`. What is not here is left to the
cluster, which pulls it where it can. A marker says what was brought, by id: a tag may come to mean something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kit.adapters.containerd import node as nodes
from kit.adapters.docker.errors import EngineRefused
from kit.errors import ToolFailed, ToolTimeout
from kit.sentry.chart import images as chart_images
from kit.sentry.objects import Document
from kit.state import markers
from kit.targets.local import observe
from kit.targets.local.layout import CHART_IMAGES as MARKER

if TYPE_CHECKING:
    from kit.targets.local.target import LocalTarget


def load(local: LocalTarget, documents: Iterable[Document], note: Callable[[str], None]) -> tuple[str, ...]:
    """Returns the names of those that were brought now. That one cannot be brought is a note: the node can pull it itself."""
    node = observe.node(local)
    there = _recorded(node.id, markers.load(local.markers_file).get(MARKER, ""))
    here = {}
    for reference in chart_images.names(chart_images.images_of(documents)):
        called = chart_images.local_name(reference)
        found = local.docker.images.find(called)
        if found is not None:
            here[called] = found.id
    missing = tuple(called for called, number in here.items() if there.get(called) != number)
    if missing:
        try:
            nodes.load(local.docker, node.name, missing)
        except (ToolFailed, ToolTimeout, EngineRefused) as error:
            note(f"the chart's images are left to the node, which must pull them: {error.what}: {error.why}")
            missing, here = (), {}
    # Also where there is none: by this it is known that the cluster has the chart in it.
    brought = sorted(f"{called}={number}" for called, number in {**there, **here}.items())
    markers.record(local.markers_file, MARKER, " ".join([node.id, *brought]))
    return missing


def _recorded(node_id: str, mark: str) -> dict[str, str]:
    """Image → its id, of what was brought into this very node; nothing where the mark is another node's, or damaged."""
    known, _, images = mark.partition(" ")
    pairs = [image.rpartition("=") for image in images.split()]
    return {called: number for called, _, number in pairs if called} if known == node_id else {}
