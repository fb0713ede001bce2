"""S3's door, over its real socket: boto3 and raw requests on one side, the state in memory on the other."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from xml.etree import ElementTree

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from kit.endpoints import Secret
from kit.yandex.contract import NoBacking, PortTaken
from kit.yandex.s3 import server as object_storage
from kit.yandex.s3.objects import BrokenChunks, whole
from kit.yandex.s3.server import StorageServer, locate
from kit.yandex.s3.signature import SignatureRefused, Signed, sign, verify
from tests.support.bucket_state import FOLDER, TOKEN, FullBacking, MemoryState

KEY, SECRET = "YCAJEkey0000000000000001", "YCsecret/with+signs=0000000000000000000"
HOST = "storage.yandexcloud.net"


@pytest.fixture
def state() -> MemoryState:
    found = MemoryState()
    found.add_key(KEY, SECRET)
    return found


@pytest.fixture
def server(state: MemoryState) -> Iterator[StorageServer]:
    running = object_storage.start(state, state.backing, 0)
    yield running
    running.stop()


def client(server: StorageServer, *, key: str = KEY, secret: str = SECRET, style: str = "virtual") -> Any:
    """As the provider does it: virtual hosts through the proxy, or by path straight at the port."""
    proxy = f"http://127.0.0.1:{server.port}"
    by_host = style == "virtual"
    return boto3.session.Session(key, secret, region_name="ru-central1").client(
        "s3",
        endpoint_url=f"http://{HOST}" if by_host else proxy,
        config=Config(
            proxies={"http": proxy} if by_host else {},
            s3={"addressing_style": style},
            retries={"total_max_attempts": 1},
        ),
    )


def raw(
    server: StorageServer, method: str, target: str, headers: dict[str, str] | None = None, body: str = ""
) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request(method, target, body or None, headers or {"X-YaCloud-SubjectToken": TOKEN})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def code(body: str) -> str:
    return ElementTree.fromstring(body).findtext("Code") or ""


def refused(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


@pytest.mark.parametrize("style", ["virtual", "path"])
def test_a_bucket_is_made_found_configured_and_deleted(server: StorageServer, state: MemoryState, style: str) -> None:
    s3 = client(server, style=style)
    s3.create_bucket(Bucket="sentry-files", CreateBucketConfiguration={"LocationConstraint": "ru-central1"})
    s3.head_bucket(Bucket="sentry-files")
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["sentry-files"]
    s3.put_bucket_versioning(Bucket="sentry-files", VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket="sentry-files")["Status"] == "Enabled"
    assert s3.get_bucket_location(Bucket="sentry-files")["LocationConstraint"] == "ru-central1"
    assert state.buckets["sentry-files"].folder_id == FOLDER
    s3.delete_bucket(Bucket="sentry-files")
    assert refused(s3.head_bucket, Bucket="sentry-files") == "404"


# What the provider reads of a bucket that nothing was set for: code of the 404, or the 200 that it must be.
ABSENT = {
    "policy": "NoSuchBucketPolicy",
    "cors": "NoSuchCORSConfiguration",
    "website": "NoSuchWebsiteConfiguration",
    "acl": "",
    "versioning": "",
    "object-lock": "ObjectLockConfigurationNotFoundError",
    "logging": "",
    "lifecycle": "NoSuchLifecycleConfiguration",
    "encryption": "ServerSideEncryptionConfigurationNotFoundError",
    "tagging": "",
}


@pytest.mark.parametrize("setting", ABSENT)
def test_what_was_never_set_is_answered_as_the_provider_needs_it(server: StorageServer, state: MemoryState, setting: str) -> None:
    state.create("one", FOLDER)
    status, body = raw(server, "GET", f"http://one.{HOST}/?{setting}")
    assert (status, code(body)) == ((404, ABSENT[setting]) if ABSENT[setting] else (200, ""))


def test_tags_that_were_never_set_are_an_empty_set(server: StorageServer, state: MemoryState) -> None:
    state.create("one", FOLDER)
    assert client(server).get_bucket_tagging(Bucket="one")["TagSet"] == []


def test_the_private_acl_is_one_grant_to_the_owner(server: StorageServer, state: MemoryState) -> None:
    state.create("one", FOLDER)
    acl = client(server).get_bucket_acl(Bucket="one")
    assert [(grant["Grantee"]["ID"], grant["Permission"]) for grant in acl["Grants"]] == [(acl["Owner"]["ID"], "FULL_CONTROL")]


def test_a_canned_acl_becomes_grants(server: StorageServer, state: MemoryState) -> None:
    s3 = client(server)
    s3.create_bucket(Bucket="open", ACL="public-read")
    s3.put_bucket_acl(Bucket="open", ACL="public-read-write")
    grants = s3.get_bucket_acl(Bucket="open")["Grants"]
    assert sorted(grant["Permission"] for grant in grants if "URI" in grant["Grantee"]) == ["READ", "WRITE"]
    assert refused(s3.put_bucket_acl, Bucket="open", ACL="everything") == "InvalidArgument"


RULE = {
    "ID": "uploads",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
}
KMS = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "abj1"}}]}
SET = {
    "lifecycle_configuration": ({"LifecycleConfiguration": {"Rules": [RULE]}}, "lifecycle", ("Rules", [RULE])),
    "encryption": ({"ServerSideEncryptionConfiguration": KMS}, "encryption", ("ServerSideEncryptionConfiguration", KMS)),
    "tagging": ({"Tagging": {"TagSet": [{"Key": "a", "Value": "b&c"}]}}, "tagging", ("TagSet", [{"Key": "a", "Value": "b&c"}])),
    "policy": ({"Policy": '{"Statement": [{"Effect": "Allow"}]}'}, "policy", ("Policy", '{"Statement": [{"Effect": "Allow"}]}')),
    "website": (
        {"WebsiteConfiguration": {"IndexDocument": {"Suffix": "index.html"}}},
        "website",
        ("IndexDocument", {"Suffix": "index.html"}),
    ),
}


@pytest.mark.parametrize("name", SET)
def test_what_was_set_comes_back_and_what_was_deleted_is_gone(server: StorageServer, state: MemoryState, name: str) -> None:
    state.create("one", FOLDER)
    s3 = client(server)
    arguments, setting, (field, value) = SET[name]
    getattr(s3, f"put_bucket_{name}")(Bucket="one", **arguments)
    assert getattr(s3, f"get_bucket_{name}")(Bucket="one")[field] == value
    status, _ = raw(server, "DELETE", f"http://one.{HOST}/?{setting}")
    assert status == 204
    status, body = raw(server, "GET", f"http://one.{HOST}/?{setting}")
    assert (status, code(body)) == ((404, ABSENT[setting]) if ABSENT[setting] else (200, ""))


@pytest.mark.parametrize(
    ("setting", "body", "wanted"),
    [
        ("policy", "{", "MalformedPolicy"),
        ("policy", "{}", "MalformedPolicy"),
        ("lifecycle", "<LifecycleConfiguration>", "MalformedXML"),
        ("lifecycle", "<CORSConfiguration/>", "MalformedXML"),
        ("tagging", '<!DOCTYPE a [<!ENTITY b "c">]><Tagging>&b;</Tagging>', "MalformedXML"),
    ],
)
def test_what_is_no_such_setting_is_refused(
    server: StorageServer, state: MemoryState, setting: str, body: str, wanted: str
) -> None:
    state.create("one", FOLDER)
    status, said = raw(server, "PUT", f"http://one.{HOST}/?{setting}", body=body)
    assert (status, code(said)) == (400, wanted)
    assert state.buckets["one"].documents == {}


@pytest.mark.parametrize(
    "target",
    [
        "http://example.org/",
        "http://storage.yandexcloud.net.example.org/",
        "http://notstorage.yandexcloud.net/",
        "http://storage.yandexcloud.net:8080/",
        "http://127.0.0.1:1/",
        "http://127.0.0.1/",
        "http://someone@storage.yandexcloud.net/",
        "https://storage.yandexcloud.net/",
        "http://[::1]/",
    ],
)
def test_it_leads_nowhere_else(server: StorageServer, target: str) -> None:
    status, body = raw(server, "GET", target)
    assert (status, code(body)) == (403, "AccessDenied")


def test_a_foreign_host_header_on_a_plain_request_is_refused(server: StorageServer) -> None:
    """What a web page could make a browser send to this port."""
    status, _ = raw(server, "GET", "/", {"Host": f"attacker.example:{server.port}", "X-YaCloud-SubjectToken": TOKEN})
    assert status == 403


def test_it_opens_no_tunnel(server: StorageServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 5) as plain:
        plain.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode())
        assert plain.recv(64).startswith(b"HTTP/1.1 403")


def test_it_listens_on_loopback_alone(server: StorageServer) -> None:
    assert server._server.server_address[0] == "127.0.0.1"


def test_a_taken_port_is_named(server: StorageServer, state: MemoryState) -> None:
    with pytest.raises(PortTaken):
        object_storage.start(state, NoBacking(), server.port)


class TestWhoAsks:
    def test_nobody_is_refused(self, server: StorageServer, state: MemoryState) -> None:
        status, body = raw(server, "GET", f"http://{HOST}/", {"Accept": "*/*"})
        assert (status, code(body)) == (403, "AccessDenied")

    def test_a_foreign_token_is_refused(self, server: StorageServer) -> None:
        status, body = raw(server, "GET", f"http://{HOST}/", {"X-YaCloud-SubjectToken": "t1.9euelZ.real"})
        assert (status, code(body)) == (403, "AccessDenied")

    def test_a_wrong_secret_is_refused(self, server: StorageServer) -> None:
        assert refused(client(server, secret="other").list_buckets) == "SignatureDoesNotMatch"

    def test_an_unknown_key_is_refused(self, server: StorageServer) -> None:
        assert refused(client(server, key="YCAJEnobody").list_buckets) == "InvalidAccessKeyId"

    def test_a_deleted_key_is_refused(self, server: StorageServer, state: MemoryState) -> None:
        s3 = client(server)
        s3.list_buckets()
        state.keys.clear()
        assert refused(s3.list_buckets) == "InvalidAccessKeyId"

    def test_a_key_opens_what_its_account_may(self, server: StorageServer, state: MemoryState) -> None:
        state.create("mine", FOLDER)
        state.create("other", FOLDER)
        state.add_key("YCAJEreader", "reader", {("mine", False)})
        s3 = client(server, key="YCAJEreader", secret="reader")
        s3.head_bucket(Bucket="mine")
        assert refused(s3.list_objects_v2, Bucket="other") == "AccessDenied"
        assert refused(s3.put_bucket_versioning, Bucket="mine", VersioningConfiguration={"Status": "Enabled"}) == "AccessDenied"
        assert refused(s3.delete_bucket, Bucket="mine") == "AccessDenied"
        assert refused(s3.create_bucket, Bucket="third") == "AccessDenied"


class TestWithoutBacking:
    def test_a_listing_is_empty(self, server: StorageServer, state: MemoryState) -> None:
        state.create("one", FOLDER)
        s3 = client(server)
        assert s3.list_objects_v2(Bucket="one")["KeyCount"] == 0
        assert "Versions" not in s3.list_object_versions(Bucket="one")
        assert "Uploads" not in s3.list_multipart_uploads(Bucket="one")

    def test_an_object_is_not_taken_in_silence(self, server: StorageServer, state: MemoryState) -> None:
        state.create("one", FOLDER)
        assert refused(client(server).put_object, Bucket="one", Key="a", Body=b"b") == "NotImplemented"
        assert refused(client(server).get_object, Bucket="one", Key="a") == "NotImplemented"

    def test_what_is_not_modelled_is_named(self, server: StorageServer, state: MemoryState) -> None:
        state.create("one", FOLDER)
        status, body = raw(server, "GET", f"http://one.{HOST}/?replication")
        assert (status, code(body)) == (501, "NotImplemented")
        assert "replication" in body


def test_buckets_that_are_not_there_taken_or_full_have_their_codes(state: MemoryState) -> None:
    state.backing = FullBacking()
    server = object_storage.start(state, state.backing, 0)
    try:
        s3 = client(server)
        assert refused(s3.get_bucket_policy, Bucket="nobody") == "NoSuchBucket"
        s3.create_bucket(Bucket="full")
        assert refused(s3.create_bucket, Bucket="full") == "BucketAlreadyOwnedByYou"
        assert refused(s3.delete_bucket, Bucket="full") == "BucketNotEmpty"
        status, body = raw(server, "PUT", f"http://{HOST}/Not_A_Name")
        assert (status, code(body)) == (400, "InvalidBucketName")
        wrong = {"LocationConstraint": "eu-west-1"}
        assert refused(s3.create_bucket, Bucket="far", CreateBucketConfiguration=wrong) == "InvalidLocationConstraint"
    finally:
        server.stop()


def test_a_body_that_is_cut_short_changes_nothing(server: StorageServer, state: MemoryState) -> None:
    state.create("one", FOLDER)
    lines = (f"PUT http://one.{HOST}/?tagging HTTP/1.1", f"Host: one.{HOST}", f"X-YaCloud-SubjectToken: {TOKEN}")
    head = "\r\n".join([*lines, "Content-Length: 99", "", ""])
    with socket.create_connection(("127.0.0.1", server.port), 5) as plain:
        plain.sendall(head.encode() + b"<Tagging/>")
        plain.shutdown(socket.SHUT_WR)
        assert plain.recv(64) == b""
    with socket.create_connection(("127.0.0.1", server.port), 5) as plain:
        plain.sendall(head.replace("Content-Length: 99", "Transfer-Encoding: chunked").encode())
        assert plain.recv(64).startswith(b"HTTP/1.1 411")
    assert state.buckets["one"].documents == {}


class TestSignature:
    NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("method", "target", "body"),
        [
            ("GET", "/", b""),
            ("PUT", "/a%20key/with%2Bsigns/ünï", b"body"),
            ("GET", "/?list-type=2&prefix=a%2Fb%20c&delimiter=%2F&acl", b""),
        ],
    )
    def test_what_botocore_signs_is_accepted(self, method: str, target: str, body: bytes) -> None:
        from urllib.parse import parse_qsl, quote

        from botocore.auth import S3SigV4Auth

        target = quote(target, safe="/?=&%")
        request = AWSRequest(method, f"http://one.{HOST}{target}", data=body, headers={"X-Amz-Meta-A": "  two   words "})
        S3SigV4Auth(Credentials(KEY, SECRET), "s3", "ru-central1").add_auth(request)
        headers = {name.lower(): value for name, value in request.headers.items()} | {"host": f"one.{HOST}"}
        path, _, query = target.partition("?")
        signed = Signed(method, path, parse_qsl(query, keep_blank_values=True), headers, body)
        assert verify(signed, {KEY: Secret(SECRET)}.get, datetime.now(UTC)) == KEY
        for changed in (
            Signed("DELETE", path, signed.query, headers, body),
            Signed(method, path + "x", signed.query, headers, body),
            Signed(method, path, [*signed.query, ("policy", "")], headers, body),
            Signed(method, path, signed.query, {**headers, "host": HOST}, body),
            Signed(method, path, signed.query, headers, body + b"!"),
        ):
            with pytest.raises(SignatureRefused):
                verify(changed, {KEY: Secret(SECRET)}.get, datetime.now(UTC))

    def test_what_is_signed_for_the_store_is_what_botocore_would_sign(self) -> None:
        request = Signed("GET", "/one/a%20b", [("versions", ""), ("prefix", "a/b")], {"host": "store:9000"})
        ours = sign(request, KEY, Secret(SECRET), "us-east-1", "UNSIGNED-PAYLOAD", self.NOW)
        assert verify(Signed(request.method, request.path, request.query, ours), {KEY: Secret(SECRET)}.get, self.NOW) == KEY
        theirs = AWSRequest(
            "GET", "https://store:9000/one/a%20b?versions=&prefix=a%2Fb", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
        )
        theirs.context["timestamp"] = ours["x-amz-date"]
        theirs.headers["X-Amz-Date"] = ours["x-amz-date"]
        auth = SigV4Auth(Credentials(KEY, SECRET), "s3", "us-east-1")
        canonical = "\n".join(
            [
                "GET",
                "/one/a%20b",
                auth.canonical_query_string(theirs),
                auth.canonical_headers(auth.headers_to_sign(theirs)) + "\n",
                auth.signed_headers(auth.headers_to_sign(theirs)),
                "UNSIGNED-PAYLOAD",
            ]
        )
        assert ours["authorization"].endswith(f"Signature={auth.signature(auth.string_to_sign(theirs, canonical), theirs)}")

    def test_an_old_request_is_refused(self) -> None:
        headers = sign(Signed("GET", "/", [], {"host": HOST}), KEY, Secret(SECRET), "ru-central1", "UNSIGNED-PAYLOAD", self.NOW)
        with pytest.raises(SignatureRefused) as caught:
            verify(Signed("GET", "/", [], headers), {KEY: Secret(SECRET)}.get, self.NOW + timedelta(minutes=16))
        assert caught.value.code == "RequestTimeTooSkewed"


def test_chunks_are_put_together_and_broken_ones_refused() -> None:
    assert whole(b"3;chunk-signature=00\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:AA==\r\n\r\n") == b"abcde"
    for broken in (b"", b"3\r\nab", b"zz\r\nab\r\n0\r\n\r\n", b"3\r\nabc\r\n"):
        with pytest.raises(BrokenChunks):
            whole(broken)


def test_where_a_request_points() -> None:
    found = locate(f"http://my.bucket.{HOST.upper()}/a%20b/c?x=%20", "ignored", 1)
    assert found is not None
    assert (found.bucket, found.key, found.path, found.query) == ("my.bucket", "a b/c", "/a%20b/c", (("x", " "),))
    by_path = locate("/one/two%2Fthree", "localhost:7080", 7080)
    assert by_path is not None
    assert (by_path.bucket, by_path.key) == ("one", "two/three")


def test_a_proxy_that_someone_else_runs_is_not_asked(state: MemoryState) -> None:
    """The door reads no proxy variables of its own: it opens no connection when nothing is behind it."""
    asked: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

    other = HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    server = object_storage.start(state, state.backing, 0)
    try:
        raw(server, "GET", f"http://127.0.0.1:{other.server_address[1]}/secret")
        assert asked == []
    finally:
        server.stop()
        other.shutdown()
        other.server_close()
