"""`kit up --local` on a computer with Docker, Python and a network, and nothing else: all is pulled, nothing is compiled."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kit.blueprint.stack import STORES
from kit.engines.docker import Docker
from kit.engines.kind import node_name
from tests.connected.conftest import NOT_ON_PATH, Upstream, pulled_images
from tests.support.program import Program

TOOLS = ("kind", "helm", "compose", "terraform")  # kubectl is for a shell that asks for it


@pytest.mark.usefixtures("laptop")
def test_the_laptop_has_no_tool_and_no_compiler(upstream: Upstream) -> None:
    there = {path.name for path in upstream.path.iterdir()}
    assert not NOT_ON_PATH & there
    assert {"docker", "sh"} <= there


def test_everything_comes_from_upstream_to_the_demo_event(
    laptop: Program, upstream: Upstream, docker: Docker, tmp_path: Path
) -> None:
    said = laptop.must("up", "--local", timeout_s=1800).stderr
    assert "prove" in said

    rows = {row["name"]: row for row in laptop.must("images", "list", "-o", "json").json}
    wanted = {f"tool/{name}" for name in TOOLS} | {f"image/{name}" for name in (*STORES, "kind-node", "python", "bugsink")}
    assert {name: rows[name]["source"] for name in wanted} == dict.fromkeys(wanted, "pulled")
    built = {name for name, row in rows.items() if row["source"] == "built"}
    assert built <= {"image/probe", "image/probe-current"}, "of these wheels are installed by hash, on the pulled Python"

    digests = pulled_images(upstream)
    for store in STORES:
        image = docker.api.inspect_container(f"{laptop.stack}-{store}")["Image"]
        names = docker.images.find(image)
        assert names is not None
        assert any(name.endswith(f"@{digests[store]}") for name in names.digests), (store, names.digests)
    assert docker.containers()
    assert any(container.name == node_name(laptop.stack) for container in docker.containers())

    lock = yaml.safe_load(upstream.lock.read_text())
    asked = {request.path for request in upstream.files.requests if request.method == "GET"}
    for tool in TOOLS:
        (pulled,) = (source["pulled"] for source in lock["tools"][tool]["sources"] if "pulled" in source)
        fetched = [platform for platform, file in pulled["files"].items() if "/" + file["url"].removeprefix("https://") in asked]
        assert fetched == ["linux-amd64"], tool

    assert not (tmp_path / "cache" / "go").exists()
    assert not (tmp_path / "cache" / "artifacts").exists()
    laptop.must("verify")
    assert "nothing to do" in laptop.must("up", "--local", "--plan").stdout
