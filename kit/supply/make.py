"""Makes one entry: downloaded, pulled or built, into its place, whole or not at all. Called with the entry's lock held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kit.supply import builders, download, resolve
from kit.supply.builders import BuildTools, ImageJob
from kit.supply.inventory import Inventory
from kit.supply.lock import Built, Dockerfile, Entry, PulledFiles, PulledImage
from kit.supply.log_tail import followed
from kit.supply.registry import Registry
from kit.supply.resolve import IMAGE_LABEL, RECIPE_LABEL, Need

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Maker:
    """What is needed to make anything of the lock."""

    tools: BuildTools
    inventory: Inventory
    registry: Callable[[], Registry]
    files: Callable[[], download.Files]
    place_of: Callable[[str], str]  # the place or reference of what a recipe needs

    def make(self, need: Need, entry: Entry, log: Path, note: Note) -> None:
        """The log begins anew with each try. `note` hears how far it is."""
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")
        match need.source:
            case PulledImage() as image:
                local = resolve.pulled_reference(entry, image)
                assert local is not None  # the plan does not pull without a digest
                self.registry().pull(image, local, log=log, note=note)
            case PulledFiles() as published:
                self._program(published, entry, note)
            case Built():
                self._built(need, entry, log, note)

    def _program(self, published: PulledFiles, entry: Entry, note: Note) -> None:
        target = self.inventory.pulled_program(entry, published)
        assert target is not None  # the plan does not pull what upstream has not got for this platform
        file = published.files[self.inventory.host.platform_of(entry)]
        with self.tools.cache.landing(target.parent) as folder:
            self.files().program(file, entry.name, folder, note=note)

    def _built(self, need: Need, entry: Entry, log: Path, note: Note) -> None:
        if entry.section == "image":
            self._image(need, entry, log, note)
            return
        platform = self.inventory.host.platform_of(entry)
        if entry.section == "tool":
            place = self.inventory.built_program(entry).parent
        else:
            place = self.tools.cache.artifact(entry.name, need.recipe, platform)
        with self.tools.cache.landing(place) as folder, followed(log, note):
            builders.files(self.tools, entry, folder, log, platform)

    def _image(self, need: Need, entry: Entry, log: Path, note: Note) -> None:
        recipe = entry.recipe
        base = self.place_of(f"image/{recipe.base}") if isinstance(recipe, Dockerfile) and recipe.base else None
        artifacts = recipe.artifacts if isinstance(recipe, Dockerfile) else ()
        with self.tools.cache.scratch(entry.name, need.recipe) as scratch:
            job = ImageJob(
                reference=resolve.built_reference(entry, need.recipe),
                labels={RECIPE_LABEL: need.recipe, IMAGE_LABEL: entry.name},
                base=base,
                artifacts={name: Path(self.place_of(f"artifact/{name}")) for name in artifacts},
                scratch=scratch,
                log=log,
                note=note,
            )
            builders.image(self.tools, entry, job)
