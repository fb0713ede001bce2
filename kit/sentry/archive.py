"""Packs kit's own modules into a zip that Python imports from, so that Jobs in the cluster run the same code as the host.

The same sources give the same bytes, whoever packs them and when; the hash of the archive is part of what decides whether the
preflight has to run again, so it holds only the modules that the Job reaches.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from kit.workspace import PACKAGE

PROBES = ("__init__.py", "errors.py", "endpoints.py", "stores", "sentry/__init__.py", "sentry/probes_job.py")
# What takes the place of Sentry's components.
CLIENTS = (
    "__init__.py",
    "errors.py",
    "endpoints.py",
    "stores",
    "sentry/__init__.py",
    "sentry/check/__init__.py",
    "sentry/check/executor",
    "sentry/preflight/__init__.py",
    "sentry/preflight/clients",
)
LIMIT_BYTES = 1_000_000  # a ConfigMap holds 1 MiB with everything in it
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can tell


def archive(package: Path = PACKAGE, modules: tuple[str, ...] = PROBES) -> bytes:
    """A zip of `kit/…` that works as an entry of PYTHONPATH."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in _sources(package, modules):
            entry = zipfile.ZipInfo(str(Path("kit") / path.relative_to(package)), EPOCH)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, wherever it is packed
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, path.read_bytes())
    content = target.getvalue()
    if len(content) > LIMIT_BYTES:
        raise ValueError(f"the archive has {len(content)} bytes; a ConfigMap takes at most {LIMIT_BYTES}")
    return content


def _sources(package: Path, modules: tuple[str, ...]) -> list[Path]:
    found: list[Path] = []
    for module in modules:
        path = package / module
        found += path.rglob("*.py") if path.is_dir() else [path]
    return sorted(found)
