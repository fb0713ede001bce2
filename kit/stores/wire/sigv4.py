"""Sends one signed S3 request over a connection that is already verified: AWS Signature Version 4 and nothing else.

botocore is what Sentry speaks with, and `smoke` uses it. To import its signature alone adds 80 ms to the 460 of `kit status`,
which may take 500 (measured 2026-11-28); the twenty lines here add nothing.
The signature: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html (a test holds it against botocore's).
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from kit.endpoints import Bucket, S3Endpoint
from kit.stores.wire.tls import Connection, ProtocolBroken

EMPTY = hashlib.sha256(b"").hexdigest()
ANSWER_LIMIT_BYTES = 1 << 20
DENIED = "AccessDenied"


@dataclass(frozen=True, slots=True)
class Key:
    access: str
    secret: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    code: str  # S3's own word for an error: "AccessDenied"; empty where all is well
    message: str


def list_bucket(connection: Connection, endpoint: S3Endpoint, owner: Bucket, name: str) -> Answer:
    """What the owner of a key is told who asks what is in a bucket."""
    key = Key(owner.access_key, owner.secret_key.reveal())
    query = {"list-type": "2", "max-keys": "1"}
    return ask(connection, f"{endpoint.host}:{endpoint.port}", endpoint.region, key, "GET", f"/{name}", query)


def ask(
    connection: Connection, authority: str, region: str, key: Key, method: str, path: str, query: Mapping[str, str] | None = None
) -> Answer:
    """A request without a body. `authority` is host:port; the connection stays open for the next one."""
    asked = dict(query or {})
    headers = signed(authority, region, key, method, path, asked, datetime.now(UTC))
    target = f"{quote(path)}?{_query(asked)}" if asked else quote(path)
    http_connection = http.client.HTTPConnection(authority)
    http_connection.sock = connection.socket
    connection.socket.settimeout(connection.deadline.remaining_s())
    try:
        http_connection.request(method, target, headers=headers)
        response = http_connection.getresponse()
        body = response.read(ANSWER_LIMIT_BYTES).decode(errors="replace")
    except http.client.HTTPException as error:
        raise ProtocolBroken("the peer speaks TLS, but not S3's protocol") from error
    return Answer(response.status, _element(body, "Code"), _element(body, "Message"))


def signed(
    authority: str, region: str, key: Key, method: str, path: str, query: Mapping[str, str], now: datetime
) -> dict[str, str]:
    """The headers that make a request without a body the key owner's."""
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    headers = {"host": authority, "x-amz-content-sha256": EMPTY, "x-amz-date": stamp}
    names = ";".join(headers)  # sorted, as they stand
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = "\n".join([method, quote(path), _query(query), lines, names, EMPTY])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    secret = f"AWS4{key.secret}".encode()
    for part in (stamp[:8], region, "s3", "aws4_request"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    signature = hmac.digest(secret, to_sign.encode(), "sha256").hex()
    credential = f"Credential={key.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "authorization": f"AWS4-HMAC-SHA256 {credential}"}


def _query(query: Mapping[str, str]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))


def _element(body: str, name: str) -> str:
    """The text of one element; S3's error documents are flat."""
    found = re.search(rf"<{name}>([^<]*)</{name}>", body)
    return found.group(1) if found else ""
