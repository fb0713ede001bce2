"""The lock: nothing unpinned is in it, nothing outside it is used, and what is wrong with it is shown by file and line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kit.supply.errors import LockInvalid
from kit.supply.lock import Dockerfile, GoBuild, Lock, Maven, PlatformFile, PulledFiles, PulledImage
from kit.supply.lock_file import parse, read
from kit.supply.supply import Supply

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "kit" / "supply" / "lock.yaml"

SMALL = """\
version: 1
tools:
  kind:
    sources:
      - installed: {command: [kind, version], pattern: 'v(\\d+\\.\\d+\\.\\d+)', range: ">=0.29,<1"}
      - built: {version: 0.33.0, go_install: sigs.k8s.io/kind@v0.33.0}
artifacts:
  jars: {sources: [{built: {version: "1", maven: jars}}]}
images:
  base: {sources: [{built: {version: "13", debian: trixie}}]}
  app:
    sources:
      - pulled: {reference: "app:1.0", digest: null}
      - built: {version: "1", dockerfile: app, base: base, artifacts: [jars]}
  node:
    sources:
      - pulled: {reference: "node:v1.34.11", digest: null, unless: cgroup-v1}
      - pulled: {reference: "node:v1.34.3", digest: null}
"""
FILES = """\
version: 1
tools:
  helm:
    sources:
      - pulled:
          version: 3.22.0
          sums: .sha256sum
          files:
            linux-amd64: {url: https://get.example/a.tar.gz, sha256: SUM, member: linux-amd64/helm}
            darwin-arm64: {url: https://get.example/b.tar.gz, sha256: SUM}
""".replace("SUM", "a" * 64)


@pytest.fixture(scope="module")
def lock() -> Lock:
    return read(LOCK)


def test_the_lock_of_this_repository_is_valid_and_not_empty(lock: Lock) -> None:
    assert lock.of("image")


def test_nothing_is_unpinned() -> None:
    text = LOCK.read_text()
    content = "\n".join(line.partition(" #")[0] for line in text.splitlines() if not line.startswith("#"))
    assert "latest" not in content
    assert "bitnami" not in content.lower()


def test_every_pulled_image_names_a_tag_of_upstreams_short_form(lock: Lock) -> None:
    for entry in lock.of("image"):
        for image in entry.pulled_images:
            first = image.reference.partition("/")[0]
            assert "." not in first.partition(":")[0] or "/" not in image.reference, image.reference


def test_every_recipe_folder_exists(lock: Lock) -> None:
    for entry in lock.entries.values():
        match entry.recipe:
            case Dockerfile(folder=folder, finish=finish):
                assert (ROOT / folder / "Dockerfile").is_file(), entry.key
                assert finish is None or (ROOT / finish).stat().st_mode & 0o100, entry.key
            case Maven(folder=folder):
                assert (ROOT / folder / "pom.xml").is_file(), entry.key
            case GoBuild(folder=folder):
                needs_sums = "require" in (ROOT / folder / "go.mod").read_text()
                assert not needs_sums or (ROOT / folder / "go.sum").is_file(), entry.key
            case _:
                pass


def test_every_image_of_compose_is_in_the_lock(lock: Lock) -> None:
    lines = (ROOT / "compose" / "compose.yaml").read_text().splitlines()
    images = [line.partition("image:")[2].strip() for line in lines if re.match(r"\s+image:", line)]
    for image in images:
        variable = re.fullmatch(r"\$\{KIT_IMAGE_([A-Z0-9_]+)(:\?[^}]*)?\}", image)
        assert variable, f"{image} is not a variable that the lock fills"
        assert f"image/{variable.group(1).lower()}" in lock.entries


def test_every_dockerfile_takes_its_base_from_the_lock() -> None:
    for path in [*ROOT.glob("compose/**/Dockerfile"), *ROOT.glob("kind/**/Dockerfile")]:
        stages = {"scratch", "${BASE}"}
        for line in path.read_text().splitlines():
            if match := re.match(r"FROM\s+(\S+)(?:\s+AS\s+(\S+))?", line, re.IGNORECASE):
                assert match.group(1) in stages, f"{path.relative_to(ROOT)}: {line}"
                stages.add(match.group(2) or "")


def test_every_recipe_in_the_tree_belongs_to_an_entry(lock: Lock) -> None:
    folders = {entry.recipe.folder for entry in lock.entries.values() if isinstance(entry.recipe, Dockerfile)}
    dockerfiles = [*ROOT.glob("compose/**/Dockerfile"), *ROOT.glob("kind/**/Dockerfile")]
    found = {path.parent.relative_to(ROOT).as_posix() for path in dockerfiles}
    # Custom images stand on what the user names, and have a lock of upstream's images of their own.
    assert {folder for folder in found if not folder.startswith("kind/images/custom/")} == folders


def test_every_tool_and_image_that_the_code_asks_for_is_in_the_lock(lock: Lock) -> None:
    asked = set()
    for path in (ROOT / "kit").rglob("*.py"):
        asked |= {(kind, name) for kind, name in re.findall(r"\.(tool|image)\(\"([a-z0-9-]+)\"\)", path.read_text())}
    assert {f"{kind}/{name}" for kind, name in asked} <= set(lock.entries)


def test_what_one_purpose_alone_needs_is_made_only_when_it_is_named(tmp_path: Path) -> None:
    text = SMALL.replace("  app:\n", "  app:\n    only: tests\n")
    supply = Supply(parse(text, Path("lock.yaml")), tmp_path, tmp_path, None)  # type: ignore[arg-type]
    assert [entry.key for entry in supply.wanted(None)] == ["tool/kind", "image/base", "image/node"]
    assert [entry.key for entry in supply.wanted(["app"])] == ["image/app"]


def test_relay_is_no_part_of_what_everybody_gets(lock: Lock) -> None:
    assert {entry.key for entry in lock.entries.values() if entry.only} == {
        f"{section}/{name}" for section in ("artifact", "image") for name in ("relay", "relay-seed")
    }


def test_a_lock_is_read_into_types() -> None:
    lock = parse(SMALL, Path("lock.yaml"))
    app = lock.entries["image/app"]
    assert app.needs == ("image/base", "artifact/jars")
    assert app.recipe == Dockerfile("app", "base", ("jars",))
    assert app.pulls == (PulledImage("app:1.0", None),)
    assert app.versions == {"pulled": "1.0", "built": "1"}
    node = lock.entries["image/node"]
    assert [(image.version, image.unless) for image in node.pulled_images] == [("1.34.11", "cgroup-v1"), ("1.34.3", "")]
    assert lock.find("app") is app
    assert lock.find("jars") is lock.entries["artifact/jars"]


@pytest.mark.parametrize(
    ("old", "new", "line", "why"),
    [
        ("version: 1\n", "version: 2\n", 1, "version: 1"),
        ("tools:", "toys:", 2, "unknown part `toys`"),
        ("version: 0.33.0", "version: 1.5", 6, "Expected `str`, got `float`"),
        ("version: 0.33.0, ", "", 6, "missing required field `version`"),
        ("go_install:", "go_instal:", 6, "names exactly one of go_install"),
        ("kind@v0.33.0", "kind@latest", 3, "`latest` is not allowed"),
        ("kind@v0.33.0", "kind", 6, "matching regex"),
        (">=0.29,<1", "0.29", 5, "Invalid specifier"),
        ("(\\d+\\.\\d+\\.\\d+)", "\\d+", 5, "needs a group"),
        ("app:1.0", "bitnami/app:1.0", 11, "`bitnami` is not allowed"),
        ("app:1.0", "app", 13, "matching regex"),
        ("digest: null", "digest: sha256:12", 13, "matching regex"),
        ("unless: cgroup-v1", "unless: rain", 17, "Invalid enum value"),
        ("base: base", "base: bas", 11, "image/bas, which is not in the lock"),
        ("artifacts: [jars]", "artifacts: [app]", 11, "artifact/app, which is not in the lock"),
        ("base: base", "base: app", 11, "it needs itself"),
        ("dockerfile: app,", "", 14, "here are 0"),
        ("maven: jars}", "cargo: {package: relay, sha256: a, archive: a, folder: a, programs: [p]}}", 8, "matching regex"),
        (
            "debian: trixie}",
            "cargo: {package: r==1, sha256: " + "a" * 64 + ", archive: a, folder: a, programs: [p]}}",
            10,
            "not make images",
        ),
        ("debian: trixie}", "maven: jars}", 10, "maven does not make images"),
        ("  app:\n", "  base:\n", 11, "'base' stands here twice"),
        ('sources: [{built: {version: "13"', 'sources: [[{built: {version: "13"', 10, "expected"),
    ],
)
def test_a_bad_lock_is_refused_at_its_line(old: str, new: str, line: int, why: str) -> None:
    assert old in SMALL
    with pytest.raises(LockInvalid) as refused:
        parse(SMALL.replace(old, new, 1), Path("lock.yaml"))
    assert refused.value.what == f"lock.yaml:{line} is not a valid lock"
    assert why in refused.value.why


@pytest.mark.parametrize("content", [None, "a folder", b"\xff\xfe"])
def test_a_lock_that_cannot_be_read_is_named(tmp_path: Path, content: str | bytes | None) -> None:
    path = tmp_path / "other.yaml"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.mkdir()
    with pytest.raises(LockInvalid) as refused:
        read(path)
    assert str(path) in refused.value.what
    assert ("UTF-8" if isinstance(content, bytes) else "KIT_LOCK") in refused.value.fix


def test_a_character_that_yaml_does_not_know_is_an_invalid_lock() -> None:
    with pytest.raises(LockInvalid, match="not a valid lock"):
        parse("version: 1\x00", Path("lock.yaml"))


def test_published_files_are_read_by_platform() -> None:
    (source,) = parse(FILES, Path("lock.yaml")).entries["tool/helm"].pulls
    assert source == PulledFiles(
        "3.22.0",
        {
            "linux-amd64": PlatformFile("https://get.example/a.tar.gz", "a" * 64, "linux-amd64/helm"),
            "darwin-arm64": PlatformFile("https://get.example/b.tar.gz", "a" * 64),
        },
        ".sha256sum",
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "why"),
    [
        ("https://get.example/a", "http://get.example/a", 8, "matching regex"),
        ("a" * 64, "a" * 63, 8, "matching regex"),
        ("linux-amd64: {", "windows-amd64: {", 8, "matching regex"),
        ("version: 3.22.0", "version: 3.22", 6, "Expected `str`"),
        ("tools:", "artifacts:", 5, "an artifact is built"),
    ],
)
def test_a_bad_published_file_is_refused_at_its_line(old: str, new: str, line: int, why: str) -> None:
    with pytest.raises(LockInvalid) as refused:
        parse(FILES.replace(old, new, 1), Path("lock.yaml"))
    assert refused.value.what == f"lock.yaml:{line} is not a valid lock"
    assert why in refused.value.why
