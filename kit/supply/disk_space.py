"""Computes how much disk is needed for what will be made, and whether it is there.

Rough figures, measured with what the lock names on 2026-11-28, rounded up. What a build wrote before, it does not write again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from kit.adapters.docker.errors import GB, DiskTooSmall
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
LEAST = GB  # for what the stack itself writes
MANY_PACKAGES = 4  # a build of that many Go programs is that of Kubernetes
PULLED_IMAGE, PULLED_FILE = 600 * MB, 150 * MB
KUBERNETES_BUILD = 12 * GB  # modules, build cache and results, from nothing
GO_BUILD, CARGO_BUILD, MAVEN_BUILD, IMAGE_BUILD = 2 * GB, 8 * GB, 300 * MB, 600 * MB


def check(cache: Cache, needs: Iterable[Need], engine: Path | None = None) -> None:
    """Raises `DiskFull` where these things have no room.

    `engine` is where the engine keeps images and volumes; None where that is on no disk of this computer: in a machine of its own
    they grow on this computer's disk all the same, so they are held against the cache's.
    """
    sources = [need.source for need in needs]
    if engine is None or _device(engine) == _device(cache.root):
        _check(cache, cache.root, sources, LEAST)
        return
    _check(cache, cache.root, [source for source in sources if not _is_image(source)], 0)
    _check(cache, engine, [source for source in sources if _is_image(source)], LEAST)


def _check(cache: Cache, place: Path, sources: Iterable[Pulled | Built], besides: int) -> None:
    pulled, recipes = besides, []
    for source in sources:
        if isinstance(source, Built):
            recipes.append(source.recipe)
        else:
            pulled += _of_pulled(source)
    free = _free(place)
    wanted = _wanted(cache, recipes, pulled, free)
    if free < wanted:
        raise DiskTooSmall(where=place, free_gb=free / GB, needed_gb=wanted / GB)


def _is_image(source: Pulled | Built) -> bool:
    return isinstance(source.recipe, Debian | Dockerfile) if isinstance(source, Built) else isinstance(source, PulledImage)


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
    return shutil.disk_usage(_nearest(place)).free


def _device(place: Path) -> int:
    return _nearest(place).stat().st_dev


def _nearest(place: Path) -> Path:
    """The place itself, or the first above it that is there."""
    while not place.exists():
        place = place.parent
    return place
