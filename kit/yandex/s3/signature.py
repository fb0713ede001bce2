"""AWS Signature Version 4, both ways: did the owner of a key sign this request, and the signature for passing it on.

`stores/s3_wire` signs requests without a body, for probes; here bodies, any header and the reverse direction are needed.
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html; tests hold it against botocore's.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from kit.endpoints import Secret

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMING = "STREAMING-"
SKEW = timedelta(minutes=15)
STAMP = "%Y%m%dT%H%M%SZ"
AUTHORIZATION = re.compile(
    rf"^{ALGORITHM} Credential=(?P<key>[^/, ]+)/(?P<scope>(?P<day>\d{{8}})/(?P<region>[^/, ]*)/s3/aws4_request), ?"
    r"SignedHeaders=(?P<names>[a-z0-9;.-]+), ?Signature=(?P<signature>[0-9a-f]{64})$"
)


class SignatureRefused(Exception):
    """`code` is S3's word for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it came: `path` still percent-encoded, `query` decoded, names of headers in lower case."""

    method: str
    path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes = b""


def key_of(request: Signed) -> str:
    """The id of the key that the request claims to be signed with."""
    return _claim(request)["key"]


def verify(request: Signed, secret_of: Callable[[str], Secret | None], now: datetime) -> str:
    """The id of the key that signed the request; raises `SignatureRefused`."""
    claim = _claim(request)
    secret = secret_of(claim["key"])
    if secret is None:
        raise SignatureRefused("InvalidAccessKeyId", "The access key id you provided does not exist in our records.")
    stamp = request.headers.get("x-amz-date", "")
    _check_clock(stamp, claim["day"], now)
    names = claim["names"].split(";")
    if "host" not in names or any(name not in request.headers for name in names):
        raise SignatureRefused("AccessDenied", "There were headers present in the signature that the request does not have.")
    payload = _checked_payload(request)
    wanted = _signature(request, names, payload, stamp, claim["scope"], secret)
    if not hmac.compare_digest(wanted, claim["signature"]):
        message = "The request signature we calculated does not match the signature you provided. Check your secret access key."
        raise SignatureRefused("SignatureDoesNotMatch", message)
    return claim["key"]


def sign(request: Signed, key_id: str, secret: Secret, region: str, payload: str, now: datetime) -> dict[str, str]:
    """All headers of the request with those that make it the key owner's; `payload` is the body's SHA-256 or a word for it."""
    stamp = now.strftime(STAMP)
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    headers = {**request.headers, "x-amz-content-sha256": payload, "x-amz-date": stamp}
    names = sorted(name for name in headers if name == "host" or name.startswith("x-amz-"))
    whole = Signed(request.method, request.path, request.query, headers)
    signature = _signature(whole, names, payload, stamp, scope, secret)
    headers["authorization"] = f"{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
    return headers


def _claim(request: Signed) -> Mapping[str, str]:
    said = request.headers.get("authorization", "")
    found = AUTHORIZATION.match(said)
    if found:
        return found.groupdict()
    if not said:
        raise SignatureRefused("AccessDenied", "Access Denied: the request is not signed and bears no token.")
    raise SignatureRefused("InvalidRequest", f"The authorization mechanism is not supported. Please use {ALGORITHM}.")


def _check_clock(stamp: str, day: str, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise SignatureRefused("AccessDenied", "The request has no valid x-amz-date header.") from None
    if not stamp.startswith(day) or abs(now - signed_at) > SKEW:
        raise SignatureRefused(
            "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
        )


def _checked_payload(request: Signed) -> str:
    payload = request.headers.get("x-amz-content-sha256", "")
    if not payload:
        raise SignatureRefused("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    if payload == UNSIGNED or payload.startswith(STREAMING):
        return payload
    if payload != hashlib.sha256(request.body).hexdigest():
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise SignatureRefused("XAmzContentSHA256Mismatch", message)
    return payload


def _signature(request: Signed, names: Sequence[str], payload: str, stamp: str, scope: str, secret: Secret) -> str:
    lines = "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in names)
    path = quote(unquote(request.path), safe="/-_.~")
    canonical = "\n".join([request.method, path, canonical_query(request.query), lines, ";".join(names), payload])
    to_sign = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    derived = f"AWS4{secret.reveal()}".encode()
    for part in scope.split("/"):
        derived = hmac.digest(derived, part.encode(), "sha256")
    return hmac.digest(derived, to_sign.encode(), "sha256").hex()


def canonical_query(query: Sequence[tuple[str, str]]) -> str:
    return "&".join(sorted(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in query))
