"""Forwards object requests to MinIO: by path, over verified TLS, signed with the store's own key. Answers go back unread.

A client's own signature could not be kept: it is for the cloud's host name and region, and tokens have none. Who asks, and what
that caller may do, was checked before.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from kit.yandex.contract import ObjectStore
from kit.yandex.s3.signature import PAYLOAD, STREAMING, HttpRequest

TIMEOUT_S = 60.0
PIECE_BYTES = 1 << 16
# Of the connection, of the client's own login, or made anew.
DROPPED = frozenset(
    {"accept-encoding", "authorization", "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization"}
    | {"proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "x-amz-content-sha256", "x-amz-date"}
    | {"x-amz-decoded-content-length", "x-amz-security-token", "x-amz-trailer", "x-yacloud-subjecttoken"}
)
CHUNKED = "aws-chunked"
KEPT_BACK = frozenset({"connection", "keep-alive", "server", "strict-transport-security", "transfer-encoding", "vary"})


class Unreachable(Exception):
    """The store did not answer."""


class BrokenChunks(Exception):
    """A body in aws-chunked encoding that does not end as it begins."""


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """The store's answer. The body of a GET comes in pieces, everything else whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes | Iterator[bytes]


def forward(store: ObjectStore, request: HttpRequest, bucket: str, key: str) -> StoreAnswer:
    """Send the request to the store, as its owner; raises `Unreachable` and `BrokenChunks`."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    is_chunked = request.headers.get(PAYLOAD, "").startswith(STREAMING)
    body = decode_chunks(request.body) if is_chunked else request.body
    headers = {name: value for name, value in request.headers.items() if name not in DROPPED}
    if is_chunked:
        encodings = [word.strip() for word in headers.pop("content-encoding", "").split(",")]
        if kept := ",".join(word for word in encodings if word not in ("", CHUNKED)):
            headers["content-encoding"] = kept
    target = quote(f"/{bucket}/{key}" if key else f"/{bucket}", safe="/-_.~")
    if request.query:
        target += "?" + urlencode(request.query, quote_via=quote, safe="-_.~")
    host = f"{store.host}:{store.port}"
    signed = AWSRequest(request.method, f"https://{host}{target}", headers={**headers, "host": host}, data=body)
    S3SigV4Auth(Credentials(store.key_id, store.secret.reveal()), "s3", store.region).add_auth(signed)
    return _send(store, request.method, target, {**signed.headers, "content-length": str(len(body))}, body)


def _send(store: ObjectStore, method: str, target: str, headers: Mapping[str, str], body: bytes) -> StoreAnswer:
    context = ssl.create_default_context(cafile=str(store.ca_file))
    connection = http.client.HTTPSConnection(store.host, store.port, context=context, timeout=TIMEOUT_S)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        found = {name: value for name, value in response.getheaders() if name.lower() not in KEPT_BACK}
        if method == "GET" and response.length:
            return StoreAnswer(response.status, found, _pieces(connection, response))
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        raise Unreachable(f"The store behind this emulator does not answer: {error or type(error).__name__}") from error
    connection.close()
    if method != "HEAD":
        found = {name: value for name, value in found.items() if name.lower() != "content-length"}
    return StoreAnswer(response.status, found, content)


def _pieces(connection: http.client.HTTPSConnection, response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := response.read(PIECE_BYTES):
            yield piece
    finally:
        connection.close()


def decode_chunks(body: bytes) -> bytes:
    """The content of an aws-chunked body, without sizes, signatures and trailers.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html: `hex size[;chunk-signature=…]CRLF data CRLF`, to size 0.
    """
    found, at = bytearray(), 0
    while True:
        end = body.find(b"\r\n", at)
        size_text = body[at:end].partition(b";")[0]
        try:
            size = int(size_text, 16)
        except ValueError:
            raise BrokenChunks("a chunk without a size") from None
        if end < 0 or size < 0 or end + 2 + size > len(body):
            raise BrokenChunks("a chunk that does not end")
        if size == 0:
            return bytes(found)
        found += body[end + 2 : end + 2 + size]
        at = end + 2 + size + 2
