"""Access bindings of any resource: who has which role. The same three methods in every service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kit.yandex import refusal
from kit.yandex.engine import descriptors, pagination
from kit.yandex.engine.journal import Change, Record
from kit.yandex.engine.plan import OperationPlan
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import BINDINGS, Resource, operation
from kit.yandex.engine.state import Call, EmulatorState
from kit.yandex.rules import roles as known

ADD, REMOVE = 1, 2  # access.AccessBindingAction
SINCE = "since"  # role and subject → when it was given (Unix time)


def register(registry: Registry, resource: Resource, find: Callable[[EmulatorState, str], Record] | None = None) -> None:
    """Answer the three methods, where the service has them. `find`: the resource by what these requests call its id."""
    names = descriptors.methods(resource.service)
    if "ListAccessBindings" not in names:
        return

    find = find or resource.find

    def change(state: EmulatorState, call: Call, written: Change) -> OperationPlan:
        return _prepare(state, call, find(state, call.request.resource_id).key, written)

    def list_bindings(state: EmulatorState, call: Call) -> Any:
        owner = find(state, call.request.resource_id)
        return pagination.page(_bindings(state, owner.key), call.request, call.method.answer(), "access_bindings")

    registry.add(resource.service, "ListAccessBindings", list_bindings, resource.level)
    registry.add(resource.service, "SetAccessBindings", operation(change), resource.level)
    registry.add(resource.service, "UpdateAccessBindings", operation(change), resource.level)


def roles(state: EmulatorState, resource_id: str, subject_id: str) -> Iterator[str]:
    """The roles of a subject on this very resource, not on what is above it."""
    for binding in _bindings(state, resource_id):
        if binding.subject.id in (subject_id, "allUsers", "allAuthenticatedUsers"):
            yield binding.role_id


def arrived(state: EmulatorState, resource_id: str, subject_id: str) -> frozenset[str]:
    """As `roles`, but only those that IAM has known for as long as it takes to know of one (`--iam-delay`)."""
    record = state.journal.get(BINDINGS, resource_id)
    since = record.extra.get(SINCE, {}) if record else {}
    known_since = state.options.clock() - state.options.iam_delay_s
    return frozenset(
        role for role in roles(state, resource_id, subject_id) if since.get(f"{role} {subject_id}", 0) <= known_since
    )


def _bindings(state: EmulatorState, resource_id: str) -> list[Any]:
    record = state.journal.get(BINDINGS, resource_id)
    return list(record.message.access_bindings) if record else []


def _prepare(state: EmulatorState, call: Call, key: str, written: Change) -> OperationPlan:
    request = call.request
    found = _bindings(state, key)
    if call.method.name == "SetAccessBindings":
        found = list(request.access_bindings)
        for binding in found:
            known.check(binding.role_id)
    for delta in getattr(request, "access_binding_deltas", []):
        binding = delta.access_binding
        _check_subject(state, binding.subject)
        if delta.action == ADD:
            known.check(binding.role_id)
        if delta.action == ADD and binding not in found:
            found.append(binding)
        elif delta.action == REMOVE and binding in found:
            found.remove(binding)
    answer = descriptors.message(BINDINGS)()
    answer.access_bindings.extend(found)
    before = state.journal.get(BINDINGS, key)
    since = before.extra.get(SINCE, {}) if before else {}
    given = [f"{binding.role_id} {binding.subject.id}" for binding in found]
    record = Record(key, "", answer, {SINCE: {name: since.get(name, state.options.clock()) for name in given}})
    if found:
        written.put(record)
    else:
        written.delete(record.kind, key)
    response = call.method.response() if call.method.response is not None else None
    if response is not None and "effective_deltas" in response.DESCRIPTOR.fields_by_name:
        response.effective_deltas.extend(getattr(request, "access_binding_deltas", []))
    names = {"resource_id": request.resource_id}
    return OperationPlan(verb="update", change=written, primary=record, names=names, response=response)


def _check_subject(state: EmulatorState, subject: Any) -> None:
    if subject.type == "serviceAccount" and state.journal.get("iam.v1.ServiceAccount", subject.id) is None:
        raise refusal.not_found("Service account", subject.id)
