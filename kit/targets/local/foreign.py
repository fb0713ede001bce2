"""Finds names that somebody else has taken: a container, network, volume or cluster that is called like ours and is not ours.

What kit did not make it never removes, adopts or reconfigures; it says whose it is and stops. The same holds for a stack
of the same name that another folder's kit runs: its passwords are there, not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kit.adapters.kind import node_name
from kit.blueprint.stack import STORES
from kit.errors import KitError
from kit.targets.local.layout import HOME_LABEL, STACK_LABEL, volume_name

if TYPE_CHECKING:
    from kit.targets.local.observe import EngineSeen
    from kit.targets.local.target import LocalTarget


class Foreign(KitError):
    """Something with a name that kit needs exists and was made by someone else."""

    code = "KIT-FOREIGN"
    exit_code = 25
    what = "a {kind} named {name} exists and is not kit's"
    why = f"it lacks the label {STACK_LABEL} that everything of kit's bears; it was left untouched"
    fix = "give the stack another name (--stack NAME), or if nobody needs it: {remove}"


class Elsewhere(KitError):
    """The stack of this name is run from another folder, where its passwords and certificates are."""

    code = "KIT-ELSEWHERE"
    exit_code = 25
    what = "stack {stack} is run from {home}"
    why = "its passwords and certificates are there; from here nothing of it was touched"
    fix = "work there, or give this one another name: kit up --local --stack {stack}-2"


class Orphaned(KitError):
    """The engine has volumes of this stack, and the passwords to their data are gone."""

    code = "KIT-ORPHANED"
    exit_code = 26
    what = "stack {stack} has {volumes} volumes, and nobody has their passwords any more"
    why = "the folder with its certificates and passwords was removed, while the engine kept its data"
    fix = "bring the folder back, or remove what is left: kit purge --stack {stack}"


def check_foreign(local: LocalTarget, seen: EngineSeen) -> None:
    """Raise for the first name of ours that someone else bears."""
    stack = local.stack.name
    network = next((network for network in seen.networks if network.name == stack), None)
    if network:
        _check(local, "network", stack, network.labels, f"docker network rm {stack}")
    for container in seen.containers:
        if container.name in {f"{stack}-{store}" for store in STORES}:
            _check(local, "container", container.name, container.labels, f"docker rm -f {container.name}")
        # Kind labels its nodes with its own names only; ours is the one that stands on our network.
        if container.name == node_name(stack) and not (network and stack in container.addresses):
            raise Foreign(kind="Kind cluster", name=stack, remove=f"kind delete cluster --name {stack}")
    for volume in seen.volumes:
        if volume.name in {volume_name(local.stack, store) for store in STORES}:
            _check(local, "volume", volume.name, volume.labels, f"docker volume rm {volume.name}")


def check_orphaned(local: LocalTarget, seen: EngineSeen) -> None:
    """Raise where volumes are left of a stack whose passwords are not."""
    volumes = [volume for volume in seen.volumes if volume.labels.get(STACK_LABEL) == local.stack.name]
    if volumes and not local.secrets():
        raise Orphaned(stack=local.stack.name, volumes=len(volumes))


def _check(local: LocalTarget, kind: str, name: str, labels: Mapping[str, str], remove: str) -> None:
    home = labels.get(HOME_LABEL)
    if labels.get(STACK_LABEL) != local.stack.name or not home:
        raise Foreign(kind=kind, name=name, remove=remove)
    if home != str(local.workspace.home) and Path(home).exists():
        raise Elsewhere(stack=local.stack.name, home=home)
