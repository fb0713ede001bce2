"""One need made: fetched or built, into its place, whole or not at all. Called with the need's lock held."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kit.supply import builders, fetch, resolve
from kit.supply.builders import ImageJob, Workshop
from kit.supply.lock import Dockerfile, Entry, PulledFile, PulledImage
from kit.supply.resolve import IMAGE_LABEL, RECIPE_LABEL, Need


def make(
    shop: Workshop,
    need: Need,
    entry: Entry,
    log: Path,
    *,
    registry: Callable[[], fetch.Registry],
    place_of: Callable[[str], str],
) -> None:
    """`place_of` gives the place or reference of what the recipe needs. The log begins anew with each try."""
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    source = entry.pulled if need.how == "pulled" else entry.recipe
    if isinstance(source, PulledImage):
        local = resolve.pulled_reference(entry)
        assert local is not None  # the plan does not pull without a digest
        registry().pull(source, local, log=log, interrupted=shop.interrupted)
    elif isinstance(source, PulledFile):
        with shop.cache.landing(shop.cache.program(entry.name, source.sha256).parent) as folder:
            fetch.program(source, entry.name, folder)
    elif entry.section == "image":
        _image(shop, need, entry, log, place_of)
    else:
        is_tool = entry.section == "tool"
        place = shop.cache.program(entry.name, need.recipe).parent if is_tool else shop.cache.artifact(entry.name, need.recipe)
        with shop.cache.landing(place) as folder:
            builders.files(shop, entry, folder, log)


def _image(shop: Workshop, need: Need, entry: Entry, log: Path, place_of: Callable[[str], str]) -> None:
    recipe = entry.recipe
    base = place_of(f"image/{recipe.base}") if isinstance(recipe, Dockerfile) and recipe.base else None
    artifacts = recipe.artifacts if isinstance(recipe, Dockerfile) else ()
    with shop.cache.scratch(entry.name, need.recipe) as scratch:
        job = ImageJob(
            reference=resolve.built_reference(entry, need.recipe),
            labels={RECIPE_LABEL: need.recipe, IMAGE_LABEL: entry.name},
            base=base,
            artifacts={name: Path(place_of(f"artifact/{name}")) for name in artifacts},
            scratch=scratch,
            log=log,
        )
        builders.image(shop, entry, job)
