"""`kit images` list and save, as far as they need no engine: what is shown of the lock, and tools for another computer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from kit.adapters.docker.observed import Platform
from kit.cli.images.command import images
from kit.supply import archive
from kit.supply.errors import NotSupplied
from kit.supply.supply import Supply
from tests.support.file_server import FileServer, file_server

PLATFORMS = ("linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64")
DIGEST = f"sha256:{'a' * 64}"


def sum_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


FILES = ", ".join(f"{name}: {{url: 'https://upstream.example/{name}', sha256: {sum_of(name)}}}" for name in PLATFORMS)
LOCK = f"""
version: 1
tools:
  tiny:
    sources:
      - installed: {{command: [tiny, version], pattern: '(.+)', range: ">=1"}}
      - pulled:
          version: "1.2"
          files: {{{FILES}}}
      - built: {{version: "1.1", go_install: example.org/tiny@v1.1}}
images:
  node:
    sources:
      - pulled: {{reference: "kindest/node:v1.34.11", digest: "{DIGEST}"}}
      - pulled: {{reference: "kindest/node:v1.34.3", digest: "{DIGEST}"}}
      - built: {{version: 1.34.4, debian: trixie}}
  probe:
    unpublished: kit alone has a use for it
    sources: [{{built: {{version: "1", debian: trixie}}}}]
"""


class Engine:
    """Empty, on a machine with that processor."""

    def __init__(self, machine: str) -> None:
        self.images = self
        self.platform = Platform("linux", machine)

    def find(self, reference: str) -> None:
        return None

    def all(self, labels: Mapping[str, str] | None = None) -> tuple[()]:
        return ()

    def info(self) -> dict[str, str]:
        return {"CgroupVersion": "2"}

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        yield


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    with file_server(tmp_path) as served:
        monkeypatch.setenv("SSL_CERT_FILE", str(served.ca))
        served.paths |= {f"/upstream.example/{name}": name.encode() for name in PLATFORMS}
        yield served


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kit.host.platform.of_host", lambda: "linux-amd64")


def supply(folder: Path, server: FileServer | None = None, machine: str = "amd64") -> Supply:
    folder.mkdir(exist_ok=True)
    (folder / "lock.yaml").write_text(LOCK)
    environment = {"PATH": "", "KIT_FILES_PREFIX": server.url if server else ""}
    return Supply(folder / "lock.yaml", folder / "cache", folder, Engine(machine), environment=environment)  # type: ignore[arg-type]


def run(of: Supply, *arguments: str, output: str = "table") -> Result:
    session = SimpleNamespace(supply=lambda: of, output=output)
    return CliRunner().invoke(images, [*arguments], obj=session, catch_exceptions=False, standalone_mode=False)


def test_the_list_shows_every_version_and_why_something_is_not_pulled(tmp_path: Path) -> None:
    assert run(supply(tmp_path), "list").stdout.splitlines() == [
        "tool/tiny    1.2 | 1.1                  -  tiny is not on PATH",
        "image/node   1.34.11 | 1.34.3 | 1.34.4  -  not in the engine",
        "image/probe  1                          -  not in the engine  (not pulled: kit alone has a use for it)",
    ]
    rows: list[dict[str, Any]] = json.loads(run(supply(tmp_path), "list", output="json").stdout)
    assert [row["unpublished"] for row in rows] == [None, None, "kit alone has a use for it"]


def test_what_is_there_shows_the_version_by_which_it_came(tmp_path: Path, server: FileServer) -> None:
    made = supply(tmp_path, server)
    run(made, "pull", "tiny")
    row = json.loads(run(made, "list", output="json").stdout)[0]
    assert (row["version"], row["source"], row["place"]) == ("1.2", "pulled", str(made.tool("tiny")))


@pytest.mark.parametrize("platform", PLATFORMS[1:])
def test_tools_for_another_computer_travel_in_the_archive(tmp_path: Path, server: FileServer, platform: str) -> None:
    saving = supply(tmp_path / "here", server)
    result = run(saving, "save", "--platform", platform, str(tmp_path / "kit.tar"), "tiny")
    assert "saved 0 images and 1 tools" in result.stderr
    with pytest.raises(NotSupplied):
        saving.tool("tiny")  # this computer got nothing that it could not run
    there = supply(tmp_path / "there").with_tools_for(platform)
    with pytest.raises(NotSupplied):
        there.tool("tiny")
    archive.load(there, tmp_path / "kit.tar")
    assert there.tool("tiny").read_text() == platform


@pytest.mark.parametrize("platform", ["linux-arm64", "darwin-arm64"])
def test_images_of_another_processor_are_refused_with_what_can_be_done(tmp_path: Path, server: FileServer, platform: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        run(supply(tmp_path, server), "save", "--platform", platform, str(tmp_path / "kit.tar"))
    assert "the images of this engine are for linux-amd64" in refused.value.message
    assert f"kit images save --platform {platform} FILE tiny" in refused.value.message
    assert server.requests == []
    assert not (tmp_path / "kit.tar").exists()


@pytest.mark.parametrize("option", [("--chart", "c"), ("--profile", "seed"), ("--size", "full")])
@pytest.mark.parametrize("words", [("list",), ("pull",), ("save", "FILE")])
def test_what_chooses_a_chart_is_refused_where_the_lock_is_meant(tmp_path: Path, words: tuple[str, ...], option: Any) -> None:
    with pytest.raises(click.UsageError, match="--for chart"):
        run(supply(tmp_path), *words, *option)


def test_what_no_recipe_makes_is_pruned_and_what_is_current_is_kept(
    tmp_path: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.targets.local.node_image.current", lambda supply: frozenset())
    made = supply(tmp_path, server)
    run(made, "pull", "tiny")
    old = made.cache.root / "tools" / "linux-amd64" / f"tiny-{'b' * 12}"
    old.mkdir(parents=True)
    fetched = made.cache.go / "pkg"
    fetched.mkdir(parents=True)
    pruned = json.loads(run(made, "prune", output="json").stdout)
    assert (pruned["removed"], pruned["in_use"]) == ([old.name], [])
    assert made.tool("tiny").exists()
    assert fetched.exists()
    assert "MB freed" in run(made, "prune", "--build-cache").stdout
    assert not fetched.exists()
