"""The five stores by name. A module is imported when it is asked for: no command pays for a store that it does not touch."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from kit.stores.contract import Store

NAMES = ("kafka", "postgres", "redis", "clickhouse", "s3")


def module(name: str) -> Store:
    """The module of a store. Raises `KeyError` for a name that is none."""
    if name not in NAMES:
        raise KeyError(name)
    return cast(Store, import_module(f"kit.stores.{name}"))


def every() -> tuple[Store, ...]:
    """The modules of all stores, in the order of `NAMES`."""
    return tuple(module(name) for name in NAMES)
