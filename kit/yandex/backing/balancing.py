"""The cluster's Services of type LoadBalancer, as the cloud's controller sees them and answers them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from kit.adapters.kubernetes.api import ClusterRefused, ClusterUnreachable, KubeApi
from kit.yandex.contract import BalancedService, ServicePort

TYPE = "spec.type=LoadBalancer"
CONTROLLER = "cloud-controller-manager"
FAILED = "SyncLoadBalancerFailed"  # the reason of its events: k8s.io/cloud-provider, controllers/service, read 2026-11-28


class Balancing:
    """Thread-safe as far as its caller is: `reconcile` asks one at a time."""

    def __init__(self, api: Callable[[], KubeApi | None]) -> None:
        self._api = api  # None: there is no cluster
        self._told: dict[str, str] = {}  # Service's uid → the complaint that stands among its events

    def services(self) -> tuple[BalancedService, ...] | None:
        api = self._api()
        if api is None:
            return ()
        try:
            return tuple(service_of(each) for each in api.list("Service", fields=TYPE))
        except (ClusterUnreachable, ClusterRefused, OSError):
            return None

    def settle(self, service: BalancedService, address: str | None, complaint: str) -> None:
        api = self._api()
        if api is None:
            return
        try:
            if service.given != (address or ""):
                api.apply_status(status_of(service, address))
            if complaint and self._told.get(service.uid) != complaint:
                api.create(event_of(service, complaint, datetime.now(UTC)))
            self._told[service.uid] = complaint
        except (ClusterUnreachable, ClusterRefused):
            return  # asked again at the next look; one that was deleted meanwhile is not there then


def service_of(document: dict[str, Any]) -> BalancedService:
    metadata, spec = document["metadata"], document["spec"]
    given = (document.get("status") or {}).get("loadBalancer", {}).get("ingress") or [{}]
    return BalancedService(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        address=spec.get("loadBalancerIP", ""),
        ports=tuple(ServicePort(each["port"], each.get("nodePort", 0)) for each in spec["ports"]),
        health_port=spec.get("healthCheckNodePort", 0),
        annotations=metadata.get("annotations") or {},
        given=given[0].get("ip", ""),
    )


def status_of(service: BalancedService, address: str | None) -> dict[str, Any]:
    metadata = {"name": service.name, "namespace": service.namespace}
    ingress = [{"ip": address}] if address else []
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "status": {"loadBalancer": {"ingress": ingress}}}


def event_of(service: BalancedService, complaint: str, now: datetime) -> dict[str, Any]:
    stamp = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    about = {"apiVersion": "v1", "kind": "Service", "name": service.name, "namespace": service.namespace, "uid": service.uid}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{service.name}.", "namespace": service.namespace},
        "involvedObject": about,
        "reason": FAILED,
        "message": f"Error syncing load balancer: {complaint}",
        "type": "Warning",
        "source": {"component": CONTROLLER},
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }
