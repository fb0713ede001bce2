"""Pulls upstream's images by digest, through a mirror when one is set.

Whether a registry gives anything is found out once per host and process, with a short deadline: a laptop on a train must not wait
minutes for what it cannot get. KIT_REGISTRY_PREFIX (`127.0.0.1:5000/`, `mirror.example/hub/`) goes in front of every reference.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from kit.adapters.docker.credentials import missing_helper
from kit.adapters.docker.images import LocalImage
from kit.adapters.docker.registries import ImagePullFailed, RegistryDenied, RegistryLacks, RegistrySilent, host_of
from kit.adapters.docker.transfer import Note
from kit.supply.errors import NoSource, RegistryPrefixInvalid
from kit.supply.lock import PulledImage

PREFIX_VARIABLE = "KIT_REGISTRY_PREFIX"
# A host and folders as in the name of an image (distribution/reference, regexp.go, read 2026-11-28). Without a dot or a port the
# engine takes the first part for a name on Docker Hub.
PREFIX = re.compile(
    r"(localhost(:\d+)?|[\w-]+(\.[\w-]+)+(:\d+)?|[\w-]+:\d+|\[[0-9a-fA-F:]+\](:\d+)?)(/[a-z0-9]+([._-]+[a-z0-9]+)*)*/?", re.ASCII
)
PROBE_S = 5.0
PATIENT_S = 30.0  # more than the engine's own patience with a silent host (20.10: 10 s for TLS, then 15 s for plain HTTP)
CONNECT_S = 10.0


class RegistryApi(Protocol):
    """The part of the engine's images that registries are reached through."""

    def digest_at_registry(self, reference: str, *, timeout_s: float) -> str | None: ...

    def pull(self, repository: str, digest: str, *, log: Path, note: Note) -> str: ...

    def find(self, reference: str) -> LocalImage | None: ...

    def tag(self, image: str, reference: str) -> None: ...


class Registry:
    """All registries. Each keeps the first reason why it gives nothing, also one that a pull found out."""

    def __init__(self, engine: RegistryApi, prefix: str, *, probe_s: float = PROBE_S, patient_s: float = PATIENT_S) -> None:
        self._engine = engine
        self._prefix = prefix
        self._probe_s = probe_s
        self._patient_s = patient_s
        self._asking: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)  # by host: one question at a time
        self._warned = False
        self._hosts: dict[str, ImagePullFailed | None] = {}  # None: it answers
        self._patiently: set[str] = set()  # hosts that were given the long deadline
        self._references: dict[str, ImagePullFailed | None] = {}  # what is true of one image alone

    @property
    def is_slow(self) -> bool:
        """Whether a host gave no answer in time: `patient` may help."""
        return any(isinstance(failure, RegistrySilent) for failure in tuple(self._hosts.values()))

    def why_not(self, image: PulledImage, *, patient: bool = False) -> str | None:
        """Why this image cannot be pulled, in one line; None as long as nothing is known against it.

        Costs a question where the host was not asked before. With `patient`, a silent host is asked again, and given more time.
        """
        failure = self._failure(mirrored(f"{repository(image.reference)}@{image.digest}", self._prefix), patient)
        return None if failure is None else failure.reason

    @property
    def warning(self) -> str | None:
        """That logins are kept by a program that is not installed; public images come without one."""
        helper = missing_helper()
        return None if helper is None else f"{helper.said}: registries are asked without a login"

    def digest(self, reference: str) -> str | None:
        """What the registry has under a tag now; None: no such image. Raises `ImagePullFailed`, of the kind that fits."""
        name = mirrored(reference, self._prefix)
        with self._asking[host_of(name)]:
            if known := self._hosts.get(host_of(name)):
                raise known
            try:
                found = self._engine.digest_at_registry(name, timeout_s=CONNECT_S)
            except ImagePullFailed as failure:
                self._remember(name, failure)
                raise
            self._hosts[host_of(name)] = None
        return found

    def pull(
        self,
        image: PulledImage,
        local: str,
        *,
        log: Path,
        note: Note = lambda text: None,
    ) -> None:
        """Pull by digest and give it the local name, which stays the same whichever mirror it came through.

        `note` gets how far it is, and `warning`, once.
        """
        if image.digest is None:
            raise NoSource({f"image/{image.reference}": "the lock has no digest for it: kit images lock"})
        here = f"{repository(image.reference)}@{image.digest}"  # the user may have it already
        if self._engine.find(here) is None:
            if not self._warned and (warning := self.warning):
                self._warned = True
                note(warning)
            place = repository(mirrored(image.reference, self._prefix))
            try:
                here = self._engine.pull(place, image.digest, log=log, note=note)
            except ImagePullFailed as failure:
                with self._asking[host_of(place)]:
                    self._remember(f"{place}@{image.digest}", failure)
                raise
        self._engine.tag(here, local)

    def _failure(self, name: str, patient: bool) -> ImagePullFailed | None:
        host = host_of(name)
        with self._asking[host]:
            if name in self._references:
                return self._references[name]
            known = self._hosts.get(host)
            is_slow = isinstance(known, RegistrySilent) and host not in self._patiently
            is_worth_asking = host not in self._hosts or (patient and is_slow)
            if not is_worth_asking:
                return known
            if patient:
                self._patiently.add(host)  # once: every image of a silent host would cost the whole deadline
            try:
                found = self._engine.digest_at_registry(name, timeout_s=self._patient_s if patient else self._probe_s)
            except ImagePullFailed as failure:
                self._remember(name, failure)
                return failure
            self._hosts[host] = None
            self._references[name] = None if found else RegistryLacks(reference=name, said="it answers that it has no such image")
            return self._references[name]

    def _remember(self, name: str, failure: ImagePullFailed) -> None:
        """Under the host, if it is true of all its images. A login may be good for one repository and not for another."""
        if isinstance(failure, RegistryDenied | RegistryLacks) or type(failure) is ImagePullFailed:
            self._references[name] = failure
        else:
            self._hosts[host_of(name)] = failure


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
    """Raises `RegistryPrefixInvalid` for what no image's name can begin with."""
    given = environment.get(PREFIX_VARIABLE, "")
    if given and not PREFIX.fullmatch(given):
        raise RegistryPrefixInvalid(variable=PREFIX_VARIABLE, value=re.sub("^.*@", "…@", given, flags=re.DOTALL))
    return given
