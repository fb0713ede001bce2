"""Sets MinIO up with its root key: two buckets, and for each a policy and the one user who has it.

Buckets are made by S3's own requests, users and policies by MinIO's admin API through its client library.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kit.endpoints import Bucket, S3Endpoint, Trust
from kit.stores.contract import StoreError
from kit.stores.wire.sigv4 import DENIED, Key, ask, list_bucket
from kit.stores.wire.tls import handshake

TIMEOUT_S = 15.0
LIFETIME = "kit-retention"


def set_up(endpoint: S3Endpoint, root: Key, trust: Trust) -> tuple[str, ...]:
    """Returns what was made or put right."""
    buckets = (endpoint.filestore, endpoint.nodestore)
    made = [f"bucket {bucket.name}" for bucket in buckets if make_bucket(endpoint, root, trust, bucket.name)]
    admin = admin_client(endpoint, root, trust)
    policies: Mapping[str, Any] = json.loads(admin.policy_list())
    users: Mapping[str, Any] = json.loads(admin.user_list())
    for bucket in buckets:
        wanted = policy(bucket.name)
        if _plain(policies.get(bucket.name)) != _plain(wanted):
            admin.policy_add(bucket.name, policy=wanted)
            made.append(f"policy {bucket.name}")
        if bucket.access_key not in users or not _accepts(endpoint, bucket, trust):
            admin.user_add(bucket.access_key, bucket.secret_key.reveal())
            made.append(f"key {bucket.access_key}")
        if users.get(bucket.access_key, {}).get("policyName") != bucket.name:
            admin.policy_set(bucket.name, user=bucket.access_key)
            made.append(f"rights of {bucket.access_key}")
    return tuple(made)


def expire(client: Any, bucket: str, days: int) -> bool:
    """Objects go `days` after they were written; returns whether the bucket had another rule, or none. By a boto3 client."""
    wanted = {"ID": LIFETIME, "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": days}}
    if _lifetimes(client, bucket) == [(LIFETIME, days)]:
        return False
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [wanted]})
    return True


def _lifetimes(client: Any, bucket: str) -> list[tuple[str, int | None]]:
    from botocore.exceptions import ClientError

    try:
        rules = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    except ClientError as refused:
        if refused.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
            return []
        raise
    return [(rule.get("ID", ""), rule.get("Expiration", {}).get("Days")) for rule in rules if rule["Status"] == "Enabled"]


def policy(bucket: str) -> dict[str, Any]:
    """All that Sentry does with objects, in one bucket; neither the bucket itself nor its settings can be changed."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
                "Resource": [f"arn:aws:s3:::{bucket}"],
            },
            {
                "Effect": "Allow",
                "Action": [
                    "s3:AbortMultipartUpload",
                    "s3:DeleteObject",
                    "s3:GetObject",
                    "s3:ListMultipartUploadParts",
                    "s3:PutObject",
                ],
                "Resource": [f"arn:aws:s3:::{bucket}/*"],
            },
        ],
    }


def _plain(document: Any) -> Any:
    """Order says nothing in a policy, and MinIO keeps its own."""
    if isinstance(document, dict):
        return {key: _plain(value) for key, value in document.items()}
    if isinstance(document, list):
        return sorted((_plain(value) for value in document), key=lambda value: json.dumps(value, sort_keys=True))
    return document


def make_bucket(endpoint: S3Endpoint, root: Key, trust: Trust, name: str) -> bool:
    authority = f"{endpoint.host}:{endpoint.port}"
    with handshake(endpoint.host, endpoint.port, trust, alpn=("http/1.1",), timeout_s=TIMEOUT_S) as connection:
        answer = ask(connection, authority, endpoint.region, root, "PUT", f"/{name}")
    if answer.status == 200:
        return True
    if answer.code == "BucketAlreadyOwnedByYou":
        return False
    raise StoreError("s3", f"making bucket {name}", f"{answer.code or answer.status} {answer.message}")


def _accepts(endpoint: S3Endpoint, bucket: Bucket, trust: Trust) -> bool:
    """Whether the key is known with this secret; what it may do is the policy's business."""
    with handshake(endpoint.host, endpoint.port, trust, alpn=("http/1.1",), timeout_s=TIMEOUT_S) as connection:
        answer = list_bucket(connection, endpoint, bucket, bucket.name)
    return answer.status == 200 or answer.code == DENIED


def admin_client(endpoint: S3Endpoint, root: Key, trust: Trust) -> Any:
    import urllib3
    from minio import MinioAdmin
    from minio.credentials.providers import StaticProvider

    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(TIMEOUT_S), retries=False, cert_reqs="CERT_REQUIRED", ca_certs=str(trust.ca_file)
    )
    return MinioAdmin(
        endpoint=f"{endpoint.host}:{endpoint.port}",
        credentials=StaticProvider(root.access, root.secret),
        region=endpoint.region,
        http_client=pool,
    )
