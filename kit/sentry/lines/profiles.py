"""A line of chart and Sentry, as one data file says it: versions, rules, components, wiring.

The files lie with the Terraform module that renders the values from them (terraform/modules/sentry-values/profiles), so that
plain terraform and kit read the same words. A further version of the chart is a new file, and nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit import workspace
from kit.blueprint.stack import PROFILES, SIZES, STORES
from kit.errors import KitError

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
    what = "{path.name} is no valid profile"
    fix = "compare it with the other files of its folder"


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
    newest: Mapping[str, str]  # store → the newest line of it that its clients can use; not named: any
    sizes: tuple[str, ...]
    components: tuple[Component, ...]
    rules: Mapping[str, Any]
    wiring: Mapping[str, Any]
    document: Mapping[str, Any]  # the whole file

    def running(self, size: str) -> tuple[Component, ...]:
        return tuple(component for component in self.components if size in component.sizes)


def probe_image(profile: str) -> str:
    """The supply's name of the image with the client libraries of that profile's release."""
    return f"probe-{profile}"


def load(name: str, folder: Path | None = None) -> Profile:
    """The profile of that name, from `folder` or from the shipped files. Raises `ProfileUnknown`, `ProfileInvalid`."""
    import yaml

    place = folder or workspace.find("").assets / FOLDER
    path = place / f"{name}.yaml"
    known = tuple(sorted(each.stem for each in place.glob("*.yaml")))
    if name not in known:
        raise ProfileUnknown(name=name, known=known)
    try:
        return _profile(yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.YAMLError as error:
        raise ProfileInvalid(path=path, why=" ".join(str(error).split())) from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ProfileInvalid(path=path, why=f"{type(error).__name__}: {error}") from error


def _profile(document: Mapping[str, Any]) -> Profile:
    components = tuple(each for group in document["components"] for each in _components(group))
    return Profile(
        name=document["name"],
        chart_name=document["chart"]["name"],
        chart_version=document["chart"]["version"],
        chart_range=document["chart"]["range"],
        chart_repository=document["chart"]["repository"],
        chart_sha256=_sha256(document["chart"].get("sha256", "")),
        app_version=document["app_version"],
        schemas=tuple(document["schemas"]),
        topics=document["topics"],
        minimum_clickhouse=document["minimum_clickhouse"],
        maximum_clickhouse=document["maximum_clickhouse"],
        newest={store: str(document[key]) for store in STORES if (key := f"maximum_{store}") in document},
        sizes=tuple(sorted({size for component in components for size in component.sizes})),
        components=components,
        rules=document["rules"],
        wiring=document["wiring"],
        document=document,
    )


def _sha256(text: object) -> str:
    """Raises `ValueError` for what is none."""
    if text != "" and not re.fullmatch(r"[0-9a-f]{64}", str(text)):
        raise ValueError(f"chart.sha256 is {text!r}, which is no sha256: 64 digits and letters a to f")
    return str(text)


def _components(group: Mapping[str, Any]) -> Iterator[Component]:
    """Those of one image: what runs in errors-only runs in full as well."""
    for size in SIZES:
        for key, own in group.get(size, {}).items():
            sizes = ("full",) if size == "full" else SIZES
            yield Component(key, group["image"], tuple(group["stores"]), sizes, own.get("since", ""))
