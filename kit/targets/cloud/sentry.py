"""Sentry in the cloud's cluster: the common road, given what terraform put out and what Lockbox keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kit import files
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
from kit.sentry import profiles, values
from kit.sentry.credentials import Logins, TrustTexts
from kit.sentry.installation import Flavour, Installation, Site
from kit.state import secrets

if TYPE_CHECKING:
    from kit.engines.helm import Helm
    from kit.engines.kube import KubeApi
    from kit.engines.yandex import Yandex
    from kit.workspace import Workspace

HTTPS = 443


def secret_makers() -> Mapping[str, Callable[[], str]]:
    """What kit itself makes and keeps: the two passwords that terraform has to be given, and Sentry's own."""
    return {
        "kafka_password": secrets.password,
        "redis_password": secrets.password,
        "sentry_django_key": lambda: secrets.hexadecimal(64),
        "sentry_admin_password": secrets.password,
        "sentry_dsn_key": lambda: secrets.hexadecimal(32),
        "sentry_api_token": lambda: secrets.hexadecimal(40),
    }


@dataclass(frozen=True, slots=True)
class Outputs:
    """`terraform output -json`, and how to read what it points to."""

    document: Mapping[str, Any]
    own: Mapping[str, Secret]
    yandex: Yandex
    _payloads: dict[str, Mapping[str, Secret]] = field(default_factory=dict)  # each Lockbox secret is asked for once

    def secret(self, name: str) -> Secret:
        """One of the names in the output `secrets`, wherever it lies. Raises `KeyError` for a name that it does not have."""
        place = self.document["secrets"][name]
        if place["kind"] == "variable":
            return self.own[place["variable"]]
        identity = place["secret_id"]
        if identity not in self._payloads:
            self._payloads[identity] = self.yandex.secret(identity)
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


def installation(
    workspace: Workspace, outputs: Outputs, trust: TrustTexts, flavour: Flavour, probe_image: str, api: KubeApi, helm: Helm
) -> Installation:
    profile = profiles.load(outputs.document["profile"]["name"])
    text = str(outputs.document["values"])
    site = Site(
        stack=workspace.stack,
        profile=profile,
        size=outputs.document["profile"]["size"],
        endpoints=outputs.endpoints(),
        trust=trust,
        logins=Logins(outputs.own["sentry_django_key"], outputs.own["sentry_admin_password"]),
        values=lambda: values.parse(text),
        values_made_from=files.digest({"values": text}),
        probe_image=probe_image,
        topics=workspace.assets / "terraform" / "topics" / f"{profile.schemas}.json",
        assets=workspace.assets,
    )
    return Installation(site, flavour, api, helm)
