"""The hash of a recipe changes with everything that decides what is built, and with nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kit.supply import recipe
from kit.supply.lock_file import parse

LOCK = """\
version: 1
artifacts:
  jars: {sources: [{built: {version: "1", maven: app}}]}
  other: {sources: [{built: {version: "1", go_install: example.org/other@v1}}]}
  rust:
    only: tests
    sources:
      - built:
          version: "1"
          cargo:
            package: rust==1.0
            sha256: "0000000000000000000000000000000000000000000000000000000000000000"
            archive: a.zip
            folder: a
            programs: [p]
images:
  base: {sources: [{pulled: {reference: "debian:13", digest: null}}, {built: {version: "13", debian: trixie}}]}
  app: {sources: [{built: {version: "1", dockerfile: app, base: base, artifacts: [jars], finish: end/finish.sh}}]}
  child: {sources: [{built: {version: "1", dockerfile: child, base: app}}]}
  upstream: {sources: [{pulled: {reference: "u:1", digest: null}}]}
"""
TREE = {
    "app": {"Dockerfile": b"FROM x", "pom.xml": b"<project/>"},
    "app/pom.xml": {"pom.xml": b"<project/>"},
    "child": {"Dockerfile": b"FROM y"},
    "end/finish.sh": {"finish.sh": b"#!/bin/sh"},
}


def hashes(text: str = LOCK, **changed: Mapping[str, bytes]) -> dict[str, str]:
    tree = {**TREE, **changed}
    return dict(recipe.hashes(parse(text, Path("lock.yaml")), lambda path: tree[path]))


def changed(other: Mapping[str, str]) -> set[str]:
    return {key for key, value in hashes().items() if other[key] != value}


def test_a_changed_file_changes_its_image_and_what_stands_on_it() -> None:
    assert changed(hashes(app={"Dockerfile": b"FROM z", "pom.xml": b"<project/>"})) == {"image/app", "image/child"}


def test_a_renamed_file_counts() -> None:
    assert "image/child" in changed(hashes(child={"Dockerfil": b"eFROM y"}))


def test_a_finishing_script_counts() -> None:
    assert changed(hashes(**{"end/finish.sh": {"finish.sh": b"#!/bin/bash"}})) == {"image/app", "image/child"}


def test_jars_depend_on_the_pom_alone() -> None:
    assert changed(hashes(**{"app/pom.xml": {"pom.xml": b"<other/>"}})) == {"artifact/jars", "image/app", "image/child"}


def test_the_built_text_counts() -> None:
    assert changed(hashes(LOCK.replace("other@v1", "other@v2"))) == {"artifact/other"}
    assert changed(hashes(LOCK.replace("trixie", "sid"))) == {"image/base", "image/app", "image/child"}


def test_a_rust_programs_package_and_features_count() -> None:
    assert changed(hashes(LOCK.replace("0" * 64, "1" * 64))) == {"artifact/rust"}
    assert changed(hashes(LOCK.replace("programs: [p]", "programs: [p]\n            features: [f]"))) == {"artifact/rust"}
    assert changed(hashes(LOCK.replace("programs: [p]", "programs: [p]\n            crates: {c: 0.1.0}"))) == {"artifact/rust"}


def test_a_digest_that_becomes_known_rebuilds_nothing() -> None:
    assert changed(hashes(LOCK.replace('debian:13", digest: null', f'debian:13", digest: sha256:{"a" * 64}'))) == set()


def test_of_what_is_only_pulled_its_digest_counts() -> None:
    assert changed(hashes(LOCK.replace('u:1", digest: null', f'u:1", digest: sha256:{"a" * 64}'))) == {"image/upstream"}


def test_a_version_s_name_alone_rebuilds_nothing() -> None:
    """What is fetched is pinned in the recipe; the version is only what the result is called."""
    assert changed(hashes(LOCK.replace('version: "13"', 'version: "13.2"'))) == set()


def test_what_tools_leave_behind_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "Dockerfile").write_text("FROM x")
    before = recipe.reader(tmp_path)("app")
    for leftover in ("__pycache__/a.pyc", "target/classes/a", "Dockerfile~"):
        path = tmp_path / "app" / leftover
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    assert recipe.reader(tmp_path)("app") == before == {"Dockerfile": b"FROM x"}
