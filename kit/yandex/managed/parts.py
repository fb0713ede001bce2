"""Topics, databases and users: what lives inside a cluster, made by a request of its own or in the cluster's create request."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kit.yandex import contract
from kit.yandex.contract import ClusterPart
from kit.yandex.engine import descriptors
from kit.yandex.engine.fields import copy_fields
from kit.yandex.engine.journal import Change, Record
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import Hook, MutationContext, Resource
from kit.yandex.engine.state import EmulatorState
from kit.yandex.managed import connections
from kit.yandex.managed.product import Product, cluster_of, inventory, owner_of
from kit.yandex.rules import names

OnSpec = Callable[["NewPart"], None]


def nothing(subject: Any) -> None:
    """A hook that does nothing."""


@dataclass(frozen=True, slots=True)
class NewPart:
    """A part that is being made. `path`: where its specification stands in the request, for refusals."""

    context: MutationContext  # its `message` is the part, not the cluster
    spec: Any
    path: str
    owner: Any  # the cluster's message
    cluster: contract.Cluster

    @property
    def message(self) -> Any:
        """The part itself."""
        return self.context.message


@dataclass(frozen=True)
class Parts:
    """All parts of one kind in the clusters of one product. `kind` names their message, their service and their fields.

    `complete` fills in what the service adds; `check` looks at what else is in the cluster, so it is not asked for the parts of a
    cluster that is being made.
    """

    product: Product
    kind: type[ClusterPart]
    shape: Callable[[Any, Mapping[str, Any]], ClusterPart]  # message and hidden fields → what the backing gets
    complete: OnSpec
    check: OnSpec = nothing
    change: Hook = nothing
    remove: Hook = nothing
    actions: Mapping[str, Hook] = field(default_factory=dict)  # method → what it changes

    @property
    def noun(self) -> str:
        """Topic, Database or User."""
        return self.kind.__name__

    @property
    def message(self) -> str:
        """The name of the API's message."""
        return f"{self.product.package}.{self.noun}"

    @functools.cached_property
    def resource(self) -> Resource:
        """Its methods for one part at a time. A part has a name and no id."""
        return Resource(
            f"{self.product.package}.{self.noun}Service",
            self.message,
            self.noun,
            scope="cluster_id",
            parent=self.product.cluster,
            is_named=True,
            exists=self._is_there,
            on_forget=_forget_connection,
            backed=f"{self.noun.lower()} in the container",
            build=self._then_put(self.replace),
            change=self._then_put(self.change),
            remove=self._removed,
        )

    def register(self, registry: Registry) -> None:
        """Answer the service's methods."""
        resource = self.resource
        resource.register(registry)
        for name, hook in self.actions.items():
            registry.add(resource.service, name, resource.action(self._then_put(hook)), backed=resource.backed)

    def make_inline(self, context: MutationContext, cluster: contract.Cluster) -> None:
        """Make the parts that the create request of their cluster lists (deprecated in the API, and still in use)."""
        listed = f"{self.noun.lower()}_specs"
        for index, spec in enumerate(getattr(context.request, listed, ())):
            message = descriptors.message(self.message)(cluster_id=context.message.id)
            copy_fields(spec, message)
            names.check(self.product.engine.value, self.noun.lower(), message.name, f"{listed}[{index}].name")
            inner = replace(context, message=message, extra={})
            self.complete(NewPart(inner, spec, f"{listed}[{index}]", context.message, cluster))
            context.change.put(Record(f"{context.message.id}/{message.name}", context.message.id, message, inner.extra))
            self._put(inner, cluster)

    def put_restored(self, context: MutationContext, cluster: contract.Cluster) -> None:
        """Make a part of a backup, which is complete, in the new cluster that its message names."""
        message = context.message
        context.change.put(Record(f"{message.cluster_id}/{message.name}", message.cluster_id, message, context.extra))
        self._put(context, cluster)

    def replace(self, context: MutationContext) -> None:
        """Complete and check the part that the request specifies."""
        path = f"{self.noun.lower()}_spec"
        new = NewPart(context, getattr(context.request, path), path, *self._owner(context))
        names.check(self.product.engine.value, self.noun.lower(), new.message.name, f"{path}.name")
        self.check(new)
        self.complete(new)

    def _then_put(self, hook: Hook) -> Hook:
        def run(context: MutationContext) -> None:
            hook(context)
            self._put(context, self._owner(context)[1])

        return run

    def _removed(self, context: MutationContext) -> None:
        self.remove(context)
        cluster, name = self._owner(context)[1], context.message.name
        context.then(lambda: context.backing.remove_part(cluster, self.kind, name))

    def _put(self, context: MutationContext, cluster: contract.Cluster) -> None:
        part = self.shape(context.message, context.extra)
        context.then(lambda: context.backing.put_part(cluster, part))

    def _owner(self, context: MutationContext) -> tuple[Any, contract.Cluster]:
        return owner_of(context.state, self.product, context.message.cluster_id)

    def _is_there(self, state: EmulatorState, record: Record) -> bool:
        if (owner := state.journal.get(self.product.cluster, record.parent)) is None:
            return False
        found = inventory(state, self.product, owner)
        names = getattr(found, f"{self.noun.lower()}s")
        return found.exists and (names is None or record.message.name in names)


def part_of(state: EmulatorState, parts: Parts, record: Record) -> tuple[contract.Cluster, ClusterPart] | None:
    """A part and its cluster as the backing gets them; None where its cluster has gone, and it with it."""
    owner = state.journal.get(parts.product.cluster, record.parent)
    if owner is None:
        return None
    return cluster_of(state, parts.product, owner.message, owner.extra), parts.shape(record.message, record.extra)


def _forget_connection(state: EmulatorState, change: Change, record: Record) -> None:
    """With a user that is no longer there, its password goes."""
    if "connection_manager" in record.message.DESCRIPTOR.fields_by_name:
        connections.remove(state, change, record.message.connection_manager.connection_id)
