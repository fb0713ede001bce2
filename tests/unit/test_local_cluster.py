"""A cluster that does not answer: waited for, its node restarted once, and only then given up; by a clock that waiting moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit import cancel
from kit.plan.steps import Step
from kit.status import Component
from kit.targets.local import cluster, site
from kit.targets.local.errors import NodeGone

STEP = Step("recover", "cluster", "its API does not answer")
SILENT = "connection refused"
NODE = "kit-control-plane"


class Around:
    """A stack whose cluster answers once `answers(seconds, restarts)` holds; it remembers what was done to its node."""

    def __init__(self, folder: Path, answers: Callable[[float, int], bool], state: str = "running") -> None:
        self.now, self.state, self.done = 0.0, state, list[str]()
        self.answers = answers
        self.stack = SimpleNamespace(name="kit", parts=("stores", "cluster"))
        self.workspace = SimpleNamespace(kubeconfig=folder / "kubeconfig")
        self.docker = SimpleNamespace(
            containers=lambda: [SimpleNamespace(name=NODE, id="n1", state=self.state)] if self.state else [],
            restart=lambda number, grace_s: self.did("restart"),
            unpause=lambda number: self.did("unpause"),
        )
        self.kube = SimpleNamespace(complaint=self.complaint, get=lambda *words: {"status": {"readyReplicas": 1}})

    def did(self, what: str) -> None:
        self.done.append(what)
        self.state = "running"

    def complaint(self) -> str | None:
        answers = self.state == "running" and self.answers(self.now, self.done.count("restart"))
        return None if answers else SILENT

    def recover(self) -> str:
        return cluster.recover(self, STEP, lambda reason: None)  # type: ignore[arg-type]


@pytest.fixture
def around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Around]:
    def make(answers: Callable[[float, int], bool], state: str = "running") -> Around:
        made = Around(tmp_path, answers, state)

        def wait(seconds: float) -> None:
            made.now += seconds

        exported = SimpleNamespace(export_kubeconfig=lambda name, path: made.done.append("export"))
        monkeypatch.setattr(cluster, "time", SimpleNamespace(monotonic=lambda: made.now))
        monkeypatch.setattr(cancel, "wait", wait)
        monkeypatch.setattr(cluster, "read_kubeconfig", lambda path: None)
        monkeypatch.setattr(cluster, "_kind", lambda local: exported)
        return made

    return make


def test_a_slow_one_is_waited_for_and_left_as_it_is(around: Callable[..., Around]) -> None:
    slow = around(lambda seconds, restarts: seconds > 50)
    assert slow.recover() == "it answers"
    assert slow.done == []


def test_sentry_is_given_the_time_to_come_back_as_well(around: Callable[..., Around], monkeypatch: pytest.MonkeyPatch) -> None:
    slow = around(lambda seconds, restarts: True)
    slow.stack.parts = ("stores", "cluster", "sentry")

    def component() -> Component:
        return Component("sentry", "application", "ready" if slow.now > 30 else "degraded", reason="no pod yet")

    monkeypatch.setattr(site, "release", lambda local: SimpleNamespace(component=component))
    assert slow.recover() == "it answers"
    assert 30 < slow.now < cluster.PATIENCE_S


def test_one_that_stays_silent_is_restarted_once(around: Callable[..., Around]) -> None:
    hung = around(lambda seconds, restarts: restarts == 1)
    assert hung.recover() == "it answers, after its node was restarted"
    assert hung.done == ["restart"]
    assert hung.now >= cluster.PATIENCE_S


def test_one_that_no_restart_helps_is_given_up(around: Callable[..., Around]) -> None:
    dead = around(lambda seconds, restarts: False)
    with pytest.raises(cluster.StaysSilent) as raised:
        dead.recover()
    assert raised.value.why == SILENT
    assert dead.done == ["restart"]


@pytest.mark.parametrize(("state", "done"), [("exited", "restart"), ("paused", "unpause"), ("created", "restart")])
def test_a_node_that_does_not_run_is_started_at_once(around: Callable[..., Around], state: str, done: str) -> None:
    stopped = around(lambda seconds, restarts: True, state)
    assert stopped.recover() == "it answers, after its node was started"
    assert (stopped.done, stopped.now) == ([done], 0.0)


def test_a_node_that_dies_meanwhile_is_waited_for_no_longer(around: Callable[..., Around]) -> None:
    def dies(seconds: float, restarts: int) -> bool:
        if not restarts:
            dying.state = "exited"
        return bool(restarts)

    dying = around(dies)
    assert dying.recover() == "it answers, after its node was restarted"
    assert dying.now == 0.0


def test_a_lost_kubeconfig_is_exported_anew(around: Callable[..., Around], monkeypatch: pytest.MonkeyPatch) -> None:
    lost = around(lambda seconds, restarts: "export" in lost.done)

    def unreadable(path: Path) -> Any:
        raise cluster.KubeconfigUnusable(path=path, why="there is no such file")

    monkeypatch.setattr(cluster, "read_kubeconfig", unreadable)
    assert lost.recover() == "it answers"
    assert lost.done == ["export"]


def test_an_api_that_goes_once_more_while_names_are_waited_for_is_no_error(around: Callable[..., Around]) -> None:
    flapping, answers = around(lambda seconds, restarts: True), iter([False, False, True])

    def get(*words: str) -> dict[str, Any]:
        if not next(answers):
            raise cluster.ClusterUnreachable(server="127.0.0.1:1", why=SILENT)
        return {"status": {"readyReplicas": 1}}

    flapping.kube.get = get
    assert flapping.recover() == "it answers"


def test_a_node_that_was_removed_meanwhile_is_an_error_of_its_own(around: Callable[..., Around]) -> None:
    with pytest.raises(NodeGone):
        around(lambda seconds, restarts: False, "").recover()
