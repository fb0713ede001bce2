"""The shape of the house: what CONTRIBUTING and docs/architecture.md promise of every module."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "kit").rglob("*.py"))
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
NAMED = re.compile(r"(?<![\w/.<~])((?:kit|terraform|compose|kind|tests|bench|docs)/[\w/.*{},-]*\w\*?(?:\.\w+)?)")
MOST_LINES = 400
WITHOUT_LOGIC = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_short_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    assert not text or path.name == "__init__.py" or ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=name_of)
def test_a_package_s_own_file_holds_no_logic(path: Path) -> None:
    assert [ast.unparse(node) for node in ast.parse(path.read_text()).body if not isinstance(node, WITHOUT_LOGIC)] == []


def test_every_path_that_the_architecture_names_is_there() -> None:
    named = set(NAMED.findall(ARCHITECTURE))
    assert len(named) > 20
    assert sorted(name for name in named if not is_there(name)) == []


def is_there(name: str) -> bool:
    """A path, or several of them: `kit/plan/{stores,cluster}.py`, `rules_*.py`."""
    braces = re.search(r"\{([^}]*)\}", name)
    if braces:
        return all(is_there(name.replace(braces[0], word)) for word in braces[1].split(","))
    return any(ROOT.glob(name))


def test_every_room_is_in_the_picture() -> None:
    rooms = {path.name for path in (ROOT / "kit").iterdir() if (path.is_dir() and (path / "__init__.py").exists())}
    assert sorted(room for room in rooms if f"kit/{room}" not in ARCHITECTURE) == []
