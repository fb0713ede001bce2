"""Handles S3 requests: who asks, for which bucket, and whether it is about settings, objects or the bucket itself.

Settings are the journal's and are answered here; objects are the backing's and are answer on. Nothing is accepted in silence:
what is neither is NotImplemented with its name.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kit.endpoints import Secret
from kit.errors import KitError
from kit.yandex.contract import Backing, Bucket, S3Refused
from kit.yandex.s3 import documents
from kit.yandex.s3.bucket_state import BucketState
from kit.yandex.s3.documents import SETTINGS
from kit.yandex.s3.objects import BrokenChunks, Unreachable, forward
from kit.yandex.s3.signature import HttpRequest, verify

TOKEN_HEADER = "x-yacloud-subjecttoken"
AUTHORITY_PATH = "/cloud-certs/CA.pem"  # where the real object storage has the authority of the managed databases
NAME = re.compile(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")

STATUS: Mapping[str, int] = {
    "AccessDenied": 403,
    "BucketAlreadyExists": 409,
    "BucketAlreadyOwnedByYou": 409,
    "BucketNotEmpty": 409,
    "InternalError": 500,
    "InvalidAccessKeyId": 403,
    "MethodNotAllowed": 405,
    "NoSuchBucket": 404,
    "NotImplemented": 501,
    "RequestTimeTooSkewed": 403,
    "ServiceUnavailable": 503,
    "SignatureDoesNotMatch": 403,
} | {setting.absent: 404 for setting in SETTINGS.values() if setting.absent}  # everything else: 400
LISTINGS: Mapping[str, str] = {"versions": "versions", "uploads": "uploads"}
LIST_OPTIONS = frozenset(
    {"continuation-token", "delimiter", "encoding-type", "fetch-owner", "key-marker", "list-type", "marker", "max-keys"}
    | {"max-uploads", "prefix", "start-after", "upload-id-marker", "version-id-marker", "x-id"}
)


@dataclass(frozen=True, slots=True)
class S3Request:
    """An HTTP request, and the bucket and key that it is for."""

    bucket: str
    key: str
    http: HttpRequest

    @property
    def method(self) -> str:
        return self.http.method

    @property
    def options(self) -> Mapping[str, str]:
        return dict(self.http.query)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterator[bytes] = b""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. The owner of the token may do everything; a key does what its service account may."""

    service_account_id: str | None = None
    folder_id: str = ""


def error_answer(status: int, code: str, message: str, resource: str) -> Answer:
    """An answer with S3's error document."""
    request_id = secrets.token_hex(8)
    body = documents.error(code, message, resource, request_id).encode()
    return Answer(status, {"Content-Type": "application/xml", "x-amz-request-id": request_id}, body)


def _xml(text: str) -> Answer:
    return Answer(200, {"Content-Type": "application/xml", "x-amz-request-id": secrets.token_hex(8)}, text.encode())


