"""The state of a cloud stack: from Terraform's state, the cluster's API, and the stores as the last preflight saw them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kit.blueprint.stack import STORES
from kit.errors import KitError
from kit.sentry.preflight import preflight
from kit.status import Component, State, Status
from kit.targets.cloud import door, site

if TYPE_CHECKING:
    from kit.sentry.preflight.verdict import Preflight
    from kit.targets.cloud.target import CloudTarget


def of(cloud: CloudTarget) -> Status:
    if not cloud.is_applied:
        return Status(cloud.stack.name, "cloud", (Component("cloud", "cluster", "absent", reason="nothing was applied"),))
    document = cloud.outputs.document
    seen = _last_preflight(cloud)
    stores = tuple(store(name, document, seen) for name in STORES)
    sentry = door.with_days(site.release(cloud).component(), cloud.option, datetime.now(UTC))
    return Status(cloud.stack.name, "cloud", (*stores, _cluster(cloud, document), sentry))


def _last_preflight(cloud: CloudTarget) -> Preflight | None:
    try:
        return preflight.last(cloud.clients.kube)
    except KitError:
        return None


def store(name: str, document: Mapping[str, Any], seen: Preflight | None) -> Component:
    """Its names are the cloud's and answer inside its network alone, so the cluster's view is the one that counts. Pure."""
    said = document["endpoints"][name]
    address = str(said["brokers"][0] if name == "kafka" else said.get("host") or said.get("endpoint"))
    probes = [probe for probe in seen.probes if probe.store == name] if seen else []
    if not probes or seen is None:
        return Component(name, "store", "starting", address, reason="no preflight has seen it yet")
    wrong = next((probe for probe in probes if not probe.holds), None)
    state: State = "degraded" if wrong else "ready"
    when = f"as the preflight of {seen.finished_at:%Y-%m-%d %H:%M} UTC saw it from the cluster"
    latency = max((probe.latency_ms for probe in probes if probe.latency_ms is not None), default=None)
    return Component(name, "store", state, address, latency_ms=latency, reason=wrong.words if wrong else when)


def _cluster(cloud: CloudTarget, document: Mapping[str, Any]) -> Component:
    complaint = cloud.clients.kube.complaint() if cloud.place.kubeconfig.exists() else "no kubeconfig yet"
    state: State = "degraded" if complaint else "ready"
    return Component("kubernetes", "cluster", state, document["kubernetes"]["endpoint"], reason=complaint)
