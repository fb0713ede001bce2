"""Stops a local stack (`down`, the data stays) or removes all of it (`purge`).

Only what bears the stack's label, or stands on its network, is touched.
"""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from kit import cancel
from kit.adapters.docker.observed import Volume
from kit.adapters.kind import node_name
from kit.targets.local import foreign, layout, node_image, observe

if TYPE_CHECKING:
    from pathlib import Path

    from kit.targets.local.target import LocalTarget

# The cloud stack's folder, its rehearsal's, and the emulator's: `kit purge --cloud` removes those.
OF_THE_CLOUD = ("cloud", "rehearsal", "yandex")


def down(local: LocalTarget) -> tuple[str, ...]:
    """Stop and remove containers, cluster and network; returns the volumes that keep the data."""
    seen = observe.ask_engine(local)
    foreign.check_foreign(local, seen)
    _remove_running(local, seen, grace_s=None)
    return tuple(volume.name for volume in _volumes(local, seen))


def belongings(local: LocalTarget) -> tuple[str, ...]:
    """What there is of the stack, in words."""
    seen = observe.ask_engine(local)
    parts = [
        _counted(len(seen.store_containers(local.stack.name)), "container"),
        "the cluster" if _node(local, seen) else "",
        "what is left of a node image in the making" if node_image.left_over(seen.containers, local.stack.name) else "",
        _counted(len(_volumes(local, seen)), "volume", " with all data"),
        "the network" if any(network.labels.get(layout.STACK_LABEL) == local.stack.name for network in seen.networks) else "",
        "certificates" if local.workspace.certs.exists() else "",
        "passwords and state" if any(_state(local)) else "",
    ]
    return tuple(part for part in parts if part)


def purge(local: LocalTarget) -> None:
    seen = observe.ask_engine(local)
    foreign.check_foreign(local, seen)
    _remove_running(local, seen, grace_s=0)
    for volume in _volumes(local, seen):
        local.docker.remove_volume(volume.name)
    for path in _state(local):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if local.workspace.state.exists() and not any(local.workspace.state.iterdir()):
        local.workspace.state.rmdir()
    if local.workspace.certs.exists():
        shutil.rmtree(local.workspace.certs)


def _state(local: LocalTarget) -> list[Path]:
    """What the state's folder holds of this stack. Of the cloud stack of the same name it holds what nothing else remembers."""
    state = local.workspace.state
    return sorted(path for path in state.iterdir() if path.name not in OF_THE_CLOUD) if state.exists() else []


def _remove_running(local: LocalTarget, seen: observe.EngineSeen, grace_s: int | None) -> None:
    """The cluster, the containers side by side, then the network that all of them were on."""
    containers = [container for container in seen.containers if container.labels.get(layout.STACK_LABEL) == local.stack.name]
    containers += node_image.left_over(seen.containers, local.stack.name)
    if _node(local, seen):
        remove_cluster(local)
    with cancel.current.held_back(), ThreadPoolExecutor() as pool:
        list(pool.map(lambda container: local.docker.stop_and_remove(container.id, grace_s), containers))
    for network in seen.networks:
        if network.name == local.stack.name and network.labels.get(layout.STACK_LABEL) == local.stack.name:
            local.docker.remove_network(network.name)


def remove_cluster(local: LocalTarget) -> None:
    """The node at once: nothing in it outlives it, and its own way to stop takes ten seconds."""
    local.docker.stop_and_remove(node_name(local.stack.name), 0)
    local.workspace.kubeconfig.unlink(missing_ok=True)


def _node(local: LocalTarget, seen: observe.EngineSeen) -> bool:
    """Whether the cluster of our name is ours: its node stands on our network."""
    node = seen.node(local.stack.name)
    return node is not None and local.stack.name in node.addresses


def _volumes(local: LocalTarget, seen: observe.EngineSeen) -> list[Volume]:
    return [volume for volume in seen.volumes if volume.labels.get(layout.STACK_LABEL) == local.stack.name]


def _counted(count: int, noun: str, rest: str = "") -> str:
    return f"{count} {noun}{'s' if count != 1 else ''}{rest}" if count else ""
