"""The real lock against what is known: each sum and digest is one that public files name, and what is not pulled says why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from kit.supply import lock_file
from kit.supply.errors import LockInvalid
from kit.supply.lock import Entry, PulledFiles, PulledImage

ROOT = Path(__file__).parents[2]
FILE = ROOT / "kit" / "supply" / "lock.yaml"
LOCK = lock_file.read(FILE)
FACTS = yaml.safe_load((ROOT / "tests" / "manifests" / "lock-confirmed.yaml").read_text())
ENOUGH = 2
PLATFORMS = {"linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64"}
ENTRIES = list(LOCK.entries.values())
PULLED = [(entry, source) for entry in ENTRIES for source in entry.pulls]
UPSTREAM = {"github.com", "get.helm.sh", "dl.k8s.io"}  # where each project's own releases are


def pins() -> Iterator[tuple[str, str, Mapping[str, int]]]:
    """What it is, its sum, and what is known of that version."""
    for entry, source in PULLED:
        if isinstance(source, PulledFiles):
            known = FACTS["files"].get(f"{entry.name} {source.version}", {})
            yield from ((f"{entry.name} {source.version} {name}", file.sha256, known) for name, file in source.files.items())
        else:
            yield source.reference, source.digest or "", FACTS["images"].get(source.reference, {})


@pytest.mark.parametrize(("what", "pin", "known"), [pytest.param(*pin, id=pin[0]) for pin in pins()])
def test_each_sum_and_digest_is_one_that_public_files_confirm(what: str, pin: str, known: Mapping[str, int]) -> None:
    assert known.get(pin, 0) >= ENOUGH, f"{what}: count the public files that name {pin}, and write it down with its date"


def test_what_is_confirmed_less_surely_is_said_so_beside_it() -> None:
    named = {pin for _, pin, _ in pins()}
    weak = set(FACTS["of_one_descent"]) & named
    assert weak == {file.sha256 for platform, file in sorted(_kubectl().files.items()) if platform.startswith("darwin")}
    entry = LOCK.entries["tool/kubectl"]
    above = FILE.read_text().splitlines()[entry.line - 3 : entry.line]
    assert "of one descent" in " ".join(above)


def _kubectl() -> PulledFiles:
    source = LOCK.entries["tool/kubectl"].pulls[0]
    assert isinstance(source, PulledFiles)
    return source


def test_no_two_files_have_the_same_sum() -> None:
    """A sum that was copied to the wrong line would be refused only on the computer of whom it concerns."""
    sums = [pin for _, pin, _ in pins()]
    assert len(sums) == len(set(sums))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.key)
def test_each_entry_is_pulled_or_says_why_not(entry: Entry) -> None:
    assert bool(entry.pulls) != bool(entry.unpublished)


@pytest.mark.parametrize(("entry", "source"), PULLED, ids=lambda value: getattr(value, "key", None))
def test_what_is_pulled_can_be_had_and_checked(entry: Entry, source: PulledFiles | PulledImage) -> None:
    if isinstance(source, PulledImage):
        assert source.digest is not None
        return
    assert set(source.files) == PLATFORMS
    assert source.sums  # for `kit images verify`
    for platform, file in source.files.items():
        place = urlsplit(file.url)
        assert place.hostname in UPSTREAM
        assert source.version in file.url
        system, machine = platform.split("-")
        assert system in file.url
        assert re.search(machine if "compose" not in file.url else {"amd64": "x86_64", "arm64": "aarch64"}[machine], file.url)
        is_archive = file.url.endswith((".tar.gz", ".zip"))
        assert bool(file.member) == is_archive
        assert file.member is None or file.member in ("tofu", f"{platform}/helm")


def test_every_tool_can_be_pulled() -> None:
    assert [entry.name for entry in LOCK.of("tool") if not entry.can_be_pulled] == []


def test_a_reason_beside_a_source_that_is_pulled_is_refused() -> None:
    text = (
        "version: 1\nimages:\n  app:\n    unpublished: nobody has one\n"
        f"    sources: [{{pulled: {{reference: 'app:1', digest: 'sha256:{'a' * 64}'}}}}]\n"
    )
    with pytest.raises(LockInvalid) as refused:
        lock_file.parse(text, Path("lock.yaml"))
    assert "lock.yaml:3" in refused.value.what
    assert "`unpublished` says why nothing is pulled" in refused.value.why
