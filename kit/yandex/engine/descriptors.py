"""The methods and messages of the API, read from the descriptors in the `yandexcloud` package.

Nothing is listed by hand but the packages. A newer `yandexcloud` brings newer methods, and the coverage page shows them.
"""

from __future__ import annotations

import functools
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

ROOT = "yandex.cloud."
PACKAGES = (
    *("access", "endpoint", "operation", "resourcemanager.v1", "iam.v1", "iam.v1.awscompatibility", "quotamanager.v1"),
    *("vpc.v1", "dns.v1", "lockbox.v1", "kms.v1", "connectionmanager.v1", "storage.v1", "k8s.v1"),
    *("certificatemanager.v1", "loadbalancer.v1"),
    *("mdb.kafka.v1", "mdb.clickhouse.v1", "mdb.postgresql.v1", "mdb.redis.v1"),
    *("monitoring.v3", "logging.v1"),
)
OPERATION = "operation.Operation"


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a service. Names are without `yandex.cloud.`. One that returns an operation has `metadata` and `response`."""

    service: str  # vpc.v1.NetworkService
    name: str
    request: type[Message]
    answer: type[Message]
    metadata: type[Message] | None
    response: type[Message] | None
    is_streaming: bool

    @property
    def path(self) -> str:
        """Its path in gRPC."""
        return f"/{ROOT}{self.service}/{self.name}"

    @property
    def label(self) -> str:
        """Its name in messages and options: service/method."""
        return f"{self.service}/{self.name}"

    @property
    def is_operation(self) -> bool:
        """Whether it answers with an operation."""
        return bool(self.answer.DESCRIPTOR.full_name == ROOT + OPERATION)


@functools.cache
def catalogue() -> Mapping[str, Method]:
    """Path → method, for every service of the packages, in the order of their names."""
    from yandex.cloud.api import operation_pb2

    extension = operation_pb2.DESCRIPTOR.extensions_by_name["operation"]
    found: dict[str, Method] = {}
    for package in PACKAGES:
        for module in _modules(ROOT + package):
            for service in module.DESCRIPTOR.services_by_name.values():
                for method in service.methods:
                    option = method.GetOptions().Extensions[extension]
                    entry = Method(
                        service=service.full_name.removeprefix(ROOT),
                        name=method.name,
                        request=message_factory.GetMessageClass(method.input_type),
                        answer=message_factory.GetMessageClass(method.output_type),
                        metadata=_resolve(option.metadata, ROOT + package),
                        response=_resolve(option.response, ROOT + package),
                        is_streaming=method.server_streaming,
                    )
                    found[entry.path] = entry
    return found


def methods(service: str) -> Mapping[str, Method]:
    """Name → method of one service."""
    return _by_service()[service]


@functools.cache
def message(name: str) -> type[Message]:
    """The class of a message of the API, by its name without `yandex.cloud.`."""
    catalogue()
    found: type[Message] = message_factory.GetMessageClass(_pool().FindMessageTypeByName(ROOT + name))
    return found


def kind_of(found: Message | type[Message]) -> str:
    """The name of a message without `yandex.cloud.`: the kind under which the journal keeps it."""
    descriptor: Descriptor = found.DESCRIPTOR
    return str(descriptor.full_name.removeprefix(ROOT))


@functools.cache
def _by_service() -> Mapping[str, Mapping[str, Method]]:
    found: dict[str, dict[str, Method]] = {}
    for method in catalogue().values():
        found.setdefault(method.service, {})[method.name] = method
    return found


def _modules(package: str) -> list[Any]:
    path = import_module(package).__path__
    names = sorted(module.name for module in pkgutil.iter_modules(path) if module.name.endswith("_pb2"))
    return [import_module(f"{package}.{name}") for name in names]


def _pool() -> Any:
    return descriptor_pool.Default()


def _resolve(name: str, package: str) -> type[Message] | None:
    """The type that an option names. It is looked for as in C++: from the innermost package outwards."""
    if not name:
        return None
    if name == "google.protobuf.Empty":
        import_module("google.protobuf.empty_pb2")
    parts = package.split(".")
    for depth in range(len(parts), -1, -1):
        try:
            found: type[Message] = message_factory.GetMessageClass(
                _pool().FindMessageTypeByName(".".join([*parts[:depth], name]))
            )
            return found
        except KeyError:
            continue
    raise LookupError(f"{name}, named in {package}, is in no descriptor")
