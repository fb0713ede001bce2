"""One look at the world before the plan: the engine's lists, the files, the cluster. Reads only; nothing here writes."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kit.adapters.docker.observed import Container, Network, Volume
from kit.adapters.kind import node_name
from kit.blueprint.stack import STORES
from kit.errors import KitError
from kit.plan.local import ClusterSeen, ContainerSeen
from kit.state import markers
from kit.targets.local.layout import CONFIG_LABEL, KEEPING_FORMAT, LINES_BEFORE, STACK_LABEL, STORE_LABEL, volume_name

if TYPE_CHECKING:
    from kit.targets.local.target import LocalTarget


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


def containers(seen: EngineSeen, stack: str) -> Mapping[str, ContainerSeen]:
    return {
        name: ContainerSeen(
            image=container.image,
            config=container.labels.get(CONFIG_LABEL, ""),
            running=container.state == "running",
            state=container.state,
        )
        for name, container in seen.store_containers(stack).items()
    }


def volumes(seen: EngineSeen, local: LocalTarget) -> frozenset[str]:
    """Stores whose volume exists and was handed to the stores' user to the end."""
    names = {volume.name for volume in seen.volumes}
    marks = markers.load(local.markers_file)
    return frozenset(store for store in STORES if volume_name(local.stack, store) in names and f"volume/{store}" in marks)


def formats(seen: EngineSeen, local: LocalTarget) -> Mapping[str, tuple[str, ...]]:
    """Store → the lines that may have given its present volume its format; none of a volume that is new."""
    names = {volume.name for volume in seen.volumes}
    marks = markers.load(local.markers_file)
    return {store: formatted(marks, store) for store in STORES if volume_name(local.stack, store) in names}


def formatted(marks: Mapping[str, str], store: str) -> tuple[str, ...]:
    """A volume of which nothing is known has the format of the store's usual line."""
    return tuple(LINES_BEFORE.get(line, line) for line in marks.get(f"format/{store}", store).split())


def formats_after(marks: Mapping[str, str], store: str, line: str) -> str:
    """The mark of a volume's format once this line has been started on it."""
    known = formatted(marks, store)
    is_kept = f"setup/{store}" in marks and line in KEEPING_FORMAT
    return " ".join(known if is_kept else sorted({*known, line}))


def setups(local: LocalTarget) -> Mapping[str, str]:
    marks = markers.load(local.markers_file)
    return {store: marks[f"setup/{store}"] for store in STORES if f"setup/{store}" in marks}


def topics(seen: EngineSeen, local: LocalTarget) -> str | None:
    """Why the broker's topics are to be mended; None also where it cannot be asked, for then its start is in the plan."""
    from kit.sentry.lines import topics

    container = seen.store_containers(local.stack.name).get("kafka")
    if container is None or container.state != "running" or "setup/kafka" not in markers.load(local.markers_file):
        return None
    try:
        return topics.complaint(local.compare_topics())
    except KitError as error:
        return f"they could not be read: {error.why}"


def cluster(seen: EngineSeen, local: LocalTarget) -> ClusterSeen | None:
    node = seen.node(local.stack.name)
    if node is None:
        return None
    node_id, _, config = markers.load(local.markers_file).get("cluster", "").partition(" ")
    if node_id != node.id:
        return ClusterSeen("", "it was not finished when it was made")
    if node.state != "running":
        return ClusterSeen(config, f"its node is {node.state}")
    return ClusterSeen(config, local.kube.complaint())


def cluster_images(seen: EngineSeen, local: LocalTarget) -> frozenset[str]:
    node = seen.node(local.stack.name)
    return images_of(node, local) if node else frozenset()


def images_of(node: Container, local: LocalTarget) -> frozenset[str]:
    """What was brought into this very node."""
    node_id, *references = markers.load(local.markers_file).get("cluster-images", "-").split()
    return frozenset(references) if node.id == node_id else frozenset()


def registries(seen: EngineSeen, local: LocalTarget) -> str:
    """Fingerprint of the mirrors that this very node was told of; empty: of none."""
    node = seen.node(local.stack.name)
    node_id, _, told = markers.load(local.markers_file).get("cluster-registries", "").partition(" ")
    return told if node and node.id == node_id else ""
