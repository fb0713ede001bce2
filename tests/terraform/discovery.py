"""The one service of the cloud that `terraform plan` calls when nothing exists yet: the list of its endpoints.

The provider asks for it as it configures itself, over verified TLS whatever its settings say. With this and a token that needs
no exchange the real provider plans the whole configuration, without an account, an emulator or a network. Whatever else it
calls is answered UNIMPLEMENTED and noted, so that a plan that reads something is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import certifi
import grpc
from yandex.cloud.endpoint import api_endpoint_pb2, api_endpoint_service_pb2, api_endpoint_service_pb2_grpc

from kit.pki import authority

# The provider looks each of these up when it configures itself; one address answers for all.
ENDPOINTS = (
    "endpoint",
    "iam",
    "operation",
    "resource-manager",
    "vpc",
    "dns",
    "lockbox",
    "lockbox-payload",
    "managed-kubernetes",
    "storage-api",
    "managed-kafka",
    "managed-clickhouse",
    "managed-postgresql",
    "managed-redis",
    "storage",
    "compute",
    "kms",
    "connection-manager",
)


@dataclass(frozen=True)
class Discovery:
    environment: Mapping[str, str]
    other_calls: list[str] = field(default_factory=list)


@contextmanager
def discovery(folder: Path) -> Iterator[Discovery]:
    """The server, and the environment that leads terraform to it. `folder` gets the certificates terraform is to trust."""
    made = authority.create("discovery", datetime.now(UTC))
    leaf = authority.issue(made, "localhost", ("localhost",), datetime.now(UTC))
    chain = leaf.certificate_pem() + made.intermediate.certificate_pem()
    trusted = folder / "trusted.pem"
    trusted.write_bytes(Path(certifi.where()).read_bytes() + made.root.certificate_pem())

    server = grpc.server(ThreadPoolExecutor(max_workers=4), options=(("grpc.so_reuseport", 0),))
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([(leaf.key_pem(), chain)]))
    calls: list[str] = []
    api_endpoint_service_pb2_grpc.add_ApiEndpointServiceServicer_to_server(_Endpoints(f"localhost:{port}"), server)
    server.add_generic_rpc_handlers((_Noted(calls),))
    server.start()
    try:
        yield Discovery(environment(f"localhost:{port}", trusted), calls)
    finally:
        server.stop(None)


def environment(address: str, trusted: Path) -> dict[str, str]:
    return {
        "YC_ENDPOINT": address,
        "YC_TOKEN": "t1.test.token",
        "YC_FOLDER_ID": "b1gtestfolder0000000",
        "YC_CLOUD_ID": "b1gtestcloud00000000",
        "YC_TERRAFORM_INITIALIZATION_SILENCE": "true",
        "SSL_CERT_FILE": str(trusted),
    }


class _Endpoints(api_endpoint_service_pb2_grpc.ApiEndpointServiceServicer):  # type: ignore[misc]
    def __init__(self, address: str) -> None:
        self._address = address

    def List(self, request: Any, context: Any) -> Any:
        every = [api_endpoint_pb2.ApiEndpoint(id=name, address=self._address) for name in ENDPOINTS]
        return api_endpoint_service_pb2.ListApiEndpointsResponse(endpoints=every)

    def Get(self, request: Any, context: Any) -> Any:
        return api_endpoint_pb2.ApiEndpoint(id=request.api_endpoint_id, address=self._address)


class _Noted(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, calls: list[str]) -> None:
        self._calls = calls

    def service(self, handler_call_details: Any) -> None:
        if "ApiEndpointService" not in handler_call_details.method:
            self._calls.append(handler_call_details.method)
