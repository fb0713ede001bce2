"""The S3 server of the emulator, over its real socket: boto3 and raw requests on one side, the state in memory on the other."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote
from xml.etree import ElementTree

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from kit.endpoints import Secret
from kit.yandex.contract import NoBacking, PortTaken, S3Refused
from kit.yandex.s3 import server as object_storage
from kit.yandex.s3.objects import BrokenChunks, decode_chunks
from kit.yandex.s3.server import StorageServer, locate
from kit.yandex.s3.signature import HttpRequest, verify
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


EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
# The examples of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, read 2026-11-28: method, path,
# query, headers beside host, date and payload, the payload, its hash, the signature.
PUBLISHED = [
    (
        *("GET", "/test.txt", [], {"range": "bytes=0-9"}, b"", EMPTY),
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
    (
        *("PUT", "/test%24file.text", []),
        {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
        *(b"Welcome to Amazon S3.", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ),
    (
        *("GET", "/", [("lifecycle", "")], {}, b"", EMPTY),
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ),
    (
        *("GET", "/", [("max-keys", "2"), ("prefix", "J")], {}, b"", EMPTY),
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ),
]


class TestSignature:
    KEYS: Mapping[str, Secret] = {
        "AKIAIOSFODNN7EXAMPLE": Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        KEY: Secret(SECRET),
    }
    PUBLISHED_AT = datetime(2013, 5, 24, tzinfo=UTC)

    @pytest.mark.parametrize("example", PUBLISHED, ids=lambda example: "".join(example[:2]))
    def test_what_aws_publishes_is_accepted(self, example: tuple[Any, ...]) -> None:
        method, path, query, more, body, payload, signature = example
        headers = {"host": "examplebucket.s3.amazonaws.com", "x-amz-date": "20130524T000000Z", "x-amz-content-sha256": payload}
        headers |= more
        scope = "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
        headers["authorization"] = f"AWS4-HMAC-SHA256 {scope},SignedHeaders={';'.join(sorted(headers))},Signature={signature}"
        request = HttpRequest(method, path, query, headers, body)
        assert verify(request, self.KEYS.get, self.PUBLISHED_AT) == "AKIAIOSFODNN7EXAMPLE"
        with pytest.raises(S3Refused) as late:
            verify(request, self.KEYS.get, self.PUBLISHED_AT + timedelta(minutes=16))
        assert late.value.code == "RequestTimeTooSkewed"

    @pytest.mark.parametrize(
        ("method", "target", "body"),
        [
            ("GET", "/", b""),
            ("PUT", "/a%20key/with%2Bsigns/ünï", b"body"),
            ("GET", "/?list-type=2&prefix=a%2Fb%20c&delimiter=%2F&acl", b""),
        ],
    )
    def test_nothing_of_a_signed_request_can_be_changed(self, method: str, target: str, body: bytes) -> None:
        target = quote(target, safe="/?=&%")
        request = AWSRequest(method, f"http://one.{HOST}{target}", data=body, headers={"X-Amz-Meta-A": "  two   words "})
        S3SigV4Auth(Credentials(KEY, SECRET), "s3", "ru-central1").add_auth(request)
        headers = {name.lower(): value for name, value in request.headers.items()} | {"host": f"one.{HOST}"}
        path, _, query = target.partition("?")
        signed = HttpRequest(method, path, parse_qsl(query, keep_blank_values=True), headers, body)
        assert verify(signed, self.KEYS.get, datetime.now(UTC)) == KEY
        unsigned = {**headers, "authorization": headers["authorization"].replace("x-amz-content-sha256;", "")}
        for changed in (
            replace(signed, method="DELETE"),
            replace(signed, path=path + "x"),
            replace(signed, query=[*signed.query, ("policy", "")]),
            replace(signed, headers={**headers, "host": HOST}),
            replace(signed, headers={**headers, "x-amz-meta-a": "others"}),
            replace(signed, headers=unsigned),
            replace(signed, body=body + b"!"),
        ):
            with pytest.raises(S3Refused):
                verify(changed, self.KEYS.get, datetime.now(UTC))


def test_chunks_are_put_together_and_broken_ones_refused() -> None:
    assert decode_chunks(b"3;chunk-signature=00\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:AA==\r\n\r\n") == b"abcde"
    for broken in (b"", b"3\r\nab", b"zz\r\nab\r\n0\r\n\r\n", b"3\r\nabc\r\n"):
        with pytest.raises(BrokenChunks):
            decode_chunks(broken)


def test_where_a_request_points() -> None:
    found = locate(f"http://my.bucket.{HOST.upper()}/a%20b/c?x=%20", "ignored", 1)
    assert found is not None
    assert (found.bucket, found.key, found.path, found.query) == ("my.bucket", "a b/c", "/a%20b/c", (("x", " "),))
    by_path = locate("/one/two%2Fthree", "localhost:7080", 7080)
    assert by_path is not None
    assert (by_path.bucket, by_path.key) == ("one", "two/three")


def test_a_proxy_that_someone_else_runs_is_not_asked(state: MemoryState) -> None:
    """The server reads no proxy variables of its own: it opens no connection when nothing is behind it."""
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
