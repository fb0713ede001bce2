"""A line of chart and Sentry, as one data file says it: versions, rules, components, wiring.

The files lie with the Terraform module that renders the values from them (terraform/modules/sentry-values/profiles), so that
plain terraform and kit read the same words. A further version of the chart is a new file, and nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from kit import workspace, yaml_file
from kit.blueprint.stack import PROFILES, SIZES, STORES
from kit.errors import KitError
from kit.yaml_file import Document

NAMES: tuple[str, ...] = PROFILES
MODULE = Path("terraform/modules/sentry-values")  # below the shipped files
FOLDER = MODULE / "profiles"


class ProfileUnknown(KitError):
    """There is no profile of that name."""

    code = "KIT-PROFILE-UNKNOWN"
    exit_code = 10
    what = "there is no profile {name}"
    why = "known are {known}"
    fix = "--profile with one of them"


class ProfileInvalid(KitError):
    """A profile's file lacks something that every profile has."""

    code = "KIT-PROFILE-INVALID"
    exit_code = 10
    what = "{where} is no valid profile"
    fix = "compare it with the other files of its folder"


class _Chart(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    version: str
    range: str
    repository: str
    sha256: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")] = ""


class _Group(Struct, frozen=True, rename={"errors_only": "errors-only"}):
    """The components of one image: key in the values → what the module needs to know of it, and since when it is there."""

    image: str
    stores: tuple[str, ...]
    errors_only: Mapping[str, Mapping[str, Any]] = {}
    full: Mapping[str, Mapping[str, Any]] = {}


class _File(Struct, frozen=True):
    """What kit reads of a profile; the rest is the module's."""

    name: str
    chart: _Chart
    app_version: str
    schemas: tuple[str, ...]
    topics: Mapping[str, Mapping[str, Any]]
    minimum_clickhouse: str
    maximum_clickhouse: str
    components: tuple[_Group, ...]
    rules: Mapping[str, Any]
    wiring: Mapping[str, Any]
    maximum_clickhouse_hosts: Annotated[int, Meta(ge=1)] | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """One program of the release: where its values stand, and which stores it speaks to."""

    key: str  # in the chart's values: "sentry.web"
    image: str  # "getsentry/sentry"
    stores: tuple[str, ...]
    sizes: tuple[str, ...]  # in which it runs
    since: str  # the first chart that has it; empty: all of the range


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    chart_name: str
    chart_version: str
    chart_range: str  # ">=33,<34"
    chart_repository: str
    chart_sha256: str  # of its archive; "": it is held to its version alone
    app_version: str
    schemas: tuple[str, ...]  # the releases of sentry-kafka-schemas whose topics it needs, each a file of terraform/topics
    topics: Mapping[str, Mapping[str, str]]  # further ones, name → settings
    minimum_clickhouse: str
    maximum_clickhouse: str  # a line, with all its releases: "26.5"
    maximum_clickhouse_hosts: int | None  # None: as many as one likes
    newest: Mapping[str, str]  # store → the newest line of it that its clients can use; not named: any
    sizes: tuple[str, ...]
    components: tuple[Component, ...]
    rules: Mapping[str, Any]
    wiring: Mapping[str, Any]

    def running(self, size: str) -> tuple[Component, ...]:
        return tuple(component for component in self.components if size in component.sizes)


def probe_image(profile: str) -> str:
    """The supply's name of the image with the client libraries of that profile's release."""
    return f"probe-{profile}"


def load(name: str, folder: Path | None = None) -> Profile:
    """The profile of that name, from `folder` or from the shipped files. Raises `ProfileUnknown`, `ProfileInvalid`."""
    place = folder or workspace.find("").assets / FOLDER
    known = tuple(sorted(each.stem for each in place.glob("*.yaml")))
    if name not in known:
        raise ProfileUnknown(name=name, known=known)
    return _profile(yaml_file.read(place / f"{name}.yaml", ProfileInvalid))


def _profile(document: Document) -> Profile:
    read = document.to(_File)
    components = tuple(each for group in read.components for each in _components(group))
    return Profile(
        name=read.name,
        chart_name=read.chart.name,
        chart_version=read.chart.version,
        chart_range=read.chart.range,
        chart_repository=read.chart.repository,
        chart_sha256=read.chart.sha256,
        app_version=read.app_version,
        schemas=read.schemas,
        topics=read.topics,
        minimum_clickhouse=read.minimum_clickhouse,
        maximum_clickhouse=read.maximum_clickhouse,
        maximum_clickhouse_hosts=read.maximum_clickhouse_hosts,
        newest={store: document.written((key,)) for store in STORES if document.has((key := f"maximum_{store}",))},
        sizes=tuple(sorted({size for component in components for size in component.sizes})),
        components=components,
        rules=read.rules,
        wiring=read.wiring,
    )


def _components(group: _Group) -> Iterator[Component]:
    """What runs in errors-only runs in full as well."""
    for sizes, members in ((SIZES, group.errors_only), (("full",), group.full)):
        for key, own in members.items():
            yield Component(key, group.image, group.stores, sizes, own.get("since", ""))
