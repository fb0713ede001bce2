"""The state of buckets, over the journal and the backing.

BucketState are reached by S3 (`s3/requests.py`) and by gRPC (`services/storage.py`): a bucket that one of them makes is there for
the other, and survives a restart with its settings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kit.endpoints import Secret
from kit.yandex.contract import AccessKey, Bucket, KeyRights, S3Refused
from kit.yandex.engine import bindings, descriptors, ids, tokens
from kit.yandex.engine.journal import Change, Record
from kit.yandex.engine.references import FOLDER
from kit.yandex.engine.state import EmulatorState, now
from kit.yandex.refusal import Refusal
from kit.yandex.rules import quotas

BUCKET, ACCESS_KEY, ACCOUNT = "storage.v1.Bucket", "iam.v1.awscompatibility.AccessKey", "iam.v1.ServiceAccount"
NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
WRITERS = {"storage.admin", "storage.editor", "storage.uploader", "editor", "admin"}
READERS = {"storage.viewer", "storage.editor", "storage.admin", "viewer", "editor", "admin"}


class BucketState:
    """Thread-safe; raises `S3Refused`."""

    def __init__(self, state: EmulatorState) -> None:
        self._state = state
        self._making: set[str] = set()
        self._records: dict[str, str] = {}  # id of a static key → key of its record

    def get(self, name: str) -> Bucket | None:
        """None too when the backing says that it has gone."""
        record = self._state.journal.get(BUCKET, name)
        if record is None:
            return None
        if not record.is_pending and not self._state.backing.has_bucket(name):
            with self._state.journal.transaction() as change:
                change.delete(BUCKET, name)
            return None
        return _bucket(record)

    def all(self, folder_id: str | None = None) -> tuple[Bucket, ...]:
        records = self._state.journal.all(BUCKET)
        return tuple(_bucket(record) for record in records if folder_id in (None, record.parent))

    def create(self, name: str, folder_id: str) -> Bucket:
        """An empty `folder_id` (S3, asked with a token) means the emulator's own folder."""
        check_name(name)
        folder = folder_id or ids.FOLDER
        with self._state.journal.lock:
            if self.get(name) is not None or name in self._making:
                raise S3Refused("BucketAlreadyExists", f"The bucket name {name} is taken")
            if self._state.journal.get(FOLDER, folder) is None:
                raise S3Refused("AccessDenied", f"There is no folder {folder}")
            record = new_record(name, folder)
            wanted = Change()
            wanted.put(record)
            try:
                quotas.check(wanted, self._state.journal.all, self._state.limits())
            except Refusal as refused:  # S3's own code for it is assumed
                raise S3Refused("TooManyBuckets", refused.message) from refused
            self._making.add(name)
        try:
            self._state.backing.put_bucket(name)  # the first one waits for its server; nobody else shall
            with self._state.journal.transaction() as change:
                change.put(record)
        finally:
            self._making.discard(name)
        self._state.publish_keys()
        return _bucket(record)

    def delete(self, name: str) -> None:
        with self._state.journal.lock:
            if self.get(name) is None:
                raise S3Refused("NoSuchBucket", f"The bucket {name} does not exist")
            self._state.backing.remove_bucket(name)
            with self._state.journal.transaction() as change:
                drop(change, name)
        self._state.publish_keys()

    def set_document(self, name: str, sub_resource: str, body: str | None) -> None:
        """Keep the body of a setting as S3 sent it; None deletes it."""
        with self._state.journal.transaction() as change:
            record = self._state.journal.get(BUCKET, name)
            if record is None:
                raise S3Refused("NoSuchBucket", f"The bucket {name} does not exist")
            documents = {key: text for key, text in record.extra["documents"].items() if key != sub_resource}
            if body is not None:
                documents[sub_resource] = body
            change.put(Record(name, record.parent, record.message, {**record.extra, "documents": documents}))

    def access_key(self, key_id: str) -> AccessKey | None:
        """A service account's static key; None if there is none of that id (any more)."""
        record = self._state.journal.get(ACCESS_KEY, self._records.get(key_id, ""))
        if record is None:  # new, or deleted
            self._records = {each.message.key_id: each.key for each in self._state.journal.all(ACCESS_KEY)}
            record = self._state.journal.get(ACCESS_KEY, self._records.get(key_id, ""))
        return self._key(record) if record else None

    def bearer(self, token: str) -> str | None:
        """Whose token this is: "" for the stack's own, which opens everything, or a service account's id. None: nobody's."""
        subject = tokens.bearer(self._state.token, token)
        return "" if subject == tokens.OWNER else subject

    def may(self, service_account_id: str, bucket: str, *, write: bool) -> bool:
        """By the folder's and the bucket's access bindings (storage.admin, storage.editor, storage.viewer …)."""
        record = self._state.journal.get(BUCKET, bucket)
        account = self._state.journal.get(ACCOUNT, service_account_id)
        # A bucket that is not there yet, or no more, is the account's own folder's: it may be made, and missed.
        folder = record.parent if record else account.parent if account else ""
        wanted = WRITERS if write else READERS
        places = (bucket, folder, ids.CLOUD)
        return any(role in wanted for place in places for role in bindings.roles(self._state, place, service_account_id))

    def rights(self) -> tuple[KeyRights, ...]:
        """Every static key with the buckets that it opens, for a backing that checks by itself."""
        names = [record.key for record in self._state.journal.all(BUCKET)]
        found = []
        for record in self._state.journal.all(ACCESS_KEY):
            account = record.message.service_account_id
            reads = frozenset(name for name in names if self.may(account, name, write=False))
            writes = frozenset(name for name in names if self.may(account, name, write=True))
            found.append(KeyRights(self._key(record), reads, writes))
        return tuple(found)

    def _key(self, record: Record) -> AccessKey:
        owner = self._state.journal.get(ACCOUNT, record.message.service_account_id)
        folder = owner.parent if owner else ""
        return AccessKey(record.message.key_id, Secret(record.extra["secret"]), record.message.service_account_id, folder)


def check_name(name: str) -> None:
    """Raise InvalidBucketName."""
    if not NAME.fullmatch(name):
        raise S3Refused("InvalidBucketName", f"The bucket name {name} is not valid: 3-63 of a-z, 0-9, - and .")


def new_record(name: str, folder_id: str, documents: Mapping[str, str] | None = None) -> Record:
    """The record of a new bucket."""
    message = descriptors.message(BUCKET)(id=name, name=name, folder_id=folder_id, created_at=now())
    message.resource_id = ids.new("e3e")
    complete(message)
    return Record(name, folder_id, message, {"documents": dict(documents or {})})


def complete(message: Any) -> None:
    """Set the fields that the provider reads without looking whether they are there."""
    message.default_storage_class = message.default_storage_class or "STANDARD"
    for name in ("read", "list", "config_read"):
        flag = getattr(message.anonymous_access_flags, name)
        flag.value = flag.value


def drop(change: Change, name: str) -> None:
    """Delete a bucket and what belongs to it."""
    change.delete(BUCKET, name)
    change.delete("access.ListAccessBindingsResponse", name)
    change.delete("storage.v1.HTTPSConfig", name)


def _bucket(record: Record) -> Bucket:
    return Bucket(record.key, record.parent, record.message.created_at.seconds, record.extra["documents"])
