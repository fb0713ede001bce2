"""The table says each cause once, with its places; the data say everything."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest

from kit.cli import values as command
from kit.cli.context import Session
from kit.report import values_check
from kit.sentry.check.check import RULES, Inspection
from kit.sentry.check.rule import Finding


def finding(number: int, found: str = "speaks plaintext", warns: bool = False) -> Finding:
    return Finding(
        rule="CLIENT-TLS",
        object=f"Deployment/sentry-{number}",
        container="snuba",
        store="clickhouse",
        found=found,
        why="Every client speaks TLS.",
        fix="turn it on",
        warns=warns,
    )


def looked(*findings: Finding) -> Inspection:
    return Inspection(findings, 60, 52, 1, 5, {"Deployment": 45}, 7, 28)


def test_alike_findings_are_one_entry_with_their_places() -> None:
    said = values_check.table(looked(*(finding(number) for number in range(5))))
    assert said.count("speaks plaintext") == 1
    assert "clickhouse" in said
    assert "Deployment/sentry-0 container snuba" in said
    assert "and 2 more" in said
    assert "fix  turn it on" in said
    assert said.endswith("5 findings\n")


def test_different_findings_stay_apart() -> None:
    said = values_check.table(looked(finding(1), finding(2, "verifies nothing")))
    assert said.count("✗") == 2


def test_a_warning_has_another_sign_comes_last_and_is_counted_apart() -> None:
    said = values_check.table(looked(finding(1, "is guessed", warns=True), finding(2), finding(3))).splitlines()
    assert [line[0] for line in said if line[0] != " "][:-1] == ["✗", "!"]
    assert "is guessed" in said[4]
    assert said[-1].endswith(": 2 findings, 1 warning")
    assert values_check.table(looked(finding(1, warns=True), finding(2, warns=True))).endswith(": no findings, 2 warnings\n")


def test_a_good_release_is_said_in_one_line_with_what_was_looked_at() -> None:
    said = values_check.table(looked())
    assert said == f"60 objects, 52 containers, {len(RULES)} rules; 7 configurations executed, 28 connections: no findings\n"


def test_what_should_be_known_of_the_chart_stands_before_the_sum() -> None:
    noted = dataclasses.replace(looked(), notes=("the chart is not pinned",))
    assert values_check.table(noted).splitlines()[0] == "· the chart is not pinned"
    assert values_check.document(noted)["notes"] == ["the chart is not pinned"]
    assert values_check.document(looked())["notes"] == []


def test_the_data_name_every_place() -> None:
    document = values_check.document(looked(finding(1), finding(3, warns=True), finding(2)))
    assert [each["object"] for each in document["warnings"]] == ["Deployment/sentry-3"]  # type: ignore[attr-defined]
    assert document["findings"] == [
        {
            "rule": "CLIENT-TLS",
            "object": f"Deployment/sentry-{number}",
            "container": "snuba",
            "store": "clickhouse",
            "found": "speaks plaintext",
            "why": "Every client speaks TLS.",
            "fix": "turn it on",
            "warns": False,
        }
        for number in (1, 2)
    ]


@pytest.mark.parametrize(
    ("found", "exit_code"),
    [((), 0), ((finding(1, warns=True),), 0), ((finding(1),), 3), ((finding(1, warns=True), finding(2)), 3)],
)
@pytest.mark.parametrize("output", ["table", "json"])
def test_a_warning_alone_is_no_reason_to_end_with_an_error(
    found: tuple[Finding, ...], exit_code: int, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_wanted", lambda session, **chosen: SimpleNamespace(inspect=lambda: looked(*found)))
    ended = command.check.main([], standalone_mode=False, obj=Session(None, None, output, verbose=False))
    assert ended == exit_code


def test_a_step_that_found_only_warnings_says_how_many() -> None:
    assert looked().outcome == "52 containers, 28 executed connections: nothing to mend"
    assert looked(finding(1, warns=True)).outcome.endswith(": nothing that stops it, 1 warning (kit values check)")
