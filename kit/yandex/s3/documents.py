"""The settings of a bucket in S3's XML and JSON: which there are, what is answered where none was set, what is valid.

What was put is kept and given back as it came. The table is what the provider depends on: most settings that were never made
are a 404 with a code of their own, and some (`tagging` above all) must be an empty 200.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from kit.yandex.contract import S3Refused

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
REGION = "ru-central1"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"

CANNED_ACLS: Mapping[str, tuple[tuple[str, str], ...]] = {  # x-amz-acl → what is granted beside the owner's full control
    "private": (),
    "bucket-owner-full-control": (),
    "public-read": ((ALL_USERS, "READ"),),
    "public-read-write": ((ALL_USERS, "READ"), (ALL_USERS, "WRITE")),
    "authenticated-read": ((AUTHENTICATED, "READ"),),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One sub-resource of a bucket."""

    root: str  # element that a body begins with; empty: JSON
    absent: str  # S3's code where it was never set; empty: `default` is the answer
    message: str = ""


SETTINGS: Mapping[str, Setting] = {
    "acl": Setting("AccessControlPolicy", ""),
    "cors": Setting("CORSConfiguration", "NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    "encryption": Setting(
        "ServerSideEncryptionConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
        "The server side encryption configuration was not found",
    ),
    "lifecycle": Setting("LifecycleConfiguration", "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
    "logging": Setting("BucketLoggingStatus", ""),
    "object-lock": Setting(
        "ObjectLockConfiguration",
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
    ),
    "policy": Setting("", "NoSuchBucketPolicy", "The bucket policy does not exist"),
    "tagging": Setting("Tagging", ""),
    "versioning": Setting("VersioningConfiguration", ""),
    "website": Setting(
        "WebsiteConfiguration", "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"
    ),
}

DEFAULTS = {
    "logging": f'<BucketLoggingStatus xmlns="{NAMESPACE}"/>',
    "tagging": f'<Tagging xmlns="{NAMESPACE}"><TagSet></TagSet></Tagging>',
    "versioning": f'<VersioningConfiguration xmlns="{NAMESPACE}"/>',
}

PERMANENT = frozenset({"acl", "logging", "versioning", "object-lock"})  # can be changed, not deleted
VERSIONED = f'{DECLARATION}<VersioningConfiguration xmlns="{NAMESPACE}"><Status>Enabled</Status></VersioningConfiguration>'
LOCKABLE = (
    f'{DECLARATION}<ObjectLockConfiguration xmlns="{NAMESPACE}"><ObjectLockEnabled>Enabled</ObjectLockEnabled>'
    "</ObjectLockConfiguration>"
)


def default(setting: str, owner: str) -> str:
    """The answer for a setting that is empty until it is made."""
    return DECLARATION + (access_control_list(owner) if setting == "acl" else DEFAULTS[setting])


def validated(setting: str, body: bytes) -> str:
    """The body of a PUT, if it is of the kind that this setting takes; raises `S3Refused`."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise S3Refused("MalformedXML", "The document you provided is not UTF-8.") from None
    root = SETTINGS[setting].root
    return _policy(text) if not root else _xml(text, root)


def _policy(text: str) -> str:
    try:
        document = json.loads(text)
    except ValueError:
        raise S3Refused("MalformedPolicy", "Policies must be valid JSON.") from None
    statements = document.get("Statement") if isinstance(document, dict) else None
    if not statements or not isinstance(statements, list | dict):
        raise S3Refused("MalformedPolicy", "The policy has no Statement.")
    return text


def _xml(text: str, root: str) -> str:
    wrong = "The XML you provided was not well-formed or did not validate against our published schema"
    if "<!DOCTYPE" in text:  # S3 knows no entities, and nobody's are expanded here
        raise S3Refused("MalformedXML", wrong)
    try:
        found = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        raise S3Refused("MalformedXML", wrong) from None
    if found.tag.rpartition("}")[2] != root:
        raise S3Refused("MalformedXML", f"{wrong}: {root} was expected.")
    return text


def check_location(body: bytes) -> None:
    """Check the body of the PUT that makes a bucket: there is one region only. Raises `S3Refused`."""
    found = ElementTree.fromstring(_xml(body.decode(errors="replace"), "CreateBucketConfiguration"))
    named = [element.text for element in found.iter() if element.tag.rpartition("}")[2] == "LocationConstraint"]
    if named and named != [REGION]:
        raise S3Refused("InvalidLocationConstraint", f"The specified location constraint is not valid: there is {REGION} only.")


def canned_acl(name: str, owner: str) -> str:
    """The access control list that a name in `x-amz-acl` stands for."""
    if name not in CANNED_ACLS:
        raise S3Refused("InvalidArgument", f"{name} is not a canned ACL.")
    return DECLARATION + access_control_list(owner, CANNED_ACLS[name])


def access_control_list(owner: str, groups: Iterable[tuple[str, str]] = ()) -> str:
    """The owner with full control, and what groups may do. The provider takes one grant to the owner for `private`."""
    name = escape(owner)
    person = f'<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>{name}</ID></Grantee>'
    group = '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group"><URI>{}</URI></Grantee>'
    grants = [_grant(person, "FULL_CONTROL"), *(_grant(group.format(uri), right) for uri, right in groups)]
    return (
        f'<AccessControlPolicy xmlns="{NAMESPACE}"><Owner><ID>{name}</ID><DisplayName>{name}</DisplayName></Owner>'
        f"<AccessControlList>{''.join(grants)}</AccessControlList></AccessControlPolicy>"
    )


def _grant(grantee: str, permission: str) -> str:
    return f"<Grant>{grantee}<Permission>{permission}</Permission></Grant>"


def error(code: str, message: str, resource: str, request_id: str) -> str:
    """S3's error document."""
    fields = {"Code": code, "Message": message, "Resource": resource, "RequestId": request_id}
    return f"{DECLARATION}<Error>{''.join(f'<{name}>{escape(text)}</{name}>' for name, text in fields.items())}</Error>"


def location() -> str:
    return f'{DECLARATION}<LocationConstraint xmlns="{NAMESPACE}">{REGION}</LocationConstraint>'


def buckets(owner: str, found: Iterable[tuple[str, str]]) -> str:
    """The list of buckets; `found`: name and date of each (ISO 8601)."""
    name = escape(owner)
    rows = "".join(f"<Bucket><Name>{escape(each)}</Name><CreationDate>{date}</CreationDate></Bucket>" for each, date in found)
    return (
        f'{DECLARATION}<ListAllMyBucketsResult xmlns="{NAMESPACE}">'
        f"<Owner><ID>{name}</ID><DisplayName>{name}</DisplayName></Owner><Buckets>{rows}</Buckets></ListAllMyBucketsResult>"
    )


def empty_listing(bucket: str, kind: str) -> str:
    """The listing of a bucket behind which nothing keeps objects. `kind`: objects, versions, uploads."""
    name = escape(bucket)
    root, named = {
        "objects": ("ListBucketResult", f"<Name>{name}</Name><Prefix></Prefix><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys>"),
        "versions": ("ListVersionsResult", f"<Name>{name}</Name><Prefix></Prefix><MaxKeys>1000</MaxKeys>"),
        "uploads": ("ListMultipartUploadsResult", f"<Bucket>{name}</Bucket><MaxUploads>1000</MaxUploads>"),
    }[kind]
    return f'{DECLARATION}<{root} xmlns="{NAMESPACE}">{named}<IsTruncated>false</IsTruncated></{root}>'
