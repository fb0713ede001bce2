"""How far the supply is, as its reader hears it: single things, the whole, and what each took before."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from kit.plan.events import StepEvent
from kit.supply.durations import Durations
from kit.supply.lock import Built, Debian, PulledImage
from kit.supply.log_tail import followed, last_line
from kit.supply.resolve import Need
from kit.targets.supply_events import SupplyEvents, overall

PULLED = Need("image/base", "image", "base", PulledImage("debian:13", None), "pull debian:13", "absent", "a" * 64, ())
BUILT = Need("image/base", "image", "base", Built("13", Debian("trixie")), "build trixie", "absent", "a" * 64, ())


def test_how_long_a_thing_took_is_known_the_next_time_by_its_way(tmp_path: Path) -> None:
    durations = Durations(tmp_path / "cache" / "durations.json")
    assert durations.of(BUILT) is None
    durations.keep(BUILT, 61.23)
    assert Durations(durations.path).of(BUILT) == 61.2
    assert durations.of(PULLED) is None
    durations.path.write_text("{")
    assert durations.of(BUILT) is None
    durations.keep(PULLED, 3.0)
    assert durations.of(PULLED) == 3.0


@pytest.mark.parametrize(
    ("total", "left", "told"),
    [
        (16, (), "16 of 16"),
        (16, (None, 4.0), "14 of 16"),
        (16, (4.0, 4.0), "14 of 16, about 4 s more"),
        (16, (600.0, 4.0), "14 of 16, about 10 min more"),
    ],
)
def test_the_whole_is_told_with_the_time_that_it_took_before(total: int, left: tuple[float | None, ...], told: str) -> None:
    assert overall(total, left, at_once=2) == told


def test_every_thing_is_a_step_and_the_whole_is_a_note() -> None:
    events: list[StepEvent] = []
    notes: list[str] = []
    told = SupplyEvents(events.append, notes.append)
    told.begun({"tool/kind": 5.0, "image/base": None})
    told.started("image/base", "not in the engine")
    told.doing("image/base", "34 of 120 MB, 5.1 MB/s")
    told.gave_way("image/base", "the pull failed: too many requests")
    told.finished("tool/kind", "pulled", 4.0)
    told.begun({"image/base": None})  # the next round makes what the first gave up
    told.finished("image/base", "built", 9.0)
    assert [(event.step.subject, event.state, event.note) for event in events] == [
        ("image/base", "started", ""),
        ("image/base", "waiting", "34 of 120 MB, 5.1 MB/s"),
        ("image/base", "skipped", "the pull failed: too many requests"),
        ("tool/kind", "done", "pulled"),
        ("image/base", "done", "built"),
    ]
    assert notes == ["0 of 2", "1 of 2", "1 of 2", "2 of 2"]


def test_the_last_line_of_a_growing_log_is_told(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    assert last_line(log) == ""
    log.write_text("go: downloading k8s.io/api\n\n  compile kubelet \n\n")
    assert last_line(log) == "compile kubelet"
    told: list[str] = []
    heard = threading.Event()

    def note(text: str) -> None:
        told.append(text)
        heard.set()

    with followed(log, note):
        assert heard.wait(30)
    assert told == ["compile kubelet"]
