"""Reads a component's log: a container's output, or a pod's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kit.adapters.kind import node_name
from kit.blueprint.stack import STORES
from kit.sentry import logs
from kit.targets.local import observe
from kit.targets.local.errors import NoStack

if TYPE_CHECKING:
    from kit.targets.local.target import LocalTarget


def read(local: LocalTarget, component: str, tail: int, follow: bool) -> Iterator[str]:
    if component == "preflight":
        raise logs.preflight()
    if component in logs.SELECTORS:
        if not local.workspace.kubeconfig.exists():
            raise NoStack(name=local.stack.name)
        yield from logs.follow(local.kube, component, tail) if follow else [logs.read(local.kube, component, tail)]
        return
    seen = observe.ask_engine(local)
    container = seen.store_containers(local.stack.name).get(component) if component in STORES else seen.node(local.stack.name)
    if container is None or (component not in STORES and container.name != node_name(local.stack.name)):
        raise NoStack(name=local.stack.name)
    if follow:
        yield from local.docker.follow_logs(container.id, tail=tail)
    else:
        yield local.docker.logs(container.id, tail=tail)
