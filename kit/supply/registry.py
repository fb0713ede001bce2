"""Images by digest, through a mirror when one is set.

KIT_REGISTRY_PREFIX (`127.0.0.1:5000/`, `mirror.example/hub/`) goes in front of every reference.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from kit.engines.images import LocalImage, RegistrySilent
from kit.supply.errors import NoSource
from kit.supply.lock import PulledImage

PREFIX_VARIABLE = "KIT_REGISTRY_PREFIX"
PROBE_S = 5.0
CONNECT_S = 10.0


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
        self.is_slow = False

    def why_not(self, image: PulledImage, *, patient: bool = False) -> str | None:
        """None when the image's registry answers."""
        return self.why_silent(f"{repository(image.reference)}@{image.digest}")

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

    def pull(
        self,
        image: PulledImage,
        local: str,
        *,
        log: Path,
        interrupted: Callable[[], bool],
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Pull by digest and give it the local name, which stays the same whichever mirror it came through."""
        if image.digest is None:
            raise NoSource({f"image/{image.reference}": "the lock has no digest for it: kit images lock"})
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


def prefix_from(environment: Mapping[str, str]) -> str:
    return environment.get(PREFIX_VARIABLE, "")
