"""Where the five stores are and how one logs in: the one type that a target returns and all that Sentry ever sees.

`kit up --local` and `kit up --cloud` differ only above this type. Each store is described once per viewpoint: the host
reaches Kafka at 127.0.0.1 and a published port, a pod reaches it at `kafka:9091`. Secrets travel as `Secret`, which
no `repr`, f-string or traceback prints; only `reveal()` does, and only the doors to other programs call it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    _value: str

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, format_spec: str) -> str:
        return "***"


@dataclass(frozen=True, slots=True)
class Trust:
    """What a client trusts: one PEM file holding the authority's root (and nothing else)."""

    ca_file: Path


@dataclass(frozen=True, slots=True)
class KafkaEndpoint:
    """Managed Kafka has no name for the whole cluster, so every broker is named. `host` is the one that kit asks first."""

    host: str
    port: int
    username: str
    password: Secret
    more_hosts: tuple[str, ...] = ()  # the other brokers, on the same port

    @property
    def brokers(self) -> tuple[str, ...]:
        """ "host:port" of each, as clients want them in `bootstrap.servers`."""
        return tuple(f"{host}:{self.port}" for host in (self.host, *self.more_hosts))


@dataclass(frozen=True, slots=True)
class PostgresEndpoint:
    host: str
    port: int
    database: str
    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class RedisEndpoint:
    host: str
    port: int
    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class ClickHouseEndpoint:
    host: str
    https_port: int
    native_port: int
    database: str
    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class Bucket:
    name: str
    access_key: str
    secret_key: Secret


@dataclass(frozen=True, slots=True)
class S3Endpoint:
    host: str
    port: int
    region: str
    filestore: Bucket
    nodestore: Bucket


StoreEndpoint = KafkaEndpoint | PostgresEndpoint | RedisEndpoint | ClickHouseEndpoint | S3Endpoint


@dataclass(frozen=True, slots=True)
class Endpoints:
    kafka: KafkaEndpoint
    postgres: PostgresEndpoint
    redis: RedisEndpoint
    clickhouse: ClickHouseEndpoint
    s3: S3Endpoint

    def store(self, name: str) -> Any:
        """The endpoint of one store by its name (`kafka`, `postgres`, `redis`, `clickhouse`, `s3`)."""
        return getattr(self, name)


def to_document(endpoints: Endpoints) -> dict[str, Any]:
    """Plain data with the secrets revealed: only for a Kubernetes Secret or a file of mode 0600."""
    return asdict(endpoints, dict_factory=_revealed)


def from_document(document: Mapping[str, Any]) -> Endpoints:
    def login(fields: Mapping[str, Any]) -> dict[str, Any]:
        return {**fields, "password": Secret(fields["password"])}

    def bucket(fields: Mapping[str, Any]) -> Bucket:
        return Bucket(fields["name"], fields["access_key"], Secret(fields["secret_key"]))

    s3 = document["s3"]
    kafka = login(document["kafka"])
    return Endpoints(
        kafka=KafkaEndpoint(**{**kafka, "more_hosts": tuple(kafka.get("more_hosts", ()))}),
        postgres=PostgresEndpoint(**login(document["postgres"])),
        redis=RedisEndpoint(**login(document["redis"])),
        clickhouse=ClickHouseEndpoint(**login(document["clickhouse"])),
        s3=S3Endpoint(s3["host"], s3["port"], s3["region"], bucket(s3["filestore"]), bucket(s3["nodestore"])),
    )


def _revealed(pairs: list[tuple[str, Any]]) -> Any:
    fields = dict(pairs)
    if set(fields) == {"_value"}:
        return fields["_value"]
    return fields
