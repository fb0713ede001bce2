"""Known failures: for each one line as the programs really write it, and lines that must not be taken for a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.sentry.failures import find, known

FILE = Path(__file__).parents[1] / "failures" / "lines.tsv"
LINES = [tuple(line.split("\t", 1)) for line in FILE.read_text().splitlines() if not line.startswith("#")]
SAID = [(id, line) for id, line in LINES if id != "-"]
HARMLESS = [line for id, line in LINES if id == "-"]


def test_every_known_failure_has_its_line_here() -> None:
    assert {failure.id for failure in known()} == {id for id, _ in SAID}
    assert len({failure.id for failure in known()}) == len(known())
    assert len(known()) >= 18


@pytest.mark.parametrize(("id", "line"), SAID)
def test_a_known_failure_is_recognised_by_its_own_words(id: str, line: str) -> None:
    where = next(failure.where for failure in known() if failure.id == id)
    found = find(where, f"starting\n{line}\n")
    assert found is not None
    assert found.failure.id == id
    assert found.line == line.strip()


@pytest.mark.parametrize("line", HARMLESS)
def test_what_is_no_failure_is_not_taken_for_one(line: str) -> None:
    assert find("log", line) is None
    assert find("state", line) is None


def test_each_says_a_cause_and_what_to_do() -> None:
    for failure in known():
        assert failure.patterns
        assert len(failure.cause) > 10, failure.id
        assert len(failure.advice) > 10, failure.id


def test_the_last_line_that_fits_is_shown() -> None:
    found = find(
        "log", 'FATAL:  password authentication failed for user "a"\nFATAL:  password authentication failed for user "b"\nbye'
    )
    assert found is not None
    assert '"b"' in found.line


def test_an_entry_with_an_unknown_word_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "failures.yaml"
    file.write_text("- {id: x, in: log, any: [a], cause: c, advice: d, hopeless: true}\n")
    with pytest.raises(ValueError, match="hopeless"):
        known(file)
    file.write_text("- {id: x, in: stdout, any: [a], cause: c, advice: d}\n")
    with pytest.raises(ValueError, match="stdout"):
        known.__wrapped__(file)
