"""Registries that refuse, each in its own way, against the real engine: the right words, an end, and nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from kit.adapters.docker.client import Docker
from kit.adapters.docker.registries import (
    ImagePullFailed,
    RegistryDenied,
    RegistryFailing,
    RegistryLacks,
    RegistryLimited,
    RegistrySilent,
    RegistryUnreachable,
)
from kit.supply.errors import NoSource
from kit.supply.lock import PulledImage
from kit.supply.registry import Registry
from kit.supply.supply import Supply
from tests.support.program import ROOT, Program
from tests.support.registry_front import Front, Refusal, forget, front, pushed, registry

SILENT_S = 1.5
PATIENT_S = 20.0
LAYER = 3 * 1000 * 1000  # bytes that do not compress: the engine gets half of them
# What a user meets who presses Ctrl-C while `kit` pulls. Prints when bytes have come.
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
        Supply(home / "lock.yaml", home / "cache", home, Docker()).ensure(ways=("pulled",))
    except KeyboardInterrupt:
        sys.exit(130)
"""


@dataclass(frozen=True)
class Upstream:
    address: str
    name: str
    digest: str


@pytest.fixture(scope="module")
def docker(engine: None) -> Docker:
    return Docker()


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory, docker: Docker) -> Iterator[Upstream]:
    folder = tmp_path_factory.mktemp("upstream")
    with registry(folder) as address:
        (folder / "file").write_bytes(os.urandom(LAYER))
        name = f"kit-test-{uuid.uuid4().hex[:8]}"
        yield Upstream(address, name, pushed(docker, f"{address}/library/{name}", folder / "file"))


@pytest.fixture
def refusing(upstream: Upstream, docker: Docker) -> Iterator[Front]:
    """A front of its own for each test, on a port of its own; the engine keeps nothing of it."""
    forget(docker, upstream.name)
    with front(upstream.address) as made:
        yield made
    forget(docker, upstream.name)


def locked(home: Path, upstream: Upstream) -> None:
    """A lock with that image, which can also be built."""
    (home / "recipe").mkdir()
    (home / "recipe" / "Dockerfile").write_text("FROM scratch\nCOPY file /file\n")
    (home / "recipe" / "file").write_text("built here\n")
    (home / "lock.yaml").write_text(
        "version: 1\nimages:\n"
        f"  {upstream.name}:\n    sources:\n"
        f"      - pulled: {{reference: '{upstream.name}:1', digest: {upstream.digest}}}\n"
        '      - built: {version: "1", dockerfile: recipe}\n'
    )


def is_kept(docker: Docker, upstream: Upstream) -> bool:
    return any(upstream.name in name for image in docker.images.all() for name in (*image.tags, *image.digests))


REFUSALS: list[tuple[Refusal, type[ImagePullFailed]]] = [
    ("unauthorized", RegistryDenied),
    ("forbidden", RegistryDenied),
    ("limited", RegistryLimited),
    ("failing", RegistryFailing),
    ("closes", RegistryUnreachable),
    ("silent", RegistrySilent),
]


@pytest.mark.parametrize(("refusal", "kind"), [*REFUSALS, ("absent", RegistryLacks), ("half", RegistrySilent)])
def test_a_pull_that_is_refused_says_how(
    refusal: Refusal, kind: type[ImagePullFailed], refusing: Front, upstream: Upstream, docker: Docker, tmp_path: Path
) -> None:
    refusing.refusal = refusal
    place, log = f"{refusing.address}/library/{upstream.name}", tmp_path / "log"
    with pytest.raises(ImagePullFailed) as refused:
        docker.images.pull(place, upstream.digest, log=log, silent_s=SILENT_S)
    assert type(refused.value) is kind
    assert refusing.address in refused.value.what
    assert not is_kept(docker, upstream)
    # The old connections stay silent. Had the engine not ended that pull, the next one would join it and wait with it.
    refusing.refusal = None
    assert docker.images.pull(place, upstream.digest, log=log, silent_s=PATIENT_S) == f"{place}@{upstream.digest}"


@pytest.mark.parametrize(("refusal", "kind"), REFUSALS)
def test_a_question_that_is_refused_is_not_taken_for_an_image_that_is_not_there(
    refusal: Refusal, kind: type[ImagePullFailed], refusing: Front, upstream: Upstream, docker: Docker
) -> None:
    refusing.refusal = refusal
    asked = Registry(docker.images, refusing.address, probe_s=SILENT_S, patient_s=SILENT_S)
    first = asked.why_not(PulledImage(f"{upstream.name}:1", upstream.digest))
    assert first is not None
    assert refusing.address in first
    with pytest.raises(kind):
        docker.images.digest_at_registry(f"{refusing.address}/library/{upstream.name}:1", timeout_s=SILENT_S)
    if refusal != "silent":
        return
    refusing.refusal = None  # it was only slow
    assert asked.why_not(PulledImage(f"{upstream.name}:1", upstream.digest)) == first
    assert asked.why_not(PulledImage(f"{upstream.name}:1", upstream.digest), patient=True) is None


