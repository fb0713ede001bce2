"""Whether a recipe can be gone is known before it is begun: its program, its version, and room on the disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kit.adapters.docker.errors import DiskFull
from kit.adapters.docker.observed import Platform
from kit.adapters.docker.registries import RegistryUnreachable
from kit.adapters.process import Result
from kit.report import failure
from kit.supply import disk_space, lock_file
from kit.supply.buildable import Builders
from kit.supply.cache import Cache
from kit.supply.errors import NoSource
from kit.supply.lock import Built, Entry, Lock, Recipe
from kit.supply.resolve import Need
from kit.supply.supply import Supply

ROOT = Path(__file__).parents[2]
LOCK = """
version: 1
artifacts:
  etcd: {sources: [{built: {version: "1", go_build: {folder: etcd, packages: {etcd: .}}}}]}
  coredns: {sources: [{built: {version: "1", go_install: example.org/coredns@v1}}]}
  files: {sources: [{built: {version: "1", go_module_files: {module: example.org/kind@v1, folder: files}}}]}
  jars: {sources: [{built: {version: "1", maven: jars}}]}
  relay:
    sources:
      - built:
          version: "1"
          cargo: {package: relay==1.0, sha256: SHA, archive: a.zip, folder: a, programs: [relay]}
images:
  base: {sources: [{built: {version: "13", debian: trixie}}]}
  app: {sources: [{built: {version: "1", dockerfile: app, base: base}}]}
  node: {sources: [{built: {version: "1", dockerfile: app, base: base, finish: node/preload.sh}}]}
  only-pulled: {sources: [{pulled: {reference: "x/y:1", digest: "sha256:SHA"}}]}
