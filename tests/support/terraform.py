"""Terraform or OpenTofu for tests: what kit's supply finds on this computer, made when there is none."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from kit import workspace
from kit.engines.docker import Docker
from kit.supply import Supply
from kit.targets.local import LOCK_FILE


@cache
def program() -> Path:
    supply = _supply()
    supply.ensure(["tool/terraform"])
    return supply.tool("terraform")


def _supply() -> Supply:
    space = workspace.find("none")
    return Supply(LOCK_FILE, space.cache, space.assets, Docker())
