"""Operations: what a mutating call answers with, how long it lasts, and what becomes of it when the emulator is killed.

By default an operation is done in the answer that starts it, and the client never polls. With `--async`, or when the backing
takes its time, the resource is shown as CREATING or UPDATING meanwhile and the client polls. Work for one cluster is done one
after the other; `--strict` refuses the second instead, in the words for which clients wait.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import Message

from kit.errors import KitError
from kit.yandex.contract import BucketRefused, NotPossible
from kit.yandex.engine import ids, refusal
from kit.yandex.engine.descriptors import OPERATION, message
from kit.yandex.engine.journal import PENDING, Change, Record
from kit.yandex.engine.refusal import Refusal
from kit.yandex.engine.transfer import transfer
from kit.yandex.engine.world import Call, World, now

ANSWERED_WITHIN_S = 1.5  # what is made in this time is done in the first answer, and nobody polls for it
AT_ONCE = "storage.v1."  # the provider reads a bucket out of the first answer, whatever it polls for afterwards
KEPT = 2000  # finished operations that can still be asked for
PREFIXES = {"mdb": "mdb", "vpc": "enp", "k8s": "cat", "iam": "aje", "lockbox": "e6q", "dns": "dns", "storage": "e3e"}
ANNOUNCED = {"storage.v1.Bucket", "iam.v1.awscompatibility.AccessKey", "access.ListAccessBindingsResponse"}
Amend = Callable[[Any], None]
Mend = Callable[[World, Record], None]


@dataclass(slots=True)
class Work:
    """What one operation writes and does. `deeds` reach the backing and may return what only reality knows, as an amendment of
    the primary record; `undo` takes a half-made thing back."""

    verb: str  # create, update, delete
    change: Change
    primary: Record
    names: dict[str, str] = field(default_factory=dict)  # fields of the metadata beyond those of the request
    lists: dict[str, list[str]] = field(default_factory=dict)
    subject: str = ""  # what operations are serialised by; "": by nothing
    deeds: list[Callable[[], Amend | None]] = field(default_factory=list)
    undo: Callable[[], None] | None = None
    response: Message | None = None


class Operations:
    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=32, thread_name_prefix="operation")
        self._serial: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._by_key: dict[str, str] = {}
        self._busy: dict[str, str] = {}  # subject → operation that works on it
        self._order: list[str] = []
        self._stopping = threading.Event()

    def load(self, world: World, undo: Mend, redo: Mend) -> None:
        """Take over the journal's operations. What a kill interrupted is taken back or put in order; its operation has failed."""
        for record in world.journal.all(OPERATION):
            self._order.append(record.key)
            if key := record.extra.get("idempotency"):
                self._by_key[key] = record.key
            if not record.message.done:
                _recover(world, record, undo, redo)

    def stop(self) -> None:
        """No new work is begun; what runs is waited for."""
        self._stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def run(self, world: World, call: Call, prepare: Callable[[Change], Work]) -> Message:
        """The operation that `prepare` describes: done where all is quick, else begun."""
        key = _idempotency(call)
        started: Future[None] | None = None
        with world.journal.lock:
            if key and key in self._by_key and (before := world.journal.get(OPERATION, self._by_key[key])):
                return before.message
            if world.backing.is_quick and not world.options.async_s:
                record = self._at_once(world, call, prepare, key)
            else:
                record, started = self._begin(world, call, prepare, key)
            if key:
                self._by_key[key] = record.key
        if started is not None and call.method.service.startswith(AT_ONCE):
            wait([started])
        elif started is not None and not world.options.async_s:
            wait([started], timeout=ANSWERED_WITHIN_S)
        current = world.journal.get(OPERATION, record.key)
        return (current or record).message

    def _at_once(self, world: World, call: Call, prepare: Callable[[Change], Work], key: str) -> Record:
        with world.journal.transaction() as change:
            work = prepare(change)
            amendments = [amend for deed in work.deeds if (amend := deed()) is not None]
            _finish(work, amendments)
            record = _record(call, work, key)
            _succeed(record.message, call, work)
            self._keep(change, record)
        _announce(world, work)
        return record

    def _begin(self, world: World, call: Call, prepare: Callable[[Change], Work], key: str) -> tuple[Record, Future[None]]:
        planned = Change()
        work = prepare(planned)
        if world.options.is_strict and (busy := self._busy.get(work.subject)):
            raise refusal.precondition(f'conflicting operation "{busy}" detected')
        record = _record(call, work, key)
        before = {place: world.journal.get(*place) for place in [*planned.puts, *planned.deletes]}
        with world.journal.transaction() as change:
            for made in planned.puts.values():
                change.put(_transitional(made, work))
            self._keep(change, record)
        if work.subject:
            self._busy[work.subject] = record.key
        return record, self._pool.submit(self._carry_out, world, call, work, record, before)

    def _carry_out(
        self, world: World, call: Call, work: Work, record: Record, before: Mapping[tuple[str, str], Record | None]
    ) -> None:
        try:
            with self._lock(work.subject or record.key):
                if self._stopping.wait(world.options.async_s):
                    return  # journaled as unfinished: the next start deals with it
                amendments = [amend for deed in work.deeds if (amend := deed()) is not None]
            self._end(world, call, work, record, amendments)
        except Exception as error:
            self._fail(world, work, record, before, error)
        finally:
            with world.journal.lock:
                if self._busy.get(work.subject) == record.key:
                    del self._busy[work.subject]

    def _end(self, world: World, call: Call, work: Work, record: Record, amendments: list[Amend]) -> None:
        with world.journal.transaction() as change:
            current = world.journal.get(work.primary.kind, work.primary.key)
            if work.verb != "delete" and current is not None:
                settled = current.copy()
                _restore_status(settled, work.primary.message)
                work.primary = Record(current.key, current.parent, settled, current.extra).settled()
                change.put(work.primary)
                for amend in amendments:
                    amend(work.primary.message)
            for kind, key in work.change.deletes:
                change.delete(kind, key)
        _announce(world, work)
        with world.journal.transaction() as change:
            done = Record(record.key, record.parent, record.copy(), record.extra)
            _succeed(done.message, call, work)
            change.put(done)

    def _fail(
        self, world: World, work: Work, record: Record, before: Mapping[tuple[str, str], Record | None], error: Exception
    ) -> None:
        if work.undo is not None:
            try:
                work.undo()
            except Exception as second:
                error.add_note(f"and it could not be taken back: {second}")
        with world.journal.transaction() as change:
            for (kind, key), old in before.items():
                if old is None:
                    change.delete(kind, key)
                elif (kind, key) in work.change.puts:
                    change.put(old)
            failed = Record(record.key, record.parent, record.copy(), record.extra)
            failed.message.done = True
            failed.message.error.CopyFrom(_as_refusal(error).status())
            change.put(failed)

    def _keep(self, change: Change, record: Record) -> None:
        change.put(record)
        self._order.append(record.key)
        if len(self._order) > KEPT:
            change.delete(OPERATION, self._order.pop(0))

    def _lock(self, subject: str) -> threading.Lock:
        with self._guard:
            return self._serial.setdefault(subject, threading.Lock())


