"""Known failures: every pattern recognises a line as the programs really write it, and what is no failure is taken for none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from kit.sentry.rollout.failures import Failure, find, known
from kit.yaml_file import DataInvalid

LINES = Path(__file__).parents[1] / "failures" / "lines.tsv"
ROWS = [tuple(line.split("\t")) for line in LINES.read_text().splitlines() if line and not line.startswith("#")]
SAID = [(id, line) for id, _, line in ROWS if id != "-"]
HARMLESS = [line for id, _, line in ROWS if id == "-"]
DATED = re.compile(r"\b20\d\d-\d\d|\w#\d+|\berrno \d+")  # a day or month, an issue, or a number that never changes


def failure(id: str) -> Failure:
    return next(each for each in known() if each.id == id)


def test_every_known_failure_has_a_line_here() -> None:
    assert {each.id for each in known()} == {id for id, _ in SAID}
    assert len({each.id for each in known()}) == len(known())


def test_every_line_says_where_it_comes_from() -> None:
    assert [row for row in ROWS if len(row) != 3 or not DATED.search(row[1])] == []
    assert len(set(SAID)) == len(SAID)


@pytest.mark.parametrize(("id", "line"), SAID)
def test_a_known_failure_is_recognised_by_its_own_words(id: str, line: str) -> None:
    found = find(failure(id).where, f"starting\n{line}\n")
    assert found is not None
    assert found.failure.id == id
    assert found.line == line.strip()


def test_every_pattern_recognises_a_line_of_its_failure() -> None:
    """A pattern that no real line needs is a guess, and guesses take other people's lines."""
    idle = [
        f"{each.id}: {pattern}"
        for each in known()
        for pattern in each.patterns
        if not any(re.search(pattern, line) for id, line in SAID if id == each.id)
    ]
    assert idle == []


@pytest.mark.parametrize("line", HARMLESS)
def test_what_is_no_failure_is_not_taken_for_one(line: str) -> None:
    assert find("log", line) is None
    assert find("state", line) is None


def test_each_says_a_cause_what_to_do_and_where_it_comes_from() -> None:
    for each in known():
        assert len(each.cause) > 10, each.id
        assert len(each.advice) > 10, each.id
        assert DATED.search(each.source), each.id


@pytest.mark.parametrize(
    "id",
    [
        "clickhouse-hosts",  # Snuba goes on asking the same port
        "tls-strict",
        "tls-broker",
        "kafka-topic",
        "kafka-offset",
        "snuba-migration",  # every later run meets it
        "redis-cluster",
        "storage-class-absent",
        "node-tainted",
        "image-limit",  # in hours, not in minutes
    ],
)
def test_what_does_not_pass_by_itself_is_not_waited_for(id: str) -> None:
    assert not failure(id).passes


def test_the_cause_stands_above_what_follows_from_it() -> None:
    """Relay's last lines after a broker whose certificate it refused: what it lost, and that nobody is there, say less."""
    said = [line for id, line in SAID if id in ("tls-broker", "kafka-unreachable", "kafka-lost")]
    found = find("log", "\n".join(said))
    assert found is not None
    assert found.failure.id == "tls-broker"
    assert "kit preflight" in found.failure.advice
    for reason in ("authority", "name", "expired"):
        assert reason in found.failure.cause


@pytest.mark.parametrize("id", ["snuba-migration", "hook-deadline", "clickhouse-new", "clickhouse-ddl"])
def test_a_migration_that_was_cut_off_has_its_remedy(id: str) -> None:
    assert "snuba migrations reverse-in-progress --yes" in failure(id).advice


def test_the_last_line_that_fits_is_shown() -> None:
    found = find(
        "log", 'FATAL:  password authentication failed for user "a"\nFATAL:  password authentication failed for user "b"\nbye'
    )
    assert found is not None
    assert '"b"' in found.line


@pytest.mark.parametrize(
    ("change", "named"),
    [({"hopeless": True}, "hopeless"), ({"in": "stdout"}, "stdout"), ({"source": None}, "source"), ({"advice": None}, "advice")],
)
def test_an_entry_that_lacks_something_or_says_more_is_refused(change: dict[str, object], named: str, tmp_path: Path) -> None:
    entry = {"id": "x", "in": "log", "any": ["a"], "cause": "c", "advice": "d", "source": "s", **change}
    file = tmp_path / "failures.yaml"
    file.write_text(yaml.safe_dump([{key: value for key, value in entry.items() if value is not None}]))
    with pytest.raises(DataInvalid) as refused:
        known.__wrapped__(file)
    assert named in refused.value.why
