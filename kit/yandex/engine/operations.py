"""Runs operations: the answer to every mutating call, done at once or later by a thread, and recovered after a kill.

By default an operation is done in the answer that starts it, and the client never polls. With `--async`, or when the backing
takes its time, the resource is shown as CREATING or UPDATING meanwhile and the client polls. Operations on one cluster run one
after the other; `--strict` refuses the second instead, with the message for which the provider waits.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.message import Message

from kit.errors import KitError
from kit.yandex import refusal
from kit.yandex.contract import NotPossible, S3Refused
from kit.yandex.engine import ids
from kit.yandex.engine.descriptors import OPERATION, message
from kit.yandex.engine.fields import copy_fields
from kit.yandex.engine.journal import PENDING, Change, Record
from kit.yandex.engine.plan import OperationPlan, ResponsePatch
from kit.yandex.engine.state import Call, EmulatorState, now
from kit.yandex.refusal import Refusal
from kit.yandex.rules import quotas

ANSWERED_WITHIN_S = 1.5  # what is made in this time is done in the first answer, and nobody polls for it
ALWAYS_AWAITED = "storage.v1."  # the provider reads a bucket out of the first answer, whatever it polls for afterwards
WRITTEN_AGAIN_AFTER_S = 0.5
KEPT_OPERATIONS = 2000  # finished operations that can still be asked for
PREFIXES = {
    "mdb": "mdb",
    "vpc": "enp",
    "k8s": "cat",
    "iam": "aje",
    "lockbox": "e6q",
    "dns": "dns",
    "storage": "e3e",
    "certificatemanager": "fpq",
}
OPENS_BUCKETS = {"storage.v1.Bucket", "iam.v1.awscompatibility.AccessKey", "access.ListAccessBindingsResponse"}
Recovery = Callable[[EmulatorState, Record], None]


class Operations:
    """Thread-safe. Finished operations are kept in the journal, the newest `KEPT_OPERATIONS` of them."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=32, thread_name_prefix="operation")
        self._locks: dict[str, tuple[threading.Lock, int]] = {}  # subject → its lock, and how many operations hold or await it
        self._guard = threading.Lock()
        self._by_key: dict[str, str] = {}
        self._busy: dict[str, str] = {}  # subject → operation that works on it
        self._order: list[str] = []
        self._stopping = threading.Event()

    def load(self, state: EmulatorState, roll_back: Recovery, repeat: Recovery) -> None:
        """Take over the journal's operations: an interrupted creation is rolled back, an interrupted change repeated."""
        for record in state.journal.all(OPERATION):
            self._order.append(record.key)
            if key := record.extra.get("idempotency"):
                self._by_key[key] = record.key
            if not record.message.done:
                _recover(state, record, roll_back, repeat)

    def stop(self) -> None:
        """Start nothing new, and wait for what runs."""
        self._stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def run(self, state: EmulatorState, call: Call, prepare: Callable[[Change], OperationPlan]) -> Message:
        """Run the plan that `prepare` makes and return its operation: done where the backing is quick, else started."""
        key = _idempotency(call)
        started: Future[None] | None = None
        with state.journal.lock:
            if key and key in self._by_key and (before := state.journal.get(OPERATION, self._by_key[key])):
                return before.message
            if state.backing.is_quick and not state.options.async_s:
                record = self._run_now(state, call, prepare, key)
            else:
                record, started = self._start(state, call, prepare, key)
            if key:
                self._by_key[key] = record.key
        if started is not None and call.method.service.startswith(ALWAYS_AWAITED):
            wait([started])
        elif started is not None and not state.options.async_s:
            wait([started], timeout=ANSWERED_WITHIN_S)
        current = state.journal.get(OPERATION, record.key)
        return (current or record).message

    def _run_now(self, state: EmulatorState, call: Call, prepare: Callable[[Change], OperationPlan], key: str) -> Record:
        with state.journal.transaction() as change:
            plan = prepare(change)
            quotas.check(change, state.journal.all, state.limits())
            patches = [patch for side_effect in plan.side_effects if (patch := side_effect()) is not None]
            _apply_patches(plan, patches)
            record = _operation_record(call, plan, key)
            _succeed(record.message, call, plan)
            self._keep(change, record)
        _publish_keys(state, plan)
        return record

    def _start(
        self, state: EmulatorState, call: Call, prepare: Callable[[Change], OperationPlan], key: str
    ) -> tuple[Record, Future[None]]:
        planned = Change()
        plan = prepare(planned)
        quotas.check(planned, state.journal.all, state.limits())
        if state.options.is_strict and (busy := self._busy.get(plan.subject)):
            raise refusal.precondition(f'conflicting operation "{busy}" detected')
        record = _operation_record(call, plan, key)
        before = {place: state.journal.get(*place) for place in [*planned.puts, *planned.deletes]}
        with state.journal.transaction() as change:
            for made in planned.puts.values():
                change.put(_with_transitional_status(made, plan))
            self._keep(change, record)
        if plan.subject:
            self._busy[plan.subject] = record.key
        return record, self._pool.submit(self._run_later, state, call, plan, record, before)

    def _run_later(
        self,
        state: EmulatorState,
        call: Call,
        plan: OperationPlan,
        record: Record,
        before: Mapping[tuple[str, str], Record | None],
    ) -> None:
        try:
            with self._exclusively(plan.subject or record.key):
                if self._stopping.wait(state.options.async_s):
                    return  # journaled as unfinished: the next start deals with it
                patches = [patch for side_effect in plan.side_effects if (patch := side_effect()) is not None]
            self._complete(state, call, plan, record, patches)
        except Exception as error:
            self._fail(state, plan, record, before, error)
        finally:
            with state.journal.lock:
                if self._busy.get(plan.subject) == record.key:
                    del self._busy[plan.subject]

    def _complete(
        self, state: EmulatorState, call: Call, plan: OperationPlan, record: Record, patches: list[ResponsePatch]
    ) -> None:
        with state.journal.transaction() as change:
            current = state.journal.get(plan.primary.kind, plan.primary.key)
            if plan.verb != "delete" and current is not None:
                settled = current.copy()
                _restore_status(settled, plan.primary.message)
                plan.primary = current.with_message(settled).without_pending()
                change.put(plan.primary)
                for patch in patches:
                    patch(plan.primary.message)
            for kind, key in plan.change.deletes:
                change.delete(kind, key)
        _publish_keys(state, plan)
        with state.journal.transaction() as change:
            done = record.with_message(record.copy())
            _succeed(done.message, call, plan)
            change.put(done)

    def _fail(
        self,
        state: EmulatorState,
        plan: OperationPlan,
        record: Record,
        before: Mapping[tuple[str, str], Record | None],
        error: Exception,
    ) -> None:
        if plan.undo is not None:
            try:
                plan.undo()
            except Exception as second:
                error.add_note(f"and it could not be taken back: {second}")
        failed = record.with_message(record.copy())
        failed.message.done = True
        failed.message.error.CopyFrom(_as_refusal(error).status())
        while True:
            try:
                with state.journal.transaction() as change:
                    for (kind, key), old in before.items():
                        if old is None:
                            change.delete(kind, key)
                        elif (kind, key) in plan.change.puts:
                            change.put(old)
                    change.put(failed)
                return
            except OSError:  # a full disk, most likely; whoever polls would never learn of an end that is not written down
                if self._stopping.wait(WRITTEN_AGAIN_AFTER_S):
                    return  # the next start deals with it

    def _keep(self, change: Change, record: Record) -> None:
        change.put(record)
        self._order.append(record.key)
        if len(self._order) > KEPT_OPERATIONS:
            oldest = self._order.pop(0)
            change.delete(OPERATION, oldest)
            self._by_key = {key: operation for key, operation in self._by_key.items() if operation != oldest}

    @contextmanager
    def _exclusively(self, subject: str) -> Iterator[None]:
        """One operation on a subject at a time. Its lock is on_forget with the last one."""
        with self._guard:
            lock, count = self._locks.get(subject, (threading.Lock(), 0))
            self._locks[subject] = lock, count + 1
        try:
            with lock:
                yield
        finally:
            with self._guard:
                lock, count = self._locks.pop(subject)
                if count > 1:
                    self._locks[subject] = lock, count - 1


