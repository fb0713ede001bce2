"""How much room on the disk is needed for what will be made.

Rough figures, measured with what the lock names on 2026-11-28, rounded up. What a build wrote before, it does not write again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from kit.engines.docker_errors import DiskFull
from kit.supply.cache import Cache, size_bytes
from kit.supply.lock import (
    Built,
    Cargo,
    Debian,
    Dockerfile,
    GoBuild,
    GoInstall,
    GoModuleFiles,
    Maven,
    Pulled,
    PulledImage,
    Recipe,
)
from kit.supply.resolve import Need

MB = 1024**2
GB = 1024**3
LEAST = GB  # for what the stack itself writes
MANY_PACKAGES = 4  # a build of that many Go programs is that of Kubernetes
PULLED_IMAGE, PULLED_FILE = 600 * MB, 150 * MB
KUBERNETES_BUILD = 12 * GB  # modules, build cache and results, from nothing
GO_BUILD, CARGO_BUILD, MAVEN_BUILD, IMAGE_BUILD = 2 * GB, 8 * GB, 300 * MB, 600 * MB


def check(cache: Cache, needs: Iterable[Need]) -> None:
    """Raises `DiskFull` where these things have no room."""
    sources = [need.source for need in needs]
    pulled = sum(_of_pulled(source) for source in sources if not isinstance(source, Built))
    recipes = [source.recipe for source in sources if isinstance(source, Built)]
    free = _free(cache.root)
    wanted = _wanted(cache, recipes, LEAST + pulled, free)
    if free < wanted:
        raise DiskFull(where=str(cache.root), free_bytes=free, needed_bytes=wanted)


def lacking(cache: Cache, recipe: Recipe) -> str | None:
    """Why this one thing cannot be made; None where there is room."""
    free = _free(cache.root)
    wanted = _wanted(cache, [recipe], 0, free)
    return f"about {wanted / GB:.0f} GB are needed, {free / GB:.1f} GB are free" if free < wanted else None


def _wanted(cache: Cache, recipes: Iterable[Recipe], besides: int, free: int) -> int:
    """Bytes. Builds with one tool share its cache, so the largest counts.

    What is in that already is looked at only where room is short: it takes seconds.
    """
    total, by_tool = besides, dict.fromkeys(("go", "cargo", "maven"), 0)
    for recipe in recipes:
        if tool := _tool(recipe):
            by_tool[tool] = max(by_tool[tool], of_recipe(recipe))
        else:
            total += of_recipe(recipe)
    if free >= total + sum(by_tool.values()):
        return total + sum(by_tool.values())
    written = {"go": cache.go, "cargo": cache.cargo, "maven": cache.maven}
    return total + sum(max(0, size - size_bytes(written[tool])) for tool, size in by_tool.items() if size)


def _of_pulled(source: Pulled) -> int:
    return PULLED_IMAGE if isinstance(source, PulledImage) else PULLED_FILE


def of_recipe(recipe: Recipe) -> int:
    match recipe:
        case GoBuild(packages=packages):
            return KUBERNETES_BUILD if len(packages) >= MANY_PACKAGES else GO_BUILD
        case GoInstall() | GoModuleFiles():
            return GO_BUILD
        case Cargo():
            return CARGO_BUILD
        case Maven():
            return MAVEN_BUILD
        case Debian() | Dockerfile():
            return IMAGE_BUILD


def _tool(recipe: Recipe) -> str | None:
    match recipe:
        case GoBuild() | GoInstall() | GoModuleFiles():
            return "go"
        case Cargo():
            return "cargo"
        case Maven():
            return "maven"
        case _:
            return None


def _free(place: Path) -> int:
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free
