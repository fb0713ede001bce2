"""Fetching what upstream made: images by digest, through a mirror when one is set, and programs by checksum.

Whether any registry answers is found out once per process, with a short deadline: a laptop on a train must not wait minutes for
what it cannot get. KIT_REGISTRY_PREFIX (`127.0.0.1:5000/`, `mirror.example/hub/`) goes in front of every reference.
"""

from __future__ import annotations

import hashlib
import tarfile
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Protocol

from kit.engines.images import LocalImage, RegistrySilent
from kit.supply.errors import ChecksumWrong, NoSource
from kit.supply.lock import PulledFile, PulledImage

PREFIX_VARIABLE = "KIT_REGISTRY_PREFIX"
PROBE_S = 5.0
CONNECT_S = 10.0
BLOCK = 1024 * 1024


class RegistryDoor(Protocol):
    """The part of the engine's images that registries are reached through."""

    def digest_at_registry(self, reference: str, *, timeout_s: float) -> str | None: ...

    def pull(self, repository: str, digest: str, *, log: Path, interrupted: Callable[[], bool]) -> str: ...

    def find(self, reference: str) -> LocalImage | None: ...

    def tag(self, image: str, reference: str) -> None: ...


class Registry:
    def __init__(self, door: RegistryDoor, prefix: str) -> None:
        self._door = door
        self._prefix = prefix
        self._asking = threading.Lock()
        self._silence: RegistrySilent | None = None
        self._asked = False

    def why_silent(self, reference: str) -> str | None:
        """None when a registry answers; asked once, by the first reference that somebody wants."""
        with self._asking:
            if not self._asked:
                try:
                    self._door.digest_at_registry(mirrored(reference, self._prefix), timeout_s=PROBE_S)
                except RegistrySilent as silent:
                    self._silence = silent
                self._asked = True
        return None if self._silence is None else "no registry answers"

    def digest(self, reference: str) -> str | None:
        """What the registry has under a tag now, or None; raises `RegistrySilent`."""
        if self.why_silent(reference) is not None and self._silence is not None:
            raise self._silence
        return self._door.digest_at_registry(mirrored(reference, self._prefix), timeout_s=CONNECT_S)

    def pull(self, image: PulledImage, local: str, *, log: Path, interrupted: Callable[[], bool]) -> None:
        """Pull by digest and give it the local name, which stays the same whichever mirror it came through."""
        if image.digest is None:
            raise NoSource(key=f"image/{image.reference}", why="the lock has no digest for it: kit images lock")
        here = f"{repository(image.reference)}@{image.digest}"  # the user may have it already
        if self._door.find(here) is None:
            here = self._door.pull(
                repository(mirrored(image.reference, self._prefix)), image.digest, log=log, interrupted=interrupted
            )
        self._door.tag(here, local)


def mirrored(reference: str, prefix: str) -> str:
    """The reference behind a mirror's prefix. Mirrors file upstream's official images under library/."""
    if not prefix:
        return reference
    path = reference if "/" in reference else f"library/{reference}"
    return f"{prefix.rstrip('/')}/{path}"


def repository(reference: str) -> str:
    """Without the tag: host:5000/postgres:17 → host:5000/postgres."""
    head, slash, last = reference.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def program(source: PulledFile, name: str, folder: Path) -> None:
    """Download, hold against the checksum, and leave an executable `name` in the folder; raises `NoSource`, `ChecksumWrong`."""
    download = folder / ".download"
    try:
        with urllib.request.urlopen(source.url, timeout=CONNECT_S) as answer, download.open("wb") as file:
            got = copied(iter(lambda: answer.read(BLOCK), b""), file)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise NoSource(key=f"tool/{name}", why=f"{source.url} does not answer: {error}") from error
    if got != source.sha256:
        download.unlink()
        raise ChecksumWrong(what=source.url, wanted=source.sha256, got=got)
    target = folder / name
    if source.member is None:
        download.rename(target)
    else:
        target.write_bytes(_member(download, source.member))
        download.unlink()
    target.chmod(0o755)


def copied(blocks: Iterable[bytes], file: IO[bytes]) -> str:
    """Write all blocks; returns the SHA-256 of what was written, in hex."""
    whole = hashlib.sha256()
    for block in blocks:
        whole.update(block)
        file.write(block)
    return whole.hexdigest()


def sha256_of(file: Path) -> str:
    """In hex."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _member(archive: Path, member: str) -> bytes:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            return zipped.read(member)
    with tarfile.open(archive) as tar:
        file = tar.extractfile(member)
        if file is None:
            raise NoSource(key=member, why="it is not a file in the archive that was downloaded")
        return file.read()


def prefix_from(environment: Mapping[str, str]) -> str:
    return environment.get(PREFIX_VARIABLE, "")
