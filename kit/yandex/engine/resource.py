"""The methods that all resources have in common: create, get, list, update, delete, move, and others that change one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kit.yandex import refusal
from kit.yandex.contract import Backing
from kit.yandex.engine import descriptors, ids, pagination, references
from kit.yandex.engine.descriptors import OPERATION, Method
from kit.yandex.engine.fields import copy_fields, copy_path, counterparts
from kit.yandex.engine.journal import Change, Journal, Record
from kit.yandex.engine.plan import OperationPlan, SideEffect
from kit.yandex.engine.registry import MODELLED, Handler, Registry
from kit.yandex.engine.state import Call, EmulatorState, now

Hook = Callable[["MutationContext"], None]


def operation(prepare: Callable[[EmulatorState, Call, Change], OperationPlan]) -> Handler:
    """A handler that runs the plan which `prepare` makes."""
    return lambda state, call: state.operations.run(state, call, lambda change: prepare(state, call, change))


@dataclass(slots=True)
class MutationContext:
    """What a hook may read and change while a resource is made, changed or removed."""

    state: EmulatorState
    call: Call
    change: Change
    message: Any  # the resource: new, or a copy that is being changed, or the one that goes
    extra: dict[str, Any]
    plan: OperationPlan
    paths: tuple[str, ...] = ()  # of the update mask

    @property
    def request(self) -> Any:
        """The message of the call."""
        return self.call.request

    @property
    def journal(self) -> Journal:
        """The journal as it is before this change."""
        return self.state.journal

    @property
    def backing(self) -> Backing:
        """What makes resources real."""
        return self.state.backing

    def then(self, side_effect: SideEffect) -> None:
        """Call the backing once the change is planned."""
        self.plan.side_effects.append(side_effect)

    def touches(self, *prefixes: str) -> bool:
        """Whether the update mask names such a field."""
        return any(path.startswith(prefix) for path in self.paths for prefix in prefixes)


@dataclass(frozen=True)
class Resource:
    """A kind of resource. `scope` is the field that names its parent; `is_named`: kept under parent/name, without an id."""

    service: str
    message: str
    noun: str
    prefix: str = ""
    scope: str = "folder_id"
    parent: str = references.FOLDER
    is_named: bool = False
    is_unique: bool = True  # its name, among its siblings; an empty name is never taken
    level: str = MODELLED
    backed: str = ""
    build: Hook | None = None
    change: Hook | None = None
    remove: Hook | None = None
    exists: Callable[[EmulatorState, Record], bool] | None = None  # drift: asked before a resource is shown
    on_forget: Callable[[EmulatorState, Change, Record], None] | None = None  # what else goes with one that is no longer there
    default_status: str = ""

    @functools.cached_property
    def key_fields(self) -> tuple[str, ...]:
        """The fields by which requests identify one: those of the Get request."""
        fields = [field.name for field in descriptors.methods(self.service)["Get"].request.DESCRIPTOR.fields]
        return tuple(fields[:2]) if self.is_named else tuple(fields[:1])

    def key(self, request: Any) -> str:
        """The key under which the journal keeps what a request names."""
        return "/".join(getattr(request, name) for name in self.key_fields)

    def find(self, state: EmulatorState, key: str) -> Record:
        """The record, if the backing has it too; NOT_FOUND otherwise."""
        record = state.find(self.message, key, self.noun)
        if not self._is_shown(state, record):
            self.forget(state, record)
            raise refusal.not_found(self.noun, key)
        return record

    def register(self, registry: Registry) -> None:
        """Answer the common methods that the service has."""
        handlers: dict[str, Handler] = {"Get": self.get, "List": self.list, "ListOperations": self.list_operations}
        plans = {"Create": self.plan_create, "Update": self._plan_update, "Delete": self.plan_delete, "Move": self._plan_move}
        handlers |= {name: operation(plan) for name, plan in plans.items()}
        for name, method in descriptors.methods(self.service).items():
            if name in handlers and (method.is_operation or name not in plans):
                backed = "" if name in ("Move", "ListOperations") else self.backed
                registry.add(self.service, name, handlers[name], self.level, backed)

    def get(self, state: EmulatorState, call: Call) -> Any:
        return self.find(state, self.key(call.request)).message

    def list(self, state: EmulatorState, call: Call) -> Any:
        """The page asked for; what the backing has no more is forgotten."""
        records = self._candidates(state, call.request)
        if self.exists is not None:
            gone = [record for record in records if not self._is_shown(state, record)]
            for record in gone:
                self.forget(state, record)
            records = [record for record in records if record not in gone]
        return pagination.page([record.message for record in records], call.request, call.method.answer())

    def _candidates(self, state: EmulatorState, request: Any) -> Sequence[Record]:
        fields = request.DESCRIPTOR.fields_by_name
        if not self.scope:
            return state.journal.all(self.message)
        if self.scope in fields:
            parent = getattr(request, self.scope)
            state.find(self.parent, parent, references.FIELDS.get(self.scope, ("", "Cluster"))[1])
            return state.journal.children(self.message, parent)
        # What lies in clusters is sometimes listed by the clusters' folder.
        owners = state.journal.children(self.parent, request.folder_id)
        return [record for owner in owners for record in state.journal.children(self.message, owner.key)]

    def plan_create(self, state: EmulatorState, call: Call, change: Change) -> OperationPlan:
        """The plan of Create."""
        request = call.request
        parent = getattr(request, self.scope) if self.scope else ""
        if self.scope and not parent:
            raise refusal.invalid(self.scope, "Field is required")
        if self.scope:
            state.find(self.parent, parent, references.FIELDS.get(self.scope, ("", "Cluster"))[1])
        references.check(state, request)
        fresh = descriptors.message(self.message)()
        copy_fields(request, fresh)
        unwrap_spec(request, fresh)
        if self.is_named and not fresh.name:
            fresh.name = getattr(request, self.key_fields[1], "")  # some requests call it as Get does: format_schema_name
        self._identify(fresh, parent)
        self._check_name(state, fresh, parent, "")
        key = f"{parent}/{fresh.name}" if self.is_named else fresh.id
        return self.run_hook(state, call, change, Record(key, parent, fresh, {}), "create", self.build).plan

    def _plan_update(self, state: EmulatorState, call: Call, change: Change) -> OperationPlan:
        record = self.find(state, self.key(call.request))
        references.check(state, call.request)
        paths = paths_to_update(call.request, self.key_fields, call.method)
        fresh = record.copy()
        for path in paths:
            copy_path(call.request, path, fresh)
        self._check_name(state, fresh, record.parent, record.key)
        return self.run_hook(state, call, change, record.with_message(fresh), "update", self.change, paths).plan

    def plan_delete(self, state: EmulatorState, call: Call, change: Change) -> OperationPlan:
        """The plan of Delete."""
        record = self.find(state, self.key(call.request))
        check_protection(record, self.noun)
        references.check_free(state, self.message, record.key, self.noun)
        context = self.run_hook(state, call, change, record, "delete", self.remove)
        if self.parent == references.FOLDER:
            state.journal.delete_with_children(change, record)
        change.delete(self.message, record.key)
        change.delete(BINDINGS, record.key)
        return context.plan

    def _plan_move(self, state: EmulatorState, call: Call, change: Change) -> OperationPlan:
        """The plan of Move: into another folder."""
        record = self.find(state, self.key(call.request))
        target = call.request.destination_folder_id
        state.find(references.FOLDER, target, "Folder")
        fresh = record.copy()
        fresh.folder_id = target
        self._check_name(state, fresh, target, record.key)
        moved = Record(record.key, target, fresh, dict(record.extra))
        return self.run_hook(state, call, change, moved, "update", None).plan

    def action(self, hook: Hook) -> Handler:
        """A handler for another method that changes one resource: `hook` says how."""

        def prepare(state: EmulatorState, call: Call, change: Change) -> OperationPlan:
            record = self.find(state, self.key(call.request))
            references.check(state, call.request)
            return self.run_hook(state, call, change, record.with_message(record.copy()), "update", hook).plan

        return operation(prepare)

    def lister(self, kind: str) -> Handler:
        """A handler that lists the records of a kind which lie in one resource."""

        def handler(state: EmulatorState, call: Call) -> Any:
            key = self.find(state, self.key(call.request)).key
            found = [record.message for record in state.journal.children(kind, key)]
            return pagination.page(found, call.request, call.method.answer())

        return handler

    def list_operations(self, state: EmulatorState, call: Call) -> Any:
        key = self.key(call.request)
        state.find(self.message, key, self.noun)
        records = state.journal.children(OPERATION, key)
        return pagination.page([record.message for record in reversed(records)], call.request, call.method.answer(), "operations")

    def run_hook(
        self,
        state: EmulatorState,
        call: Call,
        change: Change,
        record: Record,
        verb: str,
        hook: Hook | None,
        paths: Iterable[str] = (),
    ) -> MutationContext:
        """Run the hook over the record, and write what it made of it. Also for one service that makes resources of another."""
        subject = record.key.partition("/")[0] if self.is_named else record.key
        names = dict(zip(self.key_fields, record.key.split("/", 1) if self.is_named else [record.key], strict=True))
        plan = OperationPlan(
            verb=verb, change=change, primary=record, names=names, subject=subject if _is_cluster(self, subject) else ""
        )
        context = MutationContext(state, call, change, record.message, dict(record.extra), plan, tuple(paths))
        if hook is not None:
            hook(context)
        if verb != "delete":
            key = record.key
            if verb == "create" and not self.is_named:  # a hook may have chosen it: a subnet's id tells its zone
                key = context.message.id
                plan.names[self.key_fields[0]] = key
                plan.subject = plan.subject and key
            plan.primary = Record(key, record.parent, context.message, context.extra)
            change.put(plan.primary)
        return context

    def forget(self, state: EmulatorState, record: Record) -> None:
        """Delete a record that the backing has no more, and with a cluster everything in it."""
        with state.journal.transaction() as change:
            if self.on_forget is not None:
                self.on_forget(state, change, record)
            state.journal.delete_with_children(change, record)

    def _is_shown(self, state: EmulatorState, record: Record) -> bool:
        """Whether the backing has it. What is being made is shown before it is real."""
        return record.is_pending or self.exists is None or self.exists(state, record)

    def _identify(self, fresh: Any, parent: str) -> None:
        fields = fresh.DESCRIPTOR.fields_by_name
        if "id" in fields and self.prefix:
            fresh.id = ids.new(self.prefix)
        if "created_at" in fields:
            fresh.created_at.CopyFrom(now())
        if self.scope in fields and fields[self.scope].message_type is None:
            setattr(fresh, self.scope, parent)
        if self.default_status:
            fresh.status = fields["status"].enum_type.values_by_name[self.default_status].number

    def _check_name(self, state: EmulatorState, fresh: Any, parent: str, own_key: str) -> None:
        name = getattr(fresh, "name", "")
        if not name or not self.is_unique:
            return
        if self.is_named:
            taken = state.journal.get(self.message, f"{parent}/{name}")
        else:
            siblings = state.journal.children(self.message, parent)
            taken = next((record for record in siblings if record.message.name == name), None)
        if taken is not None and taken.key != own_key:
            if not self._is_shown(state, taken):
                self.forget(state, taken)
                return
            raise refusal.already_exists(self.noun, name)


BINDINGS = "access.ListAccessBindingsResponse"  # as a record's message: a list of bindings, kept under the resource's key


def set_status(value: int) -> Hook:
    """A hook that gives a resource this status, and refuses one that has it already."""

    def hook(context: MutationContext) -> None:
        if context.message.status == value:
            noun = type(context.message).__name__.lower()
            raise refusal.precondition(f"{noun} {context.message.id} is so already")
        context.message.status = value

    return hook


def paths_to_update(request: Any, key_fields: Iterable[str], method: Method) -> tuple[str, ...]:
    """The paths of the update mask; without one, every field that the request can set: the cloud then replaces the whole."""
    own = {*key_fields, "update_mask"}
    if request.update_mask.paths:
        for path in request.update_mask.paths:
            if path.partition(".")[0] not in request.DESCRIPTOR.fields_by_name:
                raise refusal.invalid("update_mask", f"{method.label} has no field {path}")
        # The provider names the key as well when it changes a database.
        return tuple(path for path in request.update_mask.paths if path not in own)
    return tuple(field.name for field in request.DESCRIPTOR.fields if field.name not in own)


def unwrap_spec(request: Any, fresh: Any) -> None:
    """Copy what the request nests in `topic_spec`, `user_spec`, `database_spec` to the top of the resource."""
    for field, value in request.ListFields():
        if field.message_type is not None and not field.is_repeated and not counterparts(field.name, fresh.DESCRIPTOR):
            copy_fields(value, fresh)


def check_protection(record: Record, noun: str) -> None:
    """Refuse to delete what has deletion protection. Two spellings: a flag, or an enum in ClickHouse."""
    message = record.message
    protected = getattr(message, "deletion_protection", False)
    if hasattr(protected, "value"):
        protected = protected.value
    if "deletion_protection_mode" in message.DESCRIPTOR.fields_by_name:
        values = message.DESCRIPTOR.fields_by_name["deletion_protection_mode"].enum_type.values_by_number
        protected = values[message.deletion_protection_mode].name.endswith("_ENABLED")
    if protected:
        raise refusal.precondition(f"{noun} {record.key} has deletion protection enabled: disable it before deleting")


def _is_cluster(resource: Resource, subject: str) -> bool:
    return bool(subject) and (resource.message.endswith(".Cluster") or resource.parent.endswith(".Cluster"))
