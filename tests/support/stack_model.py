"""A model of a stack as a value: what is on disk, in the engine, in the stores and in the cluster, whatever the markers say.

What kit would see of it is computed by the functions of `kit.targets.local.observe` themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from kit.adapters.docker.observed import Container, Network, Volume
from kit.adapters.kind import node_name
from kit.blueprint.stack import Stack
from kit.plan import cluster, stack
from kit.plan.release import HOLDERS, ReleaseSeen, ReleaseWanted
from kit.plan.stack import Desired, Missing, Observed
from kit.plan.steps import Plan
from kit.plan.stores import Serves, StoreWanted
from kit.targets.local import layout, observe

STACK = Stack(name="modelled")
OWNER = "1000:1000"
UNFINISHED = "its installation did not come to its end"


class Certificate(NamedTuple):
    number: int  # of its holder's certificates
    authority: int
    is_due: bool = False


@dataclass(frozen=True)
class StoreModel:
    """What there really is of a store, whatever the markers say."""

    volume: str = ""  # "": none; "unowned": the stores' user cannot write to it; "old" or "new"
    lines: frozenset[str] = frozenset()  # that were started on the volume
    setup: str | None = None
    topics: bool = True
    container: tuple[str, str, str] | None = None  # image, configuration, state
    serves: Certificate | None = None  # the one that its process has read
    answers: bool = False
    starts: int = 0


@dataclass(frozen=True)
class ReleaseModel:
    fingerprint: str  # by its record, which Helm writes first
    pods: str  # fingerprint of the release that the pods are of
    complaint: str | None = None
    is_finished: bool = True  # hooks and first run are through


@dataclass(frozen=True)
class NodeModel:
    id: str
    config: str
    state: str = "running"
    silence: str | None = None  # why its API does not answer
    recovers: bool = True  # once its node is started, or waited for
    has_chart: bool = False
    record: str = ""  # the mark as the cluster itself keeps it
    images: frozenset[str] = frozenset()
    registries: str = ""
    release: ReleaseModel | None = None
    preflight: object = None  # what the last one that passed was run with, and on which starts of the stores
    demo: str | None = None


@dataclass(frozen=True)
class StackModel:
    wanted: Desired
    missing: tuple[Missing, ...]
    authority: int  # 0: none
    authorities: int  # that were ever made
    trust: int  # the authority whose root is published; 0: damaged or not there
    certificates: Mapping[str, Certificate | None]  # by holder
    secrets: bool
    network: bool
    stores: Mapping[str, StoreModel]
    node: NodeModel | None
    nodes: int
    node_image: bool
    marks: Mapping[str, str] = field(default_factory=dict)

    # -- changes

    def store(self, name: str, **changes: Any) -> StackModel:
        return replace(self, stores={**self.stores, name: replace(self.stores[name], **changes)})

    def in_node(self, **changes: Any) -> StackModel:
        return replace(self, node=replace(self.node, **changes) if self.node else None)

    def mark(self, subject: str, mark: str) -> StackModel:
        return replace(self, marks={**self.marks, subject: mark})

    def forget(self, subject: str) -> StackModel:
        return replace(self, marks={key: mark for key, mark in self.marks.items() if key != subject})

    def come_up(self) -> StackModel:
        """A moment later: what was starting has started."""
        for name, each in self.stores.items():
            if each.container and each.container[2] == "running":
                self = self.store(name, answers=True)  # noqa: PLW0642
        return self

    # -- what is wanted of it now

    def desired(self, *, is_patient: bool = True) -> Desired:
        wanted, seen = self.wanted, self.seen_cluster(is_patient=is_patient)
        return replace(
            wanted,
            stores={name: self.wanted_store(name) for name in wanted.stores},
            cluster=replace(
                wanted.cluster,
                config=self.cluster_config(),
                images=tuple(self.reference(image) for image in wanted.cluster.images),
                node_image=wanted.cluster.node_image if cluster.is_to_be_made(self.cluster_config(), seen) else None,
                has_node_image=self.node_image,
            )
            if wanted.cluster
            else None,
            release=ReleaseWanted(self.fingerprint(), self.preflight_fingerprint()) if wanted.release else None,
        )

    def wanted_store(self, name: str) -> StoreWanted:
        """Its configuration holds passwords, so it is another one before they are made."""
        wanted = self.wanted.stores[name]
        config = wanted.config if self.secrets else f"{wanted.config} without passwords"
        return replace(wanted, image=self.reference(wanted.image), config=config)

    def reference(self, image: str) -> str:
        """An image that is yet to be made is called by how it will be."""
        name, _, how = image.partition(" (")
        is_missing = any(each.name == f"image/{name}" for each in self.missing)
        return image if is_missing or not how else f"kit.local/{name}:made"

    def cluster_config(self) -> str:
        assert self.wanted.cluster
        config = self.wanted.cluster.config
        return "unknown" if self.missing and config == "unknown" else config.replace("unknown", "k")

    def fingerprint(self) -> str:
        """The release is made from the root, its holders' certificates and the passwords, among others."""
        assert self.wanted.release
        held = [self.certificates[holder] for holder in sorted(HOLDERS.intersection(self.certificates))]
        if self.missing or not self.secrets or not all(held):
            return "unknown"
        parts = (self.trust, *(each.number for each in held if each))
        base = self.wanted.release.fingerprint.replace("unknown", "r")
        return base if set(parts) == {1} else f"{base}.{'.'.join(map(str, parts))}"

    def preflight_fingerprint(self) -> str:
        assert self.wanted.release
        made = self.fingerprint()
        base = self.wanted.release.preflight.replace("unknown", "p")
        return made if made == "unknown" else base + made.partition(".")[1] + made.partition(".")[2]

    def pair(self) -> object:
        """What a preflight proves something about."""
        return self.preflight_fingerprint(), {name: each.starts for name, each in self.stores.items()}

    # -- what kit sees of it

    def engine(self) -> observe.EngineSeen:
        stores = [(name, each) for name, each in self.stores.items()]
        containers = [
            _container(f"{STACK.name}-{name}", name, each.container, name) for name, each in stores if each.container is not None
        ]
        if self.node:
            containers.append(_container(self.node.id, node_name(STACK.name), ("kind-node", "", self.node.state)))
        volumes = [Volume(layout.volume_name(STACK, name), {}) for name, each in stores if each.volume]
        networks = [Network("n", STACK.name, {})] if self.network else []
        return observe.EngineSeen(tuple(containers), tuple(networks), tuple(volumes))

    def seen_cluster(self, *, is_patient: bool = True) -> cluster.ClusterSeen | None:
        silence, record = (self.node.silence, self.node.record) if self.node else (None, "")
        return observe.cluster(
            self.engine(),
            STACK.name,
            self.marks,
            lambda: silence,
            record=lambda: "" if silence else record,
            is_patient=is_patient,
        )

    def observe(self, *, is_patient: bool = True) -> Observed:
        marks, node = self.marks, self.node
        release = node.release if node and node.state == "running" and not node.silence else None
        return Observed(
            missing=self.missing,
            authority=bool(self.authority),
            trust=None if self.trust == self.authority else "ca.crt is damaged",
            certificates={holder: why for holder in self.certificates if (why := self.certificate_complaint(holder))},
            secrets_missing=not self.secrets,
            network=self.network,
            stores=observe.stores(self.engine(), STACK, marks, {name: self.serves(name) for name in self.stores}),
            topics=self.topics_complaint(),
            cluster=self.seen_cluster(is_patient=is_patient),
            release=ReleaseSeen(
                fingerprint=release.fingerprint if release else None,
                complaint=(release.complaint or (None if release.is_finished else UNFINISHED)) if release else None,
                values=marks.get("values"),
                preflight=marks.get("preflight") if release or self.node else None,
                demo=marks.get("demo"),
            ),
        )

    def certificate_complaint(self, holder: str) -> str | None:
        held = self.certificates[holder]
        if held is None:
            return "no certificate yet"
        return "issued by another authority" if held.authority != self.authority else "expires soon" if held.is_due else None

    def serves(self, store: str) -> Serves:
        each = self.stores[store]
        return "nothing" if not each.answers else "current" if each.serves == self.certificates[store] else "former"

    def topics_complaint(self) -> str | None:
        kafka = self.stores.get("kafka")
        if kafka is None or kafka.container is None or kafka.container[2] != "running" or "setup/kafka" not in self.marks:
            return None
        return "they could not be read" if not kafka.answers else None if kafka.topics else "some are missing"

    def plan_after(self, first: Plan) -> Plan:
        """The plan after these steps of it were carried out alone: a cluster that was recovered in vain is made again."""
        is_silent = self.node is not None and (self.node.silence is not None or self.node.state != "running")
        return self.plan(is_patient=not (is_silent and any(step.kind == "recover cluster" for step in first)))

    def plan(self, *, is_patient: bool = True) -> Plan:
        return stack.plan(self.desired(is_patient=is_patient), self.observe(is_patient=is_patient))


