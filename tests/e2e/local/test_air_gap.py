"""A chart's images without a registry: pulled through a mirror, into a cluster, into a file, and out of it on another machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kit.adapters.docker.client import Docker
from kit.adapters.kind import node_name
from kit.sentry.chart import chart
from kit.sentry.lines import profiles
from tests.e2e.local.test_mirror import Mirror, docker, forget, mirror  # noqa: F401  # fixtures: a registry with one tiny image
from tests.support.program import Program
from tests.support.reach import local_target

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: sentry-web}}
spec:
  selector: {{matchLabels: {{role: web}}}}
  template:
    metadata: {{labels: {{role: web}}}}
    spec:
      initContainers: [{{name: init, image: "{image}"}}]
      containers: [{{name: web, image: "{image}"}}]
"""


@pytest.fixture
def folder(tmp_path: Path, mirror: Mirror) -> Path:  # noqa: F811
    """A chart of our own that calls itself the profile's and runs the mirror's image."""
    made = tmp_path / "chart"
    (made / "templates").mkdir(parents=True)
    version = profiles.load("current").chart_version
    (made / "Chart.yaml").write_text(f"{{apiVersion: v2, name: sentry, version: {version}, appVersion: 26.8.0}}\n")
    (made / "templates" / "web.yaml").write_text(DEPLOYMENT.format(image=f"{mirror.name}:1"))
    return made


@pytest.fixture
def kit(tmp_path: Path, mirror: Mirror, docker: Docker) -> Iterator[Program]:  # noqa: F811
    forget(docker, mirror.name)
    program = Program(tmp_path, f"gap-{os.getpid()}", {"KIT_REGISTRY_PREFIX": f"{mirror.address}/"})
    try:
        yield program
    finally:
        program.must("purge", "--yes")
        forget(docker, mirror.name)


def test_the_images_are_named_pulled_saved_and_loaded_with_the_chart(
    kit: Program,
    mirror: Mirror,  # noqa: F811
    docker: Docker,  # noqa: F811
    folder: Path,
    tmp_path: Path,
) -> None:
    words = ("--for", "chart", "--profile", "current", "--size", "errors-only", "--chart", str(folder))
    image = f"{mirror.name}:1"
    listed = kit.must("images", "list", *words, "-o", "json").json
    assert listed["images"] == [{"image": image, "containers": 2, "here": False}]
    file = tmp_path / "sentry.tar"
    assert "1 of 1 images pulled" in kit.must("images", "save", *words, str(file)).stderr
    assert kit.must("images", "list", *words, "-o", "json").json["images"][0]["here"] is True

    forget(docker, mirror.name)
    cache = tmp_path / "elsewhere"
    there = Program(tmp_path, kit.stack, {"KIT_CACHE": str(cache), "KIT_REGISTRY_PREFIX": "127.0.0.1:1/"})
    loaded = there.must("images", "load", str(file)).stderr
    assert "loaded 1 images and 0 tools and 1 chart" in loaded
    assert docker.images.find(image) is not None
    profile = profiles.load("current")
    kept = chart.find(None, profile, cache, helm=None)  # type: ignore[arg-type]  # nothing is fetched
    assert (kept.name, kept.version) == ("sentry", profile.chart_version)
    assert kept.path.is_relative_to(cache)


def test_the_images_come_into_the_cluster_without_a_registry(
    kit: Program,
    whole: Program,
    mirror: Mirror,  # noqa: F811
    folder: Path,
) -> None:
    there = replace(whole, env=kit.env)
    ran = there.must("images", "pull", "--for", "chart", "--profile", "current", "--chart", str(folder))
    assert f"in the cluster of stack {whole.stack}" in ran.stderr
    node = local_target(whole).docker.exec(node_name(whole.stack), ["ctr", "-n", "k8s.io", "images", "ls", "-q"])
    assert f"docker.io/library/{mirror.name}:1" in node.output


def test_an_image_that_nobody_publishes_is_named(kit: Program, folder: Path, tmp_path: Path) -> None:
    (folder / "templates" / "web.yaml").write_text(DEPLOYMENT.format(image="gone/sentry:1"))
    ran = kit("images", "pull", "--for", "chart", "--profile", "current", "--chart", str(folder))
    assert "KIT-CHART-IMAGE" in ran.stderr
    assert "gone/sentry:1" in ran.stderr
