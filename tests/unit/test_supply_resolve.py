"""What is there is not made again; what is not comes by the first source that can give it, after what it needs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from kit.supply import recipe, version
from kit.supply.errors import NoSource
from kit.supply.lock import Entry, Pulled, PulledImage
from kit.supply.lock_file import parse
from kit.supply.pin import with_digests
from kit.supply.registry import mirrored, repository
from kit.supply.resolve import Missing, Need, Way, built_reference, missing, pulled_reference, source_of

DIGEST = "sha256:" + "d" * 64
LOCK = f"""\
version: 1
tools:
  kind:
    sources:
      - pulled: {{version: 0.34.0, files: {{linux-amd64: {{url: https://get.example/kind, sha256: {"a" * 64}}}}}}}
      - built: {{version: 0.33.0, go_install: sigs.k8s.io/kind@v0.33.0}}
artifacts:
  jars: {{sources: [{{built: {{version: "1", maven: jars}}}}]}}
images:
  # what the others stand on
  base:
    sources:
      - pulled: {{reference: "debian:13", digest: {DIGEST}}}   # found by hand
      - built: {{version: "12", debian: trixie}}
  app:
    sources:
      - pulled:
          reference: app:1.0
          digest: null
      - built: {{version: "1", dockerfile: app, base: base, artifacts: [jars]}}
  only-pulled: {{sources: [{{pulled: {{reference: "x/y:1", digest: {DIGEST}}}}}]}}
  node:
    sources:
      - pulled: {{reference: "node:v2", digest: {DIGEST}, unless: cgroup-v1}}
      - pulled: {{reference: "node:v1", digest: {DIGEST}}}
"""
READ = parse(LOCK, Path("lock.yaml"))
HASHES = recipe.hashes(READ, lambda path: {"file": path.encode()})


def plan(
    *names: str,
    there: Collection[str] = (),
    registry: bool,
    lacking: Collection[str] = (),
    traits: Collection[str] = (),
    ways: tuple[Way, ...] = ("pulled", "built"),
) -> list[str]:
    """The needs as lines. `lacking` are entries whose recipe cannot be gone, `traits` what the engine has."""

    def can_pull(entry: Entry, source: Pulled) -> str | None:
        if isinstance(source, PulledImage) and source.digest is None:
            return "no digest"
        if isinstance(source, PulledImage) and source.unless in traits:
            return f"not on {source.unless}"
        return None if registry else "no registry answers"

    needs = missing(
        READ,
        [READ.entries[name] for name in names],
        hashes=HASHES,
        found=lambda entry: "here" if entry.key in there else Missing("absent"),
        can_pull=can_pull,
        can_build=lambda entry: "its program is lacking" if entry.key in lacking else None,
        ways=ways,
    )
    return [_line(need) for need in needs]


def _line(need: Need) -> str:
    return f"{need.what} ({need.key}) after {list(need.after)}: {need.cause}"


def test_without_a_registry_everything_is_built_after_what_it_needs() -> None:
    assert plan("image/app", there=set(), registry=False) == [
        "build trixie (image/base) after []: absent; no registry answers",
        "build jars (artifact/jars) after []: absent",
        "build app (image/app) after ['image/base', 'artifact/jars']: absent; no digest",
    ]


def test_with_a_registry_what_has_a_digest_is_pulled() -> None:
    assert plan("image/app", there={"artifact/jars"}, registry=True) == [
        "pull debian:13 (image/base) after []: absent",
        "build app (image/app) after ['image/base']: absent; no digest",
    ]


def test_what_is_there_is_not_made_again() -> None:
    assert plan("image/app", "tool/kind", there={"image/app", "tool/kind"}, registry=False) == []


def test_a_program_is_pulled_where_upstream_publishes_it() -> None:
    assert plan("tool/kind", registry=True) == ["pull 0.34.0 of get.example (tool/kind) after []: absent"]
    assert plan("tool/kind", registry=False) == [
        "build sigs.k8s.io/kind@v0.33.0 (tool/kind) after []: absent; no registry answers"
    ]


def test_an_engine_gets_the_first_image_that_starts_on_it() -> None:
    assert plan("image/node", registry=True) == ["pull node:v2 (image/node) after []: absent"]
    assert plan("image/node", registry=True, traits=["cgroup-v1"]) == [
        "pull node:v1 (image/node) after []: absent; not on cgroup-v1"
    ]


def test_no_way_at_all_is_an_error_that_names_the_reasons() -> None:
    with pytest.raises(NoSource) as refused:
        plan("image/only-pulled", there=set(), registry=False)
    assert refused.value.why == "no registry answers"
    with pytest.raises(NoSource):
        plan("image/app", there=set(), registry=True, ways=("pulled",))


def test_one_error_names_everything_that_cannot_be_had() -> None:
    """Built is a way only where it can be gone to its end, with all that is needed on it."""
    with pytest.raises(NoSource) as refused:
        plan("tool/kind", "image/app", "image/only-pulled", registry=False, lacking=["tool/kind", "artifact/jars"])
    assert refused.value.reasons == {
        "tool/kind": ("absent", "no registry answers", "its program is lacking"),
        "artifact/jars": ("its program is lacking",),
        "image/app": ("no digest", "it is built from artifact jars, which cannot be had"),
        "image/only-pulled": ("no registry answers",),
    }
    assert refused.value.what == "there is no way to get 4 entries of the lock here"
    assert "artifact jars\n    its program is lacking\n" in refused.value.detail


def test_a_recipe_that_cannot_be_gone_does_not_hide_what_it_stands_on() -> None:
    with pytest.raises(NoSource) as refused:
        plan("image/app", registry=False, lacking=["image/app", "artifact/jars"])
    assert refused.value.reasons == {
        "artifact/jars": ("its program is lacking",),
        "image/app": ("no digest", "its program is lacking", "it is built from artifact jars, which cannot be had"),
    }
    assert refused.value.what == "there is no way to get artifact jars and image app here"


def test_what_is_not_pulled_says_why_where_nothing_else_gives_it() -> None:
    lock = parse(
        "version: 1\nimages:\n  app: {unpublished: nobody has one, sources: [{built: {version: '1', debian: trixie}}]}\n",
        Path("lock.yaml"),
    )

    def needs(problem: str | None) -> tuple[Need, ...]:
        return missing(
            lock,
            lock.entries.values(),
            hashes={"image/app": "0" * 64},
            found=lambda entry: Missing("absent"),
            can_pull=lambda entry, source: None,
            can_build=lambda entry: problem,
        )

    assert [need.cause for need in needs(None)] == ["absent"]
    with pytest.raises(NoSource) as refused:
        needs("no program")
    assert refused.value.why == "it is not pulled: nobody has one; no program"


def test_what_is_there_needs_no_program() -> None:
    assert plan("image/app", there=["artifact/jars", "image/base"], registry=False, lacking=["artifact/jars"]) == [
        "build app (image/app) after []: absent; no digest"
    ]


def test_references_are_local_names_made_of_version_and_hash() -> None:
    base, app = READ.entries["image/base"], READ.entries["image/app"]
    assert pulled_reference(base, base.pulled_images[0]) == "kit.local/base:13-dddddddddddd"
    assert built_reference(base, HASHES["image/base"]) == f"kit.local/base:12-{HASHES['image/base'][:12]}"
    assert pulled_reference(app, app.pulled_images[0]) is None


def test_a_containers_image_tells_its_source() -> None:
    assert source_of("kit.local/base:13-dddddddddddd", {}) == "pulled"
    assert source_of("kit.local/base:13-abcabcabcabc", {"dev.kit.recipe": "abcabcabcabcdef"}) == "built"
    assert source_of("postgres:17", {}) is None
    assert source_of("sha256:0123", {"dev.kit.source": "pulled"}) == "pulled", "also where its name was taken away"


@pytest.mark.parametrize(
    ("reference", "prefix", "through"),
    [
        ("postgres:17", "", "postgres:17"),
        ("postgres:17", "127.0.0.1:5000/", "127.0.0.1:5000/library/postgres:17"),
        ("kindest/node:v1", "mirror.example/hub", "mirror.example/hub/kindest/node:v1"),
    ],
)
def test_a_prefix_goes_in_front(reference: str, prefix: str, through: str) -> None:
    assert mirrored(reference, prefix) == through


def test_a_port_is_not_a_tag() -> None:
    assert repository("127.0.0.1:5000/library/postgres:17") == "127.0.0.1:5000/library/postgres"


@pytest.mark.parametrize(
    ("found", "wanted", "is_in"),
    [
        ("0.33.0", ">=0.29,<1", True),
        ("1.0", ">=0.29,<1", False),
        ("0.28.9", ">=0.29,<1", False),
        ("2.40.3-1~deb12", ">=2.40.3,<3", True),
        ("1.34", "==1.34.0", True),
        ("10.0", ">9", True),
    ],
)
def test_versions_are_compared_as_numbers(found: str, wanted: str, is_in: bool) -> None:
    assert version.satisfies(found, wanted) is is_in


def test_a_version_is_read_from_what_a_program_says() -> None:
    assert version.found_in("kind v0.33.0 go1.26 linux/amd64", r"v(\d+\.\d+\.\d+)") == "0.33.0"
    assert version.found_in("no idea", r"v(\d+)") is None


def test_pinning_changes_the_digests_and_nothing_else() -> None:
    new = {"app:1.0": "sha256:" + "a" * 64, "debian:13": "sha256:" + "b" * 64, "node:v1": "sha256:" + "c" * 64}
    pinned = with_digests(LOCK, new, Path("lock.yaml"))
    assert pinned == LOCK.replace("digest: null", f"digest: {new['app:1.0']}").replace(
        f'"debian:13", digest: {DIGEST}', f'"debian:13", digest: {new["debian:13"]}'
    ).replace(f'"node:v1", digest: {DIGEST}', f'"node:v1", digest: {new["node:v1"]}')
