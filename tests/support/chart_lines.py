"""Chart trees, rendered with the values of our own module, wired and checked: what `kit values check` does, as one function.

Nothing of a real chart is in this repository. KIT_CHART_DIR names folders or .tgz files, several with ":" between; where it is
empty there is nothing real to render, and tests say so. LINE_33 is our own: the shape of a chart that needs a network to be had.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from kit.adapters.docker.client import Docker
from kit.adapters.helm import Helm
from kit.adapters.terraform.program import Terraform
from kit.endpoints import (
    Bucket,
    ClickHouseEndpoint,
    Endpoints,
    KafkaEndpoint,
    PostgresEndpoint,
    RedisEndpoint,
    S3Endpoint,
    Secret,
    addresses,
)
from kit.sentry import credentials, nodestore
from kit.sentry.chart import chart as charts
from kit.sentry.chart import values
from kit.sentry.chart.values import Place
from kit.sentry.chart.wiring import from_document, wire
from kit.sentry.check.check import Inspection, inspect, stand_ins
from kit.sentry.check.keys import known_keys
from kit.sentry.check.sandbox import PlainChild, Sandbox, sandboxes
from kit.sentry.limits import UNKNOWN, Limits
from kit.sentry.lines import profiles, topics
from kit.sentry.lines.profiles import Profile
from kit.sentry.objects import Document
from kit.sentry.stand_in import lite
from kit.supply import version as versions
from tests.support.terraform import program, supply

ROOT = Path(__file__).parents[2]
MODULE = ROOT / profiles.MODULE
PLACE = Place("https://sentry.example.org", "admin@example.org")
SIZES = ("errors-only", "full")
LINE_33 = ROOT / "tests" / "charts" / "line-33"
HOW_TO_GET_ONE = (
    "KIT_CHART_DIR names no chart: on a connected machine `helm pull sentry --version 26.15.1 --repo "
    "https://sentry-kubernetes.github.io/charts`, then KIT_CHART_DIR=sentry-26.15.1.tgz (several with : between)"
)

ENDPOINTS = Endpoints(
    kafka=KafkaEndpoint("kafka", 9091, "sentry", Secret("kafka-in-clear")),
    postgres=PostgresEndpoint("postgres", 6432, "sentry", "sentry", Secret("postgres-in-clear")),
    redis=RedisEndpoint("redis", 6380, "default", Secret("redis-in-clear")),
    clickhouse=ClickHouseEndpoint("clickhouse", 8443, 9440, "sentry", "sentry", Secret("clickhouse-in-clear")),
    s3=S3Endpoint(
        "s3",
        9000,
        "us-east-1",
        Bucket("sentry-files", "AKFILES", Secret("files-in-clear")),
        Bucket("sentry-nodes", "AKNODES", Secret("nodes-in-clear")),
    ),
)
SECRETS = (
    ENDPOINTS.kafka.password,
    ENDPOINTS.postgres.password,
    ENDPOINTS.redis.password,
    ENDPOINTS.clickhouse.password,
    ENDPOINTS.s3.filestore.secret_key,
    ENDPOINTS.s3.nodestore.secret_key,
    Secret("django-in-clear"),
    Secret("admin-in-clear"),
)

# Of the cloud's size ha: three partitions but where the schemas say how many, three quarters of Postgres' connections.
HA_LIMITS = Limits(
    {
        name: each["partitions"] if each["enforced"] else 3
        for path in sorted((ROOT / topics.FOLDER).glob("*.json"))
        for name, each in json.loads(path.read_text())["topics"].items()
    },
    300,
)

Change = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Measured:
    chart: charts.Chart
    profile: Profile
    size: str
    rendered: tuple[Document, ...]
    looked: Inspection
    unwired: Inspection  # the same manifests without the transformer: what it is there for
    seconds: float  # wire and check of the whole render


def given() -> tuple[Path, ...]:
    return tuple(Path(word) for word in os.environ.get("KIT_CHART_DIR", "").split(":") if word)


@cache
def helm() -> Helm:
    supply().ensure(["tool/helm"])
    return Helm(supply().tool("helm"), Path(os.devnull))


def profile_for(chart: charts.Chart) -> Profile | None:
    """The profile in whose range the chart is."""
    for name in profiles.NAMES:
        profile = profiles.load(name)
        if versions.satisfies(chart.version, ",".join(re.split(r"[,\s]+", profile.chart_range))):
            return profile
    return None


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """A chart that Helm renders: a folder whose sub-charts are not there is copied without its list of them; ours are all off."""
    if not path.is_dir() or not (metadata := yaml.safe_load((path / "Chart.yaml").read_text())).get("dependencies"):
        yield path
        return
    if (path / "charts").is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / metadata["name"]
        for source in [path / "values.yaml", *(path / "templates").rglob("*")]:
            if source.is_file():
                (copy / source.relative_to(path)).parent.mkdir(parents=True, exist_ok=True)
                (copy / source.relative_to(path)).write_bytes(source.read_bytes())
        metadata.pop("dependencies")
        (copy / "Chart.yaml").write_text(yaml.safe_dump(metadata))
        yield copy


def measured(
    path: Path,
    size: str,
    change: Change = lambda given: given,
    unmade: Collection[str] = (),
    limits: Limits | None = None,
    **inputs: str,
) -> Measured:
    """`change` makes other values of ours; `unmade` are topics that kit does not make; `inputs` are more of the module's."""
    with opened(path) as folder:
        chart = charts.read(folder)
        profile = profile_for(chart)
        assert profile is not None, f"no profile is for {chart.name} {chart.version}"
        found = change(our_values(profile, size, chart.version, **inputs))
        rendered = charts.render(chart, "sentry", "sentry", found, helm())
        made = {name: settings for name, settings in made_topics(profile).items() if name not in unmade}
        return held(
            chart,
            profile,
            size,
            rendered,
            applied(),
            _sandboxes(path, profile),
            values=found,
            chart_defaults=known_keys(folder),
            topics=made,
            limits=limits or HA_LIMITS if inputs.get("availability") == "ha" else UNKNOWN,
        )


