"""What `kit up --local` must do, as a pure function of what is wanted and what was seen. No clock, no engine, no file.

The order that matters: supply → authority → volumes → stores → their set-up → topics → cluster → preflight → Sentry → demo.
The cluster and the stores depend on nothing of each other, so they come up side by side; they meet at the release.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kit.plan.steps import Plan, Step, linked


@dataclass(frozen=True, slots=True)
class Missing:
    """A tool or image that the supply must make first."""

    name: str  # "image/kafka", "tool/kind"
    how: str  # "pull apache/kafka:4.1.1", "build compose/kafka/image"


@dataclass(frozen=True, slots=True)
class StoreWanted:
    image: str  # reference
    config: str  # fingerprint of everything its container is made from
    setup: str  # fingerprint of what `bootstrap` makes inside it
    line: str = ""  # what its image is of: images that a volume cannot be handed back and forth between are of different lines
    opens: tuple[str, ...] = ()  # the lines whose volumes it takes over; empty: everyone's


@dataclass(frozen=True, slots=True)
class ContainerSeen:
    image: str
    config: str
    running: bool
    state: str = "running"  # the engine's word: running, exited, paused, dead …


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    config: str
    complaint: str | None = None  # why it must be made again: "its API does not answer"


@dataclass(frozen=True, slots=True)
class Desired:
    stores: Mapping[str, StoreWanted] = field(default_factory=dict)
    topics: bool = False  # whether the broker's topics are to be those of the profile
    cluster: str | None = None  # fingerprint of its configuration; None: no cluster wanted
    cluster_images: tuple[str, ...] = ()  # references that must be inside the node
    node_image: str | None = None  # the node image that has these in it; None: there can be none, or no cluster is to be made
    registries: str = ""  # fingerprint of the mirrors that the node is to pull through; empty: none
    release: str | None = None  # fingerprint of chart, values and secrets; None: no Sentry wanted
    preflight: str | None = None  # fingerprint of what the probes inside the cluster are run with


@dataclass(frozen=True, slots=True)
class Observed:
    missing: tuple[Missing, ...] = ()
    authority: bool = True
    trust: str | None = None  # why the published ca.crt or bundle.crt does not serve
    leafs: Mapping[str, str] = field(default_factory=dict)  # holder → why it needs a new leaf
    secrets_missing: bool = False
    network: bool = True
    volumes: frozenset[str] = frozenset()  # store names whose volume exists and belongs to the stores' user
    formats: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # store → lines, one of which formatted its volume
    containers: Mapping[str, ContainerSeen] = field(default_factory=dict)
    setups: Mapping[str, str] = field(default_factory=dict)  # store → fingerprint of the set-up done in its present volume
    topics: str | None = None  # why they are not as wanted; None also where no broker could be asked
    cluster: ClusterSeen | None = None
    cluster_images: frozenset[str] = frozenset()
    node_image: bool = False  # whether that of the desired state has been made
    registries: str = ""  # what the node was told; empty: nothing
    values: str | None = None  # fingerprint of the last release whose manifests were checked against the rules
    release: str | None = None
    release_complaint: str | None = None  # why it counts as not installed: "its pods are not ready"
    preflight: str | None = None  # fingerprint of the last passed preflight
    demo: str | None = None  # fingerprint of the release that last received an exception


def plan(desired: Desired, observed: Observed) -> Plan:
    steps: list[Step] = [*_supply(observed), *_foundations(desired, observed)]
    for store in desired.stores:
        steps += _store(store, desired.stores[store], observed)
    steps += _topics(desired, observed, {step.id for step in steps})
    steps += _cluster(desired, observed)
    steps += _sentry(desired, observed, changed={step.name for step in steps if step.verb in ("start", "restart")})
    return linked(steps)


def _supply(observed: Observed) -> list[Step]:
    if not observed.missing:
        return []
    # One step: the supply has its own graph of recipes and bounds its own parallelism.
    names = ", ".join(missing.name for missing in observed.missing)
    return [Step("supply", "images", f"missing: {names}")]


def _foundations(desired: Desired, observed: Observed) -> list[Step]:
    steps = []
    if not observed.authority:
        steps.append(Step("issue", "authority", "no authority yet"))
    elif observed.trust:
        steps.append(Step("publish", "trust", observed.trust))
    steps += [Step("issue", f"leaf/{holder}", cause, ("issue authority",)) for holder, cause in observed.leafs.items()]
    if observed.secrets_missing:
        steps.append(Step("make", "secrets", "no passwords yet"))
    if not observed.network:
        steps.append(Step("create", "network", "no network yet"))
    return steps


def _store(name: str, wanted: StoreWanted, observed: Observed) -> list[Step]:
    subject = f"store/{name}"
    seen = observed.containers.get(name)
    steps = []
    unreadable = _why_unreadable(wanted, observed.formats.get(name, ()))
    if unreadable:
        # Noticed here, for the store itself would find it out by not starting, over and over.
        steps.append(Step("delete", f"volume/{name}", unreadable, ("supply images",), destructive=True))
    is_new_volume = unreadable is not None or name not in observed.volumes
    if is_new_volume:
        cause = "the old one is deleted" if unreadable else "no volume yet"
        steps.append(Step("create", f"volume/{name}", cause, (f"delete volume/{name}", "supply images", "make secrets")))
    started = _why_start(wanted, seen) or ("new volume" if unreadable else None)
    if started:
        needs = (
            f"create volume/{name}",
            "create network",
            f"issue leaf/{name}",
            "publish trust",
            "make secrets",
            "supply images",
        )
        steps.append(Step("start", subject, started, needs))
    elif name in observed.leafs:
        # Not every store takes a new certificate while it runs, and a leaf is renewed once in two months.
        started = "new certificate"
        steps.append(Step("restart", subject, started, (f"issue leaf/{name}", "publish trust")))
    new = is_new_volume or name not in observed.setups
    if new or observed.setups.get(name) != wanted.setup:
        cause = "new volume" if new else "what Sentry needs has changed"
        steps.append(Step("set-up", subject, cause, (f"start {subject}", f"restart {subject}", "make secrets")))
    if started:
        # Ready means that Sentry's own user can work, and that user may come into being by the set-up.
        steps.append(Step("wait", subject, "just started", (f"start {subject}", f"restart {subject}", f"set-up {subject}")))
    return steps


def _why_unreadable(wanted: StoreWanted, formats: tuple[str, ...]) -> str | None:
    strangers = [line for line in formats if wanted.opens and line not in wanted.opens]
    return f"it has the format of {' or '.join(strangers)}, which {wanted.line} does not take over" if strangers else None


def _topics(desired: Desired, observed: Observed, before: set[str]) -> list[Step]:
    """Made by one request and compared on every run: a running broker's are known, any other's may have changed since."""
    if not desired.topics:
        return []
    is_new, is_unasked = "create volume/kafka" in before, {"wait store/kafka", "set-up store/kafka"} & before
    cause = "new broker" if is_new else "the broker could not be asked before" if is_unasked else observed.topics
    return [Step("mend", "topics", cause, ("set-up store/kafka", "wait store/kafka"))] if cause else []


def _why_start(wanted: StoreWanted, seen: ContainerSeen | None) -> str | None:
    if seen is None:
        return "no container yet"
    if seen.image != wanted.image:
        return f"image changed {_short(seen.image)} → {_short(wanted.image)}"
    if seen.config != wanted.config:
        return f"configuration changed {seen.config} → {wanted.config}"
    if not seen.running:
        return f"container is {seen.state}"
    return None


def _short(reference: str) -> str:
    return reference.rpartition(":")[2].rstrip(")")  # of an image yet to be made it says how: "kafka (pull apache/kafka:4.1.1)"


def _cluster(desired: Desired, observed: Observed) -> list[Step]:
    if desired.cluster is None:
        return []
    steps = []
    seen = observed.cluster
    cause = "no cluster yet"
    if seen is not None and (seen.complaint or seen.config != desired.cluster):
        cause = seen.complaint or f"configuration changed {seen.config} → {desired.cluster}"
        # Nothing of value is in it: Sentry's data is in the stores.
        steps.append(Step("delete", "cluster", cause))
        seen = None
    if seen is None:
        if desired.node_image and not observed.node_image:
            # Made once, and then each new cluster has these images before it starts.
            steps.append(Step("make", "cluster/node", "no node image with this stack's images yet", ("supply images",)))
        steps.append(Step("create", "cluster", cause, ("delete cluster", "create network", "supply images", "make cluster/node")))
        absent = () if observed.node_image else desired.cluster_images
    else:
        absent = tuple(image for image in desired.cluster_images if image not in observed.cluster_images)
    if absent:
        steps.append(Step("load", "cluster/images", f"not in the node: {', '.join(absent)}", ("create cluster", "supply images")))
    told = observed.registries if seen else ""
    if told != desired.registries:
        why = "the node pulls through no mirror yet" if not told else "other mirrors are wanted"
        steps.append(Step("set-up", "cluster/registries", why, ("create cluster",)))
    return steps


def makes_cluster(wanted: str, seen: ClusterSeen | None) -> bool:
    """Whether a cluster of that fingerprint is yet to be made, or to be made again."""
    return seen is None or bool(seen.complaint) or seen.config != wanted


def _sentry(desired: Desired, observed: Observed, changed: set[str]) -> list[Step]:
    if desired.release is None:
        return []
    new_cluster = makes_cluster(desired.cluster or "", observed.cluster)
    made = ("issue leaf/sentry", "issue leaf/vroom", "issue authority", "publish trust", "make secrets")
    before = ("load cluster/images", "set-up cluster/registries", "create cluster", *made)
    stores_ready = (*(f"{verb} store/{name}" for name in desired.stores for verb in ("set-up", "wait")), "mend topics")
    steps = []
    cause = None
    if new_cluster or observed.release is None:
        cause = "no release yet"
    elif observed.release != desired.release:
        cause = f"release changed {observed.release} → {desired.release}"
    elif {"sentry", "vroom"} & set(observed.leafs):
        cause = "new certificate"
    elif observed.release_complaint:
        cause = observed.release_complaint
    if observed.values != desired.release:
        # Needs no store and no cluster, so it runs beside them and is the first to say no.
        steps.append(Step("check", "values", "no checked values for this release", ("supply images", *made)))
    started = changed & set(desired.stores)
    if new_cluster or started or observed.preflight != desired.preflight:
        why = "stores were started" if started else "no passed preflight for this configuration"
        steps.append(Step("check", "preflight", why, (*before, *stores_ready, "check values")))
    if cause:
        # After the preflight: what it would have found is what a release of forty pods dies of, half an hour later.
        steps.append(Step("install", "sentry", cause, (*before, *stores_ready, "check values", "check preflight")))
        steps.append(Step("wait", "sentry", "just installed", ("install sentry",)))
    if cause or observed.demo != desired.release:
        needs = ("wait sentry", "check preflight")
        steps.append(Step("prove", "demo", "no exception received by this release yet", needs))
    return steps
