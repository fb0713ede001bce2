"""Markers: what was done inside a store or a cluster and leaves no label that could be read back cheaply.

A marker is a subject and the fingerprint of what was done to it. It is written after the work and compared before it: lost or
damaged, the work (which is idempotent) is done again; nothing is ever skipped because of a marker that does not fit.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path

from kit import files

_writing = threading.Lock()


def load(path: Path) -> Mapping[str, str]:
    try:
        document = json.loads(path.read_text())
        return {str(subject): str(mark) for subject, mark in document.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def migrated(store: str) -> str:
    """The marker for the version of Sentry's chart that a store's data has been brought to."""
    return f"migrated/{store}"


def record(path: Path, subject: str, mark: str) -> None:
    with _writing:
        files.write_json(path, {**load(path), subject: mark})


def forget(path: Path, subject: str) -> None:
    with _writing:
        known = dict(load(path))
        if known.pop(subject, None) is not None:
            files.write_json(path, known)