""".replace("SHA", "a" * 64)
READ = lock_file.parse(LOCK, Path("lock.yaml"))
GB = 1024**3


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture(autouse=True)
def much_room(monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 1000 * GB)


def free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(size, 0, size))


def builders(folder: Path, programs: Mapping[str, str], **environment: str) -> Builders:
    """On a computer with these programs alone: name → what it says."""
    path = folder / "bin"
    path.mkdir()
    for name in programs:
        (path / name).write_text("")
        (path / name).chmod(0o755)
    (folder / "etcd").mkdir()
    (folder / "etcd" / "go.mod").write_text("module etcd\n\ngo 1.22.3\n\nrequire example.org/x v1.22.9\n")

    def run(argv: Sequence[str], **options: Any) -> Result:
        program = Path(argv[0])
        assert program.parent == path  # what is on PATH, and not what the test's own process would find
        return Result(tuple(argv), 0, programs[program.name], "")

    return Builders(folder, Cache(folder / "cache"), run, {"PATH": str(path), **environment})


def entry(name: str) -> Entry:
    found = READ.find(name)
    assert found is not None
    return found


DEBIAN = {"apt-get": "Debian Backports\nDebian\n", "mmdebstrap": ""}


@pytest.mark.parametrize(
    ("name", "programs", "why"),
    [
        ("etcd", {}, "go is not on PATH"),
        ("coredns", {}, "go is not on PATH"),
        ("files", {}, "go is not on PATH"),
        ("etcd", {"go": "go1.20.14\n"}, "go is 1.20.14, 1.22.3 is asked for"),
        ("coredns", {"go": "go1.20\n"}, "go is 1.20, 1.21 is asked for"),
        ("etcd", {"go": "go1.21.0\n"}, None),  # it fetches 1.22.3 by itself
        ("etcd", {"go": "devel go1.27-4f1c9a2\n"}, None),
        ("etcd", {"go": "who knows"}, "go does not tell its version"),
        ("jars", {}, "mvn is not on PATH"),
        ("jars", {"mvn": ""}, None),
        ("relay", {}, "cargo is not on PATH"),
        ("base", DEBIAN, None),
        ("base", {"apt-get": "Debian\n"}, "mmdebstrap is not on PATH"),
        ("base", {"apt-get": "Ubuntu\nDebian Fasttrack\n", "mmdebstrap": ""}, "apt knows no mirror of Debian"),
        ("base", {}, "it is made from apt's mirror of Debian, and there is no apt"),
        ("app", {}, None),
        ("node", {}, "docker is not on PATH"),
        ("node", {"docker": ""}, None),
        ("only-pulled", {}, None),
    ],
)
def test_a_recipe_needs_its_program(tmp_path: Path, name: str, programs: dict[str, str], why: str | None) -> None:
    said = builders(tmp_path, programs).why_not(entry(name))
    assert said == (f"it cannot be built: {why}" if why else None)


@pytest.mark.parametrize(
    ("toolchain", "version", "serves"),
    [
        ("auto", "1.22.0", True),
        ("go1.21.0+auto", "1.22.0", True),
        ("local+auto", "1.22.0", True),
        ("local", "1.22.0", False),
        ("path", "1.22.0", False),
        ("local", "1.22.3", True),
    ],
)
def test_an_older_go_serves_if_it_may_fetch_the_newer(tmp_path: Path, toolchain: str, version: str, serves: bool) -> None:
    here = builders(tmp_path, {"go": f"go{version}\n"}, GOTOOLCHAIN=toolchain)
    said = here.why_not(entry("etcd"))
    assert (said is None) == serves
    assert said is None or f"GOTOOLCHAIN={toolchain} keeps it from fetching another" in said
    assert here.why_not(entry("coredns")) is None


def test_a_program_that_hangs_or_is_of_another_machine_is_no_program(tmp_path: Path) -> None:
    def fails(argv: Sequence[str], **options: Any) -> Result:
        raise OSError(8, "Exec format error")

    (tmp_path / "go").write_text("")
    (tmp_path / "go").chmod(0o755)
    here = Builders(tmp_path, Cache(tmp_path / "cache"), fails, {"PATH": str(tmp_path)})
    assert here.why_not(entry("coredns")) == "it cannot be built: go does not tell its version"


def test_each_program_is_asked_once(tmp_path: Path) -> None:
    here = builders(tmp_path, {"go": "go1.26.0\n"})
    asked: list[Sequence[str]] = []
    answer = here.run

    def counted(argv: Sequence[str], **options: Any) -> Result:
        asked.append(argv)
        return answer(argv, **options)

    counting = Builders(here.assets, here.cache, counted, here.environment)
    assert {counting.why_not(entry(name)) for name in ("etcd", "coredns", "files")} == {None}
    assert len(asked) == 1


def test_only_programs_that_would_mend_everything_are_advised(tmp_path: Path) -> None:
    here = builders(tmp_path, {"apt-get": "Debian\n"})
    every = [entry(name) for name in ("etcd", "coredns", "jars", "base", "app")]
    assert [advice.partition(" ")[0] for advice in here.lacking(every)] == ["Go", "Maven", "mmdebstrap"]
    assert here.lacking([*every, entry("only-pulled")]) == ()
    ubuntu = Builders(here.assets, here.cache, lambda argv, **options: Result(tuple(argv), 0, "Ubuntu", ""), here.environment)
    assert ubuntu.lacking(every) == ()  # no program makes its apt know Debian


# --- room ---


def recipe(name: str) -> Recipe:
    found = entry(name).recipe
    assert found is not None
    return found


def need(name: str) -> Need:
    found = entry(name)
    source = next(source for source in found.sources if isinstance(source, Built) or found.pulls)
    return Need(found.key, found.section, found.name, source, "", "", "0" * 64, ())  # type: ignore[arg-type]


def test_what_has_no_room_cannot_be_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = builders(tmp_path, {"go": "go1.26.0\n"})
    free(monkeypatch, disk_space.GO_BUILD - 1)
    assert here.why_not(entry("etcd")) == "it cannot be built: about 2 GB are needed, 2.0 GB are free"
    assert here.lacking([entry("etcd")]) == ()  # Go is there, and more of it makes no room
    free(monkeypatch, disk_space.GO_BUILD)
    assert here.why_not(entry("etcd")) is None


def test_the_cache_of_an_earlier_build_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path)
    cache.go.mkdir()
    (cache.go / "compiled").write_bytes(b"x" * 4096)
    free(monkeypatch, disk_space.GO_BUILD - 4096)
    assert disk_space.lacking(cache, recipe("etcd")) is None
    free(monkeypatch, disk_space.GO_BUILD - 4097)
    assert disk_space.lacking(cache, recipe("etcd")) is not None


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ([], disk_space.LEAST),
        (["only-pulled"], disk_space.LEAST + disk_space.PULLED_IMAGE),
        (["etcd", "coredns", "files"], disk_space.LEAST + disk_space.GO_BUILD),  # they share modules and results
        (["etcd", "relay", "jars"], disk_space.LEAST + disk_space.GO_BUILD + disk_space.CARGO_BUILD + disk_space.MAVEN_BUILD),
        (["base", "app"], disk_space.LEAST + 2 * disk_space.IMAGE_BUILD),
    ],
)
def test_room_is_asked_for_what_will_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], wanted: int
) -> None:
    free(monkeypatch, wanted)
    disk_space.check(Cache(tmp_path / "not" / "there" / "yet"), [need(name) for name in names])
    free(monkeypatch, wanted - 1)
    with pytest.raises(DiskFull):
        disk_space.check(Cache(tmp_path / "not" / "there" / "yet"), [need(name) for name in names])


def test_images_are_held_against_the_engine_s_disk_where_it_is_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Path("/proc")  # a file system of its own on every Linux
    here = {tmp_path: disk_space.GO_BUILD, engine: disk_space.LEAST + disk_space.PULLED_IMAGE + disk_space.IMAGE_BUILD}
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(0, 0, here[place]))
    needs = [need(name) for name in ("only-pulled", "base", "etcd")]
    disk_space.check(Cache(tmp_path), needs, engine)
    here[engine] -= 1
    with pytest.raises(DiskFull, match="/proc"):
        disk_space.check(Cache(tmp_path), needs, engine)
    here[engine], here[tmp_path] = 1000 * GB, disk_space.GO_BUILD - 1
    with pytest.raises(DiskFull, match=str(tmp_path)):
        disk_space.check(Cache(tmp_path), needs, engine)
    here[tmp_path] = 1000 * GB
    here[engine] = 0
    disk_space.check(Cache(tmp_path), needs, tmp_path)  # one disk for both


def test_a_node_of_kubernetes_is_the_largest_and_a_connected_computer_needs_none_of_it() -> None:
    lock = lock_file.read(ROOT / "kit" / "supply" / "lock.yaml")
    kubernetes = lock.entries["artifact/kubernetes"].recipe
    assert kubernetes is not None
    assert disk_space.of_recipe(kubernetes) == disk_space.KUBERNETES_BUILD
    kubectl = lock.entries["tool/kubectl"].recipe
    assert kubectl is not None
    assert disk_space.of_recipe(kubectl) < disk_space.KUBERNETES_BUILD


# --- a computer with nothing ---


class EmptyEngine:
    """It has no image and reaches no registry; it asked, as the real one does, in its own name."""

    def __init__(self) -> None:
        self.images = self
        self.platform = Platform("linux", "amd64")
        self.asked: list[str] = []

    def find(self, reference: str) -> None:
        return None

    def all(self, labels: Mapping[str, str] | None = None) -> tuple[()]:
        return ()

    def digest_at_registry(self, reference: str, *, timeout_s: float) -> str | None:
        self.asked.append(reference)
        raise RegistryUnreachable(reference=reference, said="connection refused")

    def info(self) -> dict[str, str]:
        return {"CgroupVersion": "2"}

    @contextmanager
    def doing(self, what: str) -> Any:
        yield


UP = ["kafka", "postgres", "redis", "clickhouse", "s3", "compose", "kind", "helm", "terraform"]
UP += ["kind-node", "bugsink", "probe", "probe-current"]


def with_parts(lock: Lock, names: Iterable[str]) -> set[str]:
    """Keys of these entries, and of all that they are built from."""
    waiting = [found.key for name in names if (found := lock.find(name))]
    keys: set[str] = set()
    while waiting:
        keys.add(key := waiting.pop())
        waiting += lock.entries[key].needs
    return keys


def nothing(folder: Path, programs: Mapping[str, str]) -> Supply:
    """The real lock on a computer with these programs and no network."""
    here = builders(folder, programs)
    environment = {
        **here.environment,
        "HOME": str(folder),
        "KIT_FILES_PREFIX": "https://127.0.0.1:1/",
        "KIT_REGISTRY_PREFIX": "127.0.0.1:1/",
    }
    lock, run = ROOT / "kit" / "supply" / "lock.yaml", here.run
    return Supply(lock, folder / "cache", ROOT, EmptyEngine(), run, environment=environment)  # type: ignore[arg-type]


@pytest.fixture
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kit.host.cli_plugins.folders", lambda environment: ())


@pytest.mark.usefixtures("no_plugins")
def test_without_go_maven_and_any_network_one_error_names_everything(tmp_path: Path) -> None:
    with pytest.raises(NoSource) as none:
        nothing(tmp_path, {"docker": "", "apt-get": "Debian\n"}).plan(UP)
    reasons, said = none.value.reasons, none.value
    lock = lock_file.read(ROOT / "kit" / "supply" / "lock.yaml")
    assert set(reasons) == with_parts(lock, UP)
    for key, why in reasons.items():  # each with its own
        text = "\n".join(why)
        found = lock.entries[key]
        assert ("127.0.0.1:1 cannot be reached: Connection refused" in text) == (found.section == "tool")
        assert ("the registry 127.0.0.1:1 cannot be reached: connection refused" in text) == bool(found.pulled_images)
        assert "it cannot be built" in text or "it is built from" in text
        assert ("it is not pulled: " in text) == bool(found.unpublished and found.section != "artifact")
    assert reasons["image/debian-trixie"][-1] == "it cannot be built: mmdebstrap is not on PATH"
    assert reasons["artifact/kafka"] == ("it cannot be built: mvn is not on PATH",)
    assert reasons["tool/kind"][0] == "kind is not on PATH"
    for way_out in (
        "KIT_REGISTRY_PREFIX, KIT_FILES_PREFIX",
        "kit images load",
        "install mmdebstrap",
        "Maven",
        "Go 1.21 or newer (go.dev/dl)",
    ):
        assert way_out in said.fix
    assert "kit setup" not in said.fix  # it installs none of them


@pytest.mark.usefixtures("no_plugins")
def test_the_error_reads_well_on_a_terminal(tmp_path: Path) -> None:
    with pytest.raises(NoSource) as none:
        nothing(tmp_path, {"docker": "", "apt-get": "Debian\n"}).plan(UP)
    lines = failure.text(none.value, color=False, verbose=False).splitlines()
    assert max(map(len, lines)) <= 150
    assert lines[0].startswith(f"✗ there is no way to get {len(none.value.reasons)} entries of the lock here")
    assert len(lines) <= 65
    said = [line for line in lines if "it cannot be built: go is not on PATH" in line]
    assert len(said) <= 5  # the programs that Go would make stand together, as far as their other reasons are the same


@pytest.mark.usefixtures("no_plugins")
def test_a_program_that_reads_the_error_gets_all_of_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NoSource) as none:
        nothing(tmp_path, {}).plan(UP)
    failure.show(none.value, as_json=True, verbose=False)
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["exit_code"] == 23
    assert "artifacts minio, kubernetes" in error["detail"]


@pytest.mark.usefixtures("no_plugins")
@pytest.mark.parametrize("there", ["go", "mvn", "mmdebstrap"])
def test_what_is_there_is_not_advised(tmp_path: Path, there: str) -> None:
    programs = {"docker": "", "apt-get": "Debian\n", there: "go1.22.2\n"}
    with pytest.raises(NoSource) as none:
        nothing(tmp_path, programs).plan(UP)

    advised = {
        program for program, word in (("go", "Go 1"), ("mvn", "Maven"), ("mmdebstrap", "mmdebstrap")) if word in none.value.fix
    }
    assert advised == {"go", "mvn", "mmdebstrap"} - {there}


@pytest.mark.usefixtures("no_plugins")
def test_with_all_programs_everything_is_built(tmp_path: Path) -> None:
    programs = {"docker": "", **DEBIAN, "go": "go1.26.6\n", "mvn": ""}
    needs = nothing(tmp_path, programs).plan(UP)
    assert {each.how for each in needs} == {"built"}
    assert {each.key for each in needs} == with_parts(lock_file.read(ROOT / "kit" / "supply" / "lock.yaml"), UP)
