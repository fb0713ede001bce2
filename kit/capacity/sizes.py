"""The sizes of terraform/sizes.yaml: read for a comparison; and those that are made for a load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kit import yaml_file
from kit.blueprint.load import Load
from kit.capacity import choose, compare, need, shape
from kit.capacity.constants import Constants
from kit.capacity.need import Need
from kit.capacity.shape import Shape
from kit.errors import KitError

FILE = "sizes.yaml"


class SizeUnknown(KitError):
    """The size that was named is none of terraform/sizes.yaml."""

    code = "KIT-CAPACITY-SIZE"
    exit_code = 10
    what = "there is no size {name!r}"
    why = "a size is a name in terraform/sizes.yaml: {known}"
    fix = "name one of them: kit capacity --size {first}"


def read(terraform_folder: Path) -> dict[str, Any]:
    """Name → what stands there."""
    found: dict[str, Any] = yaml_file.read(terraform_folder / FILE).plain()
    return found


def named(sizes: Mapping[str, Any], name: str, variables: Mapping[str, Any] | None = None) -> Shape:
    """Raises `SizeUnknown`."""
    if name not in sizes:
        raise SizeUnknown(name=name, known=list(sizes), first=next(iter(sizes)))
    return shape.of(name, sizes[name], variables)


def made(known: Constants) -> dict[str, Any]:
    """The sizes that are made for a load, each with that load."""
    return {
        name: {**choose.size(need.of(of.load, of.retention_days, known), known), "carries": _carries(of.load, of.retention_days)}
        for name, of in known.sizes.items()
    }


def base(sizes: Mapping[str, Any], needed: Need, known: Constants) -> str:
    """The smallest of those sizes that carries what is needed; the largest where none does."""
    names = [name for name in known.sizes if name in sizes]
    return next((name for name in names if compare.fits(needed, shape.of(name, sizes[name]), known)), names[-1])


def _carries(load: Load, retention_days: int) -> dict[str, Any]:
    return {
        "events": f"{load.events:g}/s",
        "event_kb": load.event_kb,
        "transactions": f"{load.transactions:g}/s",
        "peak": load.peak,
        "retention_days": retention_days,
    }
