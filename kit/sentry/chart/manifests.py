"""Rendered manifests as data: read, written, and walked container by container.

Everything between `helm template` and `helm upgrade` looks at pods through here: the transformer, the rules, the preflight. So
there is one answer to the question what a container is, whatever object it hides in. Shapes: Kubernetes API reference, PodSpec.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kit.errors import KitError
from kit.sentry.objects import Document

Role = Literal["init", "main"]

# kind → where its pod template stands.
TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
HOOK = "helm.sh/hook"


class ManifestsUnreadable(KitError):
    """What the chart rendered is not YAML, or not Kubernetes objects."""

    code = "KIT-MANIFESTS"
    exit_code = 14
    what = "the chart did not render Kubernetes objects"
    fix = "helm template with the same values shows it"


@dataclass(frozen=True, slots=True)
class Container:
    """One container with everything around it; `spec` and `pod` are the very mappings of the document, not copies."""

    kind: str  # of the object that it stands in: "Deployment"
    object: str  # that object's name
    role: Role
    spec: Mapping[str, Any]
    pod: Mapping[str, Any]  # the PodSpec
    annotations: Mapping[str, str]  # the object's

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def image(self) -> str:
        return str(self.spec.get("image", ""))

    @property
    def place(self) -> str:
        """For messages: "Deployment/sentry-web container web"."""
        return f"{self.kind}/{self.object} container {self.name}"

    @property
    def is_hook(self) -> bool:
        return HOOK in self.annotations

    @property
    def env(self) -> Mapping[str, Mapping[str, Any]]:
        """Variable → its entry (`value` or `valueFrom`); the last one of a name wins, as in Kubernetes."""
        return {entry["name"]: entry for entry in self.spec.get("env") or ()}


def parse(text: str) -> tuple[Document, ...]:
    """The objects of a YAML stream, Lists taken apart, empty documents left out. Raises `ManifestsUnreadable`."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: list[Document] = []
    try:
        for document in yaml.load_all(text, loader):
            if document is None:
                continue
            if not isinstance(document, dict) or "kind" not in document or "metadata" not in document:
                raise ManifestsUnreadable(why=f"a document without kind and metadata: {str(document)[:80]}")
            found += document["items"] if document["kind"] == "List" else [document]
    except yaml.YAMLError as error:
        raise ManifestsUnreadable(why=" ".join(str(error).split())) from error
    return tuple(found)


def dump(documents: Iterable[Document]) -> str:
    """A YAML stream; the same documents give the same bytes."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump_all(documents, Dumper=dumper, sort_keys=True, explicit_start=True, width=4096, allow_unicode=True)


def pod_of(document: Document) -> dict[str, Any] | None:
    """The PodSpec inside an object, or None where it has none."""
    path = TEMPLATES.get(document["kind"])
    if path is None:
        return None
    place: Any = document
    for key in path:
        place = place[key]
    spec: dict[str, Any] = place["spec"]
    return spec


def containers(document: Document) -> Iterator[Container]:
    """Init containers first, in their order, then the main ones."""
    pod = pod_of(document)
    if pod is None:
        return
    metadata = document["metadata"]
    roles: tuple[tuple[Role, str], ...] = (("init", "initContainers"), ("main", "containers"))
    for role, key in roles:
        for spec in pod.get(key) or ():
            yield Container(document["kind"], metadata["name"], role, spec, pod, metadata.get("annotations") or {})


def of_kind(documents: Iterable[Document], kind: str) -> dict[str, Document]:
    """Name → object."""
    return {document["metadata"]["name"]: document for document in documents if document["kind"] == kind}
