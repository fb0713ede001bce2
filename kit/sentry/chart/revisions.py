"""Marks pods with a digest of what they read of the objects that kit applies: a changed password replaces them.

Kubernetes hands a Secret to a container when it starts, and to Helm a manifest that only names one is the same as before. Without
the mark a password that was set anew would reach no pod before the next one dies. Pure.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any

from kit import files
from kit.sentry.chart.manifests import pod_of
from kit.sentry.chart.references import references
from kit.sentry.objects import Document

MARK = "dev.kit/secrets"
LIVING = ("Deployment", "StatefulSet", "DaemonSet")  # a Job's pods are made anew anyway


def marked(documents: Iterable[Document], applied: Iterable[Document]) -> tuple[Document, ...]:
    """The same objects, those whose pods read something of `applied` with a mark. The given ones stay as they are."""
    texts = {(each["kind"], each["metadata"]["name"]): json.dumps(each, sort_keys=True) for each in applied}
    return tuple(_marked(document, texts) for document in documents)


def _marked(document: Document, texts: Mapping[tuple[str, str], str]) -> Document:
    pod = pod_of(document) if document["kind"] in LIVING else None
    named = {(each.kind, each.name) for each in references(pod)}
    read = {f"{kind} {name}": texts[kind, name] for kind, name in named if (kind, name) in texts}
    if not read:
        return document
    made: Any = copy.deepcopy(dict(document))
    metadata = made["spec"]["template"].setdefault("metadata", {})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), MARK: files.digest(read)}
    return made  # type: ignore[no-any-return]
