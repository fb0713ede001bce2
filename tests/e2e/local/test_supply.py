"""The supply against the real engine, with a lock and a cache of its own: made once, whole, and movable in one file."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from kit import cancel, workspace
from kit.adapters import process
from kit.adapters.docker.client import Docker
from kit.adapters.docker.errors import DiskFull, ImageBuildFailed
from kit.adapters.docker.observed import Ended
from kit.cancel import Cancel, Cancelled
from kit.cli.images.command import images
from kit.errors import ToolFailed
from kit.host.platform import of_host
from kit.supply import archive, prune
from kit.supply.errors import ArchiveInvalid, ChecksumWrong, NotSupplied
from kit.supply.supply import Supply

ROOT = Path(__file__).parents[3]
# Ctrl-C as a terminal sends it: whoever started the tests may have it switched off.
INTERRUPTED = """
import signal, sys
from pathlib import Path
from kit import cancel
from kit.adapters.docker.client import Docker
from kit.supply.supply import Supply

signal.signal(signal.SIGINT, signal.default_int_handler)
home = Path(sys.argv[1])
with cancel.current.listening():
    try:
        Supply(home / "lock.yaml", home / "cache", home, Docker()).ensure()
    except KeyboardInterrupt:
        sys.exit(130)
"""
PROGRAM = b"#!/bin/sh\necho tiny 1.0\n"


@dataclass
class Heard:
    said: list[str] = field(default_factory=list)

    def started(self, name: str, cause: str) -> None:
        self.said.append(f"started {name}")

    def begun(self, expected: Mapping[str, float | None]) -> None:
        pass

    def doing(self, name: str, what: str) -> None:
        pass

    def gave_way(self, name: str, why: str) -> None:
        self.said.append(f"gave way {name}")

    def finished(self, name: str, source: str, seconds: float) -> None:
        self.said.append(f"finished {name} {source}")

    def failed(self, name: str, log: str) -> None:
        self.said.append(f"failed {name} {log}")


@pytest.fixture
def name(docker: Docker) -> Iterator[str]:
    """A name that nobody else has; its images vanish with the test."""
    name = f"kit-test-{uuid.uuid4().hex[:8]}"
    yield name
    for image in docker.images.all():
        for tag in image.tags:
            if name in tag:
                docker.images.untag(tag)


@pytest.fixture(scope="module")
def docker(engine: None) -> Docker:
    return Docker()


def supply(home: Path, docker: Docker, name: str, cache: str = "cache") -> Supply:
    """One tool fetched by its checksum, and two images, of which one stands on the other."""
    for folder, text in ("base", "FROM scratch\nCOPY file /file\n"), ("app", "ARG BASE\nFROM ${BASE}\nCOPY file /other\n"):
        (home / folder).mkdir(exist_ok=True)
        if not (home / folder / "Dockerfile").exists():
            (home / folder / "Dockerfile").write_text(text)
            (home / folder / "file").write_text(folder)
    (home / "upstream.example").mkdir(exist_ok=True)
    (home / "upstream.example" / "program").write_bytes(PROGRAM)
    lock, sha256 = home / "lock.yaml", hashlib.sha256(PROGRAM).hexdigest()
    lock.write_text(
        "version: 1\n"
        "tools:\n"
        "  tiny:\n"
        "    sources:\n"
        "      - pulled:\n"
        '          version: "1.0"\n'
        f"          files: {{{of_host()}: {{url: 'https://upstream.example/program', sha256: {sha256}}}}}\n"
        "images:\n"
        f'  {name}-base: {{sources: [{{built: {{version: "1", dockerfile: base}}}}]}}\n'
        f'  {name}-app: {{sources: [{{built: {{version: "1", dockerfile: app, base: {name}-base}}}}]}}\n'
    )
    environment = {**os.environ, "KIT_FILES_PREFIX": home.as_uri()}
    return Supply(lock, home / cache, home, docker, environment=environment)


def test_what_is_there_is_not_made_again(tmp_path: Path, docker: Docker, name: str) -> None:
    first = supply(tmp_path, docker, name)
    with pytest.raises(NotSupplied):
        first.tool("tiny")
    made = [need.key for need in first.ensure()]
    assert sorted(made) == [f"image/{name}-app", f"image/{name}-base", "tool/tiny"]
    assert made.index(f"image/{name}-base") < made.index(f"image/{name}-app")
    heard = Heard()
    assert supply(tmp_path, docker, name).ensure(progress=heard) == ()
    assert heard.said == []
    assert process.run([str(first.tool("tiny"))]).stdout == "tiny 1.0\n"
    assert docker.images.find(first.image(f"{name}-app").reference) is not None


def test_a_changed_recipe_is_made_anew_with_what_stands_on_it(tmp_path: Path, docker: Docker, name: str) -> None:
    before = supply(tmp_path, docker, name)
    before.ensure()
    (tmp_path / "base" / "file").write_text("changed")
    after = supply(tmp_path, docker, name)
    assert [need.key for need in after.plan()] == [f"image/{name}-base", f"image/{name}-app"]
    old = before.image(f"{name}-app").reference
    after.ensure()
    assert after.image(f"{name}-app").reference != old
    assert old in prune_only(after, name)
    assert docker.images.find(old) is None


def test_a_failed_build_names_step_and_log_and_keeps_the_rest(tmp_path: Path, docker: Docker, name: str) -> None:
    broken = supply(tmp_path, docker, name)
    (tmp_path / "app" / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\nCOPY file /other\nCOPY absent /\n")
    heard = Heard()
    with pytest.raises(ImageBuildFailed) as failed:
        broken.ensure(progress=heard)
    log = broken.cache.log(f"{name}-app", broken.hashes[f"image/{name}-app"])
    assert ": COPY absent /" in failed.value.what
    assert str(log) in failed.value.fix
    assert ": COPY file /other" in log.read_text()
    assert f"failed image/{name}-app {log}" in heard.said
    assert [need.key for need in broken.plan()] == [f"image/{name}-app"]
    (tmp_path / "app" / "Dockerfile").unlink()
    (tmp_path / "app" / "file").unlink()
    assert [need.key for need in supply(tmp_path, docker, name).ensure()] == [f"image/{name}-app"]


def test_two_at_once_make_a_thing_once(tmp_path: Path, docker: Docker, name: str) -> None:
    made: list[str] = []

    def run(one: Supply) -> None:
        made.extend(need.key for need in one.ensure())

    threads = [threading.Thread(target=run, args=(supply(tmp_path, docker, name),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [f"image/{name}-app", f"image/{name}-base", "tool/tiny"]


def test_half_made_things_are_swept_up(tmp_path: Path, docker: Docker, name: str) -> None:
    found = supply(tmp_path, docker, name)
    place = found.cache.program("tiny", hashlib.sha256(PROGRAM).hexdigest(), of_host())
    left = place.parent.with_name(f".{place.parent.name}")
    left.mkdir(parents=True)
    (left / "tiny").write_text("half of it")
    found.ensure(["tiny"])
    assert place.read_bytes() == PROGRAM
    assert not left.exists()


def test_a_program_that_is_not_what_the_lock_says_is_thrown_away(tmp_path: Path, docker: Docker, name: str) -> None:
    found = supply(tmp_path, docker, name)
    (tmp_path / "upstream.example" / "program").write_bytes(PROGRAM + b"evil\n")
    with pytest.raises(ChecksumWrong):
        found.ensure(["tiny"])
    with pytest.raises(NotSupplied):
        found.tool("tiny")


def test_a_complete_set_moves_in_one_file(tmp_path: Path, docker: Docker, name: str) -> None:
    here = supply(tmp_path, docker, name)
    session = SimpleNamespace(supply=lambda: here, output="table")
    saved = CliRunner().invoke(images, ["save", str(tmp_path / "kit.tar")], obj=session, catch_exceptions=False)
    assert "saved 2 images and 1 tools" in saved.stderr
    references = [here.image(f"{name}-{part}").reference for part in ("app", "base")]
    for reference in references:
        assert docker.images.untag(reference)
    there = supply(tmp_path, docker, name, cache="other")
    assert len(there.plan()) == 3
    session = SimpleNamespace(supply=lambda: there, output="table")
    CliRunner().invoke(images, ["load", str(tmp_path / "kit.tar")], obj=session, catch_exceptions=False)
    assert there.plan() == ()
    assert [there.image(f"{name}-{part}").reference for part in ("app", "base")] == references
    assert there.tool("tiny").read_bytes() == PROGRAM
    assert there.tool("tiny").is_relative_to(tmp_path / "other")


def test_a_changed_byte_in_an_archive_is_found_before_anything_is_used(tmp_path: Path, docker: Docker, name: str) -> None:
    here = supply(tmp_path, docker, name)
    here.ensure(["tiny"])
    file = tmp_path / "kit.tar"
    archive.save(here, file, ["tiny"])
    there = supply(tmp_path, docker, name, cache="other")
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"echo tiny", b"echo evil"))
    with pytest.raises(ChecksumWrong):
        archive.load(there, file)
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArchiveInvalid):
        archive.load(there, file)
    with pytest.raises(NotSupplied):
        there.tool("tiny")


def test_an_interruption_ends_what_runs_and_keeps_what_is_finished(
    tmp_path: Path, docker: Docker, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = supply(tmp_path, docker, name)
    found.ensure(["tiny"])
    with monkeypatch.context() as patch:
        patch.setattr(cancel, "current", Cancel())
        cancel.current.set()
        with pytest.raises(Cancelled):
            found.ensure()
    assert found.tool("tiny").is_file()
    assert supply(tmp_path, docker, name).ensure() != ()


def test_too_little_room_is_told_before_anything_begins(
    tmp_path: Path, docker: Docker, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.supply.disk_space.LEAST", 2**60)  # no disk has that much
    heard = Heard()
    with pytest.raises(DiskFull) as refused:
        supply(tmp_path, docker, name).ensure(progress=heard)
    assert "are needed" in refused.value.why
    assert heard.said == []


def test_ctrl_c_ends_what_was_started_and_leaves_nothing_half_made(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    go = tmp_path / "bin" / "go"  # stands for a build that takes long, and tells who it is
    go.write_text(
        '#!/bin/sh\nif [ "$1" = env ]; then echo go1.26.0; exit; fi\n'
        f"echo $$ > {tmp_path / 'pid.part'}; mv {tmp_path / 'pid.part'} {tmp_path / 'pid'}\nexec sleep 600\n"
    )
    go.chmod(0o755)
    (tmp_path / "lock.yaml").write_text(
        'version: 1\ntools:\n  slow: {sources: [{built: {version: "1", go_install: example.org/slow@v1}}]}\n'
    )
    kit = process.spawn(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path)],
        log=tmp_path / "log",
        env={"PATH": f"{go.parent}{os.pathsep}{os.environ['PATH']}"},
    )
    wait_until((tmp_path / "pid").exists, tmp_path / "log")
    child = int((tmp_path / "pid").read_text())
    os.kill(kit, signal.SIGINT)
    _, status = os.waitpid(kit, 0)
    assert os.waitstatus_to_exitcode(status) == 130, (tmp_path / "log").read_text()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert list((tmp_path / "cache" / "tools").glob("*/*")) == []


def wait_until(is_true: Callable[[], bool], log: Path) -> None:
    ends = time.monotonic() + 30
    while not is_true():
        assert time.monotonic() < ends, log.read_text()
        threading.Event().wait(0.05)


def test_a_throw_away_container_tells_its_exit_code_and_is_gone(docker: Docker) -> None:
    lock, here = ROOT / "kit" / "supply" / "lock.yaml", workspace.find("kit")
    real = Supply(lock, here.cache, here.assets, docker)
    real.ensure(["debian-trixie"])
    image = real.image("debian-trixie").reference
    before = {container.id for container in docker.containers()}
    ended = docker.run_once(image, ["sh", "-c", "id -u; exit 3"], user="10001:10001", check=False)
    assert ended == Ended(3, "10001\n")
    with pytest.raises(ToolFailed):
        docker.run_once(image, ["false"])
    assert {container.id for container in docker.containers()} <= before


def prune_only(found: Supply, name: str) -> tuple[str, ...]:
    """Prune, but with everything that is not this test's own out of its sight."""

    class Mine:
        def all(self) -> list[object]:
            return [image for image in found.docker.images.all() if any(name in tag for tag in image.tags)]

        def untag(self, reference: str) -> bool:
            return found.docker.images.untag(reference)

    view = SimpleNamespace(lock=found.lock, hashes=found.hashes, cache=found.cache, docker=SimpleNamespace(images=Mine()))
    return prune.outdated(view).images  # type: ignore[arg-type]
