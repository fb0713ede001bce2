"""The state of buckets in memory, as `kit/yandex/s3/bucket_state.py` has it, for tests of the S3 server alone."""

from __future__ import annotations

import time
from collections.abc import Mapping

from kit.endpoints import Secret
from kit.yandex.contract import AccessKey, Backing, Bucket, BucketNotEmpty, NoBacking, S3Refused

TOKEN = "t1.emu.token"
FOLDER = "b1gfolder00000000000"


class MemoryState:
    def __init__(self, backing: Backing | None = None) -> None:
        self.backing: Backing = backing or NoBacking()
        self.buckets: dict[str, Bucket] = {}
        self.keys: dict[str, AccessKey] = {}
        self.rights: dict[str, set[tuple[str, bool]]] = {}  # service account → (bucket or *, may write)

    def add_key(self, key_id: str, secret: str, rights: set[tuple[str, bool]] | None = None) -> AccessKey:
        key = AccessKey(key_id, Secret(secret), f"aje{key_id.lower()}", FOLDER)
        self.keys[key_id] = key
        self.rights[key.service_account_id] = {("*", True)} if rights is None else rights
        return key

    def get(self, name: str) -> Bucket | None:
        return self.buckets.get(name) if self.backing.has_bucket(name) else None

    def all(self, folder_id: str | None = None) -> tuple[Bucket, ...]:
        return tuple(bucket for bucket in self.buckets.values() if folder_id in (None, bucket.folder_id))

    def create(self, name: str, folder_id: str) -> Bucket:
        if name in self.buckets:
            raise S3Refused("BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded.")
        self.backing.put_bucket(name)
        self.buckets[name] = Bucket(name, folder_id or FOLDER, int(time.time()))
        return self.buckets[name]

    def delete(self, name: str) -> None:
        self.backing.remove_bucket(name)
        self.buckets.pop(name)

    def set_document(self, name: str, sub_resource: str, body: str | None) -> None:
        kept: dict[str, str] = {**self.buckets[name].documents, sub_resource: body or ""}
        if body is None:
            del kept[sub_resource]
        old = self.buckets[name]
        documents: Mapping[str, str] = kept
        self.buckets[name] = Bucket(old.name, old.folder_id, old.created_s, documents)

    def access_key(self, key_id: str) -> AccessKey | None:
        return self.keys.get(key_id)

    def bearer(self, token: str) -> str | None:
        return "" if token == TOKEN else None

    def may(self, service_account_id: str, bucket: str, *, write: bool) -> bool:
        held = self.rights.get(service_account_id, set())
        return any(name in ("*", bucket) and (may_write or not write) for name, may_write in held)


class FullBacking(NoBacking):
    """Buckets that cannot be deleted: something is in them."""

    def remove_bucket(self, name: str) -> None:
        raise BucketNotEmpty(name)
