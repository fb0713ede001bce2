"""What README.md and docs/connected.md say of the connected road, held against the lock and the code."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from kit import doctor as checks
from kit.adapters.docker import errors as docker_errors
from kit.adapters.docker import images, registries
from kit.adapters.kubernetes import kubeconfig
from kit.errors import KitError
from kit.host import fitness
from kit.report import progress
from kit.status import SOMETHING_WRONG
from kit.supply import buildable, disk_space, download, errors, lock_file, registry
from kit.supply import verify as verifying
from kit.supply.cache import Cache
from kit.supply.lock import Entry, PulledFiles, PulledImage
from kit.targets.local import layout

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DOCUMENT = (ROOT / "docs" / "connected.md").read_text()
LOCK = lock_file.read(ROOT / "kit" / "supply" / "lock.yaml")
CONFIRMED = yaml.safe_load((ROOT / "tests" / "manifests" / "lock-confirmed.yaml").read_text())
VARIABLES = set(re.findall(r"\bKIT_[A-Z_]+\b", "".join(path.read_text() for path in ROOT.glob("kit/**/*.py"))))
# What `up` on an empty computer asks of the supply, and the base of what is built on every road.
UP = ("kafka", "postgres", "redis", "clickhouse", "s3", "compose", "kind", "helm", "terraform", "kind-node", "bugsink")
UP += ("probe", "probe-current", "python")


def section(title: str) -> str:
    """The text below a heading of the document, up to the next."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found.group(1)


def words(text: str) -> str:
    """As it reads, wherever its lines end."""
    return " ".join(text.split())


def rows(text: str) -> list[list[str]]:
    """The cells of a table, without its head."""
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return table[2:]


PROSE = words(DOCUMENT)
PULLED = section("What is pulled, and why it is trusted")


def test_the_table_has_everything_that_is_pulled_with_its_version_and_its_confirmations() -> None:
    said = {(row[1], row[2], row[3]) for row in rows(PULLED)}
    wanted = set()
    for entry, source in ((each, source) for each in LOCK.entries.values() for source in each.pulls):
        if isinstance(source, PulledImage):
            known = CONFIRMED["images"][source.reference].values()
            wanted.add((source.reference, "Docker Hub", _span(known)))
        else:
            known = CONFIRMED["files"][f"{entry.name} {source.version}"].values()
            wanted.add((source.version, _host(source), _span(known)))
    assert said == wanted


def _span(counts: Iterable[int]) -> str:
    return "–".join(str(count) for count in sorted({min(counts), max(counts)}))


def _host(source: PulledFiles) -> str:
    (host,) = {urlsplit(file.url).hostname for file in source.files.values()}
    return str(host)


def test_every_image_of_the_lock_is_one_of_docker_hub_as_the_table_says() -> None:
    references = [image.reference for entry in LOCK.entries.values() for image in entry.pulled_images]
    assert {registries.host_of(reference) for reference in references} == {"docker.io"}


def test_the_readme_names_every_host_that_a_connected_computer_asks() -> None:
    tools = [LOCK.entries[f"tool/{name}"] for name in ("kind", "helm", "compose", "terraform")]
    hosts = {_host(source) for entry in tools for source in entry.pulls if isinstance(source, PulledFiles)}
    for name in (*hosts, "Docker Hub", "PyPI"):
        assert name in needed("connected laptop"), name


def needed(case: str) -> str:
    found = next((line for line in README.splitlines() if line.startswith(f"| **{case}**")), None)
    assert found is not None, case
    return found


def test_the_figures_of_the_disk_are_what_kit_asks_for() -> None:
    pulled = _asked(LOCK.find(name) for name in UP)
    everything = _asked(_with_parts(UP), by_pull=False)
    assert f"{_gigabytes(pulled)} GB of disk" in needed("connected laptop")
    assert f"{_gigabytes(everything)} GB of disk" in needed("closed network")
    assert f"that is {_gigabytes(pulled)} GB where all is pulled, and {_gigabytes(everything)} GB where all is built" in PROSE
    assert disk_space.PULLED_IMAGE == disk_space.IMAGE_BUILD
    image, tool, stack = (
        disk_space.PULLED_IMAGE // disk_space.MB,
        disk_space.PULLED_FILE // disk_space.MB,
        disk_space.LEAST // disk_space.GB,
    )
    assert f"{image} MB for an image, {tool} MB for a tool, {stack} GB for the stack" in PROSE
    assert f"{disk_space.KUBERNETES_BUILD // disk_space.GB} GB more (Kubernetes)" in PROSE


def _asked(entries: Iterable[Entry | None], by_pull: bool = True) -> int:
    """Bytes, for what is made of these entries, counted by what counts them when they are made."""
    total, recipes = disk_space.LEAST, []
    for entry in entries:
        assert entry is not None
        if entry.pulls and by_pull:
            total += disk_space._of_pulled(entry.pulls[0])
        elif entry.recipe:
            recipes.append(entry.recipe)
    return disk_space._wanted(Cache(Path("/nowhere")), recipes, total, free=10**15)