class S3RequestHandler:
    """Answers S3 requests. Thread-safe."""

    def __init__(self, buckets: BucketState, backing: Backing) -> None:
        self._state = buckets
        self._backing = backing

    def answer(self, request: S3Request) -> Answer:
        """The answer to any request; refusals become S3's errors."""
        resource = request.http.path
        try:
            return self._answer(request)
        except S3Refused as refused:
            return error_answer(STATUS.get(refused.code, 400), refused.code, refused.message, resource)
        except BrokenChunks as broken:
            return error_answer(400, "IncompleteBody", f"The body is not what its headers say: {broken}.", resource)
        except Unreachable as gone:
            return error_answer(503, "ServiceUnavailable", str(gone), resource)
        except KitError as failed:
            return error_answer(500, "InternalError", f"{failed.what}: {failed.why}", resource)

    def _answer(self, request: S3Request) -> Answer:
        if request.http.path == AUTHORITY_PATH and request.method in ("GET", "HEAD"):
            return self._authority()
        caller = self._caller(request.http)
        if not request.bucket:
            return self._buckets(request, caller)
        if request.key:
            return self._objects(request, caller)
        setting = next((name for name in request.options if name in SETTINGS), None)
        if setting:
            return self._setting(request, caller, setting)
        return self._bucket(request, caller)

    def _authority(self) -> Answer:
        """The databases' authority. Public in the cloud too: clients fetch what they are to trust before they have a key."""
        store = self._backing.object_store()
        if store is None:
            raise S3Refused("NotImplemented", "No managed database stands behind this emulator, so none has an authority.")
        return Answer(200, {"Content-Type": "application/x-x509-ca-cert"}, store.ca_file.read_bytes())

    # -- who asks

    def _caller(self, http: HttpRequest) -> Caller:
        token = http.headers.get(TOKEN_HEADER)
        if token is not None:
            bearer = self._state.bearer(token)
            if bearer is not None:
                return Caller(bearer or None)
            raise S3Refused("AccessDenied", "The token in X-YaCloud-SubjectToken is not one of this emulator's.")

        def secret_of(key_id: str) -> Secret | None:
            found = self._state.access_key(key_id)
            return found.secret if found else None

        key = self._state.access_key(verify(http, secret_of, datetime.now(UTC)))
        if key is None:  # deleted in this very moment
            raise S3Refused("InvalidAccessKeyId", "The access key id you provided does not exist in our records.")
        return Caller(key.service_account_id, key.folder_id)

    def _check_access(self, caller: Caller, bucket: str, *, write: bool) -> None:
        if caller.service_account_id and not self._state.may(caller.service_account_id, bucket, write=write):
            right = "write to" if write else "read"
            raise S3Refused(
                "AccessDenied", f"Access Denied: the service account {caller.service_account_id} may not {right} {bucket}."
            )

    # -- buckets

    def _buckets(self, request: S3Request, caller: Caller) -> Answer:
        if request.method != "GET":
            raise S3Refused("MethodNotAllowed", "The specified method is not allowed against this resource.")
        found = self._state.all(caller.folder_id or None)
        rows = [(bucket.name, f"{datetime.fromtimestamp(bucket.created_s, UTC):%Y-%m-%dT%H:%M:%S.000Z}") for bucket in found]
        return _xml(documents.buckets(caller.folder_id, rows))

    def _bucket(self, request: S3Request, caller: Caller) -> Answer:
        match request.method:
            case "PUT" if not request.options:
                return self._create(request, caller)
            case "DELETE" if not request.options:
                self._check_access(caller, request.bucket, write=True)
                self._existing(request.bucket)
                self._state.delete(request.bucket)
                return Answer(204)
            case "HEAD":
                self._check_access(caller, request.bucket, write=False)
                self._existing(request.bucket)
                return Answer(200, {"x-amz-bucket-region": documents.REGION})
            case "GET" if "location" in request.options:
                self._check_access(caller, request.bucket, write=False)
                self._existing(request.bucket)
                return _xml(documents.location())
            case "GET" if not set(request.options) - LIST_OPTIONS - set(LISTINGS):
                return self._objects(request, caller)
            case "POST" if "delete" in request.options:
                return self._objects(request, caller)
        asked = ", ".join(request.options) or "nothing more"
        raise S3Refused("NotImplemented", f"{request.method} of a bucket with {asked} is not modelled by this emulator.")

    def _create(self, request: S3Request, caller: Caller) -> Answer:
        name = request.bucket
        if not NAME.match(name):
            raise S3Refused("InvalidBucketName", "The specified bucket is not valid.")
        self._check_access(caller, name, write=True)
        access = request.http.headers.get("x-amz-acl")
        made = documents.canned_acl(access, caller.folder_id) if access and access != "private" else None
        if request.http.body:
            documents.check_location(request.http.body)
        bucket = self._state.create(name, caller.folder_id)
        if made is not None:
            self._state.set_document(name, "acl", documents.canned_acl(str(access), bucket.folder_id))
        if request.http.headers.get("x-amz-bucket-object-lock-enabled", "").lower() == "true":
            self._set(name, "versioning", documents.VERSIONED)
            self._set(name, "object-lock", documents.LOCKABLE)
        return Answer(200, {"Location": f"/{name}"})

    def _existing(self, name: str) -> Bucket:
        found = self._state.get(name)
        if found is None:
            raise S3Refused("NoSuchBucket", "The specified bucket does not exist")
        return found

    # -- settings

    def _setting(self, request: S3Request, caller: Caller, setting: str) -> Answer:
        self._check_access(caller, request.bucket, write=request.method not in ("GET", "HEAD"))
        bucket = self._existing(request.bucket)
        match request.method:
            case "GET":
                return self._show(bucket, setting)
            case "PUT":
                access = request.http.headers.get("x-amz-acl")
                is_canned = setting == "acl" and access is not None
                body = (
                    documents.canned_acl(str(access), bucket.folder_id)
                    if is_canned
                    else documents.validated(setting, request.http.body)
                )
                self._set(bucket.name, setting, body)
                return Answer(204 if setting == "policy" else 200)
            case "DELETE" if setting not in documents.PERMANENT:
                self._set(bucket.name, setting, None)
                return Answer(204)
        raise S3Refused("MethodNotAllowed", f"{request.method} is not allowed against {setting}.")

    def _show(self, bucket: Bucket, setting: str) -> Answer:
        body = bucket.documents.get(setting)
        if body is None and SETTINGS[setting].absent:
            raise S3Refused(SETTINGS[setting].absent, SETTINGS[setting].message)
        if setting == "policy":
            return Answer(200, {"Content-Type": "application/json"}, str(body).encode())
        return _xml(documents.default(setting, bucket.folder_id) if body is None else body)

    def _set(self, bucket: str, setting: str, body: str | None) -> None:
        """Keep a setting. The store behind has to know of versions too, and first."""
        store = self._backing.object_store()
        if setting == "versioning" and body is not None and store is not None:
            answer = forward(store, HttpRequest("PUT", "/", [("versioning", "")], {}, body.encode()), bucket, "")
            if answer.status >= 300:
                raise S3Refused("InternalError", "The store behind this emulator refused to keep versions.")
        self._state.set_document(bucket, setting, body)

    # -- objects

    def _objects(self, request: S3Request, caller: Caller) -> Answer:
        self._check_access(caller, request.bucket, write=request.method not in ("GET", "HEAD"))
        self._existing(request.bucket)
        store = self._backing.object_store()
        if store is not None:
            answer = forward(store, request.http, request.bucket, request.key)
            return Answer(answer.status, answer.headers, answer.body)
        if request.method == "GET" and not request.key:
            kind = next((kind for option, kind in LISTINGS.items() if option in request.options), "objects")
            return _xml(documents.empty_listing(request.bucket, kind))
        raise S3Refused("NotImplemented", "Nothing keeps objects behind this emulator: it runs with its control plane only.")
