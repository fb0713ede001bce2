"""What is known about images, read from `families.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from kit.sentry.manifests import Container


@dataclass(frozen=True, slots=True)
class Settings:
    kind: str
    file: str = ""
    variable: str = ""
    options: str = ""
    optional: bool = False  # without the file the variables say everything


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    image: str
    named: Mapping[str, str] = field(default_factory=dict)
    settings: Settings | None = None
    stores: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    families: tuple[Family, ...]
    trust_variables: tuple[str, ...]
    plaintext_ports: Mapping[str, tuple[int, ...]]
    keys: Mapping[str, str]


@cache
def facts() -> Facts:
    import yaml

    document: dict[str, Any] = yaml.safe_load(files(__package__).joinpath("families.yaml").read_text())
    return Facts(
        families=tuple(_family(entry) for entry in document["families"]),
        trust_variables=tuple(document["trust_variables"]),
        plaintext_ports={store: tuple(ports) for store, ports in document["plaintext_ports"].items()},
        keys=dict(document["keys"]),
    )


def _family(entry: Mapping[str, Any]) -> Family:
    settings = entry.get("settings")
    return Family(
        name=entry["name"],
        image=entry["image"],
        named=entry["named"],
        settings=Settings(**settings) if settings else None,
        stores=tuple(entry.get("stores") or ()),
    )


def family_of(container: Container) -> Family | None:
    """By the last word of the image's repository, so that a mirror's or a custom image is of the same family."""
    word = repository(container.image).rpartition("/")[2]
    return next((family for family in facts().families if family.image in word), None)


def repository(image: str) -> str:
    """Without tag and digest; a registry's port is not a tag."""
    name = image.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name


def tag(image: str) -> str:
    """ "" where there is none."""
    return image.partition("@")[0][len(repository(image)) + 1 :]
