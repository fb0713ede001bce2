"""S3, by MinIO: HTTPS only, one bucket each for Sentry's filestore and nodestore, and for each bucket a key that opens no other.

MinIO's root key makes these and is used for nothing else. MinIO has no upstream any more; whatever follows it has to answer the
same S3 requests, and the only other place that knows its name is `s3_admin`.
"""

from __future__ import annotations

import dataclasses
import os
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from kit.endpoints import Bucket, S3Endpoint, Secret, Trust
from kit.stores.contract import PROBE_TIMEOUT_S, Credentials, InClear, NotYet, Port, Preamble, Ready, Roundtrip, StoreError
from kit.stores.wire.sigv4 import DENIED, Answer, Key, list_bucket
from kit.stores.wire.tls import LoginRefused, ProtocolBroken, handshake, not_yet

NAME = "s3"
SETUP = 1  # version of what `bootstrap` makes; tests/setups.yaml tells when it must be another one
PORTS = (Port.same("api", 9000),)
PREAMBLE: Preamble | None = None
# Go's server tells the client in clear that it wants TLS: 400, "Client sent an HTTP request to an HTTPS server"
# (golang/go src/net/http/server.go, read 2026-11-28). Other servers say it in words of their own.
IN_CLEAR = InClear(
    b"GET / HTTP/1.1\r\nHost: s3\r\nConnection: close\r\n\r\n",
    lambda said: b" 400 " in said.partition(b"\r\n")[0] and b"HTTPS" in said,
)

ROOT = "kit-root"
REGION = "us-east-1"
FILESTORE, NODESTORE = "sentry-filestore", "sentry-nodestore"  # names of buckets, and of the users who own one each
# What botocore takes from AWS_PROFILE, AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, and what it is given instead.
OF_THE_SHELL = {"profile": None, "config_file": os.devnull, "credentials_file": os.devnull}
# S3's words for a login or a right that is not accepted; a bucket that is not there yet lacks the same set-up.
REFUSALS = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket"})


def names() -> tuple[str, ...]:
    return ("s3", "localhost", "127.0.0.1", "::1")


def mounted_secrets(credentials: Credentials) -> Mapping[str, str]:
    return {"root-user": ROOT, "root-password": credentials.s3_root.reveal()}


def endpoint(host: str, ports: Mapping[str, int], credentials: Credentials) -> S3Endpoint:
    filestore = Bucket(FILESTORE, FILESTORE, credentials.s3_filestore)
    return S3Endpoint(host, ports["api"], REGION, filestore, Bucket(NODESTORE, NODESTORE, credentials.s3_nodestore))


def with_password(endpoint: S3Endpoint, password: Secret) -> S3Endpoint:
    filestore = dataclasses.replace(endpoint.filestore, secret_key=password)
    nodestore = dataclasses.replace(endpoint.nodestore, secret_key=password)
    return dataclasses.replace(endpoint, filestore=filestore, nodestore=nodestore)


def probe(endpoint: S3Endpoint, trust: Trust) -> Ready | NotYet:
    """Both keys, each at its own bucket, over one connection."""
    started = time.monotonic()
    try:
        with handshake(endpoint.host, endpoint.port, trust, alpn=("http/1.1",), timeout_s=PROBE_TIMEOUT_S) as connection:
            for bucket in (endpoint.filestore, endpoint.nodestore):
                _demand(bucket, list_bucket(connection, endpoint, bucket, bucket.name))
            return Ready(connection.tls, (time.monotonic() - started) * 1000)
    except Exception as error:
        return not_yet(error)


def _demand(bucket: Bucket, answer: Answer) -> None:
    if answer.status == 200:
        return
    said = f"bucket {bucket.name}: {answer.code or answer.status} {answer.message}"
    raise LoginRefused(said) if answer.code in REFUSALS else ProtocolBroken(said)


def bootstrap(endpoint: S3Endpoint, credentials: Credentials, trust: Trust) -> tuple[str, ...]:
    """Both buckets, and for each a user with a policy for it; whatever is there already is left as it is."""
    from kit.stores import s3_admin

    try:
        return s3_admin.set_up(endpoint, Key(ROOT, credentials.s3_root.reveal()), trust)
    except StoreError:
        raise
    except Exception as error:
        raise StoreError(NAME, "setting it up", error) from error


