"""The state of every component: the engine's word first, then the store's own probe, all of them at once."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from kit.adapters.docker.observed import Container
from kit.blueprint.stack import STORES
from kit.sentry.release import absent
from kit.state.ports import LOOPBACK
from kit.status import Component, State, Status, TlsSeen
from kit.stores import catalog
from kit.stores.contract import Ready
from kit.supply.resolve import source_of
from kit.targets.local import foreign, observe, site

if TYPE_CHECKING:
    from kit.targets.local.target import LocalTarget


def of(local: LocalTarget) -> Status:
    seen = observe.ask_engine(local)
    foreign.check_foreign(local, seen)
    containers = seen.store_containers(local.stack.name)
    with ThreadPoolExecutor(max_workers=len(STORES) + 2) as pool:
        parts: list[Future[Component]] = []
        if "stores" in local.stack.parts:
            parts += [pool.submit(_store, local, name, containers.get(name)) for name in STORES]
        if "cluster" in local.stack.parts:
            parts.append(pool.submit(_cluster, local, seen))
        if "sentry" in local.stack.parts:
            parts.append(pool.submit(_application, local, seen))
        return Status(local.stack.name, local.stack.target, tuple(part.result() for part in parts))


def _store(local: LocalTarget, name: str, container: Container | None) -> Component:
    if container is None:
        return Component(name, "store", "absent", reason="no container")
    image = {"reference": container.image, "source": source_of(container.image, container.labels)}
    known = local.ports()
    port = known.get(f"{name}.{catalog.module(name).PORTS[0].name}")
    address = f"{LOOPBACK}:{port}"
    if container.state != "running":
        state: State = "starting" if container.state in ("created", "restarting") else "failed"
        return Component(name, "store", state, address, image=image, reason=f"its container is {container.state}")
    answer = catalog.module(name).probe(local.endpoints().store(name), local.trust())
    if isinstance(answer, Ready):
        tls = TlsSeen(answer.tls.version, True, answer.tls.issuer, answer.tls.not_after)
        return Component(name, "store", "ready", address, tls=tls, image=image, latency_ms=round(answer.latency_ms, 1))
    # Not reachable soon after the start is no failure yet; a refused login or certificate will not mend itself.
    state = "starting" if answer.cause == "unreachable" else "degraded"
    return Component(name, "store", state, address, image=image, reason=answer.reason)


def _cluster(local: LocalTarget, seen: observe.EngineSeen) -> Component:
    node = seen.node(local.stack.name)
    if node is None:
        return Component("kubernetes", "cluster", "absent", reason="no cluster")
    image = {"reference": node.image, "source": source_of(node.image, node.labels)}
    if node.state != "running":
        return Component("kubernetes", "cluster", "failed", image=image, reason=f"its node is {node.state}")
    began = time.monotonic()
    complaint = local.kube.complaint()
    latency_ms = round((time.monotonic() - began) * 1000, 1)
    address = local.kube.address
    if complaint:
        return Component("kubernetes", "cluster", "degraded", address, image=image, reason=complaint)
    tls = local.kube.tls()
    seen_tls = TlsSeen(tls.version, True, tls.issuer, tls.not_after)
    return Component("kubernetes", "cluster", "ready", address, tls=seen_tls, image=image, latency_ms=latency_ms)


def _application(local: LocalTarget, seen: observe.EngineSeen) -> Component:
    node = seen.node(local.stack.name)
    if node is None or node.state != "running":
        return absent("no cluster to run in")
    return site.release(local).component()
