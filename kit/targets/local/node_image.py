"""Names and makes the node image that has a stack's images in it before the cluster starts.

Made once from the node image at hand, pulled or built, and named after what both are, so that one made of other images is never
taken for it. To load them at every creation of a cluster took as long as the creation itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kit import files
from kit.adapters.containerd import node
from kit.blueprint.stack import SentryWanted
from kit.supply.cache import SHORT
from kit.supply.errors import NotSupplied
from kit.supply.resolve import IMAGE_LABEL, OURS, RECIPE_LABEL, SOURCE_LABEL
from kit.targets.local import layout

if TYPE_CHECKING:
    from kit.adapters.docker.observed import Container
    from kit.supply.supply import Supply
    from kit.targets.local.target import LocalTarget

NAME = "kind-node-ready"
FORM = "3"  # of what kit lays ready for the script; another one where an image made before would not do any more
SCRIPT = "kind/node/add-images.sh"


def reference(base: str, images: tuple[str, ...], script: Path) -> str:
    """Named after the node image and all that is in it, by references that name their content, and after the script."""
    version = base.rpartition(":")[2].rpartition("-")[0] or "0"
    made_of: dict[str, str | bytes] = {
        "form": FORM,
        "script": script.read_bytes(),
        "node": base,
        "images": " ".join(sorted(images)),
    }
    made_from = files.digest(made_of)
    return f"{OURS}{NAME}:{version}-{made_from[:SHORT]}"


def wanted(local: LocalTarget) -> str | None:
    """The one for this stack's cluster; None where the engine's nodes can have none, or its parts are yet to be had."""
    try:
        made_of = reference(local.supply.image("kind-node").reference, local.cluster_images(), local.supply.assets / SCRIPT)
    except NotSupplied:
        return None
    return made_of if node.can_be_given_images(local.docker.info()) else None


def is_there(local: LocalTarget, made_of: str) -> bool:
    return local.docker.images.find(made_of) is not None


def make(local: LocalTarget) -> str:
    """Returns its reference. Made by one kit at a time; the next one removes what is left over from one that was killed."""
    supply, docker = local.supply, local.docker
    base, images = supply.image("kind-node").reference, local.cluster_images()
    made_of = reference(base, images, supply.assets / SCRIPT)
    with supply.cache.exclusive(NAME, FORM):
        if not is_there(local, made_of):
            labels = {IMAGE_LABEL: NAME, RECIPE_LABEL: made_of.rpartition("-")[2], SOURCE_LABEL: supply.image("kind-node").source}
            node.make_image(
                docker, base, images, made_of, script=supply.assets / SCRIPT, labels=labels, container=workplace(local.stack.name)
            )
    return made_of


def workplace(stack: str) -> str:
    """The name of the container in which a stack's kit makes it. By its name it is known, not by a label: those of a container
    are the committed image's as well, and every stack's node is made of that."""
    return f"kit-{NAME}-{stack}"


def left_over(containers: Iterable[Container], stack: str) -> tuple[Container, ...]:
    """What a kit of this stack that was killed has left of it; one that runs holds the stack's lock."""
    names = node.containers_of(workplace(stack))
    return tuple(container for container in containers if container.name in names)


def sweep(local: LocalTarget, containers: Iterable[Container]) -> None:
    for container in left_over(containers, local.stack.name):
        local.docker.stop_and_remove(container.id, 0)


def current(supply: Supply) -> frozenset[str]:
    """Every node image that some stack would use now: what `kit images prune` keeps."""
    return frozenset(
        reference(base, images, supply.assets / SCRIPT) for base in _present(supply, ("kind-node",)) for images in _sets(supply)
    )


def _sets(supply: Supply) -> Iterator[tuple[str, ...]]:
    from kit.sentry.lines import profiles

    for profile in profiles.NAMES:
        for flavour in ("lite", "chart"):
            names = layout.cluster_images(SentryWanted(flavour=flavour, profile=profile))
            if len(found := _present(supply, names)) == len(names):
                yield found


def _present(supply: Supply, names: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for name in names:
        try:
            found.append(supply.image(name).reference)
        except NotSupplied:
            continue
    return tuple(found)
