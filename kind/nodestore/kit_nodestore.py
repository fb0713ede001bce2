"""Sentry's node store in a private S3 bucket, for images that bring none: Sentry 25.2 and what follows it.

One file, so that a ConfigMap can put it on the path of an unchanged image. It runs inside Sentry and uses only what Sentry
brings: boto3, and zstandard, which `sentry.utils.codecs` imports. Objects are laid out as getsentry/sentry-nodestore-s3 lays them
out (the key is the node's id below an optional path, `ContentEncoding: zstd`), so that a later profile with that backend goes on
reading them.

Settings: SENTRY_NODESTORE = "kit_nodestore.S3NodeStorage", SENTRY_NODESTORE_OPTIONS = the arguments of `S3NodeStorage`. The key
pair comes from the environment and stands in no settings file. How long objects live is the bucket's lifecycle rule, which
follows Sentry's retention.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from sentry.exceptions import InvalidConfiguration

try:
    from sentry.services.nodestore.base import NodeStorage  # where later releases have it
except ImportError:
    from sentry.nodestore.base import NodeStorage

try:
    import zstandard
except ImportError:  # a Sentry without it: what is written plainly can be read by every backend
    zstandard = None

ACCESS_KEY, SECRET_KEY = "KIT_NODESTORE_ACCESS_KEY", "KIT_NODESTORE_SECRET_KEY"
ZSTD = "zstd"
ABSENT = frozenset({"NoSuchKey", "404"})
AT_ONCE = 16  # requests of one call; a page of events is up to a hundred nodes
CONNECT_TIMEOUT_S, READ_TIMEOUT_S, ATTEMPTS = 5, 20, 4


class S3NodeStorage(NodeStorage):
    """The base class is a `threading.local`: `__init__` runs once in every thread, with the same arguments."""

    def __init__(
        self,
        bucket: str = "",
        endpoint: str = "",
        region: str = "",
        path: str = "",
        ca_certs: str | None = None,
        addressing_style: str = "path",
        acl: str | None = "private",
    ) -> None:
        """`ca_certs` is a PEM file; without it AWS_CA_BUNDLE names one. `acl=None` is for stores that know no ACL."""
        for name, given in (("bucket", bucket), ("endpoint", endpoint), ("region", region)):
            if not given:
                raise InvalidConfiguration(f"SENTRY_NODESTORE_OPTIONS: `{name}` is missing")
        if not endpoint.startswith("https://"):
            raise InvalidConfiguration(f"SENTRY_NODESTORE_OPTIONS: `endpoint` must begin with https://, and is {endpoint}")
        if acl not in ("private", None):
            raise InvalidConfiguration(f"SENTRY_NODESTORE_OPTIONS: events are never public; `acl` is {acl}")
        if ca_certs is not None and not os.path.isfile(ca_certs):
            raise InvalidConfiguration(f"SENTRY_NODESTORE_OPTIONS: `ca_certs` names no file: {ca_certs}")
        for name in (ACCESS_KEY, SECRET_KEY):
            if not os.environ.get(name):
                raise InvalidConfiguration(f"the environment variable {name} is missing")
        self.bucket, self.path = bucket, path.strip("/")
        self._place = {"endpoint_url": endpoint, "region_name": region, "verify": ca_certs}
        self._addressing_style = addressing_style
        self._acl = {} if acl is None else {"ACL": acl}
        self._client: tuple[int, Any] | None = None

    @property
    def client(self) -> Any:
        """One per thread and process: a forked worker must not share its parent's TLS session."""
        if self._client is None or self._client[0] != os.getpid():
            self._client = (os.getpid(), self._connected())
        return self._client[1]

    def _get_bytes(self, id: str) -> bytes | None:
        return _read(self.client, self.bucket, self._key(id))

    def _get_bytes_multi(self, id_list: list[str]) -> dict[str, bytes | None]:
        # Another thread's look at `self` would be another instance, so what the workers need is taken out first.
        client, bucket = self.client, self.bucket
        return dict(zip(id_list, _together(lambda key: _read(client, bucket, key), map(self._key, id_list)), strict=True))

    def _set_bytes(self, id: str, data: bytes, ttl: timedelta | None = None) -> None:
        """`ttl` is not kept: S3 has no lifetime per object, and the bucket's rule bounds all of them."""
        body, encoding = data, {}
        if zstandard is not None:
            packed = zstandard.ZstdCompressor().compress(data)
            if len(packed) < len(data):
                body, encoding = packed, {"ContentEncoding": ZSTD}
        self.client.put_object(
            Bucket=self.bucket, Key=self._key(id), Body=body, ContentType="application/octet-stream", **encoding, **self._acl
        )

    def delete(self, id: str) -> None:
        """A node that is not there is no error, as S3 has it."""
        try:
            self.client.delete_object(Bucket=self.bucket, Key=self._key(id))
        finally:
            self._delete_cache_item(id)

    def delete_multi(self, id_list: list[str]) -> None:
        """One request per node: the bulk call wants checksums over which S3 servers and boto3's versions disagree."""
        client, bucket = self.client, self.bucket
        try:
            _together(lambda key: client.delete_object(Bucket=bucket, Key=key), map(self._key, id_list))
        finally:
            self._delete_cache_items(id_list)

    def cleanup(self, cutoff_timestamp: datetime) -> None:
        """Nothing to do: the bucket's lifecycle rule removes what is older than Sentry's retention."""

    def bootstrap(self) -> None:
        """Nothing to do: bucket, rule and user are made with the store, by whoever may."""

    def _key(self, id: str) -> str:
        return f"{self.path}/{id}" if self.path else id

    def _connected(self) -> Any:
        options: dict[str, Any] = {
            "retries": {"mode": "standard", "max_attempts": ATTEMPTS},
            "connect_timeout": CONNECT_TIMEOUT_S,
            "read_timeout": READ_TIMEOUT_S,
            "max_pool_connections": AT_ONCE,
            "s3": {"addressing_style": self._addressing_style},
        }
        # From boto3 1.36 on, checksums that older S3 servers refuse are added unless they are asked not to be.
        if "request_checksum_calculation" in Config.OPTION_DEFAULTS:
            options |= {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
        session = boto3.session.Session(
            aws_access_key_id=os.environ[ACCESS_KEY], aws_secret_access_key=os.environ[SECRET_KEY]
        )  # of its own: the module's default session is shared by threads, and making clients from it is not safe
        return session.client("s3", config=Config(**options), **self._place)


def _read(client: Any, bucket: str, key: str) -> bytes | None:
    try:
        answer = client.get_object(Bucket=bucket, Key=key)
    except ClientError as refused:
        if refused.response.get("Error", {}).get("Code") in ABSENT:
            return None
        raise
    body: bytes = answer["Body"].read()
    if answer.get("ContentEncoding") != ZSTD:
        return body
    if zstandard is None:
        raise InvalidConfiguration(f"{key} in {bucket} is compressed with zstd, and this Sentry has no module zstandard")
    return zstandard.ZstdDecompressor().decompress(body)


def _together(ask: Callable[[str], Any], keys: Iterable[str]) -> list[Any]:
    """In the order of the keys; the first failure is raised."""
    wanted = list(keys)
    if len(wanted) < 2:
        return [ask(key) for key in wanted]
    with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(wanted))) as pool:
        return list(pool.map(ask, wanted))