def _sandboxes(path: Path, profile: Profile) -> tuple[Sandbox, ...]:
    """Of charts of other people not one line runs as whoever tests."""
    is_ours = path.resolve().is_relative_to(ROOT)
    return sandboxes(Docker(), lambda: supply().image(f"probe-{profile.name}").reference, trusted=is_ours)


def made_topics(profile: Profile) -> dict[str, Mapping[str, str]]:
    return {topic.name: topic.settings for topic in topics.wanted(profile, ROOT, {})}


@cache
def _written(name: str, size: str, chart_version: str, **further: str) -> str:
    inputs = values.inputs(ENDPOINTS, profiles.load(name), size, PLACE, chart_version=chart_version)
    return values.written(Terraform(program()), MODULE, {**inputs, **further})


def our_values(profile: Profile, size: str, chart_version: str = "", **inputs: str) -> dict[str, Any]:
    """A copy of one's own."""
    return values.parse(_written(profile.name, size, chart_version, **inputs))


def measured_lite(name: str) -> Measured:
    """Our own stand-in with the values of a profile: it renders one container for each kind of component."""
    profile, chart = profiles.load(name), charts.read(ROOT / lite.CHART)
    found = values.parse(values.written(Terraform(program()), MODULE, values.inputs(ENDPOINTS, profile, SIZES[0], PLACE)))
    stand_in = lite.Lite(
        stack="test",
        sentry_version=profile.app_version,
        url=PLACE.url,
        bugsink_image="kit.local/bugsink:2",
        probe_image="kit.local/probe:1",
        dsn_key=Secret("dsn-in-clear"),
        api_token=Secret("token-in-clear"),
        certificate=credentials.Certificate("", Secret("key-in-clear")),
    )
    rendered = charts.render(chart, "sentry", "sentry", {**found, "lite": lite.section(stand_in, {})}, helm())
    return held(chart, profile, SIZES[0], rendered, (*applied(), *lite.documents(stand_in)), (PlainChild(),))


def applied() -> tuple[Document, ...]:
    """What kit puts into the namespace before Helm comes."""
    trust, logins = credentials.TrustTexts("", ""), credentials.Logins(SECRETS[-2], SECRETS[-1])
    client = credentials.Certificate("", Secret("vroom-in-clear"))
    return (*credentials.documents("test", ENDPOINTS, trust, logins, client), nodestore.document("test", ROOT))


def held(
    chart: charts.Chart,
    profile: Profile,
    size: str,
    rendered: tuple[Document, ...],
    objects: tuple[Document, ...],
    chosen: tuple[Sandbox, ...],
    **more: Any,
) -> Measured:
    wiring = from_document(profile.name, profile.wiring)
    given = {
        "applied": (*objects, *stand_ins(rendered, wiring, objects)),
        "known_secrets": SECRETS,
        "addresses": addresses(ENDPOINTS),
        "topics": made_topics(profile),
        "wiring": wiring,
        "size": size if chart.name == profile.chart_name else "",  # the stand-in has a few of the components
        "sandboxes": chosen,
        **more,
    }
    start = time.monotonic()
    looked = inspect(wire(rendered, wiring), profile, **given)
    seconds = time.monotonic() - start
    return Measured(chart, profile, size, rendered, looked, inspect(rendered, profile, **given), seconds)
