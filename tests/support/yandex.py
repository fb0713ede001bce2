"""The emulator inside the test's process, and the cloud's own SDK as its client."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import grpc
import yandexcloud

from kit.yandex.contract import TOKEN_PREFIX, Backing, NoBacking
from kit.yandex.engine import descriptors, ids
from kit.yandex.engine.state import Options
from kit.yandex.run import emulator
from kit.yandex.run.emulator import Emulator, Settings
from kit.yandex.run.faults import Faults

FOLDER = ids.FOLDER
TOKEN = f"{TOKEN_PREFIX}test"


@dataclass
class Cloud:
    """Calls by name: `cloud("vpc.v1.NetworkService/Create", folder_id=…)`; an operation's error is raised as RuntimeError."""

    emulator: Emulator
    ca: bytes
    token: str = TOKEN
    metadata: tuple[tuple[str, str], ...] = ()
    _sdk: Any = None
    _stubs: dict[str, Any] = field(default_factory=dict)

    @property
    def sdk(self) -> Any:
        if self._sdk is None:
            self._sdk = yandexcloud.SDK(
                endpoint=f"localhost:{self.emulator.port}", root_certificates=self.ca, iam_token=self.token
            )
        return self._sdk

    def stub(self, service: str) -> Any:
        if service not in self._stubs:
            try:
                self._stubs[service] = self.sdk.client(stub_class(service))
            except RuntimeError:  # the SDK has its messages, and does not know its endpoint (connection manager)
                self._stubs[service] = stub_class(service)(self._channel())
        return self._stubs[service]

    def _channel(self) -> Any:
        token = grpc.access_token_call_credentials(self.token)
        credentials = grpc.composite_channel_credentials(grpc.ssl_channel_credentials(self.ca), token)
        return grpc.secure_channel(f"localhost:{self.emulator.port}", credentials)

    def __call__(self, label: str, request: Any = None, **fields: Any) -> Any:
        service, _, name = label.partition("/")
        method = descriptors.methods(service)[name]
        wanted = request if request is not None else method.request(**fields)
        return getattr(self.stub(service), name)(wanted, metadata=self.metadata)

    def done(self, label: str, request: Any = None, **fields: Any) -> Any:
        """The response of an operation that is done in its first answer."""
        service, _, name = label.partition("/")
        operation = self(label, request, **fields)
        assert operation.done, f"{label} is not done"
        assert not operation.HasField("error"), operation.error
        wanted = descriptors.methods(service)[name].response
        assert wanted is not None
        response = wanted()
        assert operation.response.Unpack(response), f"{label} answered {operation.response.type_url}"
        return response

    def refused(self, label: str, request: Any = None, **fields: Any) -> Any:
        """The status with which a call is refused."""
        try:
            answer = self(label, request, **fields)
        except grpc.RpcError as error:
            return error
        raise AssertionError(f"{label} was answered: {answer}")


def violations(error: Any) -> list[str]:
    """The fields that a refusal names (google.rpc.BadRequest)."""
    from google.rpc import error_details_pb2, status_pb2

    trailing = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(trailing["grpc-status-details-bin"])
    found = []
    for detail in status.details:
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            found += [violation.field for violation in bad.field_violations]
    return found


@contextlib.contextmanager
def emulated(
    certificate: tuple[bytes, bytes, bytes],
    folder: Path | None = None,
    backing: Backing | None = None,
    options: Options | None = None,
    faults: Faults | None = None,
    port: int = 0,
    token: str = TOKEN,
) -> Iterator[Cloud]:
    """`certificate`: chain, key and root, as `certificate_of` makes them once a session."""
    chain, key, root = certificate
    settings = Settings(folder, chain, key, token, port, 0, options=options or Options(), faults=faults or Faults())
    with (
        emulator.alone(folder) if folder else contextlib.nullcontext(),
        emulator.running(settings, backing or NoBacking()) as running,
    ):
        yield Cloud(running, root, token)


def certificate_of(certs: Path) -> tuple[bytes, bytes, bytes]:
    chain, key = emulator.certificate(certs, "test")
    return chain, key, (certs / "ca.crt").read_bytes()


@cache
def stub_class(service: str) -> Any:
    descriptor = next(iter(descriptors.methods(service).values())).request.DESCRIPTOR
    module = import_module(descriptor.file.name.removesuffix(".proto").replace("/", ".") + "_pb2_grpc")
    return getattr(module, f"{service.rpartition('.')[2]}Stub")