def _publish_keys(state: EmulatorState, plan: OperationPlan) -> None:
    if OPENS_BUCKETS & {kind for kind, _ in [*plan.change.puts, *plan.change.deletes]}:
        state.publish_keys()


def _recover(state: EmulatorState, record: Record, roll_back: Recovery, repeat: Recovery) -> None:
    """End an operation that a kill interrupted. A half-made resource is removed, so that the next apply makes it anew; one that
    was being changed or deleted stays, and the next apply changes or deletes it."""
    verb, recovery = record.extra.get("verb", ""), {"create": roll_back, "update": repeat}
    current = state.journal.get(record.extra.get("kind", ""), record.extra.get("key", ""))
    complaint = "" if current is None else _why_not_recovered(state, current, recovery.get(verb))
    with state.journal.transaction() as change:
        if current is not None and verb == "create":
            state.journal.delete_with_children(change, current)
        elif current is not None:
            settled = current.copy()
            _set_status(settled, ("RUNNING", "ACTIVE"))
            change.put(current.with_message(settled).without_pending())
        failed = record.with_message(record.copy())
        failed.message.done = True
        aborted = Refusal(grpc.StatusCode.ABORTED, f"the emulator was stopped while this ran{complaint}")
        failed.message.error.CopyFrom(aborted.status())
        change.put(failed)


