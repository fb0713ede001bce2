"""Rust programs from a source package: fetched by its hash, unpacked once, published crates in the place of repositories."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from kit.adapters.process import Result
from kit.errors import ToolMissing
from kit.supply import rust
from kit.supply.cache import Cache
from kit.supply.errors import ChecksumWrong, RecipeBroken
from kit.supply.lock import Cargo

MANIFEST = """\
[workspace]
members = ["relay"]

[workspace.dependencies]
serde = "1"
proxy = { git = "https://example.org/proxy", rev = "50155c5", default-features = false}
"""


def package(manifest: str = MANIFEST, archive: str = "rustsrc.zip", as_zip: bool = False) -> bytes:
    """A source package as PyPI has them: the workspace zipped, inside a tar or inside a further zip."""
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as zipped:
        zipped.writestr("rustsrc/Cargo.toml", manifest)
        zipped.writestr("rustsrc/relay/src/main.rs", "fn main() {}")
    if as_zip:
        with zipfile.ZipFile(outer, "w") as zipped:
            zipped.writestr(f"relay-1/{archive}", inner.getvalue())
        return outer.getvalue()
    with tarfile.open(fileobj=outer, mode="w:gz") as tar:
        member = tarfile.TarInfo(f"relay-1/{archive}")
        member.size = len(inner.getvalue())
        tar.addfile(member, io.BytesIO(inner.getvalue()))
    return outer.getvalue()


class Programs:
    """pip brings `content`; cargo leaves the program in its target folder."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.ran: list[tuple[Sequence[str], dict[str, Any]]] = []

    def __call__(self, argv: Sequence[str], **given: Any) -> Result:
        self.ran.append((tuple(argv), given))
        if "pip" in argv:
            into = Path(next(word for word in argv if word.startswith("--dest=")).removeprefix("--dest="))
            into.mkdir()
            (into / "relay-1.archive").write_bytes(self.content)
        elif argv[0] == "c++":
            return Result(tuple(argv), 0 if argv[-2] == "there.h" else 1, "", "")
        else:
            made = Path(given["env"]["CARGO_TARGET_DIR"]) / "release" / "relay"
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_text("a program")
        return Result(tuple(argv), 0, "", "")

    @property
    def cargo(self) -> tuple[Sequence[str], dict[str, Any]]:
        (found,) = [each for each in self.ran if each[0][0] == "cargo"]
        return found


def recipe(content: bytes, **changed: Any) -> Cargo:
    whole = Cargo("relay==1", hashlib.sha256(content).hexdigest(), "rustsrc.zip", "rustsrc", ("relay",), ("processing",))
    return replace(whole, **changed)


@pytest.fixture(autouse=True)
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rust.shutil, "which", lambda name: f"/usr/bin/{name}")  # type: ignore[attr-defined]


def built(content: bytes, wanted: Cargo, folder: Path) -> Programs:
    programs = Programs(content)
    into = folder / "into"
    into.mkdir(exist_ok=True)
    rust.build(programs, Cache(folder / "cache"), wanted, into, folder / "log")
    assert (into / "relay").read_text() == "a program"
    return programs


@pytest.mark.parametrize("as_zip", [False, True])
def test_the_program_is_built_in_the_unpacked_workspace_as_its_lock_file_says(tmp_path: Path, as_zip: bool) -> None:
    content = package(as_zip=as_zip)
    argv, given = built(content, recipe(content), tmp_path).cargo
    assert (given["cwd"] / "relay/src/main.rs").is_file()
    assert "--locked" in argv
    assert argv[argv.index("--features") + 1] == "processing"
    cache = tmp_path / "cache" / "cargo"
    assert (given["env"]["CARGO_HOME"], given["env"]["CARGO_TARGET_DIR"]) == (
        str(cache / "home"),
        str(cache / "target" / "relay-1"),
    )


def test_pip_is_given_the_hash(tmp_path: Path) -> None:
    seen: list[str] = []

    class Reading(Programs):
        def __call__(self, argv: Sequence[str], **given: Any) -> Result:
            wanted = [word.removeprefix("--requirement=") for word in argv if word.startswith("--requirement=")]
            seen.extend(Path(each).read_text() for each in wanted)
            return super().__call__(argv, **given)

    content = package()
    (tmp_path / "into").mkdir()
    rust.build(Reading(content), Cache(tmp_path / "cache"), recipe(content), tmp_path / "into", tmp_path / "log")
    assert seen == [f"relay==1 --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"]


def test_another_package_than_the_locks_is_not_unpacked(tmp_path: Path) -> None:
    wanted = recipe(package())
    with pytest.raises(ChecksumWrong):
        built(package(MANIFEST + "# changed\n"), wanted, tmp_path)
    assert not list((tmp_path / "cache" / "cargo").rglob("Cargo.toml"))


def test_a_published_crate_stands_in_for_a_repository(tmp_path: Path) -> None:
    content = package()
    argv, given = built(content, recipe(content, crates={"proxy": "0.2.0"}), tmp_path).cargo
    assert 'proxy = { version = "=0.2.0", default-features = false}' in (given["cwd"] / "Cargo.toml").read_text()
    assert "--locked" not in argv  # the authors' lock names the repository


def test_a_crate_that_is_from_no_repository_is_told(tmp_path: Path) -> None:
    content = package()
    with pytest.raises(RecipeBroken) as broken:
        built(content, recipe(content, crates={"serde": "1.0.0"}), tmp_path)
    assert "takes serde from 0 repositories" in broken.value.why
    assert not (tmp_path / "cache" / "cargo" / "src" / "relay-1").exists()


@pytest.mark.parametrize(
    ("changed", "said"), [({"archive": "other.zip"}, "holds no other.zip"), ({"folder": "src"}, "holds no src/Cargo.toml")]
)
def test_a_package_of_another_shape_is_told(tmp_path: Path, changed: dict[str, str], said: str) -> None:
    content = package()
    with pytest.raises(RecipeBroken) as broken:
        built(content, recipe(content, **changed), tmp_path)
    assert said in broken.value.why


def test_a_workspace_is_unpacked_once_and_anew_when_its_recipe_changes(tmp_path: Path) -> None:
    content = package()
    fetches = [
        sum("pip" in argv for argv, _ in built(content, wanted, tmp_path).ran)
        for wanted in (recipe(content), recipe(content), recipe(content, crates={"proxy": "0.2.0"}))
    ]
    assert fetches == [1, 0, 1]


def test_a_missing_compiler_is_named_before_anything_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rust.shutil, "which", lambda name: None if name == "cmake" else name)  # type: ignore[attr-defined]
    content = package()
    with pytest.raises(ToolMissing, match="cmake not found"):
        built(content, recipe(content), tmp_path)


def test_a_missing_header_is_named_with_debians_package(tmp_path: Path) -> None:
    content = package()
    built(content, recipe(content, headers={"there.h": "lib-dev"}), tmp_path)
    with pytest.raises(ToolMissing, match="absent") as missing:
        built(content, recipe(content, headers={"absent.h": "lib-dev"}), tmp_path)
    assert missing.value.fix == "apt-get install lib-dev"
