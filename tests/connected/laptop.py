"""A laptop with Docker, Python and a network, and nothing else.

Everything that upstream publishes is served here, and no tool that kit could find or compile with is on PATH.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from kit.adapters.docker.client import Docker
from kit.blueprint.stack import STORES
from kit.host import trust
from kit.supply.lock import Entry
from kit.supply.resolve import built_reference
from kit.supply.supply import Supply
from tests.connected import publish
from tests.connected.upstream import recipes
from tests.support.file_server import FileServer, file_server
from tests.support.program import ROOT, Program
from tests.support.reach import local_target

# What kit looks for on PATH, what its recipes compile with, and what would make a base image.
TOOLS = ("kind", "helm", "kubectl", "docker-compose", "terraform", "tofu")
COMPILERS = ("go", "gofmt", "mvn", "java", "javac", "cargo", "rustc", "gcc", "g++", "cc", "c++", "make", "clang")
NOT_ON_PATH = frozenset((*TOOLS, *COMPILERS, "mmdebstrap", "debootstrap"))
# What `kit up --local` pulls; the others of the shapes are looked at by themselves.
PUBLISHED = (*STORES, "python", "bugsink", "kind-node", "kind-node-for-cgroup-v1")


@dataclass(frozen=True)
class Upstream:
    """What is published, and how a user's shell reaches it."""

    registry: publish.Registry
    files: FileServer
    lock: Path
    digests: Mapping[str, str]  # upstream's reference → what stands behind it here
    path: Path  # the only folder on PATH
    trusted: Path  # this computer's authorities and the file server's, as an administrator would put it there

    def environment(self, cache: Path) -> dict[str, str]:
        return {
            "PATH": str(self.path),
            "KIT_CACHE": str(cache),
            "KIT_LOCK": str(self.lock),
            "KIT_REGISTRY_PREFIX": f"{self.registry.address}/",
            "KIT_FILES_PREFIX": self.files.url,
            "SSL_CERT_FILE": str(self.trusted),
        }


@contextmanager
def published(docker: Docker, folder: Path) -> Iterator[Upstream]:
    """All that `kit up --local` pulls, served as long as the block lasts; what it is made from is built if need be."""
    document = publish.read_lock()
    supply = local_target(Program(folder, "upstream")).supply
    with publish.registry(docker, folder) as registry, file_server(folder) as files:
        digests = {}
        for shape in map(recipes.shape, PUBLISHED):
            supply.ensure([f"image/{shape.base}"], ways=("built",), counting=("built",))
            base = supply.place_of(f"image/{shape.base}", counting=("built",)).place
            made = recipes.build(docker, shape, lambda name, base=base: base, folder / f"{shape.name}.log")  # type: ignore[misc]
            digests[shape.reference] = publish.publish_image(docker, registry, made.reference, shape.reference)
            docker.images.untag(made.reference)
        sums = publish.publish_files(supply, files, document)
        lock = folder / "lock.yaml"
        lock.write_text(publish.test_lock(document, digests, sums))
        trusted = folder / "trusted.pem"
        trusted.write_bytes(trust.bundle({}).read_bytes() + files.ca.read_bytes())
        yield Upstream(registry, files, lock, digests, bare_path(folder / "bin"), trusted)


@contextmanager
def fresh(docker: Docker, upstream: Upstream, home: Path) -> Iterator[Program]:
    """A computer on which nothing of upstream's was ever fetched, and a stack of its own on it."""
    program = Program(home, f"laptop-{os.getpid()}", upstream.environment(home / "cache"))
    forget(docker, upstream)
    try:
        yield program
    finally:
        program.must("purge", "--yes")
        forget(docker, upstream)


def forget(docker: Docker, upstream: Upstream) -> None:
    """Take away what was pulled, by whichever test, and what was made of that."""
    supply = Supply(upstream.lock, Path("/nonexistent"), ROOT, docker)
    made = {built_reference(entry, supply.hashes[entry.key]) for entry in supply.lock.of("image") if entry.recipe}
    made -= {built_reference(entry, hash_) for entry, hash_ in real_recipes(docker)}
    digests = set(upstream.digests.values())
    for image in docker.images.all():
        is_pulled = any(name.partition("@")[2] in digests for name in image.digests)
        for name in (*image.tags, *image.digests) if is_pulled else made.intersection(image.tags):
            docker.images.untag(name)


def real_recipes(docker: Docker) -> Iterator[tuple[Entry, str]]:
    """The images of the real lock, which are nobody's to take away, with the hashes of their recipes."""
    supply = Supply(publish.LOCK, Path("/nonexistent"), ROOT, docker)
    yield from ((entry, supply.hashes[entry.key]) for entry in supply.lock.of("image"))


def bare_path(folder: Path) -> Path:
    """Every program of this computer but those that kit must do without."""
    folder.mkdir()
    for place in ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        for program in Path(place).iterdir() if Path(place).is_dir() else ():
            link = folder / program.name
            if program.name not in NOT_ON_PATH and not link.is_symlink():
                link.symlink_to(program)
    return folder


def pulled_images(upstream: Upstream) -> dict[str, str]:
    """The supply's name of an image → upstream's digest of it, as the test's lock has it."""
    images = yaml.safe_load(upstream.lock.read_text())["images"]
    first = {name: entry["sources"][0] for name, entry in images.items()}
    return {name: source["pulled"]["digest"] for name, source in first.items() if "pulled" in source}
