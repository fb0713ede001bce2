"""A program on PATH is taken when its version fits, and asked for its version only once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kit.adapters import process
from kit.adapters.docker.images import LocalImage
from kit.supply import inventory as stock
from kit.supply.cache import Cache
from kit.supply.inventory import Found, Inventory
from kit.supply.lock import Entry, PulledImage, Source
from kit.supply.lock_file import parse
from kit.supply.resolve import ANY_WAY, PORTABLE, Missing

LOCK = parse(
    """\
version: 1
tools:
  kind:
    sources:
      - installed: {command: [kind, version], pattern: 'v(\\d+\\.\\d+\\.\\d+)', range: ">=0.29,<1"}
      - pulled: {version: 0.34.0, files: {linux-amd64: {url: https://get.example/kind, sha256: PULLED}}}
      - built: {version: 0.33.0, go_install: sigs.k8s.io/kind@v0.33.0}
  language:
    sources:
      - installed: {command: [first, version], pattern: 'First v(\\d+\\.\\d+)', range: ">=1.11,<2", env: {QUIET: "yes"}}
      - installed: {command: [second, version], pattern: 'Second v(\\d+\\.\\d+)', range: ">=1.10,<2"}
images:
  node:
    sources:
      - pulled: {reference: "node:v2", digest: "sha256:PULLED", unless: cgroup-v1}
      - pulled: {reference: "node:v1", digest: "sha256:OTHER"}
""".replace("PULLED", "c" * 64).replace("OTHER", "d" * 64),
    Path("lock.yaml"),
)
KIND = LOCK.entries["tool/kind"]
LANGUAGE = LOCK.entries["tool/language"]


@dataclass
class Linux:
    """A computer whose engine has the newer cgroups, or the older ones."""

    cgroup: str = "cgroup-v2"

    def platform_of(self, entry: Entry) -> str:
        return "linux-amd64"

    def serves(self, source: Source) -> bool:
        return not isinstance(source, PulledImage) or source.unless != self.cgroup


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    environment = {"PATH": str(tmp_path / "bin")}
    return Inventory(
        {"tool/kind": "a" * 64, "image/node": "b" * 64}, Cache(tmp_path / "cache"), process.run, environment, Linux()
    )


@pytest.fixture
def binaries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs of these tests are scripts; here they count as what a release is made of."""
    monkeypatch.setattr(stock, "is_script", lambda path: False)


def on_path(tmp_path: Path, version: str, exit_code: int = 0, name: str = "kind") -> Path:
    """A program that says its version, and notes each time how it was asked."""
    program = tmp_path / "bin" / name
    program.parent.mkdir(exist_ok=True)
    said = f"{name.title()} v{version}" if name != "kind" else f"kind v{version}"
    program.write_text(f"#!/bin/sh\necho x$QUIET >> {tmp_path / 'asked'}\necho {said}\nexit {exit_code}\n")
    program.chmod(0o755)
    return program


def asked(tmp_path: Path) -> int:
    return len((tmp_path / "asked").read_text().splitlines())


@pytest.mark.usefixtures("binaries")
def test_a_fitting_program_is_used_and_asked_once(tmp_path: Path, inventory: Inventory) -> None:
    program = on_path(tmp_path, "0.30.1")
    assert [inventory.program(KIND, ANY_WAY) for _ in range(3)] == [Found(str(program), "installed", "0.30.1")] * 3
    assert asked(tmp_path) == 1


@pytest.mark.usefixtures("binaries")
def test_a_replaced_program_is_asked_again(tmp_path: Path, inventory: Inventory) -> None:
    on_path(tmp_path, "0.30.1")
    inventory.program(KIND, ANY_WAY)
    program = on_path(tmp_path, "0.20.11")
    assert inventory.program(KIND, ANY_WAY) == Missing(f"{program} is 0.20.11, not >=0.29,<1")
    assert asked(tmp_path) == 2


@pytest.mark.usefixtures("binaries")
@pytest.mark.parametrize("damage", [b"[]", b"{", b"\xff\xfe", b""])
def test_a_damaged_memory_of_it_is_none(tmp_path: Path, inventory: Inventory, damage: bytes) -> None:
    program = on_path(tmp_path, "0.30.1")
    inventory.program(KIND, ANY_WAY)
    (memory,) = (tmp_path / "cache" / "installed").iterdir()
    memory.write_bytes(damage)
    assert inventory.program(KIND, ANY_WAY) == Found(str(program), "installed", "0.30.1")
    assert asked(tmp_path) == 2


def test_a_program_that_may_not_be_read_is_no_script(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*how: object) -> None:
        raise PermissionError

    monkeypatch.setattr("builtins.open", refuse)
    assert not stock.is_script("/usr/bin/kind")


def test_a_program_that_fails_is_as_good_as_none(tmp_path: Path, inventory: Inventory) -> None:
    program = on_path(tmp_path, "0.30.1", exit_code=1)
    assert inventory.program(KIND, ANY_WAY) == Missing(f"{program} does not tell its version")


def test_what_was_built_is_found_without_path(tmp_path: Path, inventory: Inventory) -> None:
    assert inventory.program(KIND, ANY_WAY) == Missing("kind is not on PATH")
    built = tmp_path / "cache" / "tools" / "linux-amd64" / "kind-aaaaaaaaaaaa" / "kind"
    built.parent.mkdir(parents=True)
    built.touch()
    assert inventory.program(KIND, ANY_WAY) == Found(str(built), "built", "0.33.0")


def test_what_is_to_be_carried_away_is_not_taken_from_path(tmp_path: Path, inventory: Inventory) -> None:
    on_path(tmp_path, "0.30.1")
    assert isinstance(inventory.program(KIND, PORTABLE), Missing)


@pytest.mark.usefixtures("binaries")
def test_the_second_of_two_programs_serves_where_the_first_is_too_old(tmp_path: Path, inventory: Inventory) -> None:
    first, second = on_path(tmp_path, "1.10", name="first"), on_path(tmp_path, "1.10", name="second")
    assert [inventory.program(LANGUAGE, ANY_WAY) for _ in range(2)] == [Found(str(second), "installed", "1.10")] * 2
    assert asked(tmp_path) == 2, "each was asked once, and neither's answer displaced the other's"
    second.unlink()
    assert inventory.program(LANGUAGE, ANY_WAY) == Missing(f"{first} is 1.10, not >=1.11,<2; second is not on PATH")


def test_a_program_is_asked_with_the_variables_that_the_lock_says(tmp_path: Path, inventory: Inventory) -> None:
    on_path(tmp_path, "1.11", name="first")
    assert isinstance(inventory.program(LANGUAGE, ANY_WAY), Found)
    assert (tmp_path / "asked").read_text() == "xyes\n"


def test_what_was_pulled_comes_before_what_was_built(tmp_path: Path, inventory: Inventory) -> None:
    for hash_ in ("aaaaaaaaaaaa", "cccccccccccc"):
        program = tmp_path / "cache" / "tools" / "linux-amd64" / f"kind-{hash_}" / "kind"
        program.parent.mkdir(parents=True)
        program.touch()
    assert inventory.program(KIND, ANY_WAY) == Found(str(program), "pulled", "0.34.0")
    assert inventory.program(KIND, ("built",)) == Found(str(program).replace("c" * 12, "a" * 12), "built", "0.33.0")


def test_a_script_is_asked_each_time_for_what_it_starts_may_change(tmp_path: Path, inventory: Inventory) -> None:
    """A version manager puts a script on PATH that stays as it is while the program behind it becomes another."""
    on_path(tmp_path, "0.30.1")
    for _ in range(2):
        inventory.program(KIND, ANY_WAY)
    assert asked(tmp_path) == 2


@pytest.mark.usefixtures("binaries")
def test_a_link_stands_for_what_it_leads_to(tmp_path: Path, inventory: Inventory) -> None:
    """The memory is of the program: another one behind the same link is asked anew."""
    for version in ("0.30.1", "0.31.2"):
        real = on_path(tmp_path, version).rename(tmp_path / f"kind-{version}")
        (tmp_path / "bin" / "kind").unlink(missing_ok=True)
        (tmp_path / "bin" / "kind").symlink_to(real)
        assert inventory.program(KIND, ANY_WAY) == Found(str(tmp_path / "bin" / "kind"), "installed", version)


def test_an_image_that_does_not_start_here_counts_as_absent(inventory: Inventory) -> None:
    node = LOCK.entries["image/node"]
    images = {
        f"kit.local/node:{version}-{letter * 12}": LocalImage(letter, (), (), {}, 0)
        for version, letter in (("2", "c"), ("1", "d"))
    }
    older = replace(inventory, host=Linux("cgroup-v1"))
    assert inventory.image(node, ANY_WAY, images.get) == Found(f"kit.local/node:2-{'c' * 12}", "pulled", "2")
    assert older.image(node, ANY_WAY, images.get) == Found(f"kit.local/node:1-{'d' * 12}", "pulled", "1")
    del images[f"kit.local/node:1-{'d' * 12}"]
    assert isinstance(older.image(node, ANY_WAY, images.get), Missing)