def _announce(world: World, work: Work) -> None:
    if ANNOUNCED & {kind for kind, _ in [*work.change.puts, *work.change.deletes]}:
        world.announce()


def _recover(world: World, record: Record, undo: Mend, redo: Mend) -> None:
    """The emulator was killed while this ran. A half-made thing is taken back, so that the next apply makes it anew; what was
    being changed or deleted stays, and the next apply changes or deletes it."""
    place = record.extra.get("verb"), record.extra.get("kind", ""), record.extra.get("key", "")
    verb, kind, key = place
    current = world.journal.get(kind, key)
    complaint = "" if current is None else _mended(world, current, {"create": undo, "update": redo}.get(str(verb)))
    with world.journal.transaction() as change:
        if current is not None and verb == "create":
            change.delete(kind, key)
            for found in [entry for name in world.journal.kinds() for entry in world.journal.children(name, key)]:
                if found.kind != OPERATION:
                    change.delete(found.kind, found.key)
        elif current is not None:
            settled = current.copy()
            _set_status(settled, ("RUNNING", "ACTIVE"))
            change.put(Record(current.key, current.parent, settled, current.extra).settled())
        failed = Record(record.key, record.parent, record.copy(), record.extra)
        failed.message.done = True
        failed.message.error.CopyFrom(
            Refusal(grpc.StatusCode.ABORTED, f"the emulator was stopped while this ran{complaint}").status()
        )
        change.put(failed)


