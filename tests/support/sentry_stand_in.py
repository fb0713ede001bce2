"""As much of Sentry 25.2 as a node storage backend meets: the base class's calls, its cache, the modules it is imported from.

Written from what that interface does (sentry.nodestore.base, sentry.utils.services): a thread-local object whose public methods
go through a cache to `_get_bytes` and `_set_bytes`. The module zstandard is stood in for by another implementation of the format.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from backports import zstd

ROOT = Path(__file__).parents[2]
BACKEND = ROOT / "kind" / "nodestore" / "kit_nodestore.py"


class InvalidConfiguration(Exception):
    pass


class NodeStorage(threading.local):
    """Nodes are JSON documents; a main one and named ones beside it are one value of lines."""

    @cached_property
    def cache(self) -> dict[str, Any]:
        return {}

    def get(self, id: str, subkey: str | None = None) -> Any:
        if subkey is None and id in self.cache:
            return self.cache[id]
        found = self._decoded(self._get_bytes(id), subkey)
        if subkey is None and found:
            self.cache[id] = found
        return found

    def get_multi(self, id_list: list[str]) -> dict[str, Any]:
        return {id: self._decoded(value, None) for id, value in self._get_bytes_multi(id_list).items()}

    def set(self, id: str, data: Any, ttl: timedelta | None = None) -> None:
        self.set_subkeys(id, {None: data}, ttl)

    def set_subkeys(self, id: str, data: Mapping[str | None, Any], ttl: timedelta | None = None) -> None:
        named = [text for key, value in data.items() if key for text in (key, json.dumps(value))]
        self._set_bytes(id, "\n".join([json.dumps(data[None]), *named]).encode(), ttl=ttl)
        self.cache[id] = data[None]

    def _decoded(self, value: bytes | None, subkey: str | None) -> Any:
        lines = value.decode().split("\n") if value else []
        if subkey is None:
            return json.loads(lines[0]) if lines else None
        named = dict(zip(lines[1::2], lines[2::2], strict=True))
        return json.loads(named[subkey]) if subkey in named else None

    def _delete_cache_item(self, id: str) -> None:
        self.cache.pop(id, None)

    def _delete_cache_items(self, id_list: list[str]) -> None:
        for id in id_list:
            self.cache.pop(id, None)

    def _get_bytes(self, id: str) -> bytes | None:
        raise NotImplementedError

    def _get_bytes_multi(self, id_list: list[str]) -> dict[str, bytes | None]:
        raise NotImplementedError

    def _set_bytes(self, id: str, data: bytes, ttl: timedelta | None = None) -> None:
        raise NotImplementedError


class ZstdCompressor:
    def compress(self, data: bytes) -> bytes:
        return zstd.compress(data)


class ZstdDecompressor:
    def decompress(self, data: bytes) -> bytes:
        return zstd.decompress(data)


@contextmanager
def backend(*, has_zstd: bool = True, place: str = "sentry.nodestore") -> Iterator[ModuleType]:
    """The module `kit_nodestore`, imported as Sentry imports it; `place` is where this Sentry has its base class."""
    given = {
        "sentry": _module("sentry"),
        "sentry.exceptions": _module("sentry.exceptions", InvalidConfiguration=InvalidConfiguration),
        "sentry.services": _module("sentry.services"),
        place: _module(place),
        f"{place}.base": _module(f"{place}.base", NodeStorage=NodeStorage),
        "zstandard": _module("zstandard", ZstdCompressor=ZstdCompressor, ZstdDecompressor=ZstdDecompressor) if has_zstd else None,
    }
    before = {name: sys.modules.get(name) for name in given}
    sys.modules.update(given)  # type: ignore[arg-type]  # None makes an import fail, which is the point
    try:
        spec = importlib.util.spec_from_file_location("kit_nodestore", BACKEND)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        for name, module_before in before.items():
            if module_before is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module_before


def _module(name: str, **content: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(content)
    return module
