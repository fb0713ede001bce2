"""Objects, passed on to the store that keeps them: signed anew with the store's own key, over verified TLS, as they come.

Who asked and what he may do was settled before. The store sees path-style requests; its answers go back unread.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from kit.yandex.contract import ObjectStore
from kit.yandex.s3.signature import STREAMING, UNSIGNED, Signed, canonical_query, sign

TIMEOUT_S = 60.0
PIECE_BYTES = 1 << 16
# Of the connection, of the client's own login, or made anew by `sign`.
DROPPED = frozenset(
    {"accept-encoding", "authorization", "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization"}
    | {"proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "x-amz-content-sha256", "x-amz-date"}
    | {"x-amz-decoded-content-length", "x-amz-security-token", "x-amz-trailer", "x-yacloud-subjecttoken"}
)
CHUNKED = "aws-chunked"
KEPT_BACK = frozenset({"connection", "keep-alive", "server", "strict-transport-security", "transfer-encoding", "vary"})


class Unreachable(Exception):
    """The store did not answer; its words."""


class BrokenChunks(Exception):
    """A body in aws-chunked encoding that does not end as it begins."""


@dataclass(frozen=True, slots=True)
class Passed:
    status: int
    headers: Mapping[str, str]
    body: bytes | Iterator[bytes]


def pass_on(store: ObjectStore, request: Signed, bucket: str, key: str) -> Passed:
    """The store's answer. The body of a GET comes in pieces, everything else whole."""
    is_chunked = request.headers.get("x-amz-content-sha256", "").startswith(STREAMING)
    body = whole(request.body) if is_chunked else request.body
    headers = {name: value for name, value in request.headers.items() if name not in DROPPED}
    if is_chunked:
        encodings = [word.strip() for word in headers.pop("content-encoding", "").split(",")]
        if kept := ",".join(word for word in encodings if word not in ("", CHUNKED)):
            headers["content-encoding"] = kept
    headers |= {"host": f"{store.host}:{store.port}", "content-length": str(len(body))}
    path = quote(f"/{bucket}/{key}" if key else f"/{bucket}", safe="/-_.~")
    ours = Signed(request.method, path, request.query, headers, body)
    # Over TLS the body needs no hash of its own.
    signed = sign(ours, store.key_id, store.secret, store.region, UNSIGNED, datetime.now(UTC))
    query = canonical_query(request.query)
    return _ask(store, request.method, f"{path}?{query}" if query else path, signed, body)


def _ask(store: ObjectStore, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Passed:
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
            return Passed(response.status, found, _pieces(connection, response))
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        raise Unreachable(f"The store behind this emulator does not answer: {error or type(error).__name__}") from error
    connection.close()
    if method != "HEAD":
        found = {name: value for name, value in found.items() if name.lower() != "content-length"}
    return Passed(response.status, found, content)


def _pieces(connection: http.client.HTTPSConnection, response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := response.read(PIECE_BYTES):
            yield piece
    finally:
        connection.close()


def whole(body: bytes) -> bytes:
    """What an aws-chunked body holds, without sizes, signatures and trailers.

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
