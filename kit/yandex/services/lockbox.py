"""Secrets and their versions. Payloads lie in the journal (mode 0600) and leave only through PayloadService."""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Iterable
from typing import Any

from kit.yandex import refusal
from kit.yandex.engine import bindings
from kit.yandex.engine.journal import Change, Record
from kit.yandex.engine.plan import OperationPlan
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import MutationContext, Resource, operation
from kit.yandex.engine.state import Call, EmulatorState, now
from kit.yandex.managed.secrets import ACTIVE, SECRET, VERSION, VERSION_ACTIVE, add_version_record

SERVICE, PAYLOAD = "lockbox.v1.SecretService", "lockbox.v1.PayloadService"
INACTIVE = 3  # of a secret
SCHEDULED = 2  # of a version
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def register(registry: Registry) -> None:
    SECRETS.register(registry)
    bindings.register(registry, SECRETS)
    registry.add(SERVICE, "Activate", SECRETS.action(_status(ACTIVE)))
    registry.add(SERVICE, "Deactivate", SECRETS.action(_status(INACTIVE)))
    registry.add(SERVICE, "ListVersions", SECRETS.lister(VERSION))
    registry.add(SERVICE, "AddVersion", add_version)
    registry.add(SERVICE, "SetCurrentVersion", SECRETS.action(_set_current))
    registry.add(SERVICE, "ScheduleVersionDestruction", _schedule(True))
    registry.add(SERVICE, "CancelVersionDestruction", _schedule(False))
    registry.add(PAYLOAD, "Get", get_payload)
    registry.add(PAYLOAD, "GetEx", get_payload_ex)


def _build_secret(context: MutationContext) -> None:
    request, secret = context.request, context.message
    secret.status = ACTIVE
    entries = _entries(request.version_payload_entries)
    if request.WhichOneof("payload_specification"):
        entries = _generate_password(request.password_payload_specification)
    if entries or (request.HasField("create_version") and request.create_version.value):
        version = add_version_record(context.change, secret, request.version_description, entries)
        context.plan.names["version_id"] = version.id


def _status(value: int) -> Any:
    def hook(context: MutationContext) -> None:
        context.message.status = value

    return hook


def _set_current(context: MutationContext) -> None:
    version = _version(context.state, context.message.id, context.request.version_id)
    context.message.current_version.CopyFrom(version.message)
    context.plan.names["version_id"] = version.key
    context.plan.response = version.message


SECRETS = Resource(SERVICE, SECRET, "Secret", "e6q", is_unique=False, build=_build_secret)


@operation
def add_version(state: EmulatorState, call: Call, change: Change) -> OperationPlan:
    request = call.request
    owner = SECRETS.find(state, request.secret_id)
    if owner.message.status != ACTIVE:
        raise refusal.precondition(f"Secret {owner.key} is not active")
    base = dict(_version(state, owner.key, request.base_version_id).extra["entries"]) if request.base_version_id else {}
    secret = owner.copy()
    removed = {found.key for found in request.payload_entries if found.WhichOneof("value") is None}
    entries = {key: value for key, value in {**base, **_entries(request.payload_entries)}.items() if key not in removed}
    if not entries and secret.WhichOneof("payload_specification"):
        entries = _generate_password(secret.password_payload_specification)
    version = add_version_record(change, secret, request.description, entries)
    primary = owner.with_message(secret)
    change.put(primary)
    names = {"secret_id": owner.key, "version_id": version.id}
    return OperationPlan("update", change, primary, names=names, response=version)


def get_payload(state: EmulatorState, call: Call) -> Any:
    version = _readable_version(state, call.request.secret_id, call.request.version_id)
    answer = call.method.answer(version_id=version.key)
    for key, (kind, value) in version.extra["entries"].items():
        entry = answer.entries.add(key=key)
        if kind == "text":
            entry.text_value = value
        else:
            entry.binary_value = base64.b64decode(value)
    return answer


def get_payload_ex(state: EmulatorState, call: Call) -> Any:
    request = call.request
    secret_id = request.secret_id
    if request.WhichOneof("identifier") == "folder_and_name":
        wanted = request.folder_and_name
        siblings = state.journal.children(SECRET, wanted.folder_id)
        found = [record for record in siblings if record.message.name == wanted.secret_name]
        if len(found) != 1:
            raise refusal.not_found("Secret", wanted.secret_name)
        secret_id = found[0].key
    version = _readable_version(state, secret_id, request.version_id)
    answer = call.method.answer(secret_id=secret_id, version_id=version.key)
    for key, (kind, value) in version.extra["entries"].items():
        answer.entries[key] = value.encode() if kind == "text" else base64.b64decode(value)
    return answer


def _schedule(is_scheduled: bool) -> Any:
    def handler(state: EmulatorState, call: Call) -> Any:
        def prepare(change: Change) -> OperationPlan:
            owner = SECRETS.find(state, call.request.secret_id)
            record = _version(state, owner.key, call.request.version_id)
            fresh = record.copy()
            fresh.status = SCHEDULED if is_scheduled else VERSION_ACTIVE
            fresh.ClearField("destroy_at")
            if is_scheduled:
                fresh.destroy_at.seconds = now().seconds + call.request.pending_period.seconds
            primary = record.with_message(fresh)
            change.put(primary)
            if owner.message.current_version.id == record.key:  # the secret shows its state too
                secret = owner.copy()
                secret.current_version.CopyFrom(fresh)
                change.put(owner.with_message(secret))
            names = {"secret_id": owner.key, "version_id": record.key}
            return OperationPlan("update", change, primary, names=names, response=fresh)

        return state.operations.run(state, call, prepare)

    return handler


def _version(state: EmulatorState, secret_id: str, version_id: str) -> Record:
    record = state.journal.get(VERSION, version_id)
    if record is None or record.parent != secret_id:
        raise refusal.not_found("Version", version_id)
    return record


def _readable_version(state: EmulatorState, secret_id: str, version_id: str) -> Record:
    secret = SECRETS.find(state, secret_id).message
    if secret.status != ACTIVE:
        raise refusal.precondition(f"Secret {secret_id} is not active")
    wanted = version_id or secret.current_version.id
    if not wanted:
        raise refusal.not_found("Version", f"of secret {secret_id}, which has none")
    version = _version(state, secret_id, wanted)
    if version.message.status != VERSION_ACTIVE:
        raise refusal.precondition(f"Version {wanted} is scheduled for destruction")
    return version


def _entries(changes: Iterable[Any]) -> dict[str, list[str]]:
    return {
        change.key: ["binary", base64.b64encode(change.binary_value).decode()]
        if change.WhichOneof("value") == "binary_value"
        else ["text", change.text_value]
        for change in changes
    }


def _generate_password(spec: Any) -> dict[str, list[str]]:
    """One password by the specification; every class of characters is in unless it says no."""

    def wants(name: str) -> bool:
        return not spec.HasField(name) or bool(getattr(spec, name).value)

    alphabet = string.ascii_uppercase if wants("include_uppercase") else ""
    alphabet += string.ascii_lowercase if wants("include_lowercase") else ""
    alphabet += string.digits if wants("include_digits") else ""
    if wants("include_punctuation"):
        alphabet += "".join(mark for mark in spec.included_punctuation or PUNCTUATION if mark not in spec.excluded_punctuation)
    if not alphabet:
        raise refusal.invalid("password_payload_specification", "no character is left to choose from")
    password = "".join(secrets.choice(alphabet) for _ in range(spec.length or 36))
    return {spec.password_key: ["text", password]}
