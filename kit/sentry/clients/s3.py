"""S3 by boto3, made as the filestore and the nodestore make it: an object put, fetched, refused to strangers, and removed."""

from __future__ import annotations

import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from kit.sentry.clients.contract import MARK, TIMEOUT_S, Answer, Connection, Wrong, library, own_ca, token

KNOWN = {
    "NoSuchBucket": "bucket",
    "AccessDenied": "denied",
    "InvalidAccessKeyId": "password",
    "SignatureDoesNotMatch": "password",
    "PermanentRedirect": "region",
    "AuthorizationHeaderMalformed": "region",
    "404": "bucket",
    "403": "denied",
}
PRIVATE = ("private", "bucket-owner-full-control", None)


def ask(connection: Connection, write: bool, wanted: Mapping[str, Any]) -> Answer:
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
        code = str(error.response.get("Error", {}).get("Code", ""))
        raise Wrong(KNOWN.get(code, "s3"), f"{bucket}: {error}") from error
    finally:
        client.close()


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
    troubles = [] if acl in PRIVATE else [("public-acl", f"default_acl is {acl}")]
    client.put_object(Bucket=bucket, Key=key, Body=value, **({"ACL": acl} if acl in PRIVATE and acl else {}))
    try:
        read = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        if read != value:
            raise Wrong("roundtrip", f"{bucket}: read something else than was written")
        if said := _public(client.meta.endpoint_url, bucket, key, connection["tls"]["ca"]):
            troubles.append(("public-acl", said))
    finally:
        client.delete_object(Bucket=bucket, Key=key)
    return Answer(f"an object in {bucket} written, read back, refused to strangers, removed", tuple(troubles))


def _public(endpoint: str, bucket: str, key: str, ca: str | None) -> str:
    """What a stranger got; empty where it was refused."""
    context = ssl.create_default_context(cafile=ca)
    try:
        with urllib.request.urlopen(f"{endpoint}/{bucket}/{key}", timeout=TIMEOUT_S, context=context) as answer:
            return f"anybody can fetch an object of {bucket} (HTTP {answer.status})"
    except urllib.error.HTTPError as error:
        return "" if error.code in (401, 403, 404) else f"a stranger was answered with HTTP {error.code}"
    except OSError as error:
        return f"a stranger's request broke: {error}"
