"""Which of the chart's images go into the node: those that are here, once, and again when a tag means something else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit.adapters.containerd import node
from kit.errors import ToolFailed
from kit.state import markers
from kit.targets.local import chart_images

NODE = "kit-control-plane"


def release(*images: str) -> list[dict[str, Any]]:
    pod = {"containers": [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]}
    return [{"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": {"spec": pod}}}]


class Around:
    """A stack with a node, an engine that has some images, and a node that remembers what was brought into it."""

    def __init__(self, folder: Path, here: dict[str, str]) -> None:
        self.here, self.node, self.loaded = here, "n1", list[tuple[str, ...]]()
        self.stack = SimpleNamespace(name="kit")
        self.markers_file = folder / "markers.json"
        self.trouble: ToolFailed | None = None
        self.notes = list[str]()
        self.docker = SimpleNamespace(
            containers=lambda: [SimpleNamespace(name=NODE, id=self.node)],
            images=SimpleNamespace(find=lambda name: SimpleNamespace(id=here[name]) if name in here else None),
        )

    def load(self, *images: str) -> tuple[str, ...]:
        return chart_images.load(self, release(*images), self.notes.append)  # type: ignore[arg-type]

    def brought(self, images: tuple[str, ...]) -> None:
        if self.trouble:
            raise self.trouble
        self.loaded.append(images)


@pytest.fixture
def around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Around:
    made = Around(tmp_path, {"getsentry/sentry:26.8.0": "sha256:aa", "getsentry/snuba:26.8.0": "sha256:bb"})
    monkeypatch.setattr(node, "load", lambda docker, name, images: made.brought(tuple(images)))
    return made


def test_what_is_here_is_brought_and_the_rest_left_to_the_cluster(around: Around) -> None:
    assert around.load("getsentry/sentry:26.8.0", "busybox:1.38.0") == ("getsentry/sentry:26.8.0",)
    assert around.loaded == [("getsentry/sentry:26.8.0",)]


def test_it_is_brought_once_and_new_ones_alone_afterwards(around: Around) -> None:
    around.load("getsentry/sentry:26.8.0")
    assert around.load("getsentry/sentry:26.8.0") == ()
    assert around.load("getsentry/sentry:26.8.0", "getsentry/snuba:26.8.0") == ("getsentry/snuba:26.8.0",)
    assert around.load("getsentry/sentry:26.8.0") == ()


def test_a_tag_that_means_something_else_and_a_new_node_are_noticed(around: Around) -> None:
    around.load("getsentry/sentry:26.8.0")
    for number in ("sha256:cc", "sha256:aa"):  # and back
        around.here["getsentry/sentry:26.8.0"] = number
        assert around.load("getsentry/sentry:26.8.0") == ("getsentry/sentry:26.8.0",)
    around.node = "n2"
    assert around.load("getsentry/sentry:26.8.0") == ("getsentry/sentry:26.8.0",)


def test_one_that_cannot_be_brought_is_left_to_the_node_with_a_note(around: Around) -> None:
    around.trouble = ToolFailed(what="docker failed", why="content digest sha256:aa: not found", fix="kit doctor")
    assert around.load("getsentry/sentry:26.8.0") == ()
    assert around.notes == [
        "the chart's images are left to the node, which must pull them: docker failed: content digest sha256:aa: not found"
    ]
    around.trouble = None
    assert around.load("getsentry/sentry:26.8.0") == ("getsentry/sentry:26.8.0",)  # nothing was taken for done


def test_a_damaged_mark_is_as_none(around: Around) -> None:
    markers.record(around.markers_file, "chart-images", "n1 getsentry/sentry:26.8.0 =x")
    assert around.load("getsentry/sentry:26.8.0") == ("getsentry/sentry:26.8.0",)
    markers.record(around.markers_file, "chart-images", "")
    assert around.load("getsentry/sentry:26.8.0") == ("getsentry/sentry:26.8.0",)


def test_the_node_is_known_to_have_the_chart_also_where_none_of_its_images_is_here(around: Around) -> None:
    around.load("busybox:1.38.0")
    assert markers.load(around.markers_file)["chart-images"] == "n1"
