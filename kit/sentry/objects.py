"""What every object that kit puts into the cluster has in common: namespace, labels, and how a Secret is written. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from kit.blueprint.stack import STORES

NAMESPACE = RELEASE = "sentry"
STACK_LABEL = "dev.kit.stack"
# Labels by which the namespace's network policies choose pods: those that belong to the release, and what each of them speaks to.
NETWORK, REACHES = "dev.kit/network", "dev.kit/reaches-"
KUBERNETES = "1.34.0"  # what templates are rendered for; the minor version of the local cluster's node

# Of what kit runs itself: no root, no writing into the image, no token of the cluster.
UNPRIVILEGED = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "runAsGroup": 10001,
    "fsGroup": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}
RESTRICTED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}

Document = Mapping[str, Any]


def network_labels(*reached: str) -> dict[str, str]:
    """Of a pod that speaks to these: stores, "https", "mail". Pods without them are let neither in nor out."""
    return {NETWORK: "yes", **{f"{REACHES}{name}": "yes" for name in reached}}


def namespace(stack: str, *, restricted: bool) -> Document:
    """`restricted`: Kubernetes itself refuses a pod here that is root, privileged or without a seccomp profile.

    The real chart's pods set no security context, so with it only a baseline can be enforced; the rest is warned of.
    """
    level = "restricted" if restricted else "baseline"
    labels = {
        STACK_LABEL: stack,
        "pod-security.kubernetes.io/enforce": level,
        "pod-security.kubernetes.io/warn": "restricted",
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def secret(stack: str, name: str, data: Mapping[str, str], kind: str = "Opaque") -> Document:
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata(stack, name), "data": encoded}


def config_map(
    stack: str,
    name: str,
    data: Mapping[str, str] | None = None,
    binary: Mapping[str, bytes] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Document:
    """`binary` is for what is no text."""
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(stack, name, labels)}
    texts = {"data": dict(data)} if data is not None else {}
    encoded = {key: base64.b64encode(content).decode() for key, content in (binary or {}).items()}
    return {**made, **texts, **({"binaryData": encoded} if encoded else {})}


def metadata(stack: str, name: str, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {"name": name, "namespace": NAMESPACE, "labels": {STACK_LABEL: stack, **(labels or {})}}


def pod(containers: Sequence[Document], volumes: Mapping[str, Document], **more: Any) -> Document:
    """The spec of a pod of kit's own. `volumes`: name → source."""
    limited = [{**each, "imagePullPolicy": "IfNotPresent", "securityContext": RESTRICTED} for each in containers]
    alone = {"automountServiceAccountToken": False, "enableServiceLinks": False, "securityContext": UNPRIVILEGED}
    return {**alone, "containers": limited, "volumes": [{"name": name, **source} for name, source in volumes.items()], **more}


EVERY_STORE = network_labels(*STORES, "mail")


def job(
    prefix: str,
    labels: Mapping[str, str],
    pod: Document,
    *,
    deadline_s: int,
    kept_s: int = 3600,
    retries: int = 0,
    network: Mapping[str, str] = EVERY_STORE,
    namespace: str = NAMESPACE,
) -> Document:
    """Its name is `prefix` and what makes it its own; it goes `kept_s` after its end. `network` are its pods' labels besides."""
    named = {"generateName": prefix, "namespace": namespace, "labels": dict(labels)}
    template = {"metadata": {"labels": {**labels, **network}}, "spec": {"restartPolicy": "Never", **pod}}
    limits = {"backoffLimit": retries, "activeDeadlineSeconds": deadline_s, "ttlSecondsAfterFinished": kept_s}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": named, "spec": {**limits, "template": template}}
