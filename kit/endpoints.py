"""Where the five stores are and how one logs in: the one type that a target returns and all that Sentry ever sees.

`kit up --local` and `kit up --cloud` differ only above this type. Each store is described once per viewpoint: the host
reaches Kafka at 127.0.0.1 and a published port, a pod reaches it at `kafka:9091`. Secrets travel as `Secret`, which
no `repr`, f-string or traceback prints; only `reveal()` does, and only the doors to other programs call it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HTTPS = 443


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


def from_terraform(document: Mapping[str, Any], secret: Callable[[str], Secret]) -> Endpoints:
    """From the output `endpoints` of the cloud's configuration. `secret` gives what the output `secrets` names, by its name."""

    def fields(name: str, *names: str) -> dict[str, Any]:
        return {**{each: document[name][each] for each in names}, "password": secret(f"{name}_password")}

    def bucket(use: str) -> Bucket:
        return Bucket(s3[use]["bucket"], secret(f"{use}_access_key").reveal(), secret(f"{use}_secret_key"))

    s3, address = document["s3"], urlsplit(document["s3"]["endpoint"])
    hosts, ports = zip(*(broker.rsplit(":", 1) for broker in document["kafka"]["brokers"]), strict=True)
    return Endpoints(
        kafka=KafkaEndpoint(hosts[0], int(ports[0]), **fields("kafka", "username"), more_hosts=tuple(hosts[1:])),
        postgres=PostgresEndpoint(**fields("postgres", "host", "port", "database", "username")),
        redis=RedisEndpoint(**fields("redis", "host", "port"), username="default"),
        clickhouse=ClickHouseEndpoint(**fields("clickhouse", "host", "https_port", "native_port", "database", "username")),
        s3=S3Endpoint(address.hostname or "", address.port or HTTPS, s3["region"], bucket("filestore"), bucket("nodestore")),
    )


def addresses(endpoints: Endpoints) -> dict[str, frozenset[tuple[str, int]]]:
    """Store → where clients must look for it; of ClickHouse, which has two protocols, also where each of them is spoken."""
    kafka, clickhouse = endpoints.kafka, endpoints.clickhouse
    native, https = (clickhouse.host, clickhouse.native_port), (clickhouse.host, clickhouse.https_port)
    return {
        "kafka": frozenset((host, kafka.port) for host in (kafka.host, *kafka.more_hosts)),
        "postgres": frozenset({(endpoints.postgres.host, endpoints.postgres.port)}),
        "redis": frozenset({(endpoints.redis.host, endpoints.redis.port)}),
        "clickhouse": frozenset({native, https}),
        "clickhouse native": frozenset({native}),
        "clickhouse https": frozenset({https}),
        "s3": frozenset({(endpoints.s3.host, endpoints.s3.port)}),
    }


def _revealed(pairs: list[tuple[str, Any]]) -> Any:
    fields = dict(pairs)
    if set(fields) == {"_value"}:
        return fields["_value"]
    return fields
