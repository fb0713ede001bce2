"""Joins a stack whose state lies in a bucket, so that this computer sees and changes what the others do, and leaves it again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kit.errors import KitError
from kit.state import choice
from kit.targets.cloud import apply, checks, in_cluster, shared, stack_secret, state
from kit.targets.cloud.errors import NothingShared, NotShared, StateHere
from kit.targets.cloud.place import BACKEND

if TYPE_CHECKING:
    from pathlib import Path

    from kit.targets.cloud.target import CloudTarget

DESCRIBED = "described"  # the output with what the stack was applied with


@dataclass(frozen=True, slots=True)
class Joined:
    """Where the state and kit's secrets are, and what to know of the description here and of the cluster, in words."""

    where: str
    secret: str
    notes: tuple[str, ...]


def join(cloud: CloudTarget, bucket: str, key: str | None, endpoint: str | None, region: str | None) -> Joined:
    """Find state and secrets, then write down here where they are. A second time it changes nothing.

    Raises `NothingShared`, `StateHere`, `ForeignState`, `SharedSecretsMissing`, `SharedSecretsForbidden`, `OtherName`.
    """
    clients, place = cloud.clients, cloud.place
    where, document = state.bucket_of(clients, bucket, key, endpoint, region)
    terraform = clients.terraform(clients.changes)
    _refuse(cloud, document)
    with state.explained(place):
        there = state.present_state(terraform, document)
    if there is None or not state.holds_something(there):
        raise NothingShared(where=where)
    checks.refuse_foreign(where, checks.folders_in(there), place.rehearses)
    said = _described(there)
    called = stack_secret.name(said.get("name_prefix") or clients.setting("name_prefix"))
    kept = replace(clients.stack_secret, name=called).read()
    if kept is None or kept.held is None:
        raise shared.missing(clients)
    with state.written(place, document):
        clients.configuration  # noqa: B018  initialised with the backend, which may be refused
        shared.save(place, kept)
    apply.write_kubeconfig(cloud)
    notes = list(differences(cloud.workspace.assets / "terraform" / "variables.tf", cloud.public_variables(), said))
    try:
        if (chosen := in_cluster.recall(cloud)) is not None:
            choice.save(place.root, chosen)
    except KitError as error:
        notes.append(f"the cluster does not answer, so which Sentry runs in it is not known here yet: {error.why}")
    with suppress(KitError):  # `kit up` asks again, and says what is wrong
        apply.publish_trust(cloud)
    return Joined(where, kept.held.id, tuple(notes))


def leave(cloud: CloudTarget) -> None:
    """Forget everything here of a stack that others can find. Raises `NotShared`, `SharedSecretsMissing`."""
    if not cloud.place.has_backend:
        raise NotShared(stack=cloud.stack.name)
    if cloud.clients.in_lockbox is None and stack_secret.in_files(cloud.place).own:
        raise shared.missing(cloud.clients)
    cloud.place.forget()


def _refuse(cloud: CloudTarget, document: str) -> None:
    """Nothing that this computer alone knows of is to be forgotten."""
    place, file = cloud.place, cloud.place.configuration / BACKEND
    if place.has_backend:
        if file.read_text() != document:
            raise StateHere(stack=cloud.stack.name, holds="it lies in another bucket, or under another key")
    elif place.state.exists() and state.holds_something(cloud.clients.reading.pull_state()):
        raise StateHere(stack=cloud.stack.name, holds="it has resources")


def _described(there: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the stack was applied with; nothing of one that an older kit made."""
    value = ((there.get("outputs") or {}).get(DESCRIBED) or {}).get("value")
    return value if isinstance(value, dict) else {}


def differences(variables: Path, wanted: Mapping[str, Any], said: Mapping[str, Any]) -> Iterator[str]:
    """What this computer's kit.yaml says otherwise than what the stack was applied with: `kit up` would change it. Pure but for
    the defaults, which stand in `variables`."""
    text = variables.read_text()
    for name, applied in said.items():
        default = re.search(rf'^variable "{name}" {{\n(?:  .*\n)*?  default\s*= "?([^"\n]*)"?$', text, re.MULTILINE)
        here = wanted.get(name, default.group(1) if default else None)
        if here not in (None, "null") and str(here) != str(applied):
            yield f"{name} is {here} here, and the stack was applied with {applied}: see kit up --cloud --plan"