def expire_events(endpoint: S3Endpoint, credentials: Credentials, trust: Trust, days: int) -> bool:
    """Let the node store forget what Sentry forgets: objects older than its retention. Whether anything was changed.

    Only that bucket: files (source maps, avatars, attachments) are deleted by Sentry itself, and many must never go by age.
    """
    from kit.stores import s3_admin

    root = Bucket(endpoint.nodestore.name, ROOT, credentials.s3_root)
    client = _client(endpoint, root, trust)
    try:
        return s3_admin.expire(client, root.name, days)
    except Exception as error:
        raise StoreError(NAME, f"setting the lifetime of objects in {root.name}", error) from error
    finally:
        client.close()


def client_env(endpoint: S3Endpoint, trust: Trust) -> Mapping[str, str]:
    """AWS_REGION is what most clients read, AWS_DEFAULT_REGION what boto3 reads."""
    return {
        "AWS_ENDPOINT_URL_S3": f"https://{endpoint.host}:{endpoint.port}",
        "AWS_CA_BUNDLE": str(trust.ca_file),
        "AWS_REGION": endpoint.region,
        "AWS_DEFAULT_REGION": endpoint.region,
        "AWS_ACCESS_KEY_ID": endpoint.filestore.access_key,
        "AWS_SECRET_ACCESS_KEY": endpoint.filestore.secret_key.reveal(),
        "FILESTORE_BUCKET": endpoint.filestore.name,
        "NODESTORE_BUCKET": endpoint.nodestore.name,
        "NODESTORE_AWS_ACCESS_KEY_ID": endpoint.nodestore.access_key,
        "NODESTORE_AWS_SECRET_ACCESS_KEY": endpoint.nodestore.secret_key.reveal(),
    }


def smoke(endpoint: S3Endpoint, trust: Trust) -> Roundtrip:
    """By boto3, which Sentry uses: an object in each bucket written, read back, removed; each key refused at the other's."""
    started = time.monotonic()
    for own, other in ((endpoint.filestore, endpoint.nodestore), (endpoint.nodestore, endpoint.filestore)):
        client = _client(endpoint, own, trust)
        try:
            _write_and_read(client, own.name)
            _refused(client, own.access_key, other.name)
        finally:
            client.close()
    what = (
        f"an object in {endpoint.filestore.name} and in {endpoint.nodestore.name} written, read back, removed; no key opens both"
    )
    return Roundtrip(what, (time.monotonic() - started) * 1000)


def _client(endpoint: S3Endpoint, bucket: Bucket, trust: Trust) -> Any:
    import boto3
    import botocore.session
    from botocore.config import Config

    # A session of its own: the default one is global. The user's profile, files and proxies are for another S3.
    core = botocore.session.Session(session_vars={name: (None, None, value, None) for name, value in OF_THE_SHELL.items()})
    session = boto3.session.Session(
        bucket.access_key, bucket.secret_key.reveal(), region_name=endpoint.region, botocore_session=core
    )
    settings = Config(
        connect_timeout=5,
        read_timeout=10,
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
        proxies={},
    )
    url = f"https://{endpoint.host}:{endpoint.port}"
    return session.client("s3", endpoint_url=url, verify=str(trust.ca_file), config=settings)


def _write_and_read(client: Any, bucket: str) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    value, name = secrets.token_bytes(16), f"kit-smoke/{secrets.token_hex(8)}"
    try:
        client.put_object(Bucket=bucket, Key=name, Body=value)
        read = client.get_object(Bucket=bucket, Key=name)["Body"].read()
        client.delete_object(Bucket=bucket, Key=name)
    except (BotoCoreError, ClientError) as error:
        raise StoreError(NAME, f"writing to and reading from {bucket}", error) from error
    if read != value:
        raise StoreError(NAME, f"reading from {bucket}", "it returned something else than was written")


def _refused(client: Any, access_key: str, bucket: str) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    attempts: tuple[Callable[[], Any], ...] = (
        lambda: client.list_objects_v2(Bucket=bucket, MaxKeys=1),
        lambda: client.put_object(Bucket=bucket, Key="kit-smoke/not-yours", Body=b""),
    )
    for attempt in attempts:
        try:
            attempt()
        except ClientError as error:
            if error.response["Error"]["Code"] != DENIED:
                raise StoreError(NAME, f"keeping {access_key} out of {bucket}", error) from error
        except BotoCoreError as error:
            raise StoreError(NAME, f"keeping {access_key} out of {bucket}", error) from error
        else:
            raise StoreError(NAME, f"keeping {access_key} out of {bucket}", "the key was accepted")
