"""Asks Yandex Cloud for kit itself: who one is, what may still be used, which versions there are, one secret's content.

What is made and changed goes through terraform; this only asks. Credentials and address come from the variables that terraform's
provider reads too (YC_TOKEN, YC_SERVICE_ACCOUNT_KEY_FILE, YC_ENDPOINT, SSL_CERT_FILE), so both always talk to the same cloud as
the same user. The SDK's stubs are loaded when they are needed: grpc alone costs 100 ms.
"""

from __future__ import annotations

import json
import os
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from kit.adapters.yandex.errors import CredentialsUnusable, NoCredentials, ServiceAbsent, TrustFileUnusable, refused
from kit.endpoints import Secret

ENDPOINT = "api.cloud.yandex.net:443"  # the provider's own default; in other regions YC_ENDPOINT says another
CALL_S = 20.0
PAGE_SIZE = 1000
RENEWED_BEFORE = timedelta(minutes=10)  # a token lives twelve hours at most

# Whom a key's JWT is meant for: fixed, whatever address is asked (documented with IamTokenService.Create).
AUDIENCE = "https://iam.api.cloud.yandex.net/iam/v1/tokens"
JWT_LIFETIME_S = 3600

OAUTH = "oauth"
IAM = "iam"
KEY = "key"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Of one of three kinds: an OAuth token, an IAM token, or the JSON of a service account's key."""

    kind: str
    value: Secret
    source: str  # the variable it came from, for messages


