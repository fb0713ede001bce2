"""S3's pure parts: the signature, held against botocore's own, and the policies."""

from __future__ import annotations

from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from kit.endpoints import Trust
from kit.stores import s3
from kit.stores.s3_admin import policy
from kit.stores.wire.sigv4 import EMPTY, Key, signed
from tests.support.tls_server import certified, https
from tests.unit.test_stores_wire import CREDENTIALS

KEY = Key("sentry-filestore", "s3cr3t_-of-some-length")


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("PUT", "/sentry-filestore", {}),
        ("GET", "/sentry-filestore", {"list-type": "2", "max-keys": "1"}),
        ("GET", "/sentry-filestore", {"prefix": "a b/ü&c=d", "delimiter": "/", "list-type": "2"}),
    ],
)
@pytest.mark.parametrize("authority", ["s3:9000", "127.0.0.1:29000"])
def test_the_signature_is_the_one_that_botocore_makes(authority: str, method: str, path: str, query: dict[str, str]) -> None:
    theirs = AWSRequest(method, f"https://{authority}{path}", params=query)
    theirs.headers["x-amz-content-sha256"] = EMPTY
    S3SigV4Auth(Credentials(KEY.access, KEY.secret), "s3", "eu-north-1").add_auth(theirs)
    when = datetime.strptime(theirs.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    ours = signed(authority, "eu-north-1", KEY, method, path, query, when)
    assert ours["authorization"] == theirs.headers["Authorization"]


def test_a_policy_opens_one_bucket_and_no_setting_of_it() -> None:
    statements = policy("one")["Statement"]
    assert {resource for each in statements for resource in each["Resource"]} == {"arn:aws:s3:::one", "arn:aws:s3:::one/*"}
    actions = [action for each in statements for action in each["Action"]]
    assert not [action for action in actions if "*" in action or action.startswith("s3:PutBucket") or "DeleteBucket" in action]


class Deleting(BaseHTTPRequestHandler):
    """Deletes every object."""

    def do_DELETE(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


def test_the_store_is_reached_directly_and_as_described_whatever_the_shell_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = certified(tmp_path)
    hostile = {
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "AWS_CA_BUNDLE": str(tmp_path / "none.pem"),
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_PROFILE": "theirs",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    }
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    with https(by, Deleting) as port:
        endpoint = s3.endpoint("127.0.0.1", {"api": port}, CREDENTIALS)
        client = s3._client(endpoint, endpoint.filestore, Trust(by.ca))
        try:
            client.delete_object(Bucket=endpoint.filestore.name, Key="key")
        finally:
            client.close()
