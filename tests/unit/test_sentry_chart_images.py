"""Which images a release consists of, what they are called here, and the chart as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kit.adapters.docker.registries import RegistryLimited, refused
from kit.sentry.chart import chart
from kit.sentry.chart import images as chart_images
from kit.sentry.chart.images import ImageNotPublished, Used
from kit.supply.lock import PulledImage


def pod(*images: str, init: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "containers": [{"name": f"c{number}", "image": image} for number, image in enumerate(images)],
        "initContainers": [{"name": f"i{number}", "image": image} for number, image in enumerate(init)],
    }


def test_every_image_of_every_container_is_named_once_with_its_count() -> None:
    documents = [
        {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": {"spec": pod("s:1", init=("busybox:1",))}}},
        {
            "kind": "Job",
            "metadata": {"name": "init", "annotations": {"helm.sh/hook": "post-install"}},
            "spec": {"template": {"spec": pod("s:1")}},
        },
        {
            "kind": "CronJob",
            "metadata": {"name": "clean"},
            "spec": {"jobTemplate": {"spec": {"template": {"spec": pod("snuba:1@sha256:ab")}}}},
        },
        {"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"image": "not-one:1"}},
    ]
    assert chart_images.images_of(documents) == (Used("busybox:1", 1), Used("s:1", 2), Used("snuba:1@sha256:ab", 1))
    assert chart_images.images_of([]) == ()


@pytest.mark.parametrize(
    ("reference", "here"),
    [
        ("getsentry/sentry:25.2.0", "getsentry/sentry:25.2.0"),
        ("getsentry/sentry:25.2.0@sha256:ab", "getsentry/sentry:25.2.0"),
        ("registry:5000/sentry", "registry:5000/sentry:latest"),
        ("busybox", "busybox:latest"),
    ],
)
def test_an_image_keeps_the_name_that_the_pods_ask_for(reference: str, here: str) -> None:
    assert chart_images.local_name(reference) == here


class Engine:
    def __init__(self, *here: str) -> None:
        self.here = set(here)
        self.images = self

    def find(self, reference: str) -> object | None:
        return reference if reference in self.here else None


class Registry:
    def __init__(self, **digests: str) -> None:
        self.digests = digests
        self.pulled: list[tuple[PulledImage, str]] = []

    def digest(self, reference: str) -> str | None:
        return self.digests.get(reference.partition(":")[0])

    def pull(self, image: PulledImage, local: str, **how: Any) -> None:
        self.pulled.append((image, local))


def test_only_what_is_not_here_is_pulled_and_by_the_digest_behind_its_tag(tmp_path: Path) -> None:
    registry = Registry(a="sha256:aa")
    wanted = ["a:1", "b:1", "c:1@sha256:cc"]
    pulled = chart_images.bring(Engine("b:1"), registry, wanted, log=tmp_path / "log")  # type: ignore[arg-type]
    assert pulled == ("a:1", "c:1@sha256:cc")
    assert registry.pulled == [(PulledImage("a:1", "sha256:aa"), "a:1"), (PulledImage("c:1", "sha256:cc"), "c:1")]
    with pytest.raises(ImageNotPublished, match="gone:1"):
        chart_images.bring(Engine(), registry, ["gone:1"], log=tmp_path / "log")  # type: ignore[arg-type]


def test_a_registry_that_refuses_is_not_taken_for_one_that_has_no_such_image(tmp_path: Path) -> None:
    class Refusing(Registry):
        def digest(self, reference: str) -> str | None:
            raise refused(reference, "toomanyrequests: later")

    with pytest.raises(RegistryLimited):
        chart_images.bring(Engine(), Refusing(), ["a:1"], log=tmp_path / "log")  # type: ignore[arg-type]


def test_a_chart_s_folder_becomes_the_archive_that_the_cache_keeps(tmp_path: Path) -> None:
    folder = tmp_path / "any-name"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("{apiVersion: v2, name: sentry, version: 26.15.1, appVersion: 25.2.0}\n")
    (folder / "templates" / "a.yaml").write_text("kind: X\n")
    packed = chart_images.archived(chart.read(folder), tmp_path)
    assert packed.name == "sentry-26.15.1.tgz"
    assert chart.read(packed).version == "26.15.1"
    (tmp_path / "again").mkdir()
    again = chart_images.archived(chart.read(packed), tmp_path / "again")
    assert again.read_bytes() == packed.read_bytes()
