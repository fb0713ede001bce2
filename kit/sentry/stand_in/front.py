"""HTTPS in front of Sentry: nginx. On this computer one, at a port of the node; in the cloud two, behind a load balancer.

The chart brings Services that speak HTTP and leave HTTPS to a controller, which a laptop's cluster has not, and one in the cloud
only if somebody installed it. These objects are kit's own and belong to the wrapped release: `helm uninstall` takes them along.
The stand-in on this computer needs none of this: it speaks HTTPS itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kit.adapters.kubernetes.api import KubeApi
from kit.errors import KitError
from kit.sentry.chart.wiring import TRUST
from kit.sentry.objects import NAMESPACE, RELEASE, Document, config_map, metadata, pod
from kit.sentry.site import Balanced
from kit.sentry.stand_in.lite import CERTIFICATE_SECRET, NODE_PORT

NAME = "kit-front"
SECRET = "kit-front-tls"  # with the certificate of a name; on this computer it is the stack's own, in CERTIFICATE_SECRET
SOURCES = Path("kind/front")  # below the shipped files
TEMPLATE, START = SOURCES / "nginx.conf", SOURCES / "start.sh"
REDIRECT, VERIFIED_UPSTREAM = SOURCES / "redirect.conf", SOURCES / "verified-upstream.conf"
FOLDER = "/etc/kit/front"
PORT, PLAIN_PORT = 8443, 8080
# The nodes' ports of the load balancer, the ones that the cloud's security groups let in: terraform/door.tf.
PLAIN_NODE_PORT, HEALTH_NODE_PORT = 30080, 30256
REPLICAS = 2
LABELS = {"app.kubernetes.io/name": NAME}
OF_THE_CHART = {
    "RELAY": f"http://{RELEASE}-relay.{NAMESPACE}.svc.cluster.local:3000",
    "WEB": f"http://{RELEASE}-web.{NAMESPACE}.svc.cluster.local:9000",
}
OF_THE_STAND_IN = dict.fromkeys(OF_THE_CHART, f"https://{RELEASE}.{NAMESPACE}.svc.cluster.local:443")
LEAVE_S = 5  # a pod that is going is still sent to until every node knows


def documents(stack: str, template: str, start: str, image: str, *, revision: str) -> tuple[Document, ...]:
    """ConfigMap, Deployment and NodePort Service. `start` is its first script; `revision` changes with the certificate."""
    files = {TEMPLATE.name: _filled(template, OF_THE_CHART), START.name: start}
    named = metadata(stack, NAME, LABELS)
    return (
        config_map(stack, NAME, files, labels=LABELS),
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": named, "spec": _deployment(image, revision)},
        {"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": _service()},
    )


def balanced(
    stack: str, sources: Mapping[Path, str], front: Balanced, *, revision: str, is_stand_in: bool
) -> tuple[Document, ...]:
    """ConfigMap, Deployment, Service of type LoadBalancer and PodDisruptionBudget. `sources` are the shipped files' texts."""
    files = {
        TEMPLATE.name: _filled(sources[TEMPLATE], OF_THE_STAND_IN if is_stand_in else OF_THE_CHART),
        START.name: sources[START],
        f"also-{REDIRECT.name}": sources[REDIRECT],
    }
    if is_stand_in:
        files[f"also-{VERIFIED_UPSTREAM.name}"] = sources[VERIFIED_UPSTREAM]
    named = metadata(stack, NAME, LABELS)
    budget = {"maxUnavailable": 1, "selector": {"matchLabels": LABELS}}
    return (
        config_map(stack, NAME, files, labels=LABELS),
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": named, "spec": _balanced_deployment(front.image, revision)},
        {"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": _balanced_service(front.address)},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": named, "spec": budget},
    )


def complaint(api: KubeApi) -> str | None:
    """Why the load balancer is not there yet, in its controller's words; None once it is, or where the cluster does not say."""
    about = f"involvedObject.name={NAME},involvedObject.kind=Service,type=Warning"
    try:
        service = api.get("Service", NAME, NAMESPACE) or {}
        if (service.get("status") or {}).get("loadBalancer", {}).get("ingress"):
            return None
        events = sorted(api.list("Event", NAMESPACE, fields=about), key=lambda each: str(each.get("lastTimestamp")))
    except KitError:
        return None
    return str(events[-1]["message"]) if events else "its load balancer is being made"


def _filled(template: str, upstreams: Mapping[str, str]) -> str:
    text = template
    for name, value in upstreams.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def _service() -> Mapping[str, Any]:
    ports = [{"name": "https", "port": 443, "targetPort": PORT, "nodePort": NODE_PORT}]
    return {"type": "NodePort", "selector": LABELS, "ports": ports}


def _balanced_service(address: str) -> Mapping[str, Any]:
    """Local: only nodes with a pod of it take anything, and the caller's address stays the caller's."""
    ports = [
        {"name": "https", "port": 443, "targetPort": PORT, "nodePort": NODE_PORT},
        {"name": "http", "port": 80, "targetPort": PLAIN_PORT, "nodePort": PLAIN_NODE_PORT},
    ]
    policy = {"externalTrafficPolicy": "Local", "healthCheckNodePort": HEALTH_NODE_PORT}
    return {"type": "LoadBalancer", "loadBalancerIP": address, **policy, "selector": LABELS, "ports": ports}


def _balanced_deployment(image: str, revision: str) -> Mapping[str, Any]:
    """Two of them, on two nodes and in two zones where there are as many; a new one is ready before an old one goes."""
    made: Any = _deployment(image, revision, secret=SECRET, trusts=True)
    (container,) = made["template"]["spec"]["containers"]
    container["ports"].append({"name": "http", "containerPort": PLAIN_PORT})
    container["lifecycle"] = {"preStop": {"exec": {"command": ["/bin/sh", "-c", f"sleep {LEAVE_S}"]}}}
    selector = {"matchLabels": LABELS}
    made["template"]["spec"]["topologySpreadConstraints"] = [
        {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": selector}
        for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
    ]
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    return {**made, "replicas": REPLICAS, "strategy": rolling}


def _deployment(image: str, revision: str, *, secret: str = CERTIFICATE_SECRET, trusts: bool = False) -> Mapping[str, Any]:
    """`trusts`: the stores' authority is mounted as well."""
    probe = {"httpGet": {"path": "/kit/ready", "port": PORT, "scheme": "HTTPS"}, "periodSeconds": 2}
    container = {
        "name": "nginx",
        "image": image,
        "command": ["/bin/sh", f"{FOLDER}/{START.name}"],
        "ports": [{"name": "https", "containerPort": PORT}],
        "readinessProbe": probe,
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "128Mi"}},
        "volumeMounts": [
            {"name": "configuration", "mountPath": FOLDER, "readOnly": True},
            {"name": "certificate", "mountPath": "/run/kit/certificate", "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},
            *([{"name": "trust", "mountPath": "/etc/kit/trust", "readOnly": True}] if trusts else []),
        ],
    }
    volumes: dict[str, Document] = {
        "configuration": {"configMap": {"name": NAME}},
        "certificate": {"secret": {"secretName": secret, "defaultMode": 0o440}},
        "tmp": {"emptyDir": {"medium": "Memory", "sizeLimit": "256Mi"}},
        **({"trust": {"configMap": {"name": TRUST}}} if trusts else {}),
    }
    template = {"metadata": {"labels": LABELS, "annotations": {"dev.kit/revision": revision}}, "spec": pod([container], volumes)}
    return {"replicas": 1, "selector": {"matchLabels": LABELS}, "template": template}
