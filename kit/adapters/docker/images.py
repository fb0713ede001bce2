"""The engine's images: listed, built, pulled, imported, tagged, saved and loaded as one stream.

Builds go through the engine's classic builder, which every engine has: one recipe, one log file, and the step at which it
stopped. BuildKit needs a client plugin that a plain distribution does not bring.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from kit.adapters.docker.credentials import missing_helper
from kit.adapters.docker.errors import DiskFull, EngineRefused, ImageBuildFailed, disk_full
from kit.adapters.docker.observed import Platform
from kit.adapters.docker.registries import (
    CredentialHelperFailed,
    ImagePullFailed,
    RegistryLacks,
    RegistrySilent,
    host_of,
    refused,
)
from kit.adapters.docker.stream import Piece, Silence, abandonable, problem_in, written
from kit.adapters.docker.transfer import Build, Note, Pull, Throttle

if TYPE_CHECKING:
    from kit.adapters.docker.connection import Connection

LOG_TAIL_LINES = 20
SILENT_PULL_S = 120.0
CALL_TIMEOUT_S = 60.0
SAVES_ONE_PLATFORM = (1, 48)  # moby, docs/api/version-history.md: `platform` of GET /images/get
CONTAINERD_STORE = ["driver-type", "io.containerd.snapshotter.v1"]  # docs.docker.com/engine/storage/containerd: `docker info`
NO_ROOM = os.strerror(errno.ENOSPC).lower()


@dataclass(frozen=True, slots=True)
class LocalImage:
    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]  # repository@sha256:…
    labels: Mapping[str, str]
    size_bytes: int


class ImageStore:
    def __init__(self, docker: Connection) -> None:
        self._docker = docker

    def all(self, labels: Mapping[str, str] | None = None) -> tuple[LocalImage, ...]:
        """Every image that has a name, in one call."""
        wanted = [f"{name}={value}" if value else name for name, value in (labels or {}).items()]
        with self._docker.doing("list images"):
            found = self._docker.api.images(filters={"label": wanted} if wanted else None)
        return tuple(image for image in map(_image, found) if image.tags or image.digests)

    def find(self, reference: str) -> LocalImage | None:
        """The local image of that tag, digest or id; None where there is none."""
        from docker.errors import ImageNotFound, NotFound

        with self._docker.doing(f"look at {reference}"):
            try:
                raw = self._docker.api.inspect_image(reference)
            except (ImageNotFound, NotFound):
                return None
        return _image({**raw, "Labels": (raw.get("Config") or {}).get("Labels")})

    def user(self, reference: str) -> str:
        """What its programs run as; empty for root."""
        with self._docker.doing(f"look at {reference}"):
            return str((self._docker.api.inspect_image(reference).get("Config") or {}).get("User") or "")

    def tag(self, image: str, reference: str) -> None:
        repository, _, tag = reference.rpartition(":")
        with self._docker.doing(f"name {image} {reference}"):
            self._docker.api.tag(image, repository, tag)

    def untag(self, reference: str) -> bool:
        """Take a name away, and the image with its last name; False where a container still uses it or it is not there."""
        from docker.errors import APIError

        with self._docker.doing(f"remove {reference}"):
            try:
                self._docker.api.remove_image(reference)
            except APIError as refused:
                if refused.status_code in (404, 409):
                    return False
                raise
        return True

    def build(
        self,
        context: IO[bytes],
        *,
        tag: str,
        labels: Mapping[str, str],
        arguments: Mapping[str, str],
        log: Path,
        note: Note = lambda text: None,
    ) -> None:
        """Build from a tar of the context; what the engine says goes to `log`, line by line, as it comes.

        `note` gets the step that it is at and the last line that it printed. No login is sent along: a build pulls nothing.
        """
        client = self._docker.connect_forever

        def said() -> Iterable[Piece]:
            pieces: Iterable[Piece] = client.build(
                fileobj=context,
                custom_context=True,
                tag=tag,
                labels=dict(labels),
                buildargs=dict(arguments),
                rm=True,
                forcerm=True,
                decode=True,
                use_config_proxy=True,
            )
            return pieces

        at, problem, speaking = Build(), None, Throttle(note)
        with self._docker.doing(f"build {tag}"), log.open("a") as file:
            for piece in written(abandonable(said), file):
                at = at.heard(piece)
                problem = problem_in(piece) or problem
                speaking.say(at.text)
        if problem is not None:
            raise self._disk_full(problem) or ImageBuildFailed(
                image=tag, step=at.step or "the beginning", said=f"{problem}\n{_end_of(log)}".strip(), log=log
            )

    def pull(
        self,
        repository: str,
        digest: str,
        *,
        log: Path,
        note: Note = lambda text: None,
        silent_s: float = SILENT_PULL_S,
    ) -> str:
        """Pull `repository@digest`, which the engine verifies, and return that name.

        `note` gets how far it is. Raises `ImagePullFailed`, of the kind that fits, also when nothing new came for `silent_s`.
        """
        reference = f"{repository}@{digest}"
        helper = missing_helper()
        with log.open("a") as file:
            if helper is not None:
                file.write(f"{helper.said}: asking without a login\n")
            try:
                problem, status = self._pulled(repository, digest, file, note, silent_s)
            except Silence as silence:
                file.write(f"{silence}\n")
                raise RegistrySilent(reference=reference, said=str(silence)) from silence
        if problem is not None:
            raise self._disk_full(problem) or refused(
                reference, problem, status=status, helper=missing_helper(host_of(reference))
            )
        if self.find(reference) is None:
            raise ImagePullFailed(reference=reference, said="the engine reported no error, but does not have the image")
        return reference

    def _pulled(
        self,
        repository: str,
        digest: str,
        file: IO[str],
        note: Note,
        silent_s: float,
    ) -> tuple[str | None, int | None]:
        """What went wrong, in the engine's words (None: nothing), and its status where it had not begun to answer."""
        from docker.errors import APIError

        client = self._docker.connect(CALL_TIMEOUT_S)
        answers: list[Any] = []
        client.hooks["response"].append(lambda answer, **_: answers.append(answer))
        pieces = abandonable(lambda: client.pull(repository, tag=digest, stream=True, decode=True), silent_s=silent_s)
        reference = f"{repository}@{digest}"
        at, problem, speaking, status = Pull({}), None, Throttle(note), None
        try:
            with self._docker.doing(f"pull {reference}"), _logging_in(reference):
                for piece in written(pieces, file):
                    at = at.heard(piece)
                    problem = problem_in(piece) or problem
                    if speaking.is_due():
                        speaking.say(at.text(speaking.elapsed_s))
        except EngineRefused as said:
            if not isinstance(said.__cause__, APIError):
                raise
            problem, status = said.detail, said.__cause__.status_code
        finally:
            for answer in answers:
                _hang_up(answer)
            client.close()
        return problem, status

    def digest_at_registry(self, reference: str, *, timeout_s: float) -> str | None:
        """The digest that the registry has for a reference now; None when it answers that it has no such image.

        Raises `ImagePullFailed`, of the kind that fits, when it does not answer in time, or not to this user, or with a failure.
        """
        from docker.errors import APIError
        from requests.exceptions import ReadTimeout

        client = self._docker.connect(timeout_s)
        try:
            with self._docker.doing(f"ask a registry for {reference}"), _logging_in(reference):
                try:
                    return str(client.inspect_distribution(reference)["Descriptor"]["digest"])
                except APIError as error:
                    said = str(error.explanation or error)
                    failure = refused(reference, said, status=error.status_code, helper=missing_helper(host_of(reference)))
                    if isinstance(failure, RegistryLacks):
                        return None
                    raise failure from error
                except ReadTimeout as error:
                    raise RegistrySilent(reference=reference, said=f"no answer within {timeout_s:g} s") from error
        finally:
            client.close()

    def import_tar(self, tar: Path, reference: str, *, labels: Mapping[str, str]) -> None:
        """Make an image of one layer out of a file system in a tar."""
        repository, _, tag = reference.rpartition(":")
        with self._docker.doing(f"import {reference}"):
            self._docker.connect_forever.import_image_from_file(
                str(tar),
                repository=repository,
                tag=tag,
                changes=[f'LABEL {name}="{value}"' for name, value in labels.items()],
            )
        if self.find(reference) is None:  # the SDK returns the engine's complaint instead of raising it
            raise self._disk_full("") or EngineRefused(doing=f"import {reference}", said="the engine did not keep the image")

    def save(self, references: Sequence[str], platform: Platform | None = None) -> Iterator[bytes]:
        """One `docker save` stream with all of them; layers that they share are in it once.

        The containerd image store keeps an image's whole index, but only the blobs of the platform that was pulled, and saves it
        so, which Kind cannot load (kind#3795, kind#4224). So from such a store one platform is asked for: this one, or the
        engine's own. Engines whose API cannot be asked (before 1.48) save what they have.
        """
        client = self._docker.connect_forever
        asked: list[tuple[str, str]] = [("names", reference) for reference in references]
        if self._docker.api_version >= SAVES_ONE_PLATFORM and (platform or self.is_containerd):
            asked.append(("platform", json.dumps(dataclasses.asdict(platform or self._docker.platform))))
        with self._docker.doing("save images"):
            # The SDK's own call takes one name and no platform; the engine's takes many.
            address = f"{client.base_url}/v{client.api_version}/images/get"
            with client.get(address, params=asked, stream=True) as answer:
                if answer.status_code != 200:
                    raise EngineRefused(doing="save images", said=_message(answer.text))
                yield from answer.iter_content(1024 * 1024)

    @cached_property
    def is_containerd(self) -> bool:
        """Whether the engine keeps its images in containerd's store, as Engine 29 and Docker Desktop do, and not in its own."""
        status = self._docker.info().get("DriverStatus") or ()
        return any(list(pair) == CONTAINERD_STORE for pair in status)

    def load(self, stream: Iterable[bytes] | IO[bytes]) -> None:
        """Load what `save` gave."""
        problem: str | None = None
        with self._docker.doing("load images"):
            for piece in self._docker.connect_forever.load_image(stream):
                problem = problem_in(piece) or problem
        if problem is not None:
            raise self._disk_full(problem) or EngineRefused(doing="load images", said=problem)

    def _disk_full(self, said: str) -> DiskFull | None:
        """The engine has no error code for a full disk: the system's own words for it, or a look at the disk, must do."""
        root = str(self._docker.info().get("DockerRootDir", "/"))
        if NO_ROOM in said.lower():
            return DiskFull(where=root, free_gb=0)
        return disk_full(Path(root))


@contextmanager
def _logging_in(reference: str) -> Iterator[None]:
    """The SDK asks a credential helper on the way; its failure is none of the engine's."""
    from docker.errors import DockerException

    try:
        yield
    except DockerException as error:
        if CredentialHelperFailed.SAID not in str(error):
            raise
        raise CredentialHelperFailed(reference=reference, said=str(error)) from error


def _hang_up(answer: Any) -> None:
    """End a connection whose stream nobody reads any more, so that the engine ends what it does for it."""
    connection = answer.raw.connection
    if connection is not None and connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def _message(body: str) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, TypeError, KeyError):
        return body


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])


def _image(raw: Mapping[str, Any]) -> LocalImage:
    return LocalImage(
        id=raw["Id"],
        tags=tuple(tag for tag in raw.get("RepoTags") or () if tag != "<none>:<none>"),
        digests=tuple(digest for digest in raw.get("RepoDigests") or () if not digest.startswith("<none>")),
        labels=raw.get("Labels") or {},
        size_bytes=int(raw["Size"]),
    )
