"""Data is destroyed with leave only, and leave is asked for once."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass

import pytest

from kit.cli import render
from kit.cli.render import Declined, NeedsYes
from kit.plan.steps import Step

SUPPLY = Step("supply", "images", "missing: image/kafka-3")
DELETE = Step("delete", "volume/kafka", "it has the format of kafka, which kafka-3 does not take over", destructive=True)
OTHER = Step("delete", "volume/redis", "another", destructive=True)


@dataclass
class Session:
    is_interactive: bool


def test_a_plan_that_destroys_nothing_is_not_asked_about() -> None:
    render.permission(Session(False), yes=False)((SUPPLY,))  # type: ignore[arg-type]


def test_without_a_terminal_the_step_and_the_option_are_named() -> None:
    with pytest.raises(NeedsYes) as refused:
        render.permission(Session(False), yes=False)((SUPPLY, DELETE))  # type: ignore[arg-type]
    assert "delete volume/kafka (it has the format of kafka, which kafka-3 does not take over)" in refused.value.why
    assert "--yes" in refused.value.fix


def test_the_plan_after_the_supply_is_not_asked_about_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))  # a second question would read an empty line, which is a no
    ask = render.permission(Session(True), yes=False)  # type: ignore[arg-type]
    ask((SUPPLY, DELETE))
    ask((DELETE,))
    with pytest.raises(Declined):
        ask((DELETE, OTHER))
