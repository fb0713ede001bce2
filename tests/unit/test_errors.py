"""Every error a user can meet: a code of its own, an exit code in its band, and a line in docs/errors.md."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from pathlib import Path

import kit
from kit.errors import KitError

DOCUMENT = Path(__file__).parents[2] / "docs" / "errors.md"


def every_error() -> list[type[KitError]]:
    for module in pkgutil.walk_packages(kit.__path__, "kit."):
        if module.name != "kit.__main__":
            import_module(module.name)
    found: list[type[KitError]] = []
    waiting = [KitError]
    while waiting:
        children = waiting.pop().__subclasses__()
        found += [child for child in children if child.__module__.startswith("kit.")]
        waiting += children
    return found


def test_codes_are_unique_and_speak_one_form() -> None:
    codes = [error.code for error in every_error()]
    assert sorted(codes) == sorted(set(codes))
    assert all(re.fullmatch(r"KIT-[A-Z0-9]+(-[A-Z0-9]+)*", code) for code in codes)


def test_every_error_says_in_a_sentence_what_it_is() -> None:
    assert [error.__name__ for error in every_error() if not (error.__doc__ or "").strip().endswith(".")] == []


def test_the_reference_lists_every_error_and_no_other() -> None:
    rows = re.findall(r"^\| `(KIT-[A-Z0-9-]+)` \| (\d+) \|", DOCUMENT.read_text(), flags=re.MULTILINE)
    assert {code: int(exit_code) for code, exit_code in rows} == {error.code: error.exit_code for error in every_error()}