def _mended(world: World, record: Record, mend: Mend | None) -> str:
    """An emulator whose backing is away must start all the same; what could not be mended is told."""
    try:
        if mend is not None:
            mend(world, record)
        return ""
    except (KitError, BucketRefused) as error:
        return f", and what it had begun could not be mended: {error}"


def _record(call: Call, work: Work, idempotency: str) -> Record:
    operation = message(OPERATION)()
    operation.id = ids.new(PREFIXES.get(call.method.service.partition(".")[0], "e6e"))
    operation.description = f"{call.method.name} {call.method.service.rpartition('.')[2].removesuffix('Service')}"
    operation.created_at.CopyFrom(now())
    operation.modified_at.CopyFrom(operation.created_at)
    operation.created_by = call.subject
    if call.method.metadata is not None:
        metadata = call.method.metadata()
        _name(metadata, call.request, work)
        _pack(operation.metadata, metadata)
    owner = work.subject or work.primary.key
    extra = {"verb": work.verb, "kind": work.primary.kind, "key": work.primary.key}
    return Record(operation.id, owner, operation, {**extra, **({"idempotency": idempotency} if idempotency else {})})


def _name(metadata: Any, request: Any, work: Work) -> None:
    for item in metadata.DESCRIPTOR.fields:
        if item.message_type is not None:
            continue
        if item.is_repeated:
            getattr(metadata, item.name).extend(work.lists.get(item.name, []))
        elif item.name in work.names:
            setattr(metadata, item.name, work.names[item.name])
        elif item.name in request.DESCRIPTOR.fields_by_name:
            setattr(metadata, item.name, getattr(request, item.name))


def _succeed(operation: Any, call: Call, work: Work) -> None:
    operation.done = True
    operation.modified_at.CopyFrom(now())
    wanted = call.method.response
    if wanted is None:
        return
    response = work.response
    if response is None:
        primary = work.primary.message
        if type(primary) is wanted:
            response = primary
        else:
            response = wanted()
            if wanted.DESCRIPTOR.full_name != "google.protobuf.Empty":
                transfer(primary, response)
    _pack(operation.response, response)


def _pack(target: Packed, content: Message) -> None:
    target.Pack(content)


def _finish(work: Work, amendments: list[Amend]) -> None:
    for amend in amendments:
        fresh = work.primary.copy()
        amend(fresh)
        work.primary = Record(work.primary.key, work.primary.parent, fresh, work.primary.extra)
        work.change.put(work.primary)


def _transitional(record: Record, work: Work) -> Record:
    if (record.kind, record.key) != (work.primary.kind, work.primary.key):
        return record
    fresh = record.copy()
    _set_status(fresh, ("CREATING", "PROVISIONING") if work.verb == "create" else ("UPDATING", "RECONCILING"))
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
    if isinstance(error, BucketRefused):
        return refusal.precondition(error.message)
    if isinstance(error, NotPossible):
        return refusal.precondition(f"{error.why}. {error.fix}")
    if isinstance(error, KitError):
        return Refusal(grpc.StatusCode.INTERNAL, f"{error.what}: {error.why}. {error.fix}")
    return Refusal(grpc.StatusCode.INTERNAL, f"the emulator failed: {error!r}")
