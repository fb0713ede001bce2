"""Which keys a chart reads: those of its values.yaml, and those that only its templates name.

The chart honours many keys that its values.yaml does not list (`existingSecretKey`, `hooks.dbInit.volumes`, …), so a key
counts as known when a template names it, by itself or through a variable. Where a template prints a whole map
(`toYaml .Values.x`), anything may stand below. A name that is put together while rendering stays unseen: what is found here is a
guess.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kit.sentry.check.templates import named_keys

EVERYWHERE = ("global",)  # Helm hands `global` to sub-charts, whose templates are not ours to read


def known_keys(chart: Path) -> dict[str, Any]:
    """A tree like values.yaml of all that may be set; an empty map means: anything. `chart` is a folder or a .tgz."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    files = dict(_texts(chart))
    tree: dict[str, Any] = yaml.load(files.get("values.yaml", ""), loader) or {}
    templates = [text for name, text in files.items() if name.startswith("templates/")]
    named = [named_keys(text) for text in templates]
    for path in sorted(path for each in named for path in each.read | each.open):
        _add(tree, path)
    for path in sorted({path for each in named for path in each.open}):
        _open(tree, path)
    metadata = yaml.load(files["Chart.yaml"], loader)
    for dependency in metadata.get("dependencies") or ():
        tree[dependency.get("alias") or dependency["name"]] = {}
    for name in EVERYWHERE:
        tree.setdefault(name, {})
    return tree


def _texts(chart: Path) -> Iterator[tuple[str, str]]:
    """The text of the chart's own files by their path below it; sub-charts are left out, their keys are theirs."""
    if chart.is_dir():
        for path in sorted([chart / "values.yaml", chart / "Chart.yaml", *(chart / "templates").rglob("*")]):
            if path.is_file():
                yield path.relative_to(chart).as_posix(), path.read_text(errors="replace")
        return
    with tarfile.open(chart) as archive:
        for member in archive:
            name = member.name.partition("/")[2]  # below the chart's own folder
            if member.isfile() and (name in ("values.yaml", "Chart.yaml") or name.startswith("templates/")):
                file = archive.extractfile(member)
                assert file is not None  # a regular file has a content
                yield name, file.read().decode(errors="replace")


def _add(tree: dict[str, Any], path: Sequence[str]) -> None:
    for position, key in enumerate(path):
        last = position == len(path) - 1
        if key not in tree:
            tree[key] = None if last else {}
        elif tree[key] is None and not last:
            tree[key] = {}
        if last or not isinstance(tree[key], dict):
            return
        tree = tree[key]


def _open(tree: Mapping[str, Any], path: Sequence[str]) -> None:
    node: Any = tree
    for key in path[:-1]:
        node = node.get(key) if isinstance(node, Mapping) else None
    if isinstance(node, dict) and isinstance(node.get(path[-1]), Mapping):
        node[path[-1]] = {}
