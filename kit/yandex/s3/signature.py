"""Checks AWS Signature Version 4: is a request signed with the secret of the key that it names?

botocore computes the signature. https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
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
from kit.yandex.contract import S3Refused

ALGORITHM = "AWS4-HMAC-SHA256"
PAYLOAD = "x-amz-content-sha256"  # the header: a SHA-256, or one of the words below
UNSIGNED, STREAMING = "UNSIGNED-PAYLOAD", "STREAMING-"
SKEW = timedelta(minutes=15)
AUTHORIZATION = re.compile(
    rf"^{ALGORITHM} Credential=(?P<key>[^/, ]+)/(?P<day>\d{{8}})/(?P<region>[^/, ]*)/s3/aws4_request, ?"
    r"SignedHeaders=(?P<names>[a-z0-9;.-]+), ?Signature=(?P<signature>[0-9a-f]{64})$"
)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came: `path` still percent-encoded, `query` decoded, names of headers in lower case."""

    method: str
    path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes = b""


def verify(request: HttpRequest, secret_of: Callable[[str], Secret | None], now: datetime) -> str:
    """The id of the key that signed the request; raises `S3Refused`."""
    claim = _claim(request)
    secret = secret_of(claim["key"])
    if secret is None:
        raise S3Refused("InvalidAccessKeyId", "The access key id you provided does not exist in our records.")
    _check_clock(request.headers.get("x-amz-date", ""), claim["day"], now)
    _check_payload(request)
    names = claim["names"].split(";")
    if not {"host", PAYLOAD} <= set(names) <= set(request.headers):
        raise S3Refused("AccessDenied", "The signed headers are not those of the request.")
    if not hmac.compare_digest(_signature(request, names, claim["region"], claim["key"], secret), claim["signature"]):
        message = "The request signature we calculated does not match the signature you provided. Check your secret access key."
        raise S3Refused("SignatureDoesNotMatch", message)
    return claim["key"]


def _claim(request: HttpRequest) -> Mapping[str, str]:
    header = request.headers.get("authorization", "")
    if found := AUTHORIZATION.match(header):
        return found.groupdict()
    if not header:
        raise S3Refused("AccessDenied", "Access Denied: the request is not signed and bears no token.")
    raise S3Refused("InvalidRequest", f"The authorization mechanism is not supported. Please use {ALGORITHM}.")


def _check_clock(stamp: str, day: str, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise S3Refused("AccessDenied", "The request has no valid x-amz-date header.") from None
    if not stamp.startswith(day) or abs(now - signed_at) > SKEW:
        raise S3Refused("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")


def _check_payload(request: HttpRequest) -> None:
    payload = request.headers.get(PAYLOAD, "")
    if not payload:
        raise S3Refused("InvalidRequest", f"Missing required header for this request: {PAYLOAD}")
    if payload == UNSIGNED or payload.startswith(STREAMING):
        return
    if payload != hashlib.sha256(request.body).hexdigest():
        raise S3Refused("XAmzContentSHA256Mismatch", f"The provided '{PAYLOAD}' header does not match what was computed.")


def _signature(request: HttpRequest, names: Sequence[str], region: str, key_id: str, secret: Secret) -> str:
    """What the owner of the key would have signed. The path is encoded anew: clients differ in what they leave as it is."""
    from botocore.auth import S3SigV4Auth  # with the first request: a quarter of the start would be botocore's
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    url = f"http://{request.headers['host']}{quote(unquote(request.path), safe='/-_.~')}"
    headers = {name: request.headers[name] for name in names}
    signed = AWSRequest(request.method, url, headers=headers, params=list(request.query))
    signed.context["timestamp"] = request.headers["x-amz-date"]
    signer = S3SigV4Auth(Credentials(key_id, secret.reveal()), "s3", region)
    signer.headers_to_sign = lambda given: given.headers  # botocore would leave out some that other clients sign
    return str(signer.signature(signer.string_to_sign(signed, signer.canonical_request(signed)), signed))
