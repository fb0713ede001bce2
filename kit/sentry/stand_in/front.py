"""HTTPS in front of the chart's Sentry on this computer: one nginx, with a certificate of the stack's authority.

The chart brings Services that speak HTTP and leave HTTPS to an Ingress controller, which a laptop's cluster has not. These
objects are kit's own and belong to the wrapped release, so `helm uninstall` takes them along. The stand-in needs none of this: it
speaks HTTPS itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kit.sentry.objects import NAMESPACE, RELEASE, Document, config_map, metadata, pod
from kit.sentry.stand_in.lite import CERTIFICATE_SECRET, NODE_PORT

NAME = "kit-front"
TEMPLATE, START = Path("kind/front/nginx.conf"), Path("kind/front/start.sh")  # below the shipped files
FOLDER = "/etc/kit/front"
PORT = 8443
LABELS = {"app.kubernetes.io/name": NAME}


def documents(stack: str, template: str, start: str, image: str, *, revision: str) -> tuple[Document, ...]:
    """ConfigMap, Deployment and NodePort Service. `start` is its first script; `revision` changes with the certificate."""
    upstreams = {
        "RELAY": f"{RELEASE}-relay.{NAMESPACE}.svc.cluster.local:3000",
        "WEB": f"{RELEASE}-web.{NAMESPACE}.svc.cluster.local:9000",
    }
    text = template
    for name, value in upstreams.items():
        text = text.replace(f"${{{name}}}", value)
    named = metadata(stack, NAME, LABELS)
    return (
        config_map(stack, NAME, {TEMPLATE.name: text, START.name: start}, labels=LABELS),
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": named, "spec": _deployment(image, revision)},
        {"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": _service()},
    )


def _service() -> Mapping[str, Any]:
    ports = [{"name": "https", "port": 443, "targetPort": PORT, "nodePort": NODE_PORT}]
    return {"type": "NodePort", "selector": LABELS, "ports": ports}


def _deployment(image: str, revision: str) -> Mapping[str, Any]:
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
        ],
    }
    volumes: dict[str, Document] = {
        "configuration": {"configMap": {"name": NAME}},
        "certificate": {"secret": {"secretName": CERTIFICATE_SECRET, "defaultMode": 0o440}},
        "tmp": {"emptyDir": {"medium": "Memory", "sizeLimit": "256Mi"}},
    }
    template = {"metadata": {"labels": LABELS, "annotations": {"dev.kit/revision": revision}}, "spec": pod([container], volumes)}
    return {"replicas": 1, "selector": {"matchLabels": LABELS}, "template": template}
