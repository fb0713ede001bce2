"""Where Terraform keeps the state of a cloud stack: on this computer, or in a bucket.

Terraform itself asks and moves it, so that keys, proxies and locks are those of every other run. Where the state is in a bucket,
kit's own passwords are in Lockbox: `kit.targets.cloud.shared`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit import files
from kit.adapters.terraform.errors import TerraformFailed
from kit.state import markers
from kit.targets.cloud import refusals, regions
from kit.targets.cloud.errors import StateTaken
from kit.targets.cloud.place import BACKEND, Place, backend

if TYPE_CHECKING:
    from kit.adapters.terraform.program import Terraform
    from kit.targets.cloud.clients import Clients

# Of the marker "applied", in the order in which they come: an apply has begun, has stopped half-way, has come to its end.
MARK = "applied"
BEGUN, PARTLY, SETTLED = "begun", "partly", "yes"

State = Mapping[str, Any]  # Terraform's own document, version 4


def default_key(clients: Clients) -> str:
    """The object in the bucket. Each stack has its own, and so has its rehearsal."""
    return f"kit/{clients.stack.name}{'-rehearsal' if clients.place.rehearses else ''}/terraform.tfstate"


def move(clients: Clients, bucket: str, key: str | None, endpoint: str | None, region: str | None) -> str:
    """Into a bucket, and where it is then. What lay here stays as terraform.tfstate.backup. Raises `StateTaken`."""
    place, here = clients.place, clients.configuration
    where, document = bucket_of(clients, bucket, key, endpoint, region)
    with explained(place):
        _refuse(where, there=present_state(here.terraform, document), here=here.pull_state())
    with written(place, document), explained(place):
        here.move_state()
    return where


def bucket_of(clients: Clients, bucket: str, key: str | None, endpoint: str | None, region: str | None) -> tuple[str, str]:
    """Where in which bucket, in words, and the backend that says it."""
    endpoint = endpoint or clients.environment.get("YC_STORAGE_ENDPOINT_URL") or clients.region.storage_url
    key, region = key or default_key(clients), region or clients.setting("region") or regions.DEFAULT
    return f"{endpoint}/{bucket}/{key}", backend(bucket, key, endpoint, region)


@contextmanager
def written(place: Place, document: str) -> Iterator[None]:
    """The backend's file for the length of a block, and after it where the block comes to its end."""
    file = place.configuration / BACKEND
    before = file.read_bytes() if file.exists() else None
    files.write(file, document)
    try:
        yield
    except BaseException:
        file.unlink() if before is None else files.write(file, before)
        raise
    finally:
        place.close()


def is_begun(clients: Clients) -> bool:
    """Whether something of the stack may stand: a state in a bucket is asked, for Terraform may have run elsewhere."""
    if clients.place.has_backend:
        with explained(clients.place):
            return holds_something(clients.reading.pull_state())
    return MARK in markers.load(clients.place.markers)


def must_exist(clients: Clients) -> bool:
    """Whether there was a state here that had something in it."""
    return not clients.place.has_backend and markers.load(clients.place.markers).get(MARK, BEGUN) != BEGUN


def holds_something(state: State | None) -> bool:
    return any(each.get("mode") == "managed" for each in (state or {}).get("resources") or ())


def present_state(terraform: Terraform, document: str) -> State | None:
    """What is where the state would be."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "backend.tf.json").write_text(document)
        there = terraform.at(Path(folder), Path(folder, "data"))
        there.init()
        return there.pull_state()


def unlock(clients: Clients, lock: str) -> None:
    """Break a lock that a killed run left behind. Raises `TerraformFailed` where none of that ID holds the state."""
    with explained(clients.place):
        clients.configuration.force_unlock(lock)


@contextmanager
def explained(place: Place) -> Iterator[None]:
    """What Terraform says of the state, with a remedy that is kit's."""
    try:
        yield
    except TerraformFailed as error:
        raise refusals.explained(error, " --rehearse" if place.rehearses else "") from error


def _refuse(where: str, *, there: State | None, here: State | None) -> None:
    """What is there would be lost. Not so an empty state, nor a copy of this one, as a move leaves it that was killed.

    A copy is known by what it holds: Terraform gives it a lineage of its own.
    """
    is_copy = here is not None and there is not None and there["resources"] == here["resources"]
    if holds_something(there) and not is_copy:
        raise StateTaken(where=where)
