"""The actions on stores change engine and markers in the order of the model on which the plan is tested."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit.adapters.docker.observed import Volume
from kit.plan.stack import Desired, Observed
from kit.plan.steps import Step
from kit.plan.stores import ContainerSeen, StoreSeen, StoreWanted
from kit.sentry.release import SentryRelease
from kit.state import markers
from kit.targets.local import apply, layout, site
from tests.support import stack_model
from tests.support.stack_model import STACK, StackModel
from tests.support.stack_steps import carry_out

WANTED = StoreWanted("redis:bb", "c1", "s1", "redis")
RUNNING = ContainerSeen("redis:aa", "c1", True)
SEEN = {
    "new": StoreSeen(),
    "volume removed": StoreSeen(setup="s1"),
    "runs": StoreSeen(True, ("redis",), RUNNING, "s1"),
}
ENGINE = "engine"


def model_of(seen: StoreSeen) -> StackModel:
    return stack_model.situation(Desired({"redis": WANTED}), Observed(stores={"redis": seen}))


def modelled(model: StackModel, step: Step) -> list[str]:
    """What the model's step changes, one after another."""
    done, before = [], model
    for state in carry_out(model, step):
        if state != before:
            done += list(changes(before.marks, state.marks)) or [ENGINE]
        before = state
    return done


def changes(before: Any, after: Any) -> Iterator[str]:
    yield from (f"forget {subject}" for subject in before if subject not in after)
    yield from (f"record {subject}" for subject in after if before.get(subject) != after[subject])


class Recorder:
    """An engine and a file of markers that remember in which order they were changed."""

    def __init__(self, file: Path, model: StackModel, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.file = file
        for subject, mark in model.marks.items():
            markers.record(file, subject, mark)
        volumes = (Volume(layout.volume_name(STACK, "redis"), {}),) if model.stores["redis"].volume else ()
        changing = dict.fromkeys(("stop_and_remove", "remove_volume", "create_volume", "run_once", "restart"), self.engine)
        self.local = SimpleNamespace(
            stack=STACK,
            markers_file=file,
            workspace=SimpleNamespace(home=file.parent, state=file.parent),
            docker=SimpleNamespace(volumes=lambda: volumes, containers=lambda labels: (), **changing),
            supply=SimpleNamespace(image=lambda name: SimpleNamespace(reference=name, source="built")),
            store_images={"redis": "redis"},
            compose=lambda: SimpleNamespace(up=self.engine),
            credentials=lambda: None,
        )
        monkeypatch.setattr(layout, "mounted_secrets", lambda store, logins: {})
        monkeypatch.setattr(site, "release", SentryRelease)
        monkeypatch.setattr(
            apply,
            "markers",
            SimpleNamespace(load=markers.load, migrated=markers.migrated, record=self.record, forget=self.forget),
        )

    def engine(self, *words: object, **options: object) -> None:
        self.done.append(ENGINE)

    def record(self, file: Path, subject: str, mark: str) -> None:
        self._watch(lambda: markers.record(file, subject, mark))

    def forget(self, file: Path, subject: str) -> None:
        self._watch(lambda: markers.forget(file, subject))

    def _watch(self, change: Any) -> None:
        before = markers.load(self.file)
        change()
        self.done += changes(before, markers.load(self.file))


@pytest.mark.parametrize(
    ("seen", "step"),
    [
        ("new", Step("create", "volume/redis", "")),
        ("volume removed", Step("create", "volume/redis", "")),
        ("runs", Step("delete", "volume/redis", "")),
        ("runs", Step("start", "store/redis", "")),
        ("runs", Step("restart", "store/redis", "")),
    ],
    ids=lambda part: part if isinstance(part, str) else part.id,
)
def test_engine_and_markers_are_changed_in_the_modelled_order(
    seen: str, step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(SEEN[seen]).mark("preflight", "p1")
    recorder = Recorder(tmp_path / "markers.json", model, monkeypatch)
    apply.actions(recorder.local)[step.kind](step, lambda reason: None)  # type: ignore[arg-type]
    assert distinct(recorder.done) == distinct(modelled(model, step))


def distinct(done: list[str]) -> list[str]:
    """One call of the engine may be two effects (a container is stopped, then started), and the reverse."""
    return [each for number, each in enumerate(done) if number == 0 or (each, done[number - 1]) != (ENGINE, ENGINE)]
