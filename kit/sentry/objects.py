"""What every object that kit puts into the cluster has in common: namespace, labels, and how a Secret is written. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

NAMESPACE = RELEASE = "sentry"
STACK_LABEL = "dev.kit.stack"
KUBERNETES = "1.34.0"  # what templates are rendered for; the minor version of the local cluster's node

Document = Mapping[str, Any]


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
