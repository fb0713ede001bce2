"""Images by digest through a mirror: a real registry on loopback, the real engine, and a lock of its own.

The registry is Debian's `docker-registry`. The engine takes 127.0.0.0/8 as an insecure registry by itself, so nothing in its
configuration is touched.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from kit.adapters.docker.client import Docker
from kit.adapters.docker.registries import RegistryLacks, RegistryUnreachable
from kit.cli.images.command import images
from kit.supply.errors import NoSource
from kit.supply.lock import PulledImage
from kit.supply.supply import Supply
from tests.support.registry_front import forget, free_port, pushed, registry

WRONG = "sha256:" + "0" * 64


@dataclass(frozen=True)
class Mirror:
    address: str
    log: Path
    name: str  # of the one image in it
    digest: str


@pytest.fixture(scope="module")
def docker(engine: None) -> Docker:
    return Docker()


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory, docker: Docker) -> Iterator[Mirror]:
    """A registry with one tiny image under library/, as a mirror of upstream has it; and nothing of it in the engine."""
    folder = tmp_path_factory.mktemp("registry")
    with registry(folder) as address:
        name = f"kit-test-{uuid.uuid4().hex[:8]}"
        (folder / "file").write_text("from upstream\n")
        digest = pushed(docker, f"{address}/library/{name}", folder / "file")
        yield Mirror(address, folder / "registry.log", name, digest)


@pytest.fixture
def clean(docker: Docker, mirror: Mirror) -> Iterator[None]:
    """Each test begins and ends without the image in the engine."""
    forget(docker, mirror.name)
    yield
    forget(docker, mirror.name)


def supply(tmp_path: Path, docker: Docker, mirror: Mirror, digest: str | None, prefix: str | None = None) -> Supply:
    """A supply with that image in its lock; where it cannot be pulled, an empty image is built instead."""
    recipe = tmp_path / "recipe"
    recipe.mkdir(exist_ok=True)
    (recipe / "Dockerfile").write_text("FROM scratch\nCOPY file /file\n")
    (recipe / "file").write_text("built here\n")
    lock = tmp_path / "lock.yaml"
    lock.write_text(
        "version: 1\n"
        "images:\n"
        f"  {mirror.name}:\n"
        "    sources:\n"
        f"      - pulled: {{reference: '{mirror.name}:1', digest: {digest or 'null'}}}  # by hand\n"
        '      - built: {version: "1", dockerfile: recipe}\n'
    )
    environment = {**os.environ, "KIT_REGISTRY_PREFIX": f"{mirror.address}/" if prefix is None else prefix}
    return Supply(lock, tmp_path / "cache", tmp_path, docker, environment=environment)


@pytest.mark.usefixtures("clean")
def test_a_pull_by_digest_goes_through_the_mirror(tmp_path: Path, docker: Docker, mirror: Mirror) -> None:
    found = supply(tmp_path, docker, mirror, mirror.digest)
    made = found.ensure([mirror.name])
    assert [(need.key, need.how) for need in made] == [(f"image/{mirror.name}", "pulled")]
    image = found.image(mirror.name)
    assert image.source == "pulled"
    assert image.reference == f"kit.local/{mirror.name}:1-{mirror.digest[7:19]}"
    local = docker.images.find(image.reference)
    assert local is not None
    assert f"{mirror.address}/library/{mirror.name}@{mirror.digest}" in local.digests
    assert f"/v2/library/{mirror.name}/manifests/{mirror.digest}" in mirror.log.read_text()
    assert found.ensure([mirror.name]) == ()


@pytest.mark.usefixtures("clean")
def test_a_wrong_digest_is_refused(tmp_path: Path, docker: Docker, mirror: Mirror) -> None:
    found = supply(tmp_path, docker, mirror, WRONG)
    with pytest.raises(NoSource) as absent:  # known before it is tried
        found.ensure([mirror.name], ways=("pulled",))
    assert f"{mirror.address} has no library/{mirror.name}@{WRONG[:19]}" in absent.value.why
    with pytest.raises(RegistryLacks):
        found.registry.pull(PulledImage(mirror.name, WRONG), "x:1", log=tmp_path / "log")
    assert not names(docker, mirror)


@pytest.mark.usefixtures("clean")
def test_what_the_mirror_does_not_have_is_built(tmp_path: Path, docker: Docker, mirror: Mirror) -> None:
    found = supply(tmp_path, docker, mirror, WRONG)
    made = found.ensure([mirror.name])
    assert [need.how for need in made] == ["built"]
    assert f"{mirror.address} has no library/{mirror.name}" in made[0].cause
    assert found.image(mirror.name).source == "built"


@pytest.mark.usefixtures("clean")
def test_without_a_registry_the_decision_is_quick_and_made_once(tmp_path: Path, docker: Docker, mirror: Mirror) -> None:
    found = supply(tmp_path, docker, mirror, mirror.digest, prefix=f"127.0.0.1:{free_port()}/")
    began = time.monotonic()
    for _ in range(20):
        assert [need.how for need in found.plan([mirror.name])] == ["built"]
    assert time.monotonic() - began < 20  # one time-out, not twenty
    with pytest.raises(RegistryUnreachable):
        found.registry.digest(f"{mirror.name}:1")


@pytest.mark.usefixtures("clean")
def test_images_lock_fills_in_the_digest(tmp_path: Path, docker: Docker, mirror: Mirror) -> None:
    found = supply(tmp_path, docker, mirror, None)
    before = (tmp_path / "lock.yaml").read_text()
    session = SimpleNamespace(supply=lambda: found, output="table")
    result = CliRunner().invoke(images, ["lock"], obj=session, catch_exceptions=False)
    assert result.exit_code == 0
    assert mirror.digest in result.stdout
    assert (tmp_path / "lock.yaml").read_text() == before.replace("digest: null", f"digest: {mirror.digest}")
    again = Supply(tmp_path / "lock.yaml", tmp_path / "cache", tmp_path, docker, environment=found.environment)
    assert [need.how for need in again.ensure([mirror.name])] == ["pulled"]


def names(docker: Docker, mirror: Mirror) -> list[str]:
    found = [image for image in docker.images.all() if any(mirror.name in name for name in (*image.tags, *image.digests))]
    return [name for image in found for name in (*image.tags, *image.digests)]
