"""Keeps a stack's secrets where everyone who works on it finds them: in Lockbox, as long as the state lies in a bucket.

While the state lies on one computer nobody else can work on the stack, so a copy in the cloud would be one more place to look
after. The files here are what this computer knows: commands change them under the lock, and `publish` brings to Lockbox what
differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from kit.state import markers, secrets
from kit.targets.cloud.errors import SharedSecretsChanged, SharedSecretsMissing
from kit.targets.cloud.place import Place
from kit.targets.cloud.stack_secret import Kept, in_files

if TYPE_CHECKING:
    from kit.targets.cloud.clients import Clients

LIFE = "shared-secret"  # a marker: the id of the secret that this computer has worked with


def refresh(clients: Clients) -> None:
    """Bring the files of this computer to what Lockbox has. Under the lock; nothing to do where the state is not shared.

    Where the stack was removed and made again in the meantime, what was remembered of the former one is forgotten.
    """
    if clients.place.has_backend:
        save(clients.place, clients.in_lockbox)


def save(place: Place, kept: Kept | None) -> None:
    """What Lockbox has (None: nothing), into the files."""
    life, now = markers.load(place.markers).get(LIFE), kept.held.id if kept and kept.held else None
    if life and now != life:
        place.markers.unlink(missing_ok=True)
        place.kubeconfig.unlink(missing_ok=True)
    if kept is None or now is None:
        return
    if now != life:
        markers.record(place.markers, LIFE, now)
    for path, wanted in ((place.secrets, kept.own), (place.given, kept.given)):
        if secrets.load(path) != wanted and (wanted or path.exists()):
            secrets.replace(path, wanted)


def ensure(clients: Clients, makers: Mapping[str, Callable[[], str]], is_begun: Callable[[], bool]) -> None:
    """Make those of kit's own that are missing, in the files alone. Raises `SharedSecretsMissing`."""
    refresh(clients)
    if clients.place.has_backend and not clients.own and is_begun():
        raise missing(clients)
    secrets.ensure(clients.place.secrets, makers)


def missing(clients: Clients) -> SharedSecretsMissing:
    return SharedSecretsMissing(secret=clients.stack_secret.name, folder=clients.folder_id)


def publish(clients: Clients) -> None:
    """Bring to Lockbox what the files have that differs. Raises `SharedSecretsForbidden`, `SharedSecretsChanged`."""
    now = in_files(clients.place)
    if not clients.place.has_backend or not now.own:  # without: nothing was made yet
        return
    secret = clients.stack_secret
    before, there = clients.in_lockbox, secret.read()
    if there != before:
        raise SharedSecretsChanged(secret=secret.name)
    if there is None or (there.own, there.given) != (now.own, now.given):
        secret.write(there.held if there else None, now)
        clients.forget_lockbox()
        refresh(clients)


def remove(clients: Clients) -> None:
    """Once nothing stands of the stack any more."""
    if clients.place.has_backend:
        clients.stack_secret.remove()
