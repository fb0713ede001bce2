"""The node store's module on the path of an unchanged Sentry image: a ConfigMap with one file, mounted where PYTHONPATH looks.

Profiles whose chart knows `nodestore.s3` need none of this. The module itself lies in kind/nodestore, for it runs inside Sentry
and imports what only Sentry has.
"""

from __future__ import annotations

from pathlib import Path

from kit.sentry.objects import NAMESPACE, STACK_LABEL, Document

CONFIG_MAP = "kit-nodestore-code"
MOUNT = "/etc/kit/nodestore"  # the mount's place, and what PYTHONPATH holds
MODULE = "kit_nodestore"
SOURCE = Path("kind/nodestore") / f"{MODULE}.py"  # below the shipped files
BACKEND = f"{MODULE}.S3NodeStorage"


def document(stack: str, assets: Path) -> Document:
    """The ConfigMap `kit-nodestore-code`; the same source gives the same document."""
    metadata = {"name": CONFIG_MAP, "namespace": NAMESPACE, "labels": {STACK_LABEL: stack}}
    data = {SOURCE.name: (assets / SOURCE).read_text()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
