"""Buckets by gRPC and by S3: one state, over a backing that takes its time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import grpc
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from yandex.cloud.access import access_pb2
from yandex.cloud.iam.v1 import service_account_service_pb2, service_account_service_pb2_grpc
from yandex.cloud.iam.v1.awscompatibility import access_key_service_pb2, access_key_service_pb2_grpc
from yandex.cloud.resourcemanager.v1 import folder_service_pb2_grpc
from yandex.cloud.storage.v1 import bucket_pb2, bucket_service_pb2, bucket_service_pb2_grpc

from kit.yandex.contract import TOKEN_PREFIX, KeyRights, NoBacking
from kit.yandex.engine import ids, operations
from kit.yandex.run import emulator

TOKEN = f"{TOKEN_PREFIX}me"
ANSWERED_WITHIN_S = 10  # by whoever is not the one that waits for a bucket


@dataclass
class SlowBacking(NoBacking):
    """Makes a bucket once `release` is set; `asked` says that one was asked for."""

    is_quick = False
    release: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    buckets: set[str] = field(default_factory=set)
    keys: tuple[KeyRights, ...] = ()
    kept: frozenset[str] | None = None

    def put_bucket(self, name: str) -> None:
        self.asked.set()
        assert self.release.wait(60)
        self.buckets.add(name)

    def remove_bucket(self, name: str) -> None:
        self.buckets.discard(name)

    def has_bucket(self, name: str) -> bool:
        return name in self.buckets

    def put_keys(self, keys: tuple[KeyRights, ...]) -> None:
        self.keys = keys

    def forget_clusters_except(self, cluster_ids: frozenset[str]) -> None:
        self.kept = cluster_ids


@dataclass
class Cloud:
    running: emulator.Emulator
    backing: SlowBacking
    roots: bytes

    def call(self, stub: Any, method: str, request: Any) -> Any:
        with grpc.secure_channel(f"localhost:{self.running.port}", grpc.ssl_channel_credentials(self.roots)) as channel:
            return getattr(stub(channel), method)(request, metadata=[("authorization", f"Bearer {TOKEN}")], timeout=20)

    def s3(self, key_id: str, secret: str) -> Any:
        proxy = {"http": f"http://127.0.0.1:{self.running.s3_port}"}
        config = Config(
            proxies=proxy, retries={"total_max_attempts": 1}, read_timeout=ANSWERED_WITHIN_S, s3={"addressing_style": "virtual"}
        )
        session = boto3.session.Session(key_id, secret, region_name="ru-central1")
        return session.client("s3", endpoint_url="http://storage.yandexcloud.net", config=config)

    def key(self, name: str, role: str) -> tuple[str, str]:
        """A static key of a new service account that has this role in the folder."""
        accounts = service_account_service_pb2_grpc.ServiceAccountServiceStub
        wanted = service_account_service_pb2.CreateServiceAccountRequest(folder_id=ids.FOLDER, name=name)
        made = service_account_service_pb2.CreateServiceAccountMetadata()
        self.call(accounts, "Create", wanted).metadata.Unpack(made)
        binding = access_pb2.AccessBinding(
            role_id=role, subject=access_pb2.Subject(id=made.service_account_id, type="serviceAccount")
        )
        delta = access_pb2.AccessBindingDelta(action=access_pb2.AccessBindingAction.ADD, access_binding=binding)
        change = access_pb2.UpdateAccessBindingsRequest(resource_id=ids.FOLDER, access_binding_deltas=[delta])
        self.call(folder_service_pb2_grpc.FolderServiceStub, "UpdateAccessBindings", change)
        request = access_key_service_pb2.CreateAccessKeyRequest(service_account_id=made.service_account_id)
        key = self.call(access_key_service_pb2_grpc.AccessKeyServiceStub, "Create", request)
        return key.access_key.key_id, key.secret


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder: Path = tmp_path_factory.mktemp("buckets")
    certificate, key = emulator.certificate(folder, "buckets")
    backing = SlowBacking()
    with emulator.running(emulator.Settings(None, certificate, key, TOKEN), backing) as running:
        yield Cloud(running, backing, (folder / "ca.crt").read_bytes())
        backing.release.set()


@pytest.fixture(autouse=True)
def at_its_pace(cloud: Cloud) -> None:
    cloud.backing.release.set()
    cloud.backing.asked.clear()


def create(name: str) -> bucket_service_pb2.CreateBucketRequest:
    return bucket_service_pb2.CreateBucketRequest(name=name, folder_id=ids.FOLDER)


def test_a_bucket_is_in_the_first_answer_however_long_it_takes(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider reads the bucket out of the answer that starts the operation, not out of the one that ends it."""
    wait = operations.wait

    def waits(started: Any, timeout: float | None = None) -> Any:
        """For the operation's end: only who waits without a limit sees the bucket made."""
        if timeout is None:
            cloud.backing.release.set()
        return wait(started, timeout)

    monkeypatch.setattr(operations, "wait", waits)
    monkeypatch.setattr(operations, "ANSWERED_WITHIN_S", 0.0)
    cloud.backing.release.clear()
    operation = cloud.call(bucket_service_pb2_grpc.BucketServiceStub, "Create", create("patient"))
    assert operation.done
    bucket = bucket_pb2.Bucket()
    assert operation.response.Unpack(bucket)
    assert bucket.name == "patient"


