"""The chart's own images in the node of a cluster that reaches no registry: those that this computer's engine has.

kit's lock does not know them (the chart names them), so they are no part of the plan's `load`. What is not here is left to the
cluster, which pulls it where it can. A marker says what was brought, by id: a tag may come to mean something else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kit.engines.kind import Kind, node_name
from kit.sentry import chart_images
from kit.sentry.manifests import Document
from kit.state import markers

if TYPE_CHECKING:
    from kit.targets.local import LocalTarget

MARKER = "chart-images"


def load(local: LocalTarget, documents: Iterable[Document]) -> tuple[str, ...]:
    """Returns the names of those that were brought now."""
    name = local.stack.name
    node = next(container for container in local.docker.containers() if container.name == node_name(name))
    known_node, *marks = markers.load(local.markers_file).get(MARKER, "-").split()
    there = dict(mark.rsplit("=", 1) for mark in marks) if known_node == node.id else {}
    here = {}
    for reference in chart_images.names(chart_images.images_of(documents)):
        called = chart_images.local_name(reference)
        found = local.docker.images.find(called)
        if found is not None:
            here[called] = found.id
    missing = tuple(called for called, number in here.items() if there.get(called) != number)
    if missing:
        Kind(local.supply.tool("kind"), engine=local.docker.child_environment()).load(name, *missing)
        brought = sorted(f"{called}={number}" for called, number in {**there, **here}.items())
        markers.record(local.markers_file, MARKER, " ".join([node.id, *brought]))
    return missing
