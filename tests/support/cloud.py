"""A cloud of one process: the five services that kit asks, over real gRPC and real TLS, answering as they are told."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from yandex.cloud.endpoint import api_endpoint_pb2, api_endpoint_service_pb2, api_endpoint_service_pb2_grpc
from yandex.cloud.iam.v1 import iam_token_service_pb2, iam_token_service_pb2_grpc
from yandex.cloud.k8s.v1 import cluster_pb2, version_service_pb2, version_service_pb2_grpc
from yandex.cloud.lockbox.v1 import payload_pb2, payload_service_pb2_grpc
from yandex.cloud.quotamanager.v1 import quota_limit_service_pb2, quota_limit_service_pb2_grpc
from yandex.cloud.resourcemanager.v1 import folder_pb2, folder_service_pb2_grpc

from kit.pki import authority

SERVICES = ("iam", "resource-manager", "managed-kubernetes", "lockbox-payload", "quota-manager")


@dataclass
class Cloud:
    """What the cloud knows, and what it was asked."""

    endpoint: str
    ca_file: Path
    token_lifetime: timedelta = timedelta(hours=12)
    services: tuple[str, ...] = SERVICES
    exchanged: list[Any] = field(default_factory=list)  # each CreateIamTokenRequest
    bearers: list[str] = field(default_factory=list)  # of each authorised call
    accepts: str | None = None  # the one token that is let in; None: any

    def environment(self, **more: str) -> dict[str, str]:
        return {"YC_ENDPOINT": self.endpoint, "SSL_CERT_FILE": str(self.ca_file), **more}


@contextmanager
def cloud(folder: Path) -> Iterator[Cloud]:
    now = datetime.now(UTC)
    made = authority.create("cloud", now)
    leaf = authority.issue(made, "cloud", ("localhost",), now)
    chain = leaf.certificate_pem() + made.intermediate.certificate_pem()
    ca_file = folder / "cloud-ca.pem"
    ca_file.write_bytes(made.root.certificate_pem())
    server = grpc.server(ThreadPoolExecutor(max_workers=4), options=(("grpc.so_reuseport", 0),))
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([(leaf.key_pem(), chain)]))
    state = Cloud(f"localhost:{port}", ca_file)
    answers = Answers(state)
    api_endpoint_service_pb2_grpc.add_ApiEndpointServiceServicer_to_server(Endpoints(state), server)
    iam_token_service_pb2_grpc.add_IamTokenServiceServicer_to_server(Tokens(state), server)
    folder_service_pb2_grpc.add_FolderServiceServicer_to_server(Folders(answers), server)
    version_service_pb2_grpc.add_VersionServiceServicer_to_server(Versions(answers), server)
    payload_service_pb2_grpc.add_PayloadServiceServicer_to_server(Payloads(answers), server)
    quota_limit_service_pb2_grpc.add_QuotaLimitServiceServicer_to_server(Quotas(answers), server)
    server.start()
    try:
        yield state
    finally:
        server.stop(0).wait()


class Answers:
    def __init__(self, state: Cloud) -> None:
        self.state = state

    def admit(self, context: Any) -> None:
        """Note who calls; refuse a token that is not the one to be let in."""
        bearer = dict(context.invocation_metadata()).get("authorization", "").removeprefix("Bearer ")
        self.state.bearers.append(bearer)
        if not bearer or self.state.accepts not in (None, bearer):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "The token is invalid")


class Endpoints(api_endpoint_service_pb2_grpc.ApiEndpointServiceServicer):
    def __init__(self, state: Cloud) -> None:
        self.state = state

    def List(self, request: Any, context: Any) -> Any:
        found = [api_endpoint_pb2.ApiEndpoint(id=name, address=self.state.endpoint) for name in self.state.services]
        return api_endpoint_service_pb2.ListApiEndpointsResponse(endpoints=found)


class Tokens(iam_token_service_pb2_grpc.IamTokenServiceServicer):
    def __init__(self, state: Cloud) -> None:
        self.state = state

    def Create(self, request: Any, context: Any) -> Any:
        self.state.exchanged.append(request)
        if request.yandex_passport_oauth_token == "expired":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "OAuth token is invalid or expired")
        answer = iam_token_service_pb2.CreateIamTokenResponse(iam_token=f"t1.made.{len(self.state.exchanged)}")
        answer.expires_at.FromDatetime(datetime.now(UTC) + self.state.token_lifetime)
        return answer


class Folders(folder_service_pb2_grpc.FolderServiceServicer):
    def __init__(self, answers: Answers) -> None:
        self.answers = answers

    def Get(self, request: Any, context: Any) -> Any:
        self.answers.admit(context)
        if request.folder_id != "b1gfolder":
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "Permission denied")  # what the cloud says of others' folders
        return folder_pb2.Folder(id="b1gfolder", cloud_id="b1gcloud", name="main", status=folder_pb2.Folder.Status.ACTIVE)


class Versions(version_service_pb2_grpc.VersionServiceServicer):
    def __init__(self, answers: Answers) -> None:
        self.answers = answers

    def List(self, request: Any, context: Any) -> Any:
        self.answers.admit(context)
        found = version_service_pb2.AvailableVersions(
            release_channel=cluster_pb2.ReleaseChannel.STABLE, versions=["1.32", "1.33"]
        )
        return version_service_pb2.ListVersionsResponse(available_versions=[found])


class Payloads(payload_service_pb2_grpc.PayloadServiceServicer):
    def __init__(self, answers: Answers) -> None:
        self.answers = answers

    def Get(self, request: Any, context: Any) -> Any:
        self.answers.admit(context)
        if request.secret_id != "e6qsecret":
            context.abort(grpc.StatusCode.NOT_FOUND, f"Secret {request.secret_id} not found")
        text = payload_pb2.Payload.Entry(key="password", text_value="hunter2")
        binary = payload_pb2.Payload.Entry(key="blob", binary_value=b"\0")
        return payload_pb2.Payload(version_id="e6qversion", entries=[text, binary])


class Quotas(quota_limit_service_pb2_grpc.QuotaLimitServiceServicer):
    def __init__(self, answers: Answers) -> None:
        self.answers = answers

    def List(self, request: Any, context: Any) -> Any:
        """Two pages of one quota each."""
        self.answers.admit(context)
        first = quota_limit_service_pb2.QuotaLimit(quota_id=f"{request.service}.clusters.count")
        first.limit.value, first.usage.value = 16, 3
        second = quota_limit_service_pb2.QuotaLimit(quota_id=f"{request.service}.disk.size")
        chosen = second if request.page_token else first
        following = "" if request.page_token else "next"
        return quota_limit_service_pb2.ListQuotaLimitsResponse(quota_limits=[chosen], next_page_token=following)
