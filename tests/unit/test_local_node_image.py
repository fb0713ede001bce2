"""Which node image has a stack's images in it: named after all of them, kept while wanted, done without where it cannot be."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kit import cancel
from kit.adapters.docker.errors import EngineRefused
from kit.cancel import Cancel, Cancelled
from kit.plan.events import StepEvent
from kit.plan.steps import Step
from kit.supply import known_locks, prune
from kit.supply.cache import Cache
from kit.supply.errors import NotSupplied
from kit.supply.supply import Supply
from kit.targets.local import cluster, node_image, site
from kit.targets.local import plan as planned
from tests.support.program import ROOT

BUILT, PULLED = "kit.local/kind-node:1.34.4-aaaaaaaaaaaa", "kit.local/kind-node:1.34.11-bbbbbbbbbbbb"
IMAGES = ("kit.local/bugsink:2-aa", "kit.local/probe:1-aa", "kit.local/probe-current:26.8.0-aa")


def reference(base: str, images: tuple[str, ...], script: Path = ROOT / node_image.SCRIPT) -> str:
    return node_image.reference(base, images, script)


class Supplied:
    """A supply that has these images and no others."""

    assets = ROOT

    def __init__(self, **images: str) -> None:
        self.images = {name.replace("_", "-"): reference for name, reference in images.items()}

    def image(self, name: str) -> SimpleNamespace:
        if name not in self.images:
            raise NotSupplied(section="image", name=name, why="not there")
        return SimpleNamespace(reference=self.images[name])


def test_the_name_tells_the_version_and_changes_with_everything_that_is_in_it(tmp_path: Path) -> None:
    other_script = tmp_path / "add-images.sh"
    other_script.write_text("exit 1\n")
    name = reference(BUILT, IMAGES)
    assert name.startswith("kit.local/kind-node-ready:1.34.4-")
    assert name == reference(BUILT, tuple(reversed(IMAGES)))
    others = {
        reference(PULLED, IMAGES),
        reference(BUILT, IMAGES[:2]),
        reference(BUILT, (*IMAGES[:2], "kit.local/probe-current:26.8.0-bb")),
        reference(BUILT, IMAGES, other_script),
    }
    assert len(others | {name}) == 5


def test_those_that_some_choice_would_use_now_are_kept_and_no_others() -> None:
    supply: Any = Supplied(kind_node=BUILT, bugsink=IMAGES[0], probe=IMAGES[1], probe_current=IMAGES[2])
    assert node_image.current(supply) == {reference(BUILT, IMAGES)}
    supply.images["front"] = "kit.local/front:1-aa"
    assert node_image.current(supply) == {
        reference(BUILT, IMAGES),
        reference(BUILT, ("kit.local/front:1-aa", *IMAGES[1:])),
    }
    del supply.images["kind-node"]
    assert node_image.current(supply) == frozenset()


def test_prune_takes_away_one_made_of_other_images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kept, old = reference(BUILT, IMAGES), reference(PULLED, IMAGES)
    gone: list[str] = []

    def untag(reference: str) -> bool:
        gone.append(reference)
        return True

    images = SimpleNamespace(all=lambda: [SimpleNamespace(tags=(kept,)), SimpleNamespace(tags=(old,))], untag=untag)
    lock, cache = SimpleNamespace(path=tmp_path / "lock.yaml"), SimpleNamespace(root=tmp_path)
    supply: Any = SimpleNamespace(docker=SimpleNamespace(images=images), lock=lock, cache=cache, hashes={})
    monkeypatch.setattr(known_locks, "names", lambda lock, hashes: frozenset())
    monkeypatch.setattr(prune, "_stale", lambda supply: [])
    assert prune.outdated(supply, {kept}).images == (old,)
    assert gone == [old]


@pytest.mark.parametrize(
    ("info", "is_wanted"), [({"Driver": "overlay2"}, True), ({"Driver": "vfs"}, False), ({"Driver": "btrfs"}, False)]
)
def test_an_engine_whose_nodes_cannot_have_one_gets_none(info: dict[str, str], is_wanted: bool) -> None:
    local: Any = SimpleNamespace(
        supply=Supplied(kind_node=BUILT), cluster_images=lambda: IMAGES, docker=SimpleNamespace(info=lambda: info)
    )
    assert (node_image.wanted(local) == reference(BUILT, IMAGES)) is is_wanted
    assert is_wanted or node_image.wanted(local) is None


def test_where_it_cannot_be_made_the_cluster_comes_up_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(local: object) -> str:
        raise EngineRefused(doing="commit it", said="no such thing here")

    monkeypatch.setattr(node_image, "make", refused)
    local: Any = SimpleNamespace()
    said = cluster.make_node_image(local, Step("make", "cluster/node", ""), lambda reason: None)
    assert said is not None
    assert said.startswith("not made, so the images are loaded: ")
    assert "no such thing here" in said


def test_a_signal_ends_the_waiting_for_another_kit_that_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`up` as it is, but for its plan; the other kit is this process, which holds the file that they agree by."""
    monkeypatch.setattr(cancel, "current", Cancel())
    cache = Cache(tmp_path)
    supply: Any = Supply(tmp_path / "lock.yaml", tmp_path, ROOT, docker=cast("Any", None))
    monkeypatch.setattr(supply, "image", Supplied(kind_node=BUILT).image)
    local: Any = SimpleNamespace(supply=supply, docker=None, cluster_images=lambda: IMAGES, stack=SimpleNamespace(parts=()))
    step = Step("make", "cluster/node", "")
    monkeypatch.setattr(planned, "_observe_and_plan", lambda local: (local, (step,)))
    monkeypatch.setattr(planned, "remember", lambda local: None)
    monkeypatch.setattr(site, "release", lambda local: SimpleNamespace(actions=dict))

    def heard(event: StepEvent) -> None:
        if event.state == "started":
            threading.Timer(0.1, cancel.current.set).start()

    with cache.exclusive(node_image.NAME, node_image.FORM), pytest.raises(Cancelled):
        planned.carry_out(local, heard, lambda plan: None)


def test_what_a_killed_run_left_of_it_is_seen_and_removed_and_no_other_stack_s() -> None:
    gone: list[str] = []
    docker = SimpleNamespace(stop_and_remove=lambda container, grace_s: gone.append(container))
    local: Any = SimpleNamespace(docker=docker, stack=SimpleNamespace(name="mine"))
    names = ["kit-kind-node-ready-mine", "kit-kind-node-ready-mine-source", "kit-kind-node-ready-mine-2", "mine-control-plane"]
    containers: Any = [SimpleNamespace(name=name, id=name) for name in names]
    node_image.sweep(local, containers)
    assert gone == names[:2]
