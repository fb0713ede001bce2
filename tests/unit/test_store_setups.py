"""A store's set-up is done again when its version is another one, so the version has to change with what the set-up makes.

tests/setups.yaml holds each version beside a digest of the code behind it: `bootstrap` and what it calls in the store's modules.
Where that code was changed and makes what it made before, `python tests/unit/test_store_setups.py` writes the new digest. Where
it makes something else, raise `SETUP` in the store's module first. Comments and docstrings do not count.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from kit.stores import catalog

CONNECTING = frozenset({"_client", "connect", "connected", "ask", "probe"})  # how a store is reached changes nothing that is made
GOLDEN = Path(__file__).parents[1] / "setups.yaml"


def now() -> Mapping[str, Mapping[str, object]]:
    return {name: {"version": catalog.module(name).SETUP, "code": digest(name)} for name in catalog.NAMES}


def digest(store: str) -> str:
    """Of `bootstrap` and what it reaches, by name, in the modules of the store."""
    known: dict[str, list[ast.stmt]] = {}
    for path in sorted(Path(catalog.__file__).parent.glob(f"{store}*.py")):
        for node in ast.parse(path.read_text()).body:
            for name in defined(node):
                known.setdefault(name, []).append(node)
    reached, waiting = dict[str, str](), ["bootstrap", *(["expire_events"] if store == "s3" else [])]
    while waiting:
        name = waiting.pop()
        if name in known and name not in reached and name not in CONNECTING:
            nodes = [without_docstrings(node) for node in known[name]]
            reached[name] = "".join(map(ast.dump, nodes))
            waiting += [used for node in nodes for used in names(node)]
    return hashlib.sha256("".join(reached[name] for name in sorted(reached)).encode()).hexdigest()[:16]


def defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    return [target.id for target in getattr(node, "targets", ()) if isinstance(target, ast.Name)]


def names(node: ast.stmt) -> list[str]:
    each = ast.walk(node)
    return [
        found.id if isinstance(found, ast.Name) else found.attr for found in each if isinstance(found, ast.Name | ast.Attribute)
    ]


def without_docstrings(node: ast.stmt) -> ast.stmt:
    for each in ast.walk(node):
        if isinstance(each, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(each) is not None:
            each.body = each.body[1:] or [ast.Pass()]
    return node


@pytest.mark.parametrize("store", catalog.NAMES)
def test_a_set_up_that_makes_something_else_has_another_version(store: str) -> None:
    assert yaml.safe_load(GOLDEN.read_text())[store] == now()[store], __doc__


if __name__ == "__main__":
    heading = "# Written by tests/unit/test_store_setups.py, which says what it is for.\n"
    GOLDEN.write_text(heading + yaml.safe_dump(dict(now()), sort_keys=False))
