"""What is known about images, read from `families.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from msgspec import Struct

from kit import yaml_file
from kit.sentry.chart.manifests import Container

FILE = Path(__file__).with_name("families.yaml")


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    file: str = ""
    variable: str = ""
    options: str = ""
    optional: bool = False  # without the file the variables say everything


class Family(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    image: str
    named: Mapping[str, str]
    variables: Mapping[str, str] = {}
    settings: Settings | None = None
    stores: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()


class Facts(Struct, frozen=True, forbid_unknown_fields=True):
    families: tuple[Family, ...]
    trust_variables: tuple[str, ...]
    plaintext_ports: Mapping[str, tuple[int, ...]]
    keys: Mapping[str, str]
    protocols: Mapping[str, str]  # client of ClickHouse → "native" or "https"
    protocol_ports: Mapping[str, int]
    proxied: tuple[str, ...]  # clients that follow a proxy variable
    authorities: Mapping[str, str]  # client → how it is told of the authority
    hook_keys: Mapping[str, str]
    hook_requests: Mapping[str, str]


@cache
def facts() -> Facts:
    return yaml_file.read(FILE).to(Facts)


def family_of(container: Container) -> Family | None:
    """The family of the program that a container runs."""
    return _families().get(program(container.image))


@cache
def _families() -> Mapping[str, Family]:
    return {family.name: family for family in facts().families}


def program(image: str) -> str:
    """Which program an image holds: the name of its family, or the last word of its repository where it is of none.

    A mirror's and a custom image count as upstream's, "registry.example/own/sentry-with-ca" as Sentry's. The wiring, the rules
    and the profiles ask here, so that what one of them takes for Sentry the others do too.
    """
    word = repository(image).rpartition("/")[2]
    return next((family.name for family in facts().families if family.image in word), word)


def repository(image: str) -> str:
    """Without tag and digest; a registry's port is not a tag."""
    name = image.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name


def tag(image: str) -> str:
    """ "" where there is none."""
    return image.partition("@")[0][len(repository(image)) + 1 :]


def version(image: str) -> tuple[int, ...]:
    """Year and month of an image of Sentry's, (26, 9); () where its tag says none."""
    found = re.match(r"v?(\d+)\.(\d+)", tag(image))
    return (int(found[1]), int(found[2])) if found else ()
