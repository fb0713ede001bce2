"""Pruning takes away what no lock of this computer names, for two checkouts share one cache and one engine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit.supply import known_locks, prune, resolve
from kit.supply.supply import Supply

LOCK = """
version: 1
artifacts:
  jars: {sources: [{built: {version: "1", go_module_files: {module: example.org/jars@VERSION, folder: a}}}]}
images:
  front: {sources: [{built: {version: "1", dockerfile: front, artifacts: [jars]}}]}
"""


class Images:
    def __init__(self) -> None:
        self.tags: set[str] = set()

    def all(self) -> list[Any]:
        return [SimpleNamespace(tags=(tag,)) for tag in sorted(self.tags)]

    def untag(self, reference: str) -> bool:
        self.tags.remove(reference)
        return True

    def find(self, reference: str) -> object | None:
        return SimpleNamespace(id="x", labels={}) if reference in self.tags else None


@pytest.fixture
def images() -> Images:
    return Images()


def checkout(tmp_path: Path, name: str, images: Images) -> Supply:
    """A checkout with a lock of its own, and what it makes in the engine and in the cache that all of them share."""
    home = tmp_path / name
    (home / "front").mkdir(parents=True)
    (home / "front" / "Dockerfile").write_text("FROM scratch\n")
    (home / "lock.yaml").write_text(LOCK.replace("VERSION", f"v1.{name}"))
    made = Supply(home / "lock.yaml", tmp_path / "cache", home, SimpleNamespace(images=images))  # type: ignore[arg-type]
    images.tags.add(image(made))
    jars(made).mkdir(parents=True)
    made.note_use()
    return made


def image(of: Supply) -> str:
    return resolve.built_reference(of.lock.entries["image/front"], of.hashes["image/front"])


def jars(of: Supply) -> Path:
    return of.cache.root / "artifacts" / "linux-amd64" / f"jars-{of.hashes['artifact/jars'][:12]}"


def test_what_another_checkout_needs_stays_and_its_lock_is_named(tmp_path: Path, images: Images) -> None:
    here, there = checkout(tmp_path, "1", images), checkout(tmp_path, "2", images)
    pruned = prune.outdated(here)
    assert (pruned.images, pruned.folders, pruned.freed_bytes) == ((), (), 0)
    assert pruned.needed == {image(there): there.lock.path, jars(there).name: there.lock.path}
    assert jars(there).is_dir()
    assert images.tags == {image(here), image(there)}


def test_what_only_a_lock_that_is_gone_needed_is_taken_away(tmp_path: Path, images: Images) -> None:
    here, there = checkout(tmp_path, "1", images), checkout(tmp_path, "2", images)
    there.lock.path.unlink()
    pruned = prune.outdated(here)
    assert (pruned.images, pruned.folders, pruned.needed) == ((image(there),), (jars(there).name,), {})
    assert images.tags == {image(here)}


def test_what_the_own_lock_named_before_it_changed_is_taken_away(tmp_path: Path, images: Images) -> None:
    before = checkout(tmp_path, "1", images)
    before.lock.path.write_text(LOCK.replace("VERSION", "v9"))
    after = Supply(before.lock.path, before.cache.root, before.assets, before.docker)
    assert prune.outdated(after).images == (image(before),)


def test_what_was_made_of_images_is_kept_for_as_long_as_it_is_noted(tmp_path: Path, images: Images) -> None:
    here, there = checkout(tmp_path, "1", images), checkout(tmp_path, "2", images)
    images.tags |= {"kit.local/kind-node-ready:1-old", "kit.local/kind-node-ready:1-new"}
    there.note_use(["kit.local/kind-node-ready:1-new"])
    there.note_use()  # an ordinary run says nothing of it
    assert prune.outdated(here).images == ("kit.local/kind-node-ready:1-old",)
    there.note_use([])
    assert prune.outdated(here).images == ("kit.local/kind-node-ready:1-new",)


def test_the_note_of_a_checkout_that_is_gone_goes_with_it(tmp_path: Path, images: Images) -> None:
    here, there = checkout(tmp_path, "1", images), checkout(tmp_path, "2", images)
    for each in (here, there):
        each.note_use()
    folder = next(path for path in tmp_path.rglob(known_locks.FOLDER))
    assert len(list(folder.iterdir())) == 2
    prune.outdated(here)
    assert len(list(folder.iterdir())) == 2
    there.lock.path.unlink()
    prune.outdated(here)
    (left,) = folder.iterdir()
    assert str(here.lock.path) in left.read_text()


def test_a_damaged_note_is_none(tmp_path: Path) -> None:
    (tmp_path / known_locks.FOLDER).mkdir()
    for number, content in enumerate(('{"lock": "/x', "[]", '{"lock": "/"}')):
        (tmp_path / known_locks.FOLDER / f"{number}.json").write_text(content)
    assert known_locks.named_by_others(tmp_path, tmp_path / "lock.yaml") == {}
