"""The error classes of kit."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import kit
from kit.errors import KitError


def every_error() -> list[type[KitError]]:
    """Those of all modules, in no order."""
    for module in pkgutil.walk_packages(kit.__path__, "kit."):
        if module.name != "kit.__main__":
            import_module(module.name)
    found: list[type[KitError]] = []
    waiting = [KitError]
    while waiting:
        children = waiting.pop().__subclasses__()
        found += [child for child in children if child.__module__.startswith("kit.")]
        waiting += children
    return found
