"""Terraform, OpenTofu and the real provider for tests: what kit's supply has or finds, made when there is none."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from kit import workspace
from kit.adapters.docker.client import Docker
from kit.supply import lock_file
from kit.supply.supply import Supply
from kit.targets.cloud.provider import ARTIFACT, mirrored_provider


@cache
def supply() -> Supply:
    space = workspace.find("none")
    return Supply(lock_file.place(), space.cache, space.assets, Docker())


@cache
def program() -> Path:
    """Terraform or OpenTofu, as a user of this computer would get it."""
    supply().ensure(["tool/terraform"])
    return supply().tool("terraform")


@cache
def opentofu() -> Path:
    """OpenTofu as kit builds it, also where terraform is installed."""
    supply().ensure(["tool/terraform"], counting=("built",))
    return Path(supply().place_of("tool/terraform", ("built",)).place)


def provider_environment(folder: Path) -> dict[str, str]:
    """Variables with which `init` takes the provider that kit builds, from a mirror in `folder`."""
    supply().ensure([ARTIFACT])
    return {"TF_CLI_CONFIG_FILE": str(mirrored_provider(supply(), folder))}
