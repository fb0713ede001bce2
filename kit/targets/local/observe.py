"""Observes a stack before the plan: the engine's lists, the markers, the cluster. Writes nothing.

What is seen of stores and cluster is computed from the engine's lists and the markers alone, so a test can have it of any state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kit.adapters.docker.observed import Container, Network, Volume
from kit.adapters.kind import node_name
from kit.blueprint.stack import STORES, Stack
from kit.errors import KitError
from kit.plan.cluster import ClusterSeen
from kit.plan.stores import ContainerSeen, Serves, StoreSeen
from kit.sentry.lines.topics import complaint
from kit.state import markers
from kit.state.ports import LOOPBACK
from kit.stores import catalog
from kit.stores.wire import tls
from kit.supply.resolve import OURS, source_of
from kit.targets.local.errors import NodeGone
from kit.targets.local.layout import (
    CHART_IMAGES,
    CONFIG_LABEL,
    KEEPING_FORMAT,
    LINES_BEFORE,
    STACK_LABEL,
    STORE_LABEL,
    line,
    volume_name,
)
from kit.targets.local.topics import compare

if TYPE_CHECKING:
    from pathlib import Path

    from kit.targets.local.target import LocalTarget

CLUSTER = "cluster"  # the mark: its node's id, and the fingerprint of its configuration
CLUSTER_RECORD = "kit-cluster"  # a ConfigMap in the cluster with the same


@dataclass(frozen=True, slots=True)
class EngineSeen:
    """What the engine said in one round of questions."""

    containers: tuple[Container, ...]
    networks: tuple[Network, ...]
    volumes: tuple[Volume, ...]

    def store_containers(self, stack: str) -> Mapping[str, Container]:
        return {
            container.labels[STORE_LABEL]: container
            for container in self.containers
            if container.labels.get(STACK_LABEL) == stack and STORE_LABEL in container.labels
        }

    def node(self, stack: str) -> Container | None:
        return next((container for container in self.containers if container.name == node_name(stack)), None)

    def our_ports(self, stack: str) -> frozenset[int]:
        ours = [*self.store_containers(stack).values(), *filter(None, [self.node(stack)])]
        return frozenset(port.host for container in ours for port in container.ports)

    def publisher(self, port: int) -> str | None:
        """The container that publishes a port, in words for an error."""
        for container in self.containers:
            if port in (published.host for published in container.ports):
                return f"container {container.name}"
        return None


def ask_engine(local: LocalTarget) -> EngineSeen:
    docker = local.docker
    docker.api  # noqa: B018  # connect once, before three threads would each try
    with ThreadPoolExecutor(max_workers=3) as pool:
        containers, networks, volumes = pool.submit(docker.containers), pool.submit(docker.networks), pool.submit(docker.volumes)
        return EngineSeen(containers.result(), networks.result(), volumes.result())


def is_dead(local: LocalTarget, store: str) -> bool:
    """Whether a store's container has ended, or keeps being restarted."""
    container = ask_engine(local).store_containers(local.stack.name).get(store)
    return container is None or container.state in ("exited", "dead", "restarting")


def certificates(seen: EngineSeen, local: LocalTarget) -> Mapping[str, Serves]:
    """Store whose container runs → which of its certificates it shows to whoever connects. Asks all of them at once."""
    running = [name for name, each in seen.store_containers(local.stack.name).items() if each.state == "running"]
    if not running:
        return {}
    with ThreadPoolExecutor(max_workers=len(running)) as pool:
        return dict(zip(running, pool.map(lambda name: _certificate(name, local), running), strict=True))


def _certificate(store: str, local: LocalTarget) -> Serves:
    from kit.pki import folder  # with what makes certificates, which `kit status` does not pay for

    module = catalog.module(store)
    port = local.ports().get(f"{store}.{module.PORTS[0].name}")
    if port is None:
        return "nothing"
    try:
        shown = tls.shown_certificate(LOOPBACK, port, module.PREAMBLE)
    except OSError:
        return "nothing"
    return "current" if shown == folder.fingerprint(local.workspace.certs, store) else "former"


def stores(
    seen: EngineSeen, stack: Stack, marks: Mapping[str, str], certificates: Mapping[str, Serves]
) -> Mapping[str, StoreSeen]:
    """Store → what is there of it."""
    containers, volumes = seen.store_containers(stack.name), {volume.name for volume in seen.volumes}
    found = {}
    for store in STORES:
        has_volume, container = volume_name(stack, store) in volumes, containers.get(store)
        found[store] = StoreSeen(
            volume=has_volume and f"volume/{store}" in marks,  # it was handed to the stores' user to the end
            formats=formatted(marks, store, _line(container)) if has_volume else (),
            container=_container(container, certificates.get(store, "nothing")) if container else None,
            setup=marks.get(f"setup/{store}"),
        )
    return found


