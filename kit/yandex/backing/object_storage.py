"""Object storage on MinIO: makes and removes buckets, and a MinIO user with its own policy for each static key.

MinIO's root key is used by the backing and the S3 server alone; no client ever gets it. MinIO starts with the first bucket and
goes, with its data, when the last one has gone.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from kit import files
from kit.endpoints import S3Endpoint
from kit.state.ports import LOOPBACK
from kit.stores import s3 as store
from kit.stores import s3_admin
from kit.stores.contract import NotYet, Ready, StoreError
from kit.stores.wire.sigv4 import Answer, Key, ask
from kit.stores.wire.tls import ProtocolBroken, handshake, not_yet
from kit.yandex.backing.ownership import Owner
from kit.yandex.contract import STORAGE_HOST, BackingFailed, BucketNotEmpty, KeyRights, ObjectStore

if TYPE_CHECKING:
    from kit.targets.local.target import LocalTarget
    from kit.yandex.backing.stack import BackingStack

NAMES = (STORAGE_HOST, f"*.{STORAGE_HOST}")  # by path and by subdomain
OWNER = Owner("storage", NAMES)  # nobody's in particular: all buckets share the server
TIMEOUT_S = 15.0
LOOK_AGAIN_S = 1.0
KEYS = "keys"
READ = ("s3:GetObject", "s3:GetObjectVersion", "s3:ListMultipartUploadParts")
LIST = ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:ListBucketVersions")
WRITE = ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject")


class ObjectStorage:
    """The buckets and keys of the one MinIO. Thread-safe."""

    def __init__(self, stack: BackingStack) -> None:
        self._stack = stack
        self._wanted: tuple[KeyRights, ...] = ()
        self._settled: dict[str, KeyRights] | None = None  # None: what the server has is not known
        self._looks: dict[str, tuple[float, int, bool]] = {}  # bucket → when, after how many changes, whether it was there
        self._changes = 0

    def put(self, name: str) -> None:
        with self._stack.store_lock(store.NAME):
            self._serve()
            s3_admin.make_bucket(*self._root(), name)
            self._changes += 1
        self._settle_keys()

    def remove(self, name: str) -> None:
        try:
            self._remove(name)
        finally:
            self._changes += 1
        self._settle_keys()

    def _remove(self, name: str) -> None:
        with self._stack.store_lock(store.NAME):
            if self._stack.container(store.NAME) is None:
                self._stack.remove_store(store.NAME)  # what is left of it
                return
            answer = self._ask("DELETE", f"/{name}")
            if answer.code == "BucketNotEmpty":
                raise BucketNotEmpty(name)
            if answer.status >= 300 and answer.code != "NoSuchBucket":
                raise StoreError(store.NAME, f"removing bucket {name}", f"{answer.code or answer.status} {answer.message}")
            if not self._names():
                self._stack.remove_store(store.NAME)
                self._settled = None

    def has(self, name: str) -> bool:
        """Whether the bucket is there: at most a second old, never from before a change. Raises where MinIO does not answer."""
        changes = self._changes
        looked_s, then, there = self._looks.get(name, (float("-inf"), 0, False))
        if time.monotonic() - looked_s < LOOK_AGAIN_S and then == changes:
            return there
        if self._stack.container(store.NAME) is None:
            return False
        answer = self._ask("HEAD", f"/{name}")
        if answer.status not in (200, 404):
            raise BackingFailed(subject=f"bucket {name}", why=f"MinIO answered {answer.status}", fix="kit logs s3")
        self._looks[name] = (time.monotonic(), changes, answer.status == 200)
        return answer.status == 200

    def put_keys(self, keys: tuple[KeyRights, ...]) -> None:
        """Set all static keys. Does not wait for a server that is being started: whoever starts it sets them."""
        self._wanted = keys
        self._settle_keys()

    def object_store(self) -> ObjectStore | None:
        if self._stack.container(store.NAME) is None:
            return None
        local = self._stack.local()
        port = local.endpoints().s3.port
        return ObjectStore(LOOPBACK, port, store.REGION, store.ROOT, local.credentials().s3_root, local.workspace.ca_file)

    def _serve(self) -> None:
        if self._stack.container(store.NAME) is None or store.NAME not in self._stack.ownership.owners():
            self._stack.ownership.own(store.NAME, OWNER)
            self._settled = None
            self._stack.put_store(store.NAME, _answers)

    def _settle_keys(self) -> None:
        """Bring MinIO's users in line with the keys, unless another thread is doing it, which then sees these keys too."""
        lock = self._stack.store_lock(store.NAME)
        while self._settled is None or self._settled != {rights.key.id: rights for rights in self._wanted}:
            if not lock.acquire(blocking=False):
                return
            try:
                if (container := self._stack.container(store.NAME)) is None:
                    return
                wanted = self._wanted
                mark = _mark(container.id, wanted)
                if mark != self._stack.ownership.fingerprint(KEYS):
                    self._settle(wanted)
                    self._stack.ownership.put_fingerprint(KEYS, mark)
                self._settled = {rights.key.id: rights for rights in wanted}
            finally:
                lock.release()

    def _settle(self, keys: tuple[KeyRights, ...]) -> None:
        """Make the users of exactly these keys, each with a policy under the key's name."""
        admin = s3_admin.admin_client(*self._root())
        users: dict[str, Any] = json.loads(admin.user_list())
        for rights in keys:
            if self._settled is not None and self._settled.get(rights.key.id) == rights and rights.key.id in users:
                continue
            key_id, wanted = rights.key.id, policy(rights)
            admin.user_add(key_id, rights.key.secret.reveal())
            if wanted:
                admin.policy_add(key_id, policy=wanted)
                if users.get(key_id, {}).get("policyName") != key_id:
                    admin.policy_set(key_id, user=key_id)
            elif users.get(key_id, {}).get("policyName"):
                admin.policy_unset(key_id, user=key_id)
        for key_id in users.keys() - {rights.key.id for rights in keys}:
            admin.user_remove(key_id)

    def _root(self) -> tuple[S3Endpoint, Key, Any]:
        local = self._stack.local()
        return local.endpoints().s3, Key(store.ROOT, local.credentials().s3_root.reveal()), local.trust()

    def _ask(self, method: str, path: str) -> Answer:
        return _ask(self._stack.local(), method, path)

    def _names(self) -> tuple[str, ...]:
        import urllib3
        from minio import Minio

        endpoint, root, trust = self._root()
        pool = urllib3.PoolManager(timeout=TIMEOUT_S, retries=False, cert_reqs="CERT_REQUIRED", ca_certs=str(trust.ca_file))
        client = Minio(f"{endpoint.host}:{endpoint.port}", root.access, root.secret, region=endpoint.region, http_client=pool)
        return tuple(bucket.name for bucket in client.list_buckets())


