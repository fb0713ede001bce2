"""The protocol of one kind of cluster: start its store, look into it, make and remove what lives inside, copy its data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
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


class BackedUp(Protocol):
    """A kind of cluster whose data can be copied and put back."""

    def back_up(self, folder: Path) -> None:
        """Write the data into an empty folder."""
        ...

    def restore(self, folder: Path) -> None:
        """Put the data of such a folder into the store, whose users and databases are there, and empty."""
        ...
