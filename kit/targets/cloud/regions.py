"""Reads what differs between regions (terraform/regions.yaml): addresses of API and storage, the stores' authority."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from kit import yaml_file
from kit.targets.cloud.errors import RegionUnknown

DEFAULT = "ru-central1"  # the one whose addresses the provider takes by itself; also the default in terraform/variables.tf
FILE = "regions.yaml"


class Region(Struct, frozen=True, forbid_unknown_fields=True):
    """One region. `sources` say where the rest is from."""

    zones: tuple[str, ...]
    api: str
    storage: str
    databases: str
    authority: str
    name_servers: tuple[str, ...]
    challenges: str
    sources: tuple[str, ...]

    @property
    def storage_url(self) -> str:
        return f"https://{self.storage}"


def known(terraform_folder: Path) -> dict[str, Region]:
    return yaml_file.read(terraform_folder / FILE).to(dict[str, Region])


def region(terraform_folder: Path, name: str | None) -> Region:
    """By its name; None means the default. Raises `RegionUnknown`."""
    found = known(terraform_folder)
    if (name or DEFAULT) not in found:
        raise RegionUnknown(region=name, known=", ".join(sorted(found)))
    return found[name or DEFAULT]
