"""Names that others may have taken: a container, a network, a volume or a cluster that bears ours without being ours.

What kit did not make it never removes, adopts or reconfigures; it says whose it is and stops.
"""

from __future__ import annotations

from collections.abc import Iterable

from kit.blueprint.stack import STORES, Stack
from kit.engines.kind import node_name
from kit.engines.observed import Container, Network, Volume
from kit.errors import KitError
from kit.targets.local.layout import STACK_LABEL, volume_name


class Foreign(KitError):
    """Something with our name was made by someone else."""

    code = "KIT-FOREIGN"
    exit_code = 25

    def __init__(self, kind: str, name: str, remove: str) -> None:
        super().__init__(
            what=f"a {kind} named {name} exists and is not kit's",
            why=f"it lacks the label {STACK_LABEL} that everything of kit's bears; it was left untouched",
            fix=f"give the stack another name (--stack NAME), or if nobody needs it: {remove}",
        )


def check_foreign(stack: Stack, containers: Iterable[Container], networks: Iterable[Network], volumes: Iterable[Volume]) -> None:
    """Raise for the first name of ours that someone else bears."""
    ours = {f"{stack.name}-{store}" for store in STORES}
    network = next((network for network in networks if network.name == stack.name), None)
    if network and network.labels.get(STACK_LABEL) != stack.name:
        raise Foreign("network", stack.name, f"docker network rm {stack.name}")
    for container in containers:
        if container.name in ours and container.labels.get(STACK_LABEL) != stack.name:
            raise Foreign("container", container.name, f"docker rm -f {container.name}")
        # Kind labels its nodes with its own names only; ours is the one that stands on our network.
        if container.name == node_name(stack.name) and not (network and stack.name in container.addresses):
            raise Foreign("Kind cluster", stack.name, f"kind delete cluster --name {stack.name}")
    for volume in volumes:
        if volume.name in {volume_name(stack, store) for store in STORES} and volume.labels.get(STACK_LABEL) != stack.name:
            raise Foreign("volume", volume.name, f"docker volume rm {volume.name}")
