"""`kit up --local` on a computer with Docker, Python and a network, and nothing else: all is pulled, nothing is compiled."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bench import connected
from kit.adapters.docker.client import Docker
from kit.adapters.kind import node_name
from kit.blueprint.stack import STORES
from kit.host.platform import of_host
from kit.status import SOMETHING_WRONG
from tests.connected.laptop import NOT_ON_PATH, Upstream, pulled_images
from tests.support.program import Program
from tests.support.registry_front import Refusal, front, registry

TOOLS = ("kind", "helm", "compose", "terraform")  # kubectl is for a shell that asks for it


@pytest.mark.usefixtures("laptop")
def test_the_laptop_has_no_tool_and_no_compiler(upstream: Upstream) -> None:
    there = {path.name for path in upstream.path.iterdir()}
    assert not NOT_ON_PATH & there
    assert {"docker", "sh"} <= there


def test_everything_comes_from_upstream_to_the_demo_event(laptop: Program, upstream: Upstream, docker: Docker) -> None:
    _, compiled = connected.figures(laptop)  # as the bench takes them: `up` to the demo event, and nothing compiled
    assert compiled.measured == "0"

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
    node = docker.api.inspect_container(node_name(laptop.stack))
    assert node["Config"]["Labels"]["dev.kit.source"] == "pulled"

    lock = yaml.safe_load(upstream.lock.read_text())
    asked = {request.path for request in upstream.files.requests if request.method == "GET"}
    for tool in TOOLS:
        (pulled,) = (source["pulled"] for source in lock["tools"][tool]["sources"] if "pulled" in source)
        fetched = [platform for platform, file in pulled["files"].items() if "/" + file["url"].removeprefix("https://") in asked]
        assert fetched == [of_host()], tool

    laptop.must("verify")
    assert "nothing to do" in laptop.must("up", "--local", "--plan").stdout


# One that speaks and one that is silent. The others are tried on the engine itself, by e2e/local/test_registry_refusals.py.
REFUSALS = {
    "unauthorized": "docker login",
    "silent": "does not answer",
}


def names_of_stores(docker: Docker) -> set[str]:
    return {
        tag for image in docker.images.all() for tag in image.tags if tag.partition(":")[0] in {f"kit.local/{n}" for n in STORES}
    }


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_registry_that_refuses_is_told_in_its_own_words_and_nothing_is_left_half_made(
    laptop: Program, upstream: Upstream, docker: Docker, tmp_path: Path, refusal: Refusal
) -> None:
    before = names_of_stores(docker)
    (tmp_path / "registry").mkdir()
    with registry(tmp_path / "registry") as behind, front(behind) as made:
        made.refusal = refusal
        refused = Program(
            laptop.home, laptop.stack, {**upstream.environment(tmp_path / "cache"), "KIT_REGISTRY_PREFIX": f"{made.address}/"}
        )
        ran = refused("up", "--local", "--only", "stores")
    assert ran.exit_code == 23, ran.stderr
    assert made.address in ran.stderr
    assert REFUSALS[refusal] in ran.stderr
    assert names_of_stores(docker) == before
    assert not [path for path in (tmp_path / "cache").rglob(".*") if path.is_dir()]
    assert not docker.containers({"dev.kit.stack": laptop.stack})


def test_a_program_that_is_not_what_the_lock_says_is_not_run(laptop: Program, upstream: Upstream, tmp_path: Path) -> None:
    lock = tmp_path / "lock.yaml"
    sums = {
        file["sha256"]
        for source in yaml.safe_load(upstream.lock.read_text())["tools"]["compose"]["sources"]
        if "pulled" in source
        for file in source["pulled"]["files"].values()
    }
    text = upstream.lock.read_text()
    for sum_ in sums:
        text = text.replace(sum_, "a" * 64)
    lock.write_text(text)
    ran = Program(laptop.home, laptop.stack, {**(laptop.env or {}), "KIT_LOCK": str(lock)})("images", "pull", "compose")
    assert ran.exit_code == 25
    assert "KIT-SUPPLY-CHECKSUM" in ran.stderr
    assert not list((tmp_path / "cache" / "tools").rglob("compose"))


def test_what_upstream_says_today_is_compared_with_the_lock(laptop: Program, upstream: Upstream, tmp_path: Path) -> None:
    """Against a real registry and a real file server, which here stand for upstream's."""
    names = (*STORES, "python", "bugsink", *TOOLS, "kubectl")
    rows = laptop.must("-o", "json", "images", "verify", "--download", *names).json
    assert {row["verdict"] for row in rows} == {"same"}
    platforms = {row["part"] for row in rows if row["key"] == "tool/helm"}
    assert platforms == {"linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64"}

    lock = tmp_path / "lock.yaml"
    digest = upstream.digests["valkey/valkey:8.1.9"]
    lock.write_text(upstream.lock.read_text().replace(digest, "sha256:" + "1" * 64))
    ran = Program(laptop.home, laptop.stack, {**(laptop.env or {}), "KIT_LOCK": str(lock)})("images", "verify", "redis")
    assert ran.exit_code == SOMETHING_WRONG
    assert "gone" in ran.stdout
