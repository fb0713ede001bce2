"""Pinning: ask a registry what stands behind each tag of the lock, and write the digests down.

Only the digests change. The file is edited in place, token by token, because its comments and its order are for people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kit import files
from kit.supply.lock import Lock, PulledImage
from kit.supply.lock_file import parse


@dataclass(frozen=True, slots=True)
class Pinned:
    name: str
    reference: str
    before: str | None
    after: str | None  # None: the registry does not have that tag


def pin(lock: Lock, digest_of: Callable[[str], str | None]) -> tuple[Pinned, ...]:
    """Look up every pulled image's tag and rewrite what has changed; `digest_of` may raise, and then nothing is written."""
    looked_up = []
    for entry in lock.of("image"):
        pulled = entry.pulled
        if isinstance(pulled, PulledImage):
            looked_up.append(Pinned(entry.name, pulled.reference, pulled.digest, digest_of(pulled.reference)))
    changed = {pinned.name: pinned.after for pinned in looked_up if pinned.after and pinned.after != pinned.before}
    if changed:
        files.write(lock.path, with_digests(lock.path.read_text(), changed, lock.path))
    return tuple(looked_up)


def with_digests(text: str, digests: Mapping[str, str], path: Path) -> str:
    """The same text with other digests for these images; it is parsed again before it is trusted."""
    edits = sorted((_place(text, name), digest) for name, digest in digests.items())
    for (begin, end), digest in reversed(edits):
        text = text[:begin] + digest + text[end:]
    parse(text, path)
    return text


def _place(text: str, image: str) -> tuple[int, int]:
    """Where the digest of an image stands, as offsets; the entry is known to have one."""
    root = yaml.compose(text, yaml.SafeLoader)  # the C loader's marks have no offsets
    sources = _value(_value(_value(root, "images"), image), "sources")
    pulled = next(found for source in sources.value if (found := _value(source, "pulled")) is not None)
    digest = _value(pulled, "digest")
    return digest.start_mark.index, digest.end_mark.index


def _value(node: Any, name: str) -> Any:
    return next((value for key, value in node.value if key.value == name), None)
