"""Images on Python: made of wheels by hash alone, on either shape of it, and of one release wherever they come from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kit.supply.lock import Dockerfile, Entry
from kit.supply.lock_file import read

ROOT = Path(__file__).parents[2]
LOCK = read(ROOT / "kit" / "supply" / "lock.yaml")
BASES = ("python", "python-seed")
ON_PYTHON = [entry for entry in LOCK.of("image") if isinstance(entry.recipe, Dockerfile) and entry.recipe.base in BASES]


def steps(folder: str) -> tuple[str, ...]:
    """Its instructions, without comments, each in one line."""
    text = (ROOT / folder / "Dockerfile").read_text()
    code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(code.replace("\\\n", " ").splitlines())


def test_the_stand_in_and_every_probe_stand_on_a_python_that_can_be_pulled() -> None:
    assert {"bugsink", "probe", "probe-seed", "probe-current"} <= {entry.name for entry in ON_PYTHON}
    for name in BASES:
        (pulled,) = LOCK.entries[f"image/{name}"].pulled_images
        assert pulled.digest is not None
        assert pulled.reference.startswith("python:3.")


@pytest.mark.parametrize("entry", ON_PYTHON, ids=lambda entry: entry.name)
def test_it_is_made_of_wheels_by_hash_and_of_no_package_of_the_system(entry: Entry) -> None:
    assert isinstance(entry.recipe, Dockerfile)
    runs = [step for step in steps(entry.recipe.folder) if step.startswith("RUN")]
    installs = [step for step in runs if re.search(r"\bpip install\b", step)]
    assert installs
    assert all("--require-hashes --only-binary :all:" in step for step in installs)
    assert [step for step in runs if re.search(r"\b(apt|apt-get|apk|dpkg|gcc|make)\b", step)] == []
    for requirements in (ROOT / entry.recipe.folder).rglob("*.txt"):
        names = re.findall(r"^[a-z0-9].*", requirements.read_text(), re.MULTILINE)
        assert names
        assert all(re.fullmatch(r"\S+==\S+ \\", name) for name in names), requirements


def test_what_they_have_in_common_is_one_layer() -> None:
    """The builder takes a step that it has done before only if it is the same to the letter, on the same base, and the first."""
    firsts = set()
    for entry in ON_PYTHON:
        assert isinstance(entry.recipe, Dockerfile)
        instructions = steps(entry.recipe.folder)
        last = max(number for number, step in enumerate(instructions) if step.startswith("FROM"))
        firsts.add(instructions[last : last + 2])
    assert len(firsts) == 1
    assert "compileall" in firsts.pop()[1]


def test_bugsink_is_of_one_release_on_every_road() -> None:
    """Tables that a newer release has migrated have no way back."""
    versions = LOCK.entries["image/bugsink"].versions
    installed = re.findall(r"^bugsink==(\S+)", (ROOT / "kind/images/bugsink/requirements.txt").read_text(), re.MULTILINE)
    chart = re.findall(r'^appVersion: "(\S+)"', (ROOT / "kind/charts/sentry-lite/Chart.yaml").read_text(), re.MULTILINE)
    assert [versions["pulled"]] == [versions["built"]] == installed == chart