def test_what_is_made_by_s3_or_grpc_is_shown_by_both(cloud: Cloud) -> None:
    s3 = cloud.s3(*cloud.key("owner", "storage.editor"))
    s3.create_bucket(Bucket="by-s3")
    s3.put_bucket_versioning(Bucket="by-s3", VersioningConfiguration={"Status": "Enabled"})
    request = bucket_service_pb2.GetBucketRequest(name="by-s3", view=bucket_service_pb2.GetBucketRequest.VIEW_FULL)
    shown = cloud.call(bucket_service_pb2_grpc.BucketServiceStub, "Get", request)
    assert shown.folder_id == ids.FOLDER
    assert bucket_pb2.Versioning.Name(shown.versioning) == "VERSIONING_ENABLED"
    cloud.call(bucket_service_pb2_grpc.BucketServiceStub, "Create", create("by-grpc"))
    s3.head_bucket(Bucket="by-grpc")


def test_a_key_can_miss_a_bucket_that_has_gone(cloud: Cloud) -> None:
    """The provider asks until it is told 404 ten times; 403 would be an error."""
    s3 = cloud.s3(*cloud.key("remover", "storage.admin"))
    s3.create_bucket(Bucket="short-lived")
    s3.delete_bucket(Bucket="short-lived")
    with pytest.raises(ClientError) as caught:
        s3.head_bucket(Bucket="short-lived")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_key_without_the_role_makes_nothing(cloud: Cloud) -> None:
    s3 = cloud.s3(*cloud.key("viewer", "storage.viewer"))
    with pytest.raises(ClientError) as caught:
        s3.create_bucket(Bucket="forbidden")
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    assert "forbidden" not in cloud.backing.buckets


def test_the_backing_gets_what_each_key_opens(cloud: Cloud) -> None:
    key_id, secret = cloud.key("reader", "storage.viewer")
    cloud.call(bucket_service_pb2_grpc.BucketServiceStub, "Create", create("listed"))
    (rights,) = (each for each in cloud.backing.keys if each.key.id == key_id)
    assert rights.key.secret.reveal() == secret
    assert "listed" in rights.reads
    assert "listed" not in rights.writes


def test_others_are_answered_while_a_bucket_is_being_made(cloud: Cloud) -> None:
    s3 = cloud.s3(*cloud.key("busy", "storage.editor"))
    cloud.backing.release.clear()
    making = threading.Thread(target=lambda: s3.create_bucket(Bucket="slow"))
    making.start()
    try:
        assert cloud.backing.asked.wait(ANSWERED_WITHIN_S)
        s3.list_buckets()
        with pytest.raises(ClientError) as caught:
            s3.create_bucket(Bucket="slow")
        assert caught.value.response["Error"]["Code"] == "BucketAlreadyExists"
        assert "slow" not in cloud.backing.buckets, "it is being made"
    finally:
        cloud.backing.release.set()
        making.join()
    s3.head_bucket(Bucket="slow")


def test_at_its_start_the_backing_gets_which_clusters_there_are(cloud: Cloud) -> None:
    assert cloud.backing.kept == frozenset()