# -- what many tests stand on


def network(cloud: Cloud, name: str = "network") -> str:
    return str(cloud.done("vpc.v1.NetworkService/Create", folder_id=FOLDER, name=name).id)


def subnet(cloud: Cloud, network_id: str, block: str = "10.1.0.0/24", name: str = "subnet", zone: str = "ru-central1-a") -> str:
    fields = {"folder_id": FOLDER, "name": name, "network_id": network_id, "zone_id": zone, "v4_cidr_blocks": [block]}
    return str(cloud.done("vpc.v1.SubnetService/Create", **fields).id)


def account(cloud: Cloud, name: str = "account") -> str:
    return str(cloud.done("iam.v1.ServiceAccountService/Create", folder_id=FOLDER, name=name).id)


def cluster_account(cloud: Cloud, name: str = "account") -> str:
    """A service account that may be a cluster's."""
    made = account(cloud, name)
    grant(cloud, made, "k8s.clusters.agent")
    return made


RESOURCES = {"resource_preset_id": "s3-c2-m8", "disk_type_id": "network-ssd", "disk_size": 34359738368}
VALKEY = {**RESOURCES, "resource_preset_id": "hm3-c2-m8"}
# The one shape that Kafka 4 has in one zone.
BROKERS = {"version": "4.0", "zone_id": ["ru-central1-a"], "brokers_count": {"value": 3}, "kafka": {"resources": RESOURCES}}


def kafka(cloud: Cloud, network_id: str, name: str = "kafka", **fields: Any) -> str:
    request = {"folder_id": FOLDER, "name": name, "network_id": network_id, "environment": 1, "config_spec": BROKERS, **fields}
    return str(cloud.done("mdb.kafka.v1.ClusterService/Create", **request).id)


def postgres(cloud: Cloud, network_id: str, name: str = "postgres", **fields: Any) -> str:
    config = {"version": "17", "resources": RESOURCES, "postgresql_config_17": {"max_connections": {"value": 200}}}
    hosts = [{"zone_id": "ru-central1-a"}]
    request = {"folder_id": FOLDER, "name": name, "network_id": network_id, "environment": 1, "config_spec": config}
    return str(cloud.done("mdb.postgresql.v1.ClusterService/Create", **{**request, "host_specs": hosts, **fields}).id)


def clickhouse(cloud: Cloud, network_id: str, name: str = "clickhouse", **fields: Any) -> str:
    config = {"version": "25.8", "clickhouse": {"resources": RESOURCES, "config": {"max_connections": {"value": 500}}}}
    hosts = [{"zone_id": "ru-central1-a", "type": 1}]
    request = {"folder_id": FOLDER, "name": name, "network_id": network_id, "environment": 1, "config_spec": config}
    return str(cloud.done("mdb.clickhouse.v1.ClusterService/Create", **{**request, "host_specs": hosts, **fields}).id)


def redis(cloud: Cloud, network_id: str, name: str = "redis", **fields: Any) -> str:
    config = {"version": "8.1-valkey", "resources": VALKEY, "redis": {"password": "a-Password_of-the-test-1"}}
    hosts = [{"zone_id": "ru-central1-a"}]
    request = {"folder_id": FOLDER, "name": name, "network_id": network_id, "environment": 1, "config_spec": config}
    return str(cloud.done("mdb.redis.v1.ClusterService/Create", **{**request, "host_specs": hosts, **fields}).id)


def grant(cloud: Cloud, account_id: str, *roles: str) -> None:
    """Give a service account roles in the folder."""
    subject = {"id": account_id, "type": "serviceAccount"}
    deltas = [{"action": 1, "access_binding": {"role_id": role, "subject": subject}} for role in roles]
    cloud.done("resourcemanager.v1.FolderService/UpdateAccessBindings", resource_id=FOLDER, access_binding_deltas=deltas)


def kubernetes(cloud: Cloud, network_id: str, account_id: str, name: str = "cluster") -> str:
    """A cluster; its account must have the role of one, see `cluster_account`."""
    master = {"zonal_master_spec": {"zone_id": "ru-central1-a"}, "version": "1.33"}
    fields = {"folder_id": FOLDER, "name": name, "network_id": network_id, "master_spec": master}
    accounts = {"service_account_id": account_id, "node_service_account_id": account_id}
    return str(cloud.done("k8s.v1.ClusterService/Create", **fields, **accounts).id)