def policy(rights: KeyRights) -> dict[str, Any] | None:
    """The MinIO policy of a static key; None where it opens nothing."""
    statements = []
    for buckets, on_bucket, on_objects in ((rights.reads, LIST, READ), (rights.writes, (), WRITE)):
        for actions, suffix in ((on_bucket, ""), (on_objects, "/*")):
            if buckets and actions:
                resources = [f"arn:aws:s3:::{bucket}{suffix}" for bucket in sorted(buckets)]
                statements.append({"Effect": "Allow", "Action": list(actions), "Resource": resources})
    return {"Version": "2012-10-17", "Statement": statements} if statements else None


def _mark(container_id: str, keys: tuple[KeyRights, ...]) -> str:
    """A fingerprint of all users and policies, and of the container that has them."""
    rights = {each.key.id: f"{each.key.secret.reveal()} {sorted(each.reads)} {sorted(each.writes)}" for each in keys}
    return files.digest({"": container_id, **rights})


def _ask(local: LocalTarget, method: str, path: str) -> Answer:
    endpoint = local.endpoints().s3
    root = Key(store.ROOT, local.credentials().s3_root.reveal())
    with handshake(endpoint.host, endpoint.port, local.trust(), alpn=("http/1.1",), timeout_s=TIMEOUT_S) as connection:
        return ask(connection, f"{endpoint.host}:{endpoint.port}", endpoint.region, root, method, path)


def _answers(local: LocalTarget) -> Ready | NotYet:
    """Whether MinIO answers its root key. `store.probe` would ask for two buckets that are not made here."""
    started = time.monotonic()
    endpoint = local.endpoints().s3
    root = Key(store.ROOT, local.credentials().s3_root.reveal())
    try:
        with handshake(endpoint.host, endpoint.port, local.trust(), alpn=("http/1.1",)) as connection:
            answer = ask(connection, f"{endpoint.host}:{endpoint.port}", endpoint.region, root, "GET", "/")
            if answer.status != 200:
                raise ProtocolBroken(f"{answer.code or answer.status} {answer.message}")
            return Ready(connection.tls, (time.monotonic() - started) * 1000)
    except Exception as error:
        return not_yet(error)
