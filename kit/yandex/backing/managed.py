"""The protocol of one kind of cluster: start its store, look into it, make and remove what lives inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from kit.yandex.contract import Cluster, ClusterPart, Inventory, KubernetesAccess

# Kind of part → make or change one, and remove one by its name.
PartVerbs = Mapping[type[ClusterPart], tuple[Callable[[Any], None], Callable[[str], None]]]


class Managed(Protocol):
    """One kind of cluster, on its one store."""

    store: str
    parts: PartVerbs

    def put(self, cluster: Cluster) -> KubernetesAccess | None:
        """Start the store, or bring it in line with the cluster."""
        ...

    def forget(self) -> None:
        """The store has gone: drop connections to it."""
        ...

    def observe(self) -> Inventory:
        """What is in the running store."""
        ...
