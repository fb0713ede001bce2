"""A command that looks ends with 3 where something is wrong or differs, whichever command it is, and with 0 where nothing is."""

from __future__ import annotations

import json
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import click
import pytest

from kit import doctor as checks
from kit.cli import doctor, preflight, values, verify
from kit.cli import topics as topics_command
from kit.report import preflight as preflight_report
from kit.report import topics as topics_report
from kit.report import values_check
from kit.status import FINE, SOMETHING_WRONG, Check, Component, State, Status
from kit.targets.local import topics as kafka


def end(command: click.Command, session: Any, *words: str) -> int:
    """The exit code, as kit's own entry gets it."""
    outcome: int = command.main(list(words), obj=session, standalone_mode=False)
    return outcome


def session(**target: Any) -> Any:
    at = SimpleNamespace(**target)
    given = {"is_json": True, "cloud": False, "config_path": None, "stack_name": None}
    return SimpleNamespace(**given, local=at, lock=lambda reason: nullcontext(), target=lambda: nullcontext(at))


@pytest.mark.parametrize(("holds", "code"), [(True, FINE), (False, SOMETHING_WRONG)])
def test_verify(holds: bool, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    claim = Check("kafka", "plaintext is refused", holds, "it answered")
    assert end(verify.command, session(verify=lambda: (claim,))) == code
    assert json.loads(capsys.readouterr().out)[0]["holds"] is holds


@pytest.mark.parametrize(("verdict", "code"), [("right", FINE), ("note", FINE), ("wrong", SOMETHING_WRONG)])
def test_doctor(verdict: Any, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(checks, "examine", lambda local: (checks.Finding("memory", verdict, "4 GB"),))
    assert end(doctor.command, session()) == code
    assert json.loads(capsys.readouterr().out)[0]["verdict"] == verdict


@pytest.mark.parametrize(("passed", "code"), [(True, FINE), (False, SOMETHING_WRONG)])
def test_preflight(passed: bool, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = SimpleNamespace(passed=passed)
    monkeypatch.setattr(preflight_report, "document", lambda found: {"passed": found.passed})
    assert end(preflight.command, session(sentry=SimpleNamespace(preflight=lambda note: outcome))) == code


@pytest.mark.parametrize(("is_same", "code"), [(True, FINE), (False, SOMETHING_WRONG)])
def test_topics(is_same: bool, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "compare", lambda local: SimpleNamespace(is_same=is_same))
    monkeypatch.setattr(topics_report, "document", lambda comparison: {})
    assert end(topics_command.command, session()) == code


@pytest.mark.parametrize(("difference", "code"), [("", FINE), ("-a\n+b\n", SOMETHING_WRONG)])
def test_values_diff(difference: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "_wanted", lambda session, **chosen: SimpleNamespace(difference=lambda: difference))
    assert end(values.diff, session()) == code


@pytest.mark.parametrize(("stopping", "code"), [((), FINE), (("a finding",), SOMETHING_WRONG)])
def test_values_check(stopping: tuple[str, ...], code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = SimpleNamespace(stopping=stopping)
    monkeypatch.setattr(values.dataclasses, "replace", lambda session, **changes: session)
    monkeypatch.setattr(values, "_wanted", lambda session, **chosen: SimpleNamespace(inspect=lambda: looked))
    monkeypatch.setattr(values_check, "document", lambda found: {})
    assert end(values.check, session()) == code


@pytest.mark.parametrize(("states", "code"), [(("ready", "ready"), 0), (("ready", "failed"), 3), (("absent", "absent"), 4)])
def test_status(states: tuple[State, ...], code: int) -> None:
    assert Status("kit", "local", tuple(Component(state, "store", state) for state in states)).exit_code == code
