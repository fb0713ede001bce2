"""The five stores. A module is imported when it is asked for: no command pays for a store that it does not touch."""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from kit.stores.contract import Store as Module

NAMES = ("kafka", "postgres", "redis", "clickhouse", "s3")

__all__ = ["ALL", "NAMES", "Module", "module"]


def module(name: str) -> Module:
    if name not in NAMES:
        raise KeyError(name)
    return cast(Module, import_module(f"kit.stores.{name}"))


ALL: tuple[Module, ...]


def __getattr__(name: str) -> Any:
    if name == "ALL":
        return tuple(module(store) for store in NAMES)
    raise AttributeError(name)
