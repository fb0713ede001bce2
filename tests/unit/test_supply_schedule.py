"""Many things at once: in an order that respects what needs what, bounded where memory is, and joined before it is told."""

from __future__ import annotations

import queue
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from kit.plan import graph
from kit.supply import recipe, schedule
from kit.supply.lock_file import parse
from kit.supply.resolve import Missing, Need, missing

LOCK = parse(
    """\
version: 1
tools:
  a: {sources: [{built: {version: "1", go_install: example.org/a@v1}}]}
  b: {sources: [{built: {version: "1", go_install: example.org/b@v1}}]}
  c: {sources: [{built: {version: "1", go_install: example.org/c@v1}}]}
artifacts:
  large: {sources: [{built: {version: "1", go_build: {folder: x, packages: {one: o, two: t, three: t, four: f}}}}]}
images:
  base: {sources: [{built: {version: "1", debian: trixie}}]}
  node: {sources: [{built: {version: "1", dockerfile: n, base: base, artifacts: [large]}}]}
""",
    Path("lock.yaml"),
)


def needs() -> dict[str, Need]:
    planned = missing(
        LOCK,
        [*LOCK.of("tool"), *LOCK.of("image")],
        hashes=recipe.hashes(LOCK, lambda _: {}),
        found=lambda _: Missing("absent"),
        can_pull=lambda entry, source: "no",
        can_build=lambda entry: None,
    )
    return {need.key: need for need in planned}


def test_the_longest_chain_begins_first_and_nothing_before_what_it_needs() -> None:
    order: list[str] = []
    schedule.run(needs(), lambda need: order.append(need.key), workers=1, heavy=1)
    assert order[0] == "artifact/large"
    assert order.index("image/node") > order.index("image/base")
    assert sorted(order) == sorted(needs())


def test_go_builds_are_bounded_while_the_rest_goes_on() -> None:
    together, most, lock = 0, 0, threading.Lock()
    free_place = threading.Event()

    def make(need: Need) -> None:
        nonlocal together, most
        if need.key == "image/base":
            free_place.set()  # reached although a Go build waits below: it took the other worker
            return
        if need.section == "image":
            return
        with lock:
            together += 1
            most = max(most, together)
        assert free_place.wait(10)
        with lock:
            together -= 1

    schedule.run(needs(), make, workers=3, heavy=1)
    assert most == 1


def test_after_an_error_nothing_new_begins_and_what_runs_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one ends after the scheduler has got the error; five are ready from the start, and two run at a time."""
    both = threading.Barrier(2, timeout=30)
    known = threading.Event()
    began: list[str] = []
    ended: list[str] = []

    class Ended(queue.SimpleQueue):  # type: ignore[type-arg]
        """What the scheduler learns, in this order."""

        def put(self, end: tuple[str, BaseException | None]) -> None:  # type: ignore[override]
            super().put(end)
            if end[1] is not None:
                known.set()

    monkeypatch.setattr(graph, "queue", SimpleNamespace(SimpleQueue=Ended))

    def make(need: Need) -> None:
        began.append(need.key)
        both.wait()
        if need.key == "artifact/large":
            raise ValueError("no")
        assert known.wait(30)
        ended.append(need.key)

    with pytest.raises(ValueError, match="no"):
        schedule.run(needs(), make, workers=2, heavy=2)
    assert began[0] == "artifact/large"
    assert began[1:] == ended
    assert len(ended) == 1
