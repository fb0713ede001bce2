"""`terraform output -json`, and how to read what it points to: endpoints here, passwords in Lockbox or in kit's own file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kit.endpoints import (
    Bucket,
    ClickHouseEndpoint,
    Endpoints,
    KafkaEndpoint,
    PostgresEndpoint,
    RedisEndpoint,
    S3Endpoint,
    Secret,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.adapters.yandex.client import Yandex

HTTPS = 443


@dataclass(frozen=True, slots=True)
class Outputs:
    """Nothing is asked of the cloud before a secret of Lockbox is."""

    document: Mapping[str, Any]
    own: Mapping[str, Secret]
    cloud: Callable[[], Yandex]
    _payloads: dict[str, Mapping[str, Secret]] = field(default_factory=dict)  # each Lockbox secret is asked for once

    def secret(self, name: str) -> Secret:
        """One of the names in the output `secrets`, wherever it lies. Raises `KeyError` for a name that it does not have."""
        place = self.document["secrets"][name]
        if place["kind"] == "variable":
            return self.own[place["variable"]]
        identity = place["secret_id"]
        if identity not in self._payloads:
            self._payloads[identity] = self.cloud().secret(identity)
        return self._payloads[identity][place["key"]]

    def endpoints(self) -> Endpoints:
        said = self.document["endpoints"]
        kafka, postgres, clickhouse, s3 = (said[name] for name in ("kafka", "postgres", "clickhouse", "s3"))
        hosts, ports = zip(*(broker.rsplit(":", 1) for broker in kafka["brokers"]), strict=True)
        address = urlsplit(s3["endpoint"])
        return Endpoints(
            kafka=KafkaEndpoint(hosts[0], int(ports[0]), kafka["username"], self.secret("kafka_password"), tuple(hosts[1:])),
            postgres=PostgresEndpoint(
                postgres["host"], postgres["port"], postgres["database"], postgres["username"], self.secret("postgres_password")
            ),
            redis=RedisEndpoint(said["redis"]["host"], said["redis"]["port"], "default", self.secret("redis_password")),
            clickhouse=ClickHouseEndpoint(
                clickhouse["host"],
                clickhouse["https_port"],
                clickhouse["native_port"],
                clickhouse["database"],
                clickhouse["username"],
                self.secret("clickhouse_password"),
            ),
            s3=S3Endpoint(
                address.hostname or "",
                address.port or HTTPS,
                s3["region"],
                self._bucket(s3["filestore"]["bucket"], "filestore"),
                self._bucket(s3["nodestore"]["bucket"], "nodestore"),
            ),
        )

    def _bucket(self, name: str, use: str) -> Bucket:
        return Bucket(name, self.secret(f"{use}_access_key").reveal(), self.secret(f"{use}_secret_key"))
