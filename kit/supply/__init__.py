"""Where every tool and every image comes from: the lock, and the three ways to get one (installed, pulled, built).

The public face is `Supply`. It is loaded when it is asked for, and what makes things (builders, registry, archive, schedule) when
something must be made: `kit status` only reads image names, and pays for neither.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kit.supply.resolve import Image, Need
    from kit.supply.schedule import Progress
    from kit.supply.supply import Supply

__all__ = ["Image", "Need", "Progress", "Supply"]

_HOMES = {"Image": "resolve", "Need": "resolve", "Progress": "schedule", "Supply": "supply"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"kit.supply.{_HOMES[name]}"), name)
    raise AttributeError(name)
