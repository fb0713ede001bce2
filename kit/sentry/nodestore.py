"""The node store's module on the path of an unchanged Sentry image: a ConfigMap with one file, mounted where PYTHONPATH looks.

Both profiles use it. The module itself lies in kind/nodestore, for it runs inside Sentry and imports what only Sentry has.
"""

from __future__ import annotations

from pathlib import Path

from kit.sentry.objects import Document, config_map

CONFIG_MAP = "kit-nodestore-code"
MODULE = "kit_nodestore"
SOURCE = Path("kind/nodestore") / f"{MODULE}.py"  # below the shipped files


def document(stack: str, assets: Path) -> Document:
    """The ConfigMap `kit-nodestore-code`; the same source gives the same document."""
    return config_map(stack, CONFIG_MAP, {SOURCE.name: (assets / SOURCE).read_text()})
