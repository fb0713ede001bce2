"""docs/mistakes.md names tests; this holds that each of them is there, and that the list is as long as it was promised."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.e2e.sentry.test_preflight import MISTAKES

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "mistakes.md").read_text().splitlines()
    if line.startswith("|")
][2:]
CHECKED = {entry["mistake"] for entry in yaml.safe_load((ROOT / "tests" / "manifests" / "mistakes.yaml").read_text())}


def test_the_list_has_twenty_mistakes_or_more() -> None:
    assert len({mistake for mistake, _ in ROWS}) == len(ROWS) >= 20


@pytest.mark.parametrize(("mistake", "caught"), ROWS, ids=[mistake for mistake, _ in ROWS])
def test_whoever_is_said_to_catch_it_is_there(mistake: str, caught: str) -> None:
    for who in caught.split(" · "):
        word, _, name = who.partition(": ")
        if word == "check":
            assert name in CHECKED
        elif word == "preflight":
            assert name in MISTAKES
        else:
            file, _, test = who.partition("::")
            assert f"def {test}(" in (ROOT / file).read_text()
