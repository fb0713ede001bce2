"""Plans the steps of the Kind cluster: its node, the images inside it, its registry mirrors. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from kit.plan.steps import Step


@dataclass(frozen=True, slots=True)
class ClusterWanted:
    config: str  # fingerprint of its configuration
    images: tuple[str, ...] = ()  # references that must be inside the node
    node_image: str | None = None  # the node image that has these in it; None: there can be none, or no cluster is to be made
    has_node_image: bool = False  # whether that image has been made
    registries: str = ""  # fingerprint of the mirrors that the node is to pull through; empty: none


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    config: str
    complaint: str | None = None  # why it must be made again: "it was not finished when it was made"
    silence: str | None = None  # why it does not answer, which may pass: "its node is exited"
    has_chart: bool = False  # whether Sentry's chart is installed in it
    images: frozenset[str] = frozenset()
    registries: str = ""  # fingerprint of the mirrors that the node was given; empty: none


def is_to_be_made(config: str, seen: ClusterSeen | None) -> bool:
    """Whether a cluster of that fingerprint is yet to be made, or to be made again."""
    return seen is None or bool(seen.complaint) or seen.config != config


def steps(wanted: ClusterWanted, seen: ClusterSeen | None) -> list[Step]:
    """For a cluster that does not answer this is its recovery alone: what is in it is seen afterwards."""
    found = []
    cause = "no cluster yet"
    if seen is not None and is_to_be_made(wanted.config, seen):
        cause = seen.complaint or f"configuration changed {seen.config} → {wanted.config}"
        # Sentry's data is in the stores; but to install the chart again takes half an hour, so that is asked.
        found.append(Step("delete", "cluster", cause, destructive=seen.has_chart))
        seen = None
    elif seen is not None and seen.silence:
        return [Step("recover", "cluster", seen.silence, ("supply images",))]
    if seen is None:
        if wanted.node_image and not wanted.has_node_image:
            # Made once, and then each new cluster has these images before it starts.
            found.append(Step("make", "cluster/node", "no node image with this stack's images yet", ("supply images",)))
        found.append(Step("create", "cluster", cause, ("delete cluster", "create network", "supply images", "make cluster/node")))
        seen = ClusterSeen(wanted.config, images=frozenset(wanted.images if wanted.has_node_image else ()))
    found += load(wanted.images, seen.images)
    if seen.registries != wanted.registries:
        why = "the node pulls through no mirror yet" if not seen.registries else "other mirrors are wanted"
        found.append(Step("set-up", "cluster/registries", why, ("create cluster",)))
    return found


def load(wanted: Collection[str], there: Collection[str]) -> list[Step]:
    """Bring into the node what is not in it."""
    absent = [image for image in wanted if image not in there]
    cause = f"not in the node: {', '.join(absent)}"
    return [Step("load", "cluster/images", cause, ("create cluster", "supply images"))] if absent else []
