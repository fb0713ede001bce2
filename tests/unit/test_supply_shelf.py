"""A program on PATH is taken when its version fits, and asked for its version only once."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.engines import process
from kit.supply.cache import Cache
from kit.supply.lock_file import parse
from kit.supply.resolve import ANY_WAY, PORTABLE, Missing
from kit.supply.shelf import Found, Shelf

LOCK = parse(
    """\
version: 1
tools:
  kind:
    version: 0.33.0
    sources:
      - installed: {command: [kind, version], pattern: 'v(\\d+\\.\\d+\\.\\d+)', range: ">=0.29,<1"}
      - built: {go_install: sigs.k8s.io/kind@v0.33.0}
  language:
    version: 1.12.6
    sources:
      - installed: {command: [first, version], pattern: 'First v(\\d+\\.\\d+)', range: ">=1.11,<2", env: {QUIET: "yes"}}
      - installed: {command: [second, version], pattern: 'Second v(\\d+\\.\\d+)', range: ">=1.10,<2"}
""",
    Path("lock.yaml"),
)
KIND = LOCK.entries["tool/kind"]
LANGUAGE = LOCK.entries["tool/language"]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    environment = {"PATH": str(tmp_path / "bin")}
    return Shelf({"tool/kind": "a" * 64}, Cache(tmp_path / "cache"), process.run, environment)


def on_path(tmp_path: Path, version: str, exit_code: int = 0, name: str = "kind") -> Path:
    """A program that says its version, and notes each time how it was asked."""
    program = tmp_path / "bin" / name
    program.parent.mkdir(exist_ok=True)
    said = f"{name.title()} v{version}" if name != "kind" else f"kind v{version}"
    program.write_text(f"#!/bin/sh\necho x$QUIET >> {tmp_path / 'asked'}\necho {said}\nexit {exit_code}\n")
    program.chmod(0o755)
    return program


def asked(tmp_path: Path) -> int:
    return len((tmp_path / "asked").read_text().splitlines())


def test_a_fitting_program_is_used_and_asked_once(tmp_path: Path, shelf: Shelf) -> None:
    program = on_path(tmp_path, "0.30.1")
    assert [shelf.program(KIND, ANY_WAY) for _ in range(3)] == [Found(str(program), "installed")] * 3
    assert asked(tmp_path) == 1


def test_a_replaced_program_is_asked_again(tmp_path: Path, shelf: Shelf) -> None:
    on_path(tmp_path, "0.30.1")
    shelf.program(KIND, ANY_WAY)
    program = on_path(tmp_path, "0.20.11")
    assert shelf.program(KIND, ANY_WAY) == Missing(f"{program} is 0.20.11, not >=0.29,<1; never built here")
    assert asked(tmp_path) == 2


def test_a_program_that_fails_is_as_good_as_none(tmp_path: Path, shelf: Shelf) -> None:
    program = on_path(tmp_path, "0.30.1", exit_code=1)
    assert shelf.program(KIND, ANY_WAY) == Missing(f"{program} does not tell its version; never built here")


def test_what_was_built_is_found_without_path(tmp_path: Path, shelf: Shelf) -> None:
    assert shelf.program(KIND, ANY_WAY) == Missing("kind is not on PATH; never built here")
    built = tmp_path / "cache" / "tools" / "kind-aaaaaaaaaaaa" / "kind"
    built.parent.mkdir(parents=True)
    built.touch()
    assert shelf.program(KIND, ANY_WAY) == Found(str(built), "built")


def test_what_is_to_be_carried_away_is_not_taken_from_path(tmp_path: Path, shelf: Shelf) -> None:
    on_path(tmp_path, "0.30.1")
    assert isinstance(shelf.program(KIND, PORTABLE), Missing)


def test_a_result_of_another_recipe_is_told(tmp_path: Path, shelf: Shelf) -> None:
    (tmp_path / "cache" / "tools" / "kind-bbbbbbbbbbbb").mkdir(parents=True)
    assert shelf.program(KIND, ANY_WAY) == Missing("kind is not on PATH; its recipe has changed")


def test_the_second_of_two_programs_serves_where_the_first_is_too_old(tmp_path: Path, shelf: Shelf) -> None:
    first, second = on_path(tmp_path, "1.10", name="first"), on_path(tmp_path, "1.10", name="second")
    assert [shelf.program(LANGUAGE, ANY_WAY) for _ in range(2)] == [Found(str(second), "installed")] * 2
    assert asked(tmp_path) == 2, "each was asked once, and neither's answer displaced the other's"
    second.unlink()
    assert shelf.program(LANGUAGE, ANY_WAY) == Missing(f"{first} is 1.10, not >=1.11,<2; second is not on PATH")


def test_a_program_is_asked_with_the_variables_that_the_lock_says(tmp_path: Path, shelf: Shelf) -> None:
    on_path(tmp_path, "1.11", name="first")
    assert isinstance(shelf.program(LANGUAGE, ANY_WAY), Found)
    assert (tmp_path / "asked").read_text() == "xyes\n"
