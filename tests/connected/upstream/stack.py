"""A stack of the five stores from chosen images: those in upstream's shape as if they had been pulled, or those built here."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from kit.adapters.docker.client import Docker
from kit.blueprint.stack import STORES
from kit.plan.events import StepEvent
from kit.supply.resolve import Image, Way
from kit.supply.supply import Supply
from kit.targets.local import plan
from kit.targets.local.layout import STACK_LABEL
from kit.targets.local.target import LocalTarget
from tests.connected.upstream import recipes
from tests.support.holding import holding
from tests.support.program import Program
from tests.support.reach import local_target


class Chosen:
    """The supply, but for the images of the stores: these it has, and in this way."""

    def __init__(self, real: Supply, references: Mapping[str, str], way: Way) -> None:
        self._real = real
        self._references = references
        self._way = way

    def image(self, name: str) -> Image:
        found = self._real.image(name)
        return replace(found, reference=self._references[name], source=self._way) if name in self._references else found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def built(supply: Supply) -> dict[str, str]:
    """The stores' images as kit builds them: name → reference. They are made if need be."""
    supply.ensure([f"image/{name}" for name in STORES], ways=("built",), counting=("built",))
    return {name: supply.place_of(f"image/{name}", counting=("built",)).place for name in STORES}


def shaped(docker: Docker, bases: Mapping[str, str], logs: Path) -> dict[str, str]:
    """The stores' images in upstream's shape: name → reference."""
    found = {}
    for name in STORES:
        shape = recipes.shape(name)
        found[name] = recipes.build(docker, shape, lambda base: bases[base], logs / f"{name}.log").reference
    return found


def target(program: Program, references: Mapping[str, str], way: Way) -> LocalTarget:
    """The stores alone, from these images."""
    local = local_target(program).only("stores")
    local.machine.supply = Chosen(local.supply, references, way)  # type: ignore[assignment]
    return local


def up(local: LocalTarget) -> list[StepEvent]:
    """Bring it up; returns what happened."""
    events: list[StepEvent] = []
    with holding(local.workspace):
        plan.carry_out(local, events.append)
    return events


@contextmanager
def volumes_used(docker: Docker, stack: str) -> Iterator[set[str]]:
    """Collects the names of all volumes that a container of the stack mounts meanwhile, throw-away containers included."""
    used: set[str] = set()
    seen: set[str] = set()  # containers of the stack
    # A client of its own: one connection is held open for as long as the engine may have something to tell.
    stream = docker.connect(3600).events(decode=True, filters={"type": ["container", "volume"]})

    def listen() -> None:
        with suppress(Exception):  # whatever the closed connection makes of its end
            for event in stream:
                actor = event.get("Actor", {})
                attributes = actor.get("Attributes", {})
                if event.get("Type") == "container" and attributes.get(STACK_LABEL) == stack:
                    seen.add(actor["ID"])
                elif event.get("Type") == "volume" and attributes.get("container") in seen:
                    used.add(actor["ID"])

    listening = threading.Thread(target=listen, daemon=True)
    listening.start()
    try:
        yield used
    finally:
        stream.close()
