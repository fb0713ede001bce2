"""The one reader of YAML: what is wrong is named with its file and line, in every file that kit reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from kit import yaml_file
from kit.errors import KitError
from kit.sentry.chart import families
from kit.sentry.lines import profiles, upgrade_path
from kit.sentry.preflight import verdict
from kit.sentry.rollout import failures
from kit.supply import lock_file
from kit.targets.cloud import refusals
from kit.yaml_file import DataInvalid
from tests.support.program import ROOT


class Entry(Struct, forbid_unknown_fields=True):
    name: str
    sizes: list[int] = []


def refused(text: str, kind: Any) -> KitError:
    with pytest.raises(DataInvalid) as caught:
        yaml_file.parse(text, "a.yaml").to(kind)
    return caught.value


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("- name: a\n- nmae: b\n", 2, "unknown field `nmae`"),
        ("- name: a\n- sizes: []\n", 2, "missing required field `name`"),
        ("- name: a\n  sizes:\n    - 1\n    - two\n", 4, "Expected `int`"),
        ("- name: a\n  sizes:\n    - 012\n", 3, "012 without quotes is 10"),
        ("- name: 1.30\n", 1, "1.30 without quotes is 1.3"),
        ("- name: a\n  name: b\n", 2, "'name' stands here twice"),
        ("- name: !mine a\n", 1, "the tag !mine is not for values"),
        ("- name: a\n  sizes: [1\n", 3, "did not find expected"),
        ("- &a [*a]\n", 1, "leads back"),
        ("- name: a\n- name: b\0c\n", 2, "a control character, '\\x00', stands there"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, line: int, says: str) -> None:
    error = refused(text, list[Entry])
    assert error.what == f"a.yaml:{line} is not as kit expects it"
    assert says in error.why


@pytest.mark.parametrize("text", ["[" * 100_000, "[" * 1200 + "]" * 1200, "{a: " * 3000 + "}" * 3000, "- " * 6000 + "a"])
def test_what_is_nested_without_end_is_refused_and_ends_nothing(text: str) -> None:
    with pytest.raises(DataInvalid) as caught:
        yaml_file.parse(text, "a.yaml")
    assert "nested too deeply" in caught.value.why or "expected" in caught.value.why


def test_a_word_is_given_as_it_is_written_and_data_as_a_person_reads_it() -> None:
    document = yaml_file.parse("a: 1.30\nb: {c: 2026-11-28, d: [true, ~]}\n", "a.yaml")
    assert document.written(("a",)) == "1.30"
    assert document.plain(("b",)) == {"c": "2026-11-28", "d": [True, None]}
    assert (document.place(("b", "d", "1")), document.place(("b", "x")), document.place(("y",))) == ("a.yaml:2",) * 2 + (
        "a.yaml:1",
    )
    with pytest.raises(DataInvalid, match=r"a\.yaml:2"):
        document.written(("b",))


PROFILE = ROOT / profiles.FOLDER / "current.yaml"
# What reads a file of kit's own, the file, a line of it, and what stands there instead.
FILES: dict[str, tuple[Callable[[Path], object], Path, str, str]] = {
    "lock": (lock_file.read, ROOT / "kit/supply/lock.yaml", "    sources:", "    sorces:"),
    "profile": (lambda path: profiles.load(path.stem, path.parent), PROFILE, "app_version: ", "app_version: 1.5 #"),
    "failures": (failures.known.__wrapped__, failures.FILE, "  cause: ", "  case: "),
    "upgrade path": (upgrade_path._known.__wrapped__, upgrade_path.FILE, "skip:", "skips:"),
    "families": (lambda path: families.facts.__wrapped__(), families.FILE, "    stores: ", "    store: "),
    "refusals": (lambda path: refusals.known.__wrapped__(), refusals.FILE, "  fix: ", "  fxi: "),
    "causes": (lambda path: verdict.causes.__wrapped__(), verdict.FILE, "proxy: {what: ", "proxy: {what: 1, is: "),
}


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_kits_own_is_read_and_a_mistake_in_it_has_its_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, path, old, new = FILES[name]
    copy, text = tmp_path / path.name, path.read_text()
    for module in (families, refusals, verdict):
        if path == module.FILE:
            monkeypatch.setattr(module, "FILE", copy)
    copy.write_text(text)
    assert read(copy)
    assert f"\n{old}" in f"\n{text}"
    head, _, rest = f"\n{text}".partition(f"\n{old}")
    copy.write_text(f"{head}\n{new}{rest}"[1:])
    with pytest.raises(KitError) as caught:
        read(copy)
    assert caught.value.what.startswith(f"{copy}:{head.count(chr(10)) + 1} is "), caught.value.what