def _container(number: str, name: str, made: tuple[str, str, str], store: str = "") -> Container:
    labels = {layout.STACK_LABEL: STACK.name, layout.STORE_LABEL: store, layout.CONFIG_LABEL: made[1]} if store else {}
    return Container(number, name, made[0], made[2], labels, (), {STACK.name: "10.0.0.1"})


def situation(desired: Desired, observed: Observed) -> StackModel:
    """The stack of which kit sees what stands in a file of tests/plans."""
    stores, marks = {}, {}
    of_sentry = ("sentry",) if desired.release else ()
    holders = dict.fromkeys((*desired.stores, *of_sentry, *observed.certificates))
    before = Certificate(1, 1)
    certificates: dict[str, Certificate | None] = dict.fromkeys(holders, before)
    for holder, why in observed.certificates.items():
        certificates[holder] = None if why == "no certificate yet" else before._replace(is_due="another authority" not in why)
    for name in desired.stores:
        seen = observed.stores.get(name)
        made = seen.container if seen else None
        if seen and (seen.volume or seen.setup):  # a marker may outlive its volume, if somebody removed that
            marks[f"volume/{name}"] = OWNER
            marks[f"format/{name}"] = " ".join(seen.formats)
        if seen and seen.setup:
            marks[f"setup/{name}"] = seen.setup
        has_volume, is_running = bool(seen and seen.volume), bool(made and made.running)
        stores[name] = StoreModel(
            volume="old" if has_volume else "",
            lines=frozenset(seen.formats) if seen and has_volume else frozenset(),
            setup=seen.setup if seen and has_volume else None,
            topics=observed.topics is None,
            container=(made.image, made.config, made.state) if made else None,
            serves=before._replace(number=0) if made and made.serves == "former" else before if is_running else None,
            answers=is_running and bool(made and made.serves != "nothing"),
        )
    release = observed.release
    node = None
    if observed.cluster:
        seen_cluster = observed.cluster
        silence = seen_cluster.silence or seen_cluster.complaint
        marks["cluster"] = f"n1 {seen_cluster.config}"
        marks["cluster-images"] = " ".join(("n1", *seen_cluster.images))
        marks["cluster-registries"] = f"n1 {seen_cluster.registries}"
        if seen_cluster.has_chart:
            marks["chart-images"] = "n1"
        fingerprint, is_finished = release.fingerprint, release.complaint != UNFINISHED
        complaint = release.complaint if is_finished else None
        installed = ReleaseModel(fingerprint, fingerprint, complaint, is_finished) if fingerprint else None
        passed = (release.preflight, dict.fromkeys(stores, 0))
        stopped = (silence or "").partition("its node is ")[2]
        node = NodeModel(
            "n1",
            seen_cluster.config,
            state=stopped or "running",
            silence=None if stopped else silence,
            recovers=not seen_cluster.complaint,
            has_chart=seen_cluster.has_chart,
            record=f"n1 {seen_cluster.config}",
            images=seen_cluster.images,
            registries=seen_cluster.registries,
            release=installed,
            preflight=passed,
            demo=release.demo,
        )
    marks |= {
        subject: mark
        for subject, mark in (("values", release.values), ("preflight", release.preflight), ("demo", release.demo))
        if mark
    }
    has_authority = observed.authority or any(certificates.values())
    return StackModel(
        wanted=desired,
        missing=observed.missing,
        authority=1 if observed.authority else 0,
        authorities=1 if has_authority else 0,
        trust=1 if has_authority and not observed.trust else 0,
        certificates=certificates,
        secrets=not observed.secrets_missing,
        network=observed.network,
        stores=stores,
        node=node,
        nodes=1,
        node_image=bool(desired.cluster and desired.cluster.has_node_image),
        marks=marks,
    )


