"""The engine's images: seen, built, pulled, imported, named, and moved as one stream.

Builds go through the engine's classic builder, which every engine has: one recipe, one log file, and the step at which it
stopped. BuildKit needs a client plugin that a plain distribution does not bring.
"""

from __future__ import annotations

import errno
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from kit.engines.docker_errors import DiskFull, EngineRefused, ImageBuildFailed, ImagePullFailed, disk_full
from kit.errors import KitError

if TYPE_CHECKING:
    from kit.engines.docker import Docker

LOG_TAIL_LINES = 20
SILENT_PULL_S = 120.0
INTERRUPT_POLL_S = 0.2
NO_ROOM = os.strerror(errno.ENOSPC).lower()


@dataclass(frozen=True, slots=True)
class LocalImage:
    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]  # repository@sha256:…
    labels: Mapping[str, str]
    size_bytes: int


class ImageStore:
    def __init__(self, docker: Docker) -> None:
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
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Build from a tar of the context; what the engine says goes to `log`, line by line, as it comes."""
        with self._docker.doing(f"build {tag}"):
            said = self._docker.connect_forever.build(
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
            with log.open("a") as file:
                step, problem = _written(abandonable(said, interrupted), file)
        if problem is not None:
            raise self._no_room(problem) or ImageBuildFailed(
                image=tag, step=step, said=f"{problem}\n{_end_of(log)}".strip(), log=log
            )

    def pull(self, repository: str, digest: str, *, log: Path, interrupted: Callable[[], bool] = lambda: False) -> str:
        """Pull `repository@digest`, which the engine verifies, and return that name."""
        reference = f"{repository}@{digest}"
        client = self._docker.connect(SILENT_PULL_S)
        try:
            with self._docker.doing(f"pull {reference}", SILENT_PULL_S), log.open("a") as file:
                pieces = client.pull(repository, tag=digest, stream=True, decode=True)
                _, problem = _written(abandonable(pieces, interrupted), file)
        except EngineRefused as refused:
            problem = refused.detail
        finally:
            client.close()
        if problem is not None:
            raise self._no_room(problem) or ImagePullFailed(reference=reference, said=problem)
        return reference

    def digest_at_registry(self, reference: str, *, timeout_s: float) -> str | None:
        """The digest that the registry has for a reference now.

        None when a registry answered, but not with that image. Raises `RegistrySilent` when none answered in time.
        """
        import requests
        from docker.errors import APIError, DockerException

        client = self._docker.connect(timeout_s)
        try:
            return str(client.inspect_distribution(reference)["Descriptor"]["digest"])
        except APIError as error:
            if error.status_code is not None and error.status_code < 500:
                return None
            raise RegistrySilent(reference=reference, said=str(error.explanation or error)) from error
        except (DockerException, requests.exceptions.RequestException) as error:
            raise RegistrySilent(reference=reference, said=f"no answer within {timeout_s:.0f} s") from error
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
            raise self._no_room("") or EngineRefused(doing=f"import {reference}", said="the engine did not keep the image")

    def save(self, references: Sequence[str]) -> Iterator[bytes]:
        """One `docker save` stream with all of them; layers that they share are in it once."""
        client = self._docker.connect_forever
        with self._docker.doing("save images"):
            # The SDK's own call takes one name; the engine's takes many.
            address = f"{client.base_url}/v{client.api_version}/images/get"
            with client.get(address, params=[("names", reference) for reference in references], stream=True) as answer:
                if answer.status_code != 200:
                    raise EngineRefused(doing="save images", said=answer.text)
                yield from answer.iter_content(1024 * 1024)

    def load(self, stream: Iterable[bytes] | IO[bytes]) -> None:
        """Load what `save` gave."""
        problem: str | None = None
        with self._docker.doing("load images"):
            for piece in self._docker.connect_forever.load_image(stream):
                problem = piece.get("error") or problem
        if problem is not None:
            raise self._no_room(problem) or EngineRefused(doing="load images", said=problem)

    def _no_room(self, said: str) -> DiskFull | None:
        """The engine has no error code for a full disk: the system's own words for it, or a look at the disk, must do."""
        root = str(self._docker.info().get("DockerRootDir", "/"))
        if NO_ROOM in said.lower():
            return DiskFull(where=root, free_bytes=0)
        return disk_full(Path(root))


class RegistrySilent(KitError):
    """No registry answers: there is no way out to one from here, or the mirror is down."""

    code = "KIT-REGISTRY-SILENT"
    exit_code = 39

    def __init__(self, *, reference: str, said: str) -> None:
        super().__init__(
            what="no container registry answers",
            why=f"asked for {reference}: {said.splitlines()[0] if said else 'no answer'}",
            fix="set KIT_REGISTRY_PREFIX to a mirror that answers, or build instead: kit images build",
            detail=said,
        )


def abandonable(pieces: Iterable[Any], interrupted: Callable[[], bool]) -> Iterator[Any]:
    """The same pieces, but with an end as soon as `interrupted` says so, however silent the other side is.

    The reading thread is left behind: it dies with the process, and the engine stops a build whose client has gone.
    """
    arrived: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def read() -> None:
        try:
            for piece in pieces:
                arrived.put(("piece", piece))
            arrived.put(("end", None))
        except BaseException as error:
            arrived.put(("error", error))

    threading.Thread(target=read, daemon=True, name="engine-stream").start()
    while True:
        try:
            kind, value = arrived.get(timeout=INTERRUPT_POLL_S)
        except queue.Empty:
            if interrupted():
                raise EngineRefused(doing="go on", said="it was interrupted") from None
            continue
        if kind == "error":
            raise value
        if kind == "end":
            return
        yield value


def _written(pieces: Iterable[Mapping[str, Any]], file: IO[str]) -> tuple[str, str | None]:
    """Write a stream of the engine's messages to a file; the last step it named, and its error if it had one."""
    step, problem = "the beginning", None
    for piece in pieces:
        if text := piece.get("stream"):
            file.write(text)
            if text.startswith("Step "):
                step = text.strip()
        elif (status := piece.get("status")) and ("progressDetail" not in piece or not piece["progressDetail"]):
            file.write(" ".join(filter(None, (piece.get("id"), status))) + "\n")
        if piece.get("error"):
            problem = str(piece["error"])
            file.write(problem + "\n")
        file.flush()
    return step, problem


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
