"""Images of Sentry, Snuba and Relay that trust the stack's authority by themselves, for those who may not mount anything.

kit itself needs none of them: its transformer mounts the authority into every container. They stand on upstream's image by
digest, never on a tag, which somebody else may move. Their name holds the hash of all that went in: base, recipe, authority,
module. It is not one of the supply's names, so `kit images prune` leaves them alone.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kit import files
from kit.adapters.docker.client import Docker
from kit.adapters.docker.errors import EngineRefused
from kit.errors import KitError
from kit.sentry import nodestore
from kit.supply.lock import PulledImage
from kit.supply.lock_file import read
from kit.supply.resolve import OURS

NAMES = ("sentry", "snuba", "relay")
FOLDER = Path("kind/images/custom")  # below the shipped files
UPSTREAM = FOLDER / "upstream.yaml"
INTO_CERTIFI = FOLDER / "into_certifi.py"
BY_CONTENT = re.compile(r"(.+@)?sha256:[0-9a-f]{64}")
PREFIX = "kit.custom/"  # no registry has that name
RECIPE_LABEL, BASE_LABEL = "dev.kit.custom", "dev.kit.base"
SHORT = 12


class BaseUnknown(KitError):
    """A custom image is to be built, and nothing says on which digest of the original."""

    code = "KIT-CUSTOM-BASE"
    exit_code = 18
    what = "there is no base for a custom image of {name}"
    fix = "kit images build --custom {name} --base REPOSITORY@sha256:…; or kit images lock, where a registry answers"


@dataclass(frozen=True, slots=True)
class Trusted:
    """What goes into the trust stores, as PEM."""

    authority: bytes
    bundle: bytes  # public roots and the authority


@dataclass(frozen=True, slots=True)
class Custom:
    name: str
    reference: str
    base: str
    is_distroless: bool
    is_new: bool


def base_of(name: str, profile: str, given: str | None, assets: Path) -> PulledImage:
    """The image to stand on: by digest, by its id in the engine, or one of the supply's own. Raises `BaseUnknown`."""
    if given is not None:
        if not (BY_CONTENT.fullmatch(given) or given.startswith(OURS)):
            raise BaseUnknown(name=name, why=f"{given} names no content: a tag can be moved to another image")
        repository, _, digest = given.rpartition("@")
        return PulledImage(repository or given, digest if repository else None)
    entry = read(assets / UPSTREAM).find(f"{name}-{profile}")
    pulled = entry.pulled_images[0] if entry and entry.pulled_images else None
    if pulled is None or pulled.digest is None:
        reference = pulled.reference if pulled else f"{name} of profile {profile}"
        raise BaseUnknown(name=name, why=f"the digest of {reference} is not known: {UPSTREAM} has none")
    return pulled


def build(
    docker: Docker,
    assets: Path,
    name: str,
    base: PulledImage,
    trusted: Trusted,
    *,
    fetch: Callable[[PulledImage, str], None],
    log: Path,
) -> Custom:
    """Build it, unless it is there. `fetch` brings a base with a digest into the engine under the local name given with it."""
    local = _base_here(docker, name, base, fetch)
    is_distroless = name == "relay" and not has_shell(docker, local)
    content = context(assets, name, trusted, is_distroless=is_distroless)
    found = docker.images.find(local)
    assert found is not None  # it was just put there
    recipe = files.digest({**content, "base": found.id})
    reference = f"{PREFIX}{name}:{recipe[:SHORT]}"
    is_new = docker.images.find(reference) is None
    if is_new:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")
        arguments = {"BASE": local, "BASE_USER": docker.images.user(local) or "root"}
        labels = {RECIPE_LABEL: recipe, BASE_LABEL: _spelt(base)}
        docker.images.build(packed(content), tag=reference, labels=labels, arguments=arguments, log=log)
    return Custom(name, reference, _spelt(base), is_distroless, is_new)


def context(assets: Path, name: str, trusted: Trusted, *, is_distroless: bool) -> Mapping[str, bytes]:
    """File name → content of what the engine builds from."""
    folder = assets / FOLDER / (f"{name}-distroless" if is_distroless else name)
    found = {"Dockerfile": (folder / "Dockerfile").read_bytes(), "ca.crt": trusted.authority}
    if is_distroless:
        found["bundle.crt"] = trusted.bundle
    if name in ("sentry", "snuba"):
        found["into_certifi.py"] = (assets / INTO_CERTIFI).read_bytes()
    if name == "sentry":
        found[nodestore.SOURCE.name] = (assets / nodestore.SOURCE).read_bytes()
    return found


def packed(content: Mapping[str, bytes]) -> io.BytesIO:
    """As a tar without times and owners, so that the engine recognises a step that it has done before."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, text in sorted(content.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), 0o644
            tar.addfile(member, io.BytesIO(text))
    target.seek(0)
    return target


def has_shell(docker: Docker, image: str) -> bool:
    try:
        return docker.run_once(image, ["/bin/sh", "-c", ":"], user="0:0", check=False).exit_code == 0
    except EngineRefused:
        return False


def _base_here(docker: Docker, name: str, base: PulledImage, fetch: Callable[[PulledImage, str], None]) -> str:
    if base.digest is None:
        if docker.images.find(base.reference) is None:
            raise BaseUnknown(name=name, why=f"the engine has no image {base.reference}")
        return base.reference
    local = f"{PREFIX}upstream-{name}:{base.digest.removeprefix('sha256:')[:SHORT]}"
    if docker.images.find(local) is None:
        fetch(base, local)
    return local


def _spelt(base: PulledImage) -> str:
    return f"{base.reference}@{base.digest}" if base.digest else base.reference