def _why_not_recovered(state: EmulatorState, record: Record, recovery: Recovery | None) -> str:
    """Run the recovery; returns why it failed. The emulator must start even where its backing cannot be reached."""
    try:
        if recovery is not None:
            recovery(state, record)
        return ""
    except (KitError, S3Refused) as error:
        return f", and what it had begun could not be recovered: {error}"


def _operation_record(call: Call, plan: OperationPlan, idempotency: str) -> Record:
    operation = message(OPERATION)()
    operation.id = ids.new(PREFIXES.get(call.method.service.partition(".")[0], "e6e"))
    operation.description = f"{call.method.name} {call.method.service.rpartition('.')[2].removesuffix('Service')}"
    operation.created_at.CopyFrom(now())
    operation.modified_at.CopyFrom(operation.created_at)
    operation.created_by = call.subject
    if call.method.metadata is not None:
        metadata = call.method.metadata()
        _fill_metadata(metadata, call.request, plan)
        operation.metadata.Pack(metadata)
    owner = plan.subject or plan.primary.key
    extra = {"verb": plan.verb, "kind": plan.primary.kind, "key": plan.primary.key}
    return Record(operation.id, owner, operation, {**extra, **({"idempotency": idempotency} if idempotency else {})})


def _fill_metadata(metadata: Any, request: Any, plan: OperationPlan) -> None:
    for item in metadata.DESCRIPTOR.fields:
        if item.message_type is not None:
            continue
        if item.is_repeated:
            getattr(metadata, item.name).extend(plan.lists.get(item.name, []))
        elif item.name in plan.names:
            setattr(metadata, item.name, plan.names[item.name])
        elif item.name in request.DESCRIPTOR.fields_by_name:
            setattr(metadata, item.name, getattr(request, item.name))


def _succeed(operation: Any, call: Call, plan: OperationPlan) -> None:
    operation.done = True
    operation.modified_at.CopyFrom(now())
    wanted = call.method.response
    if wanted is None:
        return
    response = plan.response
    if response is None:
        response = wanted()
        if wanted.DESCRIPTOR.full_name != "google.protobuf.Empty":
            copy_fields(plan.primary.message, response)
    operation.response.Pack(response)


def _apply_patches(plan: OperationPlan, patches: list[ResponsePatch]) -> None:
    for patch in patches:
        fresh = plan.primary.copy()
        patch(fresh)
        plan.primary = plan.primary.with_message(fresh)
        plan.change.put(plan.primary)


def _with_transitional_status(record: Record, plan: OperationPlan) -> Record:
    if (record.kind, record.key) != (plan.primary.kind, plan.primary.key):
        return record
    fresh = record.copy()
    _set_status(fresh, ("CREATING", "PROVISIONING") if plan.verb == "create" else ("UPDATING", "RECONCILING"))
    return Record(record.key, record.parent, fresh, {**record.extra, PENDING: True})


def _restore_status(target: Any, wanted: Any) -> None:
    if "status" in target.DESCRIPTOR.fields_by_name:
        target.status = wanted.status


def _set_status(target: Any, names: tuple[str, ...]) -> None:
    field = target.DESCRIPTOR.fields_by_name.get("status")
    if field is None or field.enum_type is None:
        return
    for name in names:
        if name in field.enum_type.values_by_name:
            target.status = field.enum_type.values_by_name[name].number
            return


def _idempotency(call: Call) -> str:
    if not call.idempotency_key:
        return ""
    whole = f"{call.idempotency_key} {call.method.path} ".encode() + call.request.SerializeToString(deterministic=True)
    return hashlib.sha256(whole).hexdigest()[:24]


def _as_refusal(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, S3Refused):
        return refusal.precondition(error.message)
    if isinstance(error, NotPossible):
        return refusal.precondition(f"{error.why}. {error.fix}")
    if isinstance(error, KitError):
        return Refusal(grpc.StatusCode.INTERNAL, f"{error.what}: {error.why}. {error.fix}")
    return Refusal(grpc.StatusCode.INTERNAL, f"the emulator failed: {error!r}")
