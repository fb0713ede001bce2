"""`kit setup` installs the program that makes base images only where one has to be made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from kit.adapters.process import Result
from kit.cli.setup import builds_debian
from kit.host import engine
from kit.supply.errors import NoSource
from kit.supply.lock import Debian, Dockerfile

ENTRIES = {
    "image/base": SimpleNamespace(key="image/base", recipe=Debian("trixie")),
    "image/probe": SimpleNamespace(key="image/probe", recipe=Dockerfile("probe", "base")),
}


def supply(plan: Callable[[list[str]], dict[str, str]]) -> Any:
    """A supply of two images; `plan` says how each that is missing would be had, by what is asked for."""

    def planned(names: Iterable[str]) -> tuple[Any, ...]:
        return tuple(SimpleNamespace(key=key, how=how) for key, how in plan(list(names)).items())

    return SimpleNamespace(lock=SimpleNamespace(entries=ENTRIES), plan=planned)


def no_way(*keys: str) -> Callable[[list[str]], dict[str, str]]:
    def raising(names: list[str]) -> dict[str, str]:
        raise NoSource(dict.fromkeys(keys, "neither pulled nor built"))

    return raising


@pytest.mark.parametrize(
    ("plan", "wanted"),
    [
        (lambda names: {}, False),
        (lambda names: {"image/base": "pulled", "image/probe": "built"}, False),
        (lambda names: {"image/probe": "built"}, False),
        (lambda names: {"image/base": "built", "image/probe": "built"}, True),
        (no_way("image/probe"), False),
        (no_way("image/probe", "image/base"), True),
    ],
    ids=["all there", "pulled", "base is there", "built", "something else has no way", "base has no way yet"],
)
def test_a_base_image_is_to_be_made(plan: Callable[[list[str]], dict[str, str]], wanted: bool) -> None:
    assert builds_debian(supply(plan), ["probe"]) is wanted


@pytest.mark.parametrize(
    ("uid", "is_there", "wanted", "installs"),
    [(0, False, True, True), (0, False, False, False), (0, True, True, False), (1000, False, True, False)],
)
def test_it_is_installed_only_by_root_where_it_lacks_and_is_wanted(
    monkeypatch: pytest.MonkeyPatch, uid: int, is_there: bool, wanted: bool, installs: bool
) -> None:
    called: list[str] = []

    def run(argv: list[str], **options: Any) -> Result:
        called.append(" ".join(argv))
        return Result(tuple(argv), 0, "", "")

    monkeypatch.setattr(os, "getuid", lambda: uid)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}" if is_there or name == "apt-get" else None)
    said: list[str] = []
    engine.prepare_builds(lambda: wanted, said.append, run)
    assert [line for line in called if line.endswith("mmdebstrap")] == (
        ["apt-get install -y -qq --no-install-recommends mmdebstrap"] if installs else []
    )
    assert bool(said) is installs


def test_nothing_is_asked_where_the_program_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    engine.prepare_builds(lambda: pytest.fail("a plan costs a second"), lambda change: None)
