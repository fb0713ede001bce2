"""The node store's module without a store: what it refuses to start with, what it asks of S3, and how it gets to the pods."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from kit.sentry import nodestore
from tests.support.sentry_stand_in import ROOT, InvalidConfiguration, backend

GOOD = {"bucket": "nodes", "endpoint": "https://s3:9000", "region": "us-east-1"}


class Bucket:
    """S3's answers out of a dict, and what was asked."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.refusal: str | None = None

    def put_object(self, **asked: Any) -> None:
        self.objects[asked["Key"]] = asked

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        if self.refusal or Key not in self.objects:
            raise ClientError({"Error": {"Code": self.refusal or "NoSuchKey"}}, "GetObject")
        kept = self.objects[Key]
        return {**kept, "Body": io.BytesIO(kept["Body"])}

    def delete_object(self, Bucket: str, Key: str) -> None:
        self.objects.pop(Key, None)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_NODESTORE_ACCESS_KEY", "key")
    monkeypatch.setenv("KIT_NODESTORE_SECRET_KEY", "secret")


@pytest.fixture
def module() -> Iterator[ModuleType]:
    with backend() as made:
        yield made


def storage(module: ModuleType, bucket: Bucket, **options: Any) -> Any:
    made = module.S3NodeStorage(**GOOD, **options)
    made._connected = lambda: bucket
    return made


@pytest.mark.usefixtures("keys")
def test_a_node_and_what_stands_beside_it_come_back(module: ModuleType) -> None:
    bucket = Bucket()
    store = storage(module, bucket, path="nodes/")
    store.set_subkeys("a", {None: {"message": "x" * 500}, "unprocessed": {"b": 1}})
    store.cache.clear()
    assert store.get("a") == {"message": "x" * 500}
    assert store.get("a", subkey="unprocessed") == {"b": 1}
    kept = bucket.objects["nodes/a"]
    assert (kept["ContentEncoding"], kept["ACL"], kept["Bucket"]) == ("zstd", "private", "nodes")
    assert len(kept["Body"]) < 100


@pytest.mark.usefixtures("keys")
def test_what_does_not_shrink_is_kept_as_it_is(module: ModuleType) -> None:
    bucket = Bucket()
    storage(module, bucket).set("a", 1)
    assert bucket.objects["a"]["Body"] == b"1"
    assert "ContentEncoding" not in bucket.objects["a"]


@pytest.mark.usefixtures("keys")
def test_without_zstd_it_writes_plainly_and_says_what_it_cannot_read(module: ModuleType) -> None:
    bucket = Bucket()
    storage(module, bucket).set("packed", {"message": "x" * 500})
    with backend(has_zstd=False) as plain:
        store = storage(plain, bucket)
        store.set("a", {"message": "y" * 500})
        assert "ContentEncoding" not in bucket.objects["a"]
        with pytest.raises(InvalidConfiguration, match="zstandard"):
            store.get("packed")


@pytest.mark.usefixtures("keys")
def test_an_absent_node_is_none_and_a_refusal_is_an_error(module: ModuleType) -> None:
    bucket = Bucket()
    store = storage(module, bucket)
    assert store.get("absent") is None
    for refusal in ("AccessDenied", "NoSuchBucket"):
        bucket.refusal = refusal
        with pytest.raises(ClientError, match=refusal):
            store.get("absent")


@pytest.mark.usefixtures("keys")
def test_many_at_once_keep_their_order_and_leave_the_cache_clean(module: ModuleType) -> None:
    bucket = Bucket()
    store = storage(module, bucket)
    ids = [str(number) for number in range(40)]
    for id in ids:
        store.set(id, {"id": id})
    assert store.get_multi([*ids, "absent"]) == {id: {"id": id} for id in ids} | {"absent": None}
    store.delete_multi(ids[:39])
    assert list(bucket.objects) == ["39"]
    assert list(store.cache) == ["39"]
    store.delete("39")
    store.delete("39")
    assert (bucket.objects, store.cache) == ({}, {})


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bucket": ""}, "`bucket` is missing"),
        ({"endpoint": ""}, "`endpoint` is missing"),
        ({"region": ""}, "`region` is missing"),
        ({"endpoint": "http://s3:9000"}, "https://"),
        ({"acl": "public-read"}, "never public"),
        ({"ca_certs": "/absent/ca.crt"}, "names no file"),
    ],
)
def test_settings_that_are_wrong_are_refused_by_name(module: ModuleType, wrong: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidConfiguration, match=said):
        module.S3NodeStorage(**{**GOOD, **wrong})


@pytest.mark.parametrize("missing", ["KIT_NODESTORE_ACCESS_KEY", "KIT_NODESTORE_SECRET_KEY"])
@pytest.mark.usefixtures("keys")
def test_a_missing_key_is_named(module: ModuleType, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(InvalidConfiguration, match=missing):
        module.S3NodeStorage(**GOOD)


@pytest.mark.usefixtures("keys")
def test_a_forked_worker_makes_a_connection_of_its_own(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    store = module.S3NodeStorage(**GOOD)
    store._connected = lambda: made.append(1) or len(made)
    assert (store.client, store.client) == (1, 1)
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert store.client == 2


@pytest.mark.parametrize("place", ["sentry.nodestore", "sentry.services.nodestore"])
def test_it_stands_on_the_base_class_wherever_this_sentry_has_it(place: str) -> None:
    with backend(place=place) as module:
        assert [base.__name__ for base in module.S3NodeStorage.__mro__[:2]] == ["S3NodeStorage", "NodeStorage"]


@pytest.mark.usefixtures("keys")
def test_nothing_is_asked_of_cleanup_and_bootstrap(module: ModuleType) -> None:
    bucket = Bucket()
    store = storage(module, bucket)
    store.set("a", 1)
    store.cleanup(None)
    store.bootstrap()
    assert list(bucket.objects) == ["a"]


def test_the_config_map_holds_the_module_under_its_import_name() -> None:
    made = nodestore.document("kit", ROOT)
    assert made["metadata"]["name"] == "kit-nodestore-code"
    assert list(made["data"]) == [f"{nodestore.MODULE}.py"]
    names = [node.name for node in ast.parse(made["data"]["kit_nodestore.py"]).body if isinstance(node, ast.ClassDef)]
    assert "S3NodeStorage" in names
    assert len(made["data"]["kit_nodestore.py"]) < 900_000
    assert nodestore.document("kit", ROOT) == made


def test_the_module_uses_only_what_sentry_brings() -> None:
    tree = ast.parse((Path(ROOT) / nodestore.SOURCE).read_text())
    imported = {name.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {(node.module or "").partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    standard = {"__future__", "os", "collections", "concurrent", "datetime", "typing"}
    assert imported - standard == {"boto3", "botocore", "sentry", "zstandard"}