def facts(model: StackModel) -> Mapping[str, object]:
    """What must be so at the end of `kit up`, whatever happened on the way."""
    found: dict[str, object] = {
        "images": not model.missing,
        "trust": bool(model.authority) and model.trust == model.authority,
        "secrets": model.secrets,
        "network": model.network,
    }
    found |= {f"certificate of {holder}": model.certificate_complaint(holder) for holder in model.certificates}
    for name, each in model.stores.items():
        wanted = model.wanted_store(name)
        found[name] = (each.volume, each.setup == wanted.setup, each.lines, each.container, each.answers)
        found[f"{name} serves its present certificate"] = each.serves == model.certificates[name]
    if "kafka" in model.stores and model.wanted.topics:
        found["topics"] = model.stores["kafka"].topics
    node = model.node
    if model.wanted.cluster and node:
        wanted_images = set(map(model.reference, model.wanted.cluster.images))
        found["cluster"] = (node.config, node.state, node.silence, node.registries, wanted_images <= node.images)
    if model.wanted.release and node:
        found["release"] = node.release == ReleaseModel(model.fingerprint(), model.fingerprint())
        found["preflight passed with the present configuration on the present stores"] = node.preflight == model.pair()
        found["an exception was received by this release"] = node.demo == model.fingerprint()
    return found