def test_an_absent_image_is_none(refusing: Front, upstream: Upstream, docker: Docker) -> None:
    reference = f"{refusing.address}/library/{upstream.name}:1"
    assert docker.images.digest_at_registry(reference, timeout_s=20) == upstream.digest
    refusing.refusal = "absent"
    assert docker.images.digest_at_registry(reference, timeout_s=20) is None
    assert docker.images.digest_at_registry(f"{refusing.address}/library/nobody:1", timeout_s=20) is None


def test_a_pull_says_how_far_it_is_and_why_it_ended(refusing: Front, upstream: Upstream, docker: Docker, tmp_path: Path) -> None:
    refusing.refusal = "half"
    said: list[str] = []
    with pytest.raises(RegistrySilent, match="does not answer") as silent:
        docker.images.pull(
            f"{refusing.address}/library/{upstream.name}",
            upstream.digest,
            log=tmp_path / "log",
            silent_s=SILENT_S,
            note=said.append,
        )
    assert f"no word from the registry for {SILENT_S:g} s" in silent.value.why
    assert said
    assert "of 3.0 MB" in said[0]


@pytest.mark.parametrize(("refusal", "told"), [("limited", "toomanyrequests"), ("unauthorized", "docker login")])
def test_the_registry_s_reason_is_shown_where_nothing_else_can_be_done(
    refusal: Refusal, told: str, refusing: Front, upstream: Upstream, docker: Docker, tmp_path: Path
) -> None:
    locked(tmp_path, upstream)
    refusing.refusal = refusal
    environment = {**os.environ, "KIT_REGISTRY_PREFIX": refusing.address}
    supply = Supply(tmp_path / "lock.yaml", tmp_path / "cache", tmp_path, docker, environment=environment)
    with pytest.raises(NoSource) as none:
        supply.ensure(ways=("pulled",))
    assert refusing.address in none.value.why
    assert told in none.value.why
    made = supply.ensure()
    assert [need.how for need in made] == ["built"]
    assert told in made[0].cause


def test_ctrl_c_in_the_middle_of_a_pull_ends_it(refusing: Front, upstream: Upstream, docker: Docker, tmp_path: Path) -> None:
    locked(tmp_path, upstream)
    refusing.refusal = "half"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KIT_REGISTRY_PREFIX": refusing.address}
    child = subprocess.Popen([sys.executable, "-c", INTERRUPTED, str(tmp_path)], env=environment)
    try:
        assert refusing.stopped.wait(60), "the pull did not come to its middle"
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 130
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        child.wait()
    assert not is_kept(docker, upstream)
    refusing.refusal = None  # the engine has ended that pull, too: the next one does not wait with it
    place = f"{refusing.address}/library/{upstream.name}"
    assert docker.images.pull(place, upstream.digest, log=tmp_path / "log", silent_s=PATIENT_S)


# -- a credential helper that is not installed


@pytest.fixture
def helperless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """config.json as Docker Desktop leaves it behind."""
    folder = tmp_path / "cli"
    folder.mkdir()
    (folder / "config.json").write_text('{"auths": {}, "credsStore": "desktop"}\n')
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder / "config.json"


def test_without_the_helper_public_images_come_and_builds_go_on(
    helperless: Path, refusing: Front, upstream: Upstream, tmp_path: Path
) -> None:
    locked(tmp_path, upstream)
    docker = Docker()
    environment = {**os.environ, "KIT_REGISTRY_PREFIX": refusing.address}
    supply = Supply(tmp_path / "lock.yaml", tmp_path / "cache", tmp_path, docker, environment=environment)
    assert [need.how for need in supply.ensure()] == ["pulled"]
    forget(docker, upstream.name)
    assert [need.how for need in supply.ensure(ways=("built",), counting=("built",))] == ["built"]
    forget(docker, upstream.name)
    refusing.refusal = "unauthorized"
    with pytest.raises(RegistryDenied) as denied:
        docker.images.pull(f"{refusing.address}/library/{upstream.name}", upstream.digest, log=tmp_path / "log")
    assert f"{helperless} names docker-credential-desktop, which is not installed" in denied.value.why
    assert "docker-credential-desktop" in denied.value.fix


def test_the_doctor_names_the_helper_and_its_file(helperless: Path, engine: None, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    doctor = Program(tmp_path / "home", f"helper-{os.getpid()}")("doctor", "-o", "json")
    (found,) = (finding for finding in doctor.json if finding["check"] == "logins to registries")
    assert found["verdict"] == "note"
    assert f"{helperless} names docker-credential-desktop" in found["said"]
    assert "docker-credential-desktop" in found["fix"]
    helperless.write_text("{}")
    doctor = Program(tmp_path / "home", f"helper-{os.getpid()}")("doctor", "-o", "json")
    assert {finding["check"]: finding["verdict"] for finding in doctor.json}["logins to registries"] == "right"
