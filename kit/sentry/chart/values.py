"""The chart's values, from the endpoints and a profile, by the one template that plain terraform uses as well.

`inputs` takes the public part of the endpoints: nothing secret goes into the module and so nothing secret can come out of it. The
module checks what it is given; its refusals come back as the user's own mistakes, in the module's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.adapters.terraform.errors import TerraformFailed
from kit.adapters.terraform.program import Terraform
from kit.blueprint.stack import Mail
from kit.endpoints import Endpoints, S3Endpoint
from kit.errors import KitError
from kit.sentry.lines.profiles import Profile

HTTPS = 443
SMTP = 25  # the chart's own default


class ValuesRefused(KitError):
    """The Terraform module that makes the chart's values refuses its input."""

    code = "KIT-VALUES"
    exit_code = 14
    what = "the values cannot be made from this"
    fix = "mend what the reason names"


@dataclass(frozen=True, slots=True)
class Place:
    """What the values need beside stores and profile: where Sentry is seen, and whom it greets first."""

    url: str  # "https://sentry.example.org"
    admin_email: str
    retention_days: int = 90
    ingress: Mapping[str, Any] | None = None  # class_name, hostname, tls_secret, annotations
    mail: Mail | None = None


def inputs(
    endpoints: Endpoints, profile: Profile, size: str, place: Place, *, chart_version: str = "", clickhouse_cluster: str = ""
) -> dict[str, Any]:
    """The module's variables. `clickhouse_cluster` names a cluster of several nodes; empty: one node.

    `chart_version` is that of the chart at hand, within the profile's range; empty: the profile's own.
    """
    kafka, postgres, redis, clickhouse, s3 = (
        getattr(endpoints, name) for name in ("kafka", "postgres", "redis", "clickhouse", "s3")
    )
    return {
        "endpoints": {
            "kafka": {"brokers": list(kafka.brokers), "username": kafka.username},
            "postgres": {name: getattr(postgres, name) for name in ("host", "port", "database", "username")},
            "redis": {"host": redis.host, "port": redis.port},
            "clickhouse": {
                **{name: getattr(clickhouse, name) for name in ("host", "https_port", "native_port", "database", "username")},
                "single_node": not clickhouse_cluster,
                "cluster_name": clickhouse_cluster,
            },
            "s3": {
                "endpoint": _url(s3),
                "region": s3.region,
                "filestore": {"bucket": s3.filestore.name},
                "nodestore": {"bucket": s3.nodestore.name},
            },
        },
        "profile": profile.name,
        "size": size,
        "chart_version": chart_version,
        "url": place.url,
        "admin_email": place.admin_email,
        "retention_days": place.retention_days,
        "ingress": dict(place.ingress) if place.ingress else None,
        "mail": mail(place.mail),
    }


def mail(wanted: Mail | None) -> dict[str, Any] | None:
    """The variable of that name, which the module and the cloud's configuration have alike."""
    if wanted is None:
        return None
    return {"host": wanted.host, "port": wanted.port, "user": wanted.user, "from": wanted.sender, "tls": wanted.tls}


def mail_port(values: Mapping[str, Any]) -> int | None:
    """By which mail leaves; None where none does: the chart's own backend sends nothing."""
    given = values.get("mail")
    if not isinstance(given, Mapping) or given.get("backend") != "smtp":
        return None
    port = given.get("port")
    return port if isinstance(port, int) else SMTP


def _url(s3: S3Endpoint) -> str:
    return f"https://{s3.host}" if s3.port == HTTPS else f"https://{s3.host}:{s3.port}"


def written(terraform: Terraform, module_folder: Path, inputs: Mapping[str, Any]) -> str:
    """The values as the module writes them, with its comments. Raises `ValuesRefused`."""
    try:
        said: str = terraform.outputs(module_folder, inputs)["values"]
        return said
    except TerraformFailed as error:
        raise ValuesRefused(why=error.why, detail=error.detail) from error


def parse(said: str) -> dict[str, Any]:
    import yaml

    found: dict[str, Any] = yaml.load(said, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return found


def text(values: Mapping[str, Any]) -> str:
    """The values as YAML without comments, in one order: the same values give the same bytes."""
    import yaml

    class Readable(yaml.SafeDumper):
        """Settings files of many lines as blocks, so that a diff of them has lines."""

    def block(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Readable.add_representer(str, block)
    return yaml.dump(dict(values), Dumper=Readable, sort_keys=True, allow_unicode=True, width=4096)


def difference(running: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """What an upgrade would change, as a unified diff; empty where nothing would."""
    import difflib

    lines = difflib.unified_diff(text(running).splitlines(), text(wanted).splitlines(), "running", "wanted", lineterm="", n=2)
    return "".join(f"{line}\n" for line in lines)