@dataclass(frozen=True, slots=True)
class Token:
    """An IAM token; `expires_at` is None where one was given ready-made, which does not say."""

    value: Secret
    expires_at: datetime | None

    def is_fresh(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at - RENEWED_BEFORE


@dataclass(frozen=True, slots=True)
class Folder:
    id: str
    cloud_id: str
    name: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class Quota:
    """What a cloud may use of one thing, and uses; None where the service does not say."""

    id: str  # "mdb.hdd.size", "compute.instanceCores.count"
    limit: float | None
    usage: float | None


@dataclass(frozen=True, slots=True)
class ManagedCertificate:
    status: str  # VALIDATING, ISSUED, RENEWING …
    not_after: datetime | None  # None: none was issued yet
    message: str  # of its first challenge that says something


class Yandex:
    """One cloud as one user. Threads may share it; nothing is asked before the first question."""

    def __init__(self, credentials: Credentials, endpoint: str = ENDPOINT, authorities: Path | None = None) -> None:
        """`authorities` is a PEM file with whom to trust instead of grpc's own list."""
        self._credentials = credentials
        self.endpoint = endpoint if ":" in endpoint else f"{endpoint}:443"
        self._authorities = authorities
        self._token: Token | None = None
        self._channels: dict[str, Any] = {}
        self._one_at_a_time = threading.RLock()

    def iam_token(self) -> Token:
        """Exchanged once and again before it ends; an IAM token that was given is passed on as it is."""
        with self._one_at_a_time:
            if self._token is None or not self._token.is_fresh(datetime.now(UTC)):
                self._token = self._exchanged()
            return self._token

    def folder(self, folder_id: str) -> Folder | None:
        """The folder, or None where there is none that this user may see."""
        from yandex.cloud.resourcemanager.v1 import folder_pb2, folder_service_pb2, folder_service_pb2_grpc

        stub = folder_service_pb2_grpc.FolderServiceStub(self.channel("resource-manager"))
        request = folder_service_pb2.GetFolderRequest(folder_id=folder_id)
        found = self.ask(f"read folder {folder_id}", stub.Get, request, absent=("NOT_FOUND", "PERMISSION_DENIED"))
        if found is None:
            return None
        return Folder(found.id, found.cloud_id, found.name, found.status == folder_pb2.Folder.Status.ACTIVE)

    def quotas(self, cloud_id: str, service: str) -> Mapping[str, Quota]:
        """A cloud's quotas of one service ("compute", "managed-kafka", "vpc" …) by their ids."""
        from yandex.cloud.quotamanager.v1 import quota_limit_service_pb2, quota_limit_service_pb2_grpc, resource_pb2

        stub = quota_limit_service_pb2_grpc.QuotaLimitServiceStub(self.channel("quota-manager"))
        resource = resource_pb2.Resource(id=cloud_id, type="resource-manager.cloud")
        found: dict[str, Quota] = {}
        page = ""
        while True:
            request = quota_limit_service_pb2.ListQuotaLimitsRequest(
                resource=resource, service=service, page_size=PAGE_SIZE, page_token=page
            )
            answer = self.ask(f"read the quotas of {service}", stub.List, request)
            for quota in answer.quota_limits:
                limit = quota.limit.value if quota.HasField("limit") else None
                usage = quota.usage.value if quota.HasField("usage") else None
                found[quota.quota_id] = Quota(quota.quota_id, limit, usage)
            page = answer.next_page_token
            if not page:
                return found

    def raise_quotas(self, cloud_id: str, limits: Mapping[str, float]) -> frozenset[str]:
        """Ask for these limits, by quota; the quotas for which they were granted at once."""
        from yandex.cloud.quotamanager.v1 import (
            quota_request_pb2,
            quota_request_service_pb2,
            quota_request_service_pb2_grpc,
            resource_pb2,
        )

        wanted = quota_request_service_pb2.CreateQuotaRequestRequest.DesiredQuotaLimit
        request = quota_request_service_pb2.CreateQuotaRequestRequest(
            resource=resource_pb2.Resource(id=cloud_id, type="resource-manager.cloud"),
            desired_quota_limits=[wanted(quota_id=name, desired_limit=limit) for name, limit in limits.items()],
        )
        stub = quota_request_service_pb2_grpc.QuotaRequestServiceStub(self.channel("quota-manager"))
        made = quota_request_service_pb2.CreateQuotaRequestMetadata()
        self.ask("ask for larger quotas", stub.Create, request).metadata.Unpack(made)
        asked = quota_request_service_pb2.GetQuotaRequestRequest(quota_request_id=made.quota_request_id)
        answer = self.ask("read the answer about larger quotas", stub.Get, asked)
        approved = quota_request_pb2.QuotaRequest.QuotaLimit.Status.APPROVED
        return frozenset(found.quota_id for found in answer.quota_limits if found.status == approved)

    def kubernetes_versions(self) -> Mapping[str, tuple[str, ...]]:
        """The versions that a new cluster may have, by release channel ("RAPID", "REGULAR", "STABLE")."""
        from yandex.cloud.k8s.v1 import cluster_pb2, version_service_pb2, version_service_pb2_grpc

        stub = version_service_pb2_grpc.VersionServiceStub(self.channel("managed-kubernetes"))
        answer = self.ask("list the versions of Kubernetes", stub.List, version_service_pb2.ListVersionsRequest())
        return {
            cluster_pb2.ReleaseChannel.Name(found.release_channel): tuple(found.versions) for found in answer.available_versions
        }

    def secret(self, secret_id: str, version_id: str = "") -> Mapping[str, Secret]:
        """A Lockbox secret's text entries by key; the current version unless one is named."""
        from yandex.cloud.lockbox.v1 import payload_service_pb2, payload_service_pb2_grpc

        stub = payload_service_pb2_grpc.PayloadServiceStub(self.channel("lockbox-payload"))
        request = payload_service_pb2.GetPayloadRequest(secret_id=secret_id, version_id=version_id)
        payload = self.ask(f"read Lockbox secret {secret_id}", stub.Get, request)
        return {entry.key: Secret(entry.text_value) for entry in payload.entries if entry.HasField("text_value")}

    def certificate(self, certificate_id: str) -> ManagedCertificate:
        """How far a certificate of Certificate Manager is."""
        from yandex.cloud.certificatemanager.v1 import certificate_pb2, certificate_service_pb2, certificate_service_pb2_grpc

        stub = certificate_service_pb2_grpc.CertificateServiceStub(self.channel("certificate-manager"))
        full = certificate_service_pb2.CertificateView.FULL
        request = certificate_service_pb2.GetCertificateRequest(certificate_id=certificate_id, view=full)
        found = self.ask(f"read certificate {certificate_id}", stub.Get, request)
        said = next((each.error or each.message for each in found.challenges if each.error or each.message), "")
        ends = found.not_after.ToDatetime(tzinfo=UTC) if found.HasField("not_after") else None
        return ManagedCertificate(certificate_pb2.Certificate.Status.Name(found.status), ends, said)

    def certificate_content(self, certificate_id: str) -> tuple[str, Secret]:
        """The chain, as one PEM text, and the key. Needs a role of its own (certificate-manager.certificates.downloader)."""
        from yandex.cloud.certificatemanager.v1 import certificate_content_service_pb2 as content
        from yandex.cloud.certificatemanager.v1 import certificate_content_service_pb2_grpc as services

        stub = services.CertificateContentServiceStub(self.channel("certificate-manager-data"))
        request = content.GetCertificateContentRequest(certificate_id=certificate_id)
        found = self.ask(f"read the content of certificate {certificate_id}", stub.Get, request)
        return "".join(f"{each.strip()}\n" for each in found.certificate_chain), Secret(found.private_key)

    def close(self) -> None:
        with self._one_at_a_time:
            for channel in self._channels.values():
                channel.close()
            self._channels.clear()

    def _exchanged(self) -> Token:
        if self._credentials.kind == IAM:
            return Token(self._credentials.value, None)
        from yandex.cloud.iam.v1 import iam_token_service_pb2, iam_token_service_pb2_grpc

        if self._credentials.kind == OAUTH:
            oauth = self._credentials.value.reveal()
            request = iam_token_service_pb2.CreateIamTokenRequest(yandex_passport_oauth_token=oauth)
        else:
            request = iam_token_service_pb2.CreateIamTokenRequest(jwt=_signed(self._credentials, time.time()))
        stub = iam_token_service_pb2_grpc.IamTokenServiceStub(self.channel("iam"))
        answer = self.ask(f"exchange {self._credentials.source} for an IAM token", stub.Create, request, with_token=False)
        return Token(Secret(answer.iam_token), answer.expires_at.ToDatetime(tzinfo=UTC))

    def ask(
        self, what: str, method: Callable[..., Any], request: Any, *, absent: tuple[str, ...] = (), with_token: bool = True
    ) -> Any:
        """The answer; None where the cloud says one of the codes in `absent`."""
        import grpc

        metadata = [("authorization", f"Bearer {self.iam_token().value.reveal()}")] if with_token else []
        try:
            return method(request, metadata=metadata, timeout=CALL_S)
        except grpc.RpcError as error:
            if error.code().name in absent:
                return None
            raise refused(what, error, self.endpoint, self._credentials.source) from error

    def channel(self, service: str) -> Any:
        address = self._addresses.get(service)
        if address is None:
            raise ServiceAbsent(service=service, endpoint=self.endpoint)
        return self._connected(address)

    @cached_property
    def _addresses(self) -> Mapping[str, str]:
        """Where each service is, as the cloud itself says."""
        from yandex.cloud.endpoint import api_endpoint_service_pb2, api_endpoint_service_pb2_grpc

        stub = api_endpoint_service_pb2_grpc.ApiEndpointServiceStub(self._connected(self.endpoint))
        request = api_endpoint_service_pb2.ListApiEndpointsRequest(page_size=PAGE_SIZE)
        answer = self.ask("ask for the cloud's addresses", stub.List, request, with_token=False)
        return {found.id: found.address for found in answer.endpoints}

    def _connected(self, address: str) -> Any:
        import grpc

        with self._one_at_a_time:
            if address not in self._channels:
                roots = self._authorities.read_bytes() if self._authorities else None
                self._channels[address] = grpc.secure_channel(address, grpc.ssl_channel_credentials(roots))
            return self._channels[address]


def from_environment(environment: Mapping[str, str] = os.environ) -> Yandex:
    """As the provider would: the key file first, then the token.

    Raises `NoCredentials`, `CredentialsUnusable`, `TrustFileUnusable`.
    """
    return Yandex(credentials(environment), environment.get("YC_ENDPOINT") or ENDPOINT, _authorities(environment))


def _authorities(environment: Mapping[str, str]) -> Path | None:
    """A PEM file that can be read; None leaves it to grpc's own list."""
    named = environment.get("SSL_CERT_FILE")
    if not named:
        usual = ssl.get_default_verify_paths().cafile
        return Path(usual) if usual else None
    try:
        ssl.create_default_context(cadata=Path(named).read_text() or " ")
    except OSError as error:  # ssl's errors are among them
        why = "it holds no certificates in PEM" if isinstance(error, ssl.SSLError) else str(error.strerror)
        raise TrustFileUnusable(variable="SSL_CERT_FILE", file=named, reason=why) from error
    except ValueError as error:
        raise TrustFileUnusable(variable="SSL_CERT_FILE", file=named, reason="it is no text, so no PEM") from error
    return Path(named)


def credentials(environment: Mapping[str, str] = os.environ) -> Credentials:
    """Read from the environment; a key may stand there itself or by its file's name, as for the provider."""
    if named := environment.get("YC_SERVICE_ACCOUNT_KEY_FILE", "").strip():
        return _key("YC_SERVICE_ACCOUNT_KEY_FILE", named)
    if token := environment.get("YC_TOKEN", "").strip():
        # The provider's rule: this prefix and exactly two dots.
        is_iam = token.startswith("t1.") and token.count(".") == 2
        return Credentials(IAM if is_iam else OAUTH, Secret(token), "YC_TOKEN")
    raise NoCredentials()


def _key(variable: str, named: str) -> Credentials:
    try:
        text = named if named.startswith("{") else Path(named).expanduser().read_text()
        document = json.loads(text)
    except OSError as error:
        raise CredentialsUnusable(variable=variable, why=f"{named}: {error.strerror}") from error
    except ValueError:
        raise CredentialsUnusable(variable=variable, why="it is not JSON") from None
    missing = [
        name for name in ("id", "service_account_id", "private_key") if not (isinstance(document, dict) and document.get(name))
    ]
    if missing:
        raise CredentialsUnusable(variable=variable, why=f"it has no {' and no '.join(missing)}")
    return Credentials(KEY, Secret(text), variable)


def _signed(key: Credentials, now: float) -> str:
    """A JWT by which a service account proves that it holds its key."""
    import jwt  # the SDK's own choice, and among its requirements

    document = json.loads(key.value.reveal())
    claims = {"iss": document["service_account_id"], "aud": AUDIENCE, "iat": int(now), "exp": int(now) + JWT_LIFETIME_S}
    try:
        return jwt.encode(claims, document["private_key"], algorithm="PS256", headers={"kid": document["id"]})
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise CredentialsUnusable(variable=key.source, why="its private key cannot be read") from error
