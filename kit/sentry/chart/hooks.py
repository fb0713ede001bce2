"""Finds the objects that Helm makes as hooks, and what an uninstall leaves behind.

Helm counts hooks as nobody's: they are in no release record, `helm uninstall` does not remove them, and an upgrade replaces only
those that it makes anew. The chart makes most of Sentry's Deployments that way (`asHook`), so who tears down has to remove them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kit.adapters.kubernetes.api import KubeApi
from kit.sentry.chart.manifests import HOOK
from kit.sentry.objects import Document

DELETE_POLICY = "helm.sh/hook-delete-policy"
RESOURCE_POLICY = "helm.sh/resource-policy"
WEIGHT = "helm.sh/hook-weight"
TEST = "test"  # made by `helm test` alone


@dataclass(frozen=True, slots=True)
class Leftover:
    kind: str
    name: str
    why: str


def is_hook(document: Document) -> bool:
    """Whether install or upgrade makes it as a hook; tests do not count."""
    return bool(events(document) - {TEST})


def events(document: Document) -> frozenset[str]:
    """ "post-install", "post-upgrade" …; empty for what is no hook."""
    said = (document["metadata"].get("annotations") or {}).get(HOOK, "")
    return frozenset(event.strip() for event in said.split(",") if event.strip())


def weight(document: Document) -> int:
    return int((document["metadata"].get("annotations") or {}).get(WEIGHT, 0))


def leftovers(documents: Iterable[Document]) -> tuple[Leftover, ...]:
    """What `helm uninstall` of a release of these objects leaves in the cluster."""
    found: list[Leftover] = []
    for document in documents:
        kind, name = document["kind"], document["metadata"]["name"]
        annotations = document["metadata"].get("annotations") or {}
        if is_hook(document):
            if "hook-succeeded" not in annotations.get(DELETE_POLICY, ""):
                found.append(Leftover(kind, name, "Helm made it as a hook and forgot it"))
        elif annotations.get(RESOURCE_POLICY) == "keep":
            found.append(Leftover(kind, name, "the chart says to keep it"))
        if kind == "StatefulSet":
            for claim in document["spec"].get("volumeClaimTemplates") or ():
                why = "volumes of a StatefulSet stay"
                found.append(Leftover("PersistentVolumeClaim", f"{claim['metadata']['name']}-{name}-*", why))
    return tuple(found)


def remove_hooks(api: KubeApi, documents: Iterable[Document], namespace: str) -> tuple[str, ...]:
    """Delete whatever of these hooks is in the cluster, failed Jobs included; returns their names ("Deployment/sentry-relay")."""
    removed: list[str] = []
    for document in documents:
        kind, name = document["kind"], document["metadata"]["name"]
        if is_hook(document) and api.delete(kind, name, document["metadata"].get("namespace") or namespace):
            removed.append(f"{kind}/{name}")
    return tuple(removed)
