"""What bringing up gets first is known beforehand: by which way, why by no earlier one, and about how long it takes."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from kit.report import outlook as report
from kit.supply import durations, lock_file, outlook
from kit.supply.durations import Expected
from kit.supply.outlook import Outlook
from kit.supply.supply import Supply
from tests.unit.test_cli_images import Engine

LOCK = """
version: 1
tools:
  tiny:
    sources:
      - installed: {command: [tiny, version], pattern: '(.+)', range: ">=1"}
      - built: {version: "1.1", go_install: example.org/tiny@v1.1}
  other:
    sources:
      - installed: {command: [other, version], pattern: '(.+)', range: ">=1"}
      - built: {version: "1.1", go_install: example.org/other@v1.1}
"""


@pytest.fixture
def supply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Supply:
    (tmp_path / "lock.yaml").write_text(LOCK)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("other", "go"):
        (programs / name).write_text("#!/bin/sh\necho 1.4\n")
        (programs / name).chmod(0o755)
    monkeypatch.setattr("kit.supply.buildable.Builders.why_not", lambda self, entry: None)
    environment = {"PATH": str(programs)}
    engine = Engine("amd64")
    return Supply(tmp_path / "lock.yaml", tmp_path / "cache", tmp_path, engine, environment=environment)  # type: ignore[arg-type]


def test_each_entry_is_named_with_its_way_and_why_it_is_no_earlier_one(supply: Supply) -> None:
    tiny, other = outlook.of(supply, ["other", "tiny"])
    assert (tiny.key, tiny.how, tiny.what) == ("tool/tiny", "built", "build example.org/tiny@v1.1")
    assert tiny.why == "tiny is not on PATH"
    assert (other.key, other.how, other.is_here) == ("tool/other", "installed", True)
    assert other.what.endswith("/bin/other")


def test_the_time_is_this_computer_s_own_and_else_the_measured_one(supply: Supply, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = durations.Typical("2026-01-02", "four cores", {"tool/tiny": 90.0})
    monkeypatch.setattr(durations, "typical", lambda: elsewhere)
    assert outlook.of(supply, ["tiny"])[0].expected == Expected(90.0, is_from_here=False)
    supply.cache.durations.parent.mkdir(parents=True, exist_ok=True)
    supply.cache.durations.write_text(json.dumps({"built tool/tiny": 7.0}))
    assert outlook.of(supply, ["tiny"])[0].expected == Expected(7.0, is_from_here=True)


SEEN = (
    Outlook("tool/kind", "built", "build kind", "kind is not on PATH", Expected(5.0, is_from_here=True)),
    Outlook("image/kafka", "built", "build kafka", "not in the engine", Expected(600.0, is_from_here=False)),
    Outlook("image/redis", "pulled", "pull redis:8", "not in the engine", None),
    Outlook("tool/helm", "installed", "/usr/bin/helm"),
)


def test_the_table_says_from_where_each_time_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "typical", lambda: durations.Typical("2026-01-02", "four cores", {}))
    lines = report.table(SEEN).splitlines()
    assert lines[1] == "to be got first: 3 of 4, about 10 min, 1 download of unknown time"
    assert [line.split("  ")[1].split()[0] for line in lines[2:6]] == [each.key for each in SEEN]
    assert ["5 s " in lines[2], "10 min *" in lines[3], " ? " in lines[4], "here" in lines[5]] == [True] * 4
    assert "not in the engine" in lines[3]
    assert lines[6] == "  * never made here: as measured on 2026-01-02 (four cores)"
    assert "*" not in report.table(SEEN[:1])


def test_the_rows_say_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "typical", lambda: durations.Typical("2026-01-02", "four cores", {}))
    rows = report.document(SEEN)
    assert [(row["name"], row["how"], row["seconds"], row["measured"]) for row in rows] == [
        ("tool/kind", "built", 5.0, "here"),
        ("image/kafka", "built", 600.0, "2026-01-02"),
        ("image/redis", "pulled", None, None),
        ("tool/helm", "installed", None, None),
    ]
    assert rows[3]["why"] is None


def test_the_measured_times_have_a_date_and_name_what_the_lock_builds() -> None:
    typical = durations.typical()
    assert date.fromisoformat(typical.measured) <= date.today()
    assert typical.on
    lock = lock_file.read(lock_file.place())
    built = {key for key, entry in lock.entries.items() if entry.built}
    assert typical.seconds.keys() <= built
    assert {key for key in built - typical.seconds.keys() if not lock.entries[key].only} == set()