def _with_parts(names: Iterable[str]) -> list[Entry]:
    waiting, found = [LOCK.find(name) for name in names], dict[str, Entry]()
    while waiting:
        entry = waiting.pop()
        assert entry is not None
        found[entry.key] = entry
        waiting += [LOCK.entries[key] for key in entry.needs]
    return list(found.values())


def _gigabytes(size: int) -> int:
    return math.ceil(size / disk_space.GB)


def test_what_builds_need_is_what_the_readme_says() -> None:
    said = needed("closed network")
    assert f"Go {buildable.FETCHES_ITSELF} or newer" in said
    for word in ("Maven", "mmdebstrap"):
        assert word in said
    assert f"{checks.LEAST_MEMORY_GB} GB of memory" in needed("connected laptop")
    python = ".".join(map(str, checks.LEAST_PYTHON))
    assert f"Python {python} or newer" in needed("connected laptop")


@pytest.mark.parametrize("cause", list(fitness.SENTENCES))
def test_every_engine_that_is_refused_is_named(cause: str) -> None:
    name = {"podman": "Podman", "snap": "Snap"}.get(cause, cause)
    assert name in README
    assert cause in section("Engines and computers")


def test_the_version_of_the_node_for_cgroup_v1_is_the_lock_s() -> None:
    image = next(image for image in LOCK.entries["image/kind-node"].pulled_images if not image.unless)
    assert f"cgroup v1 is a note: upstream's newest node does not start there, so the cluster gets v{image.version}" in PROSE


def test_the_lines_of_the_volumes_are_the_code_s() -> None:
    said = section("Engines and computers")
    for line in layout.LINES.values():
        name, _, number = line.partition("-")
        assert number in said, (name, number)
    assert layout.OPENS["clickhouse-18"] == ("clickhouse-18",)
    assert layout.OPENS["clickhouse-25"] == ("clickhouse-25",)
    assert layout.OPENS["s3-2025"] == ("s3-2025",)
    assert "s3-2026" not in layout.OPENS


CODE = re.compile(r"`(KIT-[A-Z-]+)`(?:, (\d+))?")
ERRORS = {
    found.code: found
    for module in (docker_errors, errors, fitness, kubeconfig, registries)
    for found in vars(module).values()
    if inspect.isclass(found) and issubclass(found, KitError) and found is not KitError
}


def test_every_code_is_one_of_kit_with_its_exit_code() -> None:
    said = CODE.findall(DOCUMENT)
    assert len(said) > 12
    for code, exit_code in said:
        assert code in ERRORS, code
        if exit_code:
            assert ERRORS[code].exit_code == int(exit_code), code


def test_every_refusal_of_a_registry_has_its_row() -> None:
    said = {code for row in rows(section("What a registry refuses")) for code, _ in CODE.findall(row[1])}
    assert said == {found.code for found in ERRORS.values() if issubclass(found, registries.ImagePullFailed)}


def test_every_time_is_the_code_s() -> None:
    order, refuses = words(section("Installed → pulled → built")), words(section("What a registry refuses"))
    assert f"for at most {registry.PROBE_S:.0f} seconds" in order
    assert registry.PROBE_S == download.ASK_S
    assert f"does a silent one get {registry.PATIENT_S:.0f}" in order
    assert registry.PATIENT_S == download.PATIENT_S
    assert f"nothing new came for {images.SILENT_PULL_S:.0f} seconds" in refuses
    assert f"ends after {download.PATIENT_S:.0f} seconds" in refuses
    assert download.TRIES == 2
    assert f"every {progress.LONGEST_SILENCE_S:.0f} seconds at last" in PROSE


@pytest.mark.parametrize("text", [README, DOCUMENT], ids=["README.md", "connected.md"])
def test_every_variable_is_one_that_kit_reads(text: str) -> None:
    said = set(re.findall(r"\bKIT_[A-Z_]+\b", text))
    assert {"KIT_REGISTRY_PREFIX", "KIT_FILES_PREFIX"} <= said <= VARIABLES


def test_every_verdict_of_a_comparison_is_explained() -> None:
    said = words(section("Prove it on your computer"))
    for verdict in verifying.Verdict.__args__:  # type: ignore[attr-defined]
        assert f"`{verdict}`" in said
    assert f"Exit code {SOMETHING_WRONG} where something differs or is gone" in said
    assert f"{errors.DownloadFailed.exit_code} where upstream could not be asked" in said


@pytest.mark.parametrize("document", ["README.md", "docs/connected.md", "CHANGELOG.md", "docs/architecture.md"])
def test_every_link_leads_somewhere(document: str) -> None:
    place = ROOT / document
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", place.read_text())
    assert [link for link in links if "://" not in link and not (place.parent / link).exists()] == []
