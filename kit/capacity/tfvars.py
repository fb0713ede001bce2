"""A size that was chosen as variables of Terraform: a block that plans, beside the domain that only the user knows. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kit.blueprint.load import Load
from kit.capacity.need import Need

# What `resources` of terraform/variables.tf takes; the rest of a size cannot depart from it.
PARTS: Mapping[str, tuple[str, ...]] = {
    "kafka": ("preset", "disk_size", "partitions"),
    "clickhouse": ("preset", "disk_size", "hosts", "keeper"),
    "postgres": ("preset", "disk_size", "hosts", "max_connections"),
    "redis": ("preset", "disk_size", "hosts"),
    "nodes": ("min", "initial", "max", "cores", "memory", "disk_size", "platform"),
}


def variables(size: Mapping[str, Any], needed: Need, base: str) -> dict[str, Any]:
    """Departures from the size `base`, complete: nothing of that size's own numbers is left."""
    return {
        "size": base,
        "retention_days": needed.retention_days,
        "resources": {part: {key: size[part][key] for key in keys} for part, keys in PARTS.items()},
        "topic_partitions": dict(needed.partitions),
        "replicas": {name: max(1, count) for name, count in needed.replicas.items()},
    }


def text(size: Mapping[str, Any], needed: Need, base: str) -> str:
    return f"# For {said(needed.load, needed.retention_days)}\n" + "".join(_lines(variables(size, needed, base)))


def said(load: Load, retention_days: int) -> str:
    """A load in words."""
    transactions = f", {load.transactions:g} transactions/s" if load.transactions else ""
    rates = f"{load.events:g} events/s of {load.event_kb:g} KB{transactions}"
    return f"{rates}, {load.peak:g} times as much at the peak, kept for {retention_days} days"


def _lines(values: Mapping[str, Any], indent: int = 0) -> Iterator[str]:
    """As `terraform fmt` leaves them: neighbours that stand in one line each have their = below one another."""
    margin = " " * indent
    block: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, dict) and any(isinstance(each, dict) for each in value.values()):
            yield from _aligned(block, margin)
            block = []
            yield f"{margin}{name} = {{\n"
            yield from _lines(value, indent + 2)
            yield f"{margin}}}\n"
        elif isinstance(value, dict) and not indent:
            yield from _aligned(block, margin)
            block = []
            yield f"{margin}{name} = {{\n"
            yield from _aligned([(_key(key), _word(each)) for key, each in value.items()], margin + "  ")
            yield f"{margin}}}\n"
        elif isinstance(value, dict):
            inside = ", ".join(f"{key} = {_word(each)}" for key, each in value.items())
            block.append((name, f"{{ {inside} }}"))
        else:
            block.append((name, _word(value)))
    yield from _aligned(block, margin)


def _aligned(block: list[tuple[str, str]], margin: str) -> Iterator[str]:
    width = max((len(name) for name, _ in block), default=0)
    yield from (f"{margin}{name:<{width}} = {value}\n" for name, value in block)


def _key(name: str) -> str:
    """A name with a dot is none of the language's."""
    return _word(name) if "." in name else name


def _word(value: Any) -> str:
    return json.dumps(value)
