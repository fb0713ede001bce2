"""The node store's module against the stack's own S3: verified TLS, its own key, nothing public."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError, SSLError

from kit import verify as checks
from kit.endpoints import Bucket
from kit.stores import s3
from kit.targets.local.target import LocalTarget
from tests.support.program import Program
from tests.support.reach import local_target
from tests.support.sentry_stand_in import backend


@pytest.fixture(scope="module")
def local(stores: Program) -> LocalTarget:
    return local_target(stores)


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleType]:
    with backend() as made:
        yield made


@pytest.fixture
def options(local: LocalTarget, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """As Sentry's settings have them, with the key pair in the environment and nothing else that names a trust."""
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    s3 = local.endpoints().s3
    monkeypatch.setenv("KIT_NODESTORE_ACCESS_KEY", s3.nodestore.access_key)
    monkeypatch.setenv("KIT_NODESTORE_SECRET_KEY", s3.nodestore.secret_key.reveal())
    endpoint = f"https://{s3.host}:{s3.port}"
    return {"bucket": s3.nodestore.name, "endpoint": endpoint, "region": s3.region, "ca_certs": str(local.trust().ca_file)}


def test_nodes_come_back_as_they_were_written(module: ModuleType, options: dict[str, Any]) -> None:
    store = module.S3NodeStorage(**options)
    event = {"message": "ü" * 2000, "event_id": uuid4().hex}
    id = f"test-{uuid4().hex}"
    store.set_subkeys(id, {None: event, "unprocessed": {"raw": True}})
    store.cache.clear()
    assert store.get(id) == event
    assert store.get(id, subkey="unprocessed") == {"raw": True}
    kept = store.client.get_object(Bucket=options["bucket"], Key=id)
    assert kept["ContentEncoding"] == "zstd"
    assert kept["ContentLength"] < len(json.dumps(event)) / 10
    store.delete(id)
    assert store.get(id) is None
    store.delete(id)


def test_many_nodes_in_many_threads(module: ModuleType, options: dict[str, Any]) -> None:
    store = module.S3NodeStorage(**options)
    prefix = f"test-{uuid4().hex}"
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            ids = [f"{prefix}-{number}-{part}" for part in range(20)]
            for id in ids:
                store.set(id, {"id": id})
            assert store.get_multi(ids) == {id: {"id": id} for id in ids}
            store.delete_multi(ids)
            assert set(store.get_multi(ids).values()) == {None}
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_the_authority_may_come_from_the_environment(
    module: ModuleType, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", options.pop("ca_certs"))
    assert module.S3NodeStorage(**options).get("absent") is None


def test_a_foreign_or_no_authority_is_refused(
    module: ModuleType, options: dict[str, Any], local: LocalTarget, tmp_path: Any
) -> None:
    foreign = checks.foreign_trust(tmp_path, local.stack.name)
    with pytest.raises(SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        module.S3NodeStorage(**{**options, "ca_certs": str(foreign.ca_file)}).get("absent")
    del options["ca_certs"]
    with pytest.raises(SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        module.S3NodeStorage(**options).get("absent")


def test_a_name_that_the_certificate_does_not_carry_is_refused(
    module: ModuleType, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **named: resolve("127.0.0.1", *rest, **named))
    wrong = options["endpoint"].replace("127.0.0.1", "another.example")
    with pytest.raises(SSLError, match=r"(?i)hostname.*another"):
        module.S3NodeStorage(**{**options, "endpoint": wrong}).get("absent")


def test_a_wrong_key_and_the_other_bucket_s_key_are_refused(
    module: ModuleType, options: dict[str, Any], local: LocalTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    filestore = local.endpoints().s3.filestore
    with pytest.raises(ClientError, match="AccessDenied"):
        module.S3NodeStorage(**{**options, "bucket": filestore.name}).set("a", {})
    monkeypatch.setenv("KIT_NODESTORE_SECRET_KEY", "x" * 40)
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        module.S3NodeStorage(**options).get("a")


def test_nobody_reads_a_node_without_a_key(module: ModuleType, options: dict[str, Any]) -> None:
    store = module.S3NodeStorage(**options)
    id = f"test-{uuid4().hex}"
    store.set(id, {"message": "private"})
    context = ssl.create_default_context(cafile=options["ca_certs"])
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{options['endpoint']}/{options['bucket']}/{id}", context=context, timeout=10)
    assert refused.value.code == 403
    store.delete(id)


def test_events_live_as_long_as_sentry_keeps_them_and_files_have_no_age(local: LocalTarget) -> None:
    endpoint, credentials, trust = local.endpoints().s3, local.credentials(), local.trust()
    root = Bucket("", s3.ROOT, credentials.s3_root)
    try:
        s3.expire_events(endpoint, credentials, trust, 30)
        assert s3.expire_events(endpoint, credentials, trust, 31) is True
        assert s3.expire_events(endpoint, credentials, trust, 31) is False
        client = s3._client(endpoint, root, trust)
        rules = client.get_bucket_lifecycle_configuration(Bucket=endpoint.nodestore.name)["Rules"]
        assert [(rule["Expiration"]["Days"], rule["Status"]) for rule in rules] == [(31, "Enabled")]
        with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
            client.get_bucket_lifecycle_configuration(Bucket=endpoint.filestore.name)
        owner = s3._client(endpoint, endpoint.nodestore, trust)  # Sentry's own key may not change it
        with pytest.raises(ClientError, match="AccessDenied"):
            owner.delete_bucket_lifecycle(Bucket=endpoint.nodestore.name)
    finally:
        s3.expire_events(endpoint, credentials, trust, 90)
