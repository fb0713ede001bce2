"""What this computer lends to every stack on it: the shipped files, the cache, the container engine, and the supply of tools and
images. The engine is asked for the first time when somebody needs it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from kit.workspace import Workspace

if TYPE_CHECKING:
    from kit.adapters.docker.client import Docker
    from kit.supply.supply import Supply


class Machine:
    def __init__(self, workspace: Workspace) -> None:
        self.assets = workspace.assets  # holds compose/, kind/, terraform/, examples/
        self.cache = workspace.cache

    @functools.cached_property
    def docker(self) -> Docker:
        from kit.adapters.docker.client import Docker

        return Docker()

    @functools.cached_property
    def supply(self) -> Supply:
        from kit.supply import lock_file
        from kit.supply.supply import Supply

        return Supply(lock_file.place(), self.cache, self.assets, self.docker)