def _container(container: Container, serves: Serves) -> ContainerSeen:
    is_running, config = container.state == "running", container.labels.get(CONFIG_LABEL, "")
    return ContainerSeen(container.image, config, is_running, container.state, serves if is_running else "current")


def _line(container: Container | None) -> str | None:
    """The line of the image that a container was made of."""
    source = source_of(container.image, container.labels) if container else None
    return line(container.image.removeprefix(OURS).partition(":")[0], source) if container and source else None


def formatted(marks: Mapping[str, str], store: str, running: str | None = None) -> tuple[str, ...]:
    """Lines that may have given the store's volume its format; without a marker that of its container, or the usual one."""
    return tuple(LINES_BEFORE.get(line, line) for line in marks.get(f"format/{store}", running or store).split())


def formats_after(marks: Mapping[str, str], store: str, line: str) -> str:
    """The mark of a volume's format once this line has been started on it."""
    known = formatted(marks, store)
    is_kept = f"setup/{store}" in marks and line in KEEPING_FORMAT
    return " ".join(known if is_kept else sorted({*known, line}))


def topics(seen: EngineSeen, local: LocalTarget) -> str | None:
    """Why the broker's topics are to be mended; None also where it cannot be asked, for then its start is in the plan."""
    container = seen.store_containers(local.stack.name).get("kafka")
    if container is None or container.state != "running" or "setup/kafka" not in markers.load(local.markers_file):
        return None
    try:
        return complaint(compare(local))
    except KitError as error:
        return f"they could not be read: {error.why}"


def node(local: LocalTarget) -> Container:
    """The container of the cluster's node, as it is now. Raises `NodeGone`."""
    name = node_name(local.stack.name)
    for container in local.docker.containers():
        if container.name == name:
            return container
    raise NodeGone(name=name)


def cluster(
    seen: EngineSeen,
    stack: str,
    marks: Mapping[str, str],
    complaint: Callable[[], str | None],
    *,
    record: Callable[[], str] = lambda: "",
    is_patient: bool = True,
) -> ClusterSeen | None:
    """`complaint` asks the cluster itself, which happens only where its node runs, and `record` what it was made from, where its
    mark is lost. Where that is not known either, nobody can tell whether it may be made again, so that is asked.

    Silence is at first no more than that. It is a reason to make the cluster again once it was waited for, without patience.
    """
    node = seen.node(stack)
    if node is None:
        return None
    is_lost = CLUSTER not in marks
    made_from = (record() if node.state == "running" else "") if is_lost else marks[CLUSTER]
    node_id, _, config = made_from.partition(" ")
    if node_id != node.id:
        lost = "nothing says any more what it was made from: its mark in markers.json is lost"
        return ClusterSeen("", lost if is_lost else "it was not finished when it was made", has_chart=is_lost)
    silence = f"its node is {node.state}" if node.state != "running" else complaint()
    return ClusterSeen(
        config,
        complaint=None if is_patient else silence,
        silence=silence if is_patient else None,
        has_chart=is_lost or node.id in marks.get(CHART_IMAGES, "").split()[:1],
        images=images_in(node, marks),
        registries=registries_of(node, marks),
    )


def recorded(local: LocalTarget) -> str:
    """The mark of the cluster as the cluster itself keeps it; empty where it cannot be asked, or knows of none."""
    try:
        found = local.kube.get("ConfigMap", CLUSTER_RECORD, "kube-system")
    except KitError:
        return ""
    return str(((found or {}).get("data") or {}).get(CLUSTER, ""))


def images_in(node: Container | None, marks: Mapping[str, str]) -> frozenset[str]:
    """What was brought into this very node."""
    node_id, *references = marks.get("cluster-images", "").split() or ("",)
    return frozenset(references) if node and node.id == node_id else frozenset()


def images_loaded(node: Container | None, *marks: Path) -> frozenset[str]:
    """The same, from files of markers."""
    return frozenset().union(*(images_in(node, markers.load(path)) for path in marks))


def registries_of(node: Container, marks: Mapping[str, str]) -> str:
    """Fingerprint of the mirrors that this very node was given; empty: none."""
    node_id, _, fingerprint = marks.get("cluster-registries", "").partition(" ")
    return fingerprint if node.id == node_id else ""
