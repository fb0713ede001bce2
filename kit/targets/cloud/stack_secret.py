"""The secrets of a cloud stack that do not come from the cloud: kit's own and the user's, in files here or in one Lockbox secret.

kit reads and writes that secret itself, for what terraform writes stands in its state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.adapters.yandex.errors import PermissionMissing
from kit.endpoints import Secret
from kit.state import secrets
from kit.targets.cloud.errors import OtherName, SharedSecretsChanged, SharedSecretsForbidden
from kit.targets.cloud.place import Place

if TYPE_CHECKING:
    from kit.adapters.yandex.lockbox import Held, Lockbox

PREFIX = "sentry"  # name_prefix where nobody set it, as in terraform/variables.tf
GIVEN = "given/"  # before the names of what the user gave
STACK = "kit-stack"  # a label of the secret: the stack's name, which is on every object in the cluster too
# To find and read it, and to write it (yandex-cloud/docs en/_roles/lockbox, read 2026-11-28; neither includes the other).
READS, WRITES = ("lockbox.viewer", "lockbox.payloadViewer"), ("lockbox.editor",)


@dataclass(frozen=True, slots=True)
class Kept:
    """The secrets of a stack, and the Lockbox secret that they lie in; None where they lie in files."""

    own: Mapping[str, Secret]
    given: Mapping[str, Secret]
    held: Held | None = None


def in_files(place: Place) -> Kept:
    """What lies on this computer. Raises `SecretsCorrupt`."""
    return Kept(secrets.load(place.secrets), secrets.load(place.given))


def places(place: Place, kept: Kept) -> tuple[Mapping[str, Mapping[str, Any]], Mapping[str, Mapping[str, Any]]]:
    """Of kit's own and of what the user gave: name → where it lies. Holds no secret."""

    def of(kind: str, path: Path, names: Iterable[str], before: str = "") -> dict[str, Mapping[str, Any]]:
        if kept.held is None:
            return {each: {"kind": kind, "path": str(path), "in_state": False} for each in names}
        held = kept.held.id
        return {each: {"kind": "lockbox", "secret_id": held, "key": before + each, "in_state": False} for each in names}

    return of("file", place.secrets, kept.own), of("given", place.given, kept.given, GIVEN)


def name(prefix: str | None) -> str:
    """What it is called, with the configuration's `name_prefix` in front as everything else."""
    return f"{prefix or PREFIX}-kit"


@dataclass(frozen=True, slots=True)
class StackSecret:
    """The Lockbox secret of one stack, whether it is there or not."""

    lockbox: Lockbox
    name: str
    stack: str

    def read(self) -> Kept | None:
        """As it is there now; None where there is none. Raises `SharedSecretsForbidden`, `OtherName`."""
        with self._roles("read", READS):
            held = self.lockbox.find(self.name)
            if held is None:
                return None
            theirs = held.labels.get(STACK, self.stack)
            if theirs != self.stack:
                raise OtherName(secret=self.name, theirs=theirs, stack=self.stack)
            entries = self.lockbox.read(held)
        given = {key.removeprefix(GIVEN): value for key, value in entries.items() if key.startswith(GIVEN)}
        return Kept({key: value for key, value in entries.items() if not key.startswith(GIVEN)}, given, held)

    def write(self, held: Held | None, kept: Kept) -> None:
        """Make it, or give it this content. Raises `SharedSecretsForbidden`, `SharedSecretsChanged`."""
        entries = {**kept.own, **{GIVEN + key: value for key, value in kept.given.items()}}
        with self._roles("written", WRITES):
            if held is not None:
                self.lockbox.replace(held, entries)
            elif self.lockbox.create(self.name, {STACK: self.stack}, entries) is None:
                raise SharedSecretsChanged(secret=self.name)

    def remove(self) -> None:
        with self._roles("removed", WRITES):
            if held := self.lockbox.find(self.name):
                self.lockbox.delete(held)

    @contextmanager
    def _roles(self, done: str, roles: tuple[str, ...]) -> Iterator[None]:
        try:
            yield
        except PermissionMissing as error:
            source, folder = str(error.fields["source"]), self.lockbox.folder_id
            raise SharedSecretsForbidden(
                secret=self.name, done=done, why=error.why, roles=" and ".join(roles), source=source, folder=folder
            ) from error
