"""S3 by boto3, made as the filestore and the nodestore make it: an object put, fetched, refused to strangers, and removed.

The filestore streams a file (`upload_fileobj`), which from boto3 1.36 on goes in chunks with a checksum behind them where nobody
forbids it; stores that do not know this form refuse it, each in its own words.
"""

from __future__ import annotations

import io
import os
import ssl
import urllib.error
import urllib.request
from typing import Any

from kit.sentry.preflight.clients.contract import (
    MARK,
    NOTE,
    TIMEOUT_S,
    Answer,
    Connection,
    Trouble,
    Wanted,
    Wrong,
    library,
    own_ca,
    token,
)

KNOWN = {
    "NoSuchBucket": "bucket",
    "AccessDenied": "denied",
    "InvalidAccessKeyId": "password",
    "SignatureDoesNotMatch": "password",
    "PermanentRedirect": "region",
    "AuthorizationHeaderMalformed": "region",
    "404": "bucket",
    "403": "denied",
    # The checksums of boto3 1.36 and newer (boto3#4398, #4396, #4400, 2025-01; storj/gateway-st#89, s3s#328)
    "NotImplemented": "checksum",
    "501": "checksum",
    "MissingContentLength": "checksum",
    "411": "checksum",
    "XAmzContentSHA256Mismatch": "checksum",
    "InvalidTrailer": "checksum",
    "MissingContentMD5": "checksum",
}
CHECKSUM_WORDS = ("x-amz-trailer", "aws-chunked", "x-amz-sdk-checksum", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
PRIVATE = ("private", "bucket-owner-full-control", None)


def ask(connection: Connection, write: bool, wanted: Wanted) -> Answer:
    exceptions = library("botocore.exceptions")
    bucket = connection["options"].get("bucket")
    if not bucket:
        raise Wrong("bucket", f"{connection['use']} names no bucket")
    client = _client(connection)
    try:
        if not write:
            client.list_objects_v2(Bucket=bucket, MaxKeys=1)
            return Answer(f"{bucket} listed")
        return _written(client, connection, bucket)
    except exceptions.ClientError as error:
        raise Wrong(_cause(error), f"{bucket}: {error}") from error
    finally:
        client.close()


def _cause(error: Any) -> str:
    if any(word in str(error) for word in CHECKSUM_WORDS):
        return "checksum"
    return KNOWN.get(str(error.response.get("Error", {}).get("Code", "")), "s3")


def _keys(connection: Connection) -> tuple[str | None, str | None]:
    """kit's own nodestore for Sentry 25.2 takes them from its own variables, and from nowhere else."""
    if str(connection["options"].get("class", "")).startswith("kit_nodestore."):
        return os.environ.get("KIT_NODESTORE_ACCESS_KEY"), os.environ.get("KIT_NODESTORE_SECRET_KEY")
    return connection["user"], connection["password"]


def _client(connection: Connection) -> Any:
    options = connection["options"]
    style = {"s3": {"addressing_style": options["addressing"]}} if options.get("addressing") else {}
    config = library("botocore.config").Config(
        connect_timeout=TIMEOUT_S,
        read_timeout=TIMEOUT_S,
        retries={"total_max_attempts": 1},
        signature_version=options.get("signature") or None,
        **style,
    )
    secure = connection["tls"]
    explicit = own_ca(connection, "ca_bundle", "DEFAULT_CA_BUNDLE", "SSL_CERT_FILE")  # AWS_CA_BUNDLE botocore finds itself
    verify = False if secure["on"] and secure["verify"] == "none" else explicit
    user, password = _keys(connection)
    session = library("boto3.session").Session(user, password, region_name=options.get("region") or None)
    return session.client("s3", endpoint_url=options.get("endpoint") or None, verify=verify, config=config)


def _written(client: Any, connection: Connection, bucket: str) -> Answer:
    key, value, acl = f"{MARK}/{token()}", token().encode(), connection["options"].get("acl")
    troubles = [] if acl in PRIVATE else [Trouble("public-acl", f"default_acl is {acl}")]
    given = {"ACL": acl} if acl in PRIVATE and acl else {}
    if "class" in connection["options"] or connection["client"] == "gocloud":  # a nodestore, vroom: bytes, as they are
        client.put_object(Bucket=bucket, Key=key, Body=value, **given)
    else:
        client.upload_fileobj(io.BytesIO(value), bucket, key, ExtraArgs=given)  # sentry/filestore/s3.py
    try:
        read = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        if read != value:
            raise Wrong("roundtrip", f"{bucket}: read something else than was written")
        troubles += _open_to_anyone(client.meta.endpoint_url, bucket, key, connection["tls"]["ca"])
        troubles += _deleted_as_one_of_many(client, bucket, key)
    finally:
        client.delete_object(Bucket=bucket, Key=key)
    return Answer(f"an object in {bucket} written, read back, refused to strangers, removed", tuple(troubles))


def _open_to_anyone(endpoint: str, bucket: str, key: str, ca: str | None) -> list[Trouble]:
    """What somebody without a key is told. Only an object that comes is a public one."""
    try:
        context = ssl.create_default_context(cafile=ca)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # boto3 has contexts of its own, which are not strict
        with urllib.request.urlopen(f"{endpoint}/{bucket}/{key}", timeout=TIMEOUT_S, context=context) as answer:
            return [Trouble("public-acl", f"anybody can fetch an object of {bucket} (HTTP {answer.status})")]
    except urllib.error.HTTPError as error:
        return [] if error.code in (401, 403, 404) else [Trouble("stranger", f"{bucket}: HTTP {error.code}, {error.reason}")]
    except OSError as error:
        return [Trouble("stranger", f"{bucket}: the request broke: {error}")]


def _deleted_as_one_of_many(client: Any, bucket: str, key: str) -> list[Trouble]:
    """No program of Sentry's deletes so today; tools that clear a bucket do, and theirs is another checksum again."""
    try:
        answer = client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}], "Quiet": True})
    except library("botocore.exceptions").ClientError as error:
        return [Trouble(NOTE, f"{bucket}: several objects cannot be deleted by one request: {error}")]
    refused = answer.get("Errors") or ()
    return [Trouble(NOTE, f"{bucket}: deleting by a list: {each.get('Code')}") for each in refused]
