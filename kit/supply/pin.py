"""Pins images: asks a registry for the digest of each tag of the lock, and writes the digests down.

Only the digests change. The file is edited in place, token by token, because its comments and its order are for people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kit import files
from kit.supply.lock import Lock
from kit.supply.lock_file import parse


@dataclass(frozen=True, slots=True)
class Pinned:
    name: str
    reference: str
    before: str | None
    after: str | None  # None: the registry does not have that tag


def pin(lock: Lock, digest_of: Callable[[str], str | None]) -> tuple[Pinned, ...]:
    """Look up every pulled image's tag and rewrite what has changed; `digest_of` may raise, and then nothing is written."""
    looked_up = [
        Pinned(entry.name, image.reference, image.digest, digest_of(image.reference))
        for entry in lock.of("image")
        for image in entry.pulled_images
    ]
    changed = {pinned.reference: pinned.after for pinned in looked_up if pinned.after and pinned.after != pinned.before}
    if changed:
        files.write(lock.path, with_digests(lock.path.read_text(), changed, lock.path))
    return tuple(looked_up)


def with_digests(text: str, digests: Mapping[str, str], path: Path) -> str:
    """The same text with other digests for these references; it is parsed again before it is trusted."""
    edits = sorted((place, digests[reference]) for reference, place in _places(text) if reference in digests)
    for (begin, end), digest in reversed(edits):
        text = text[:begin] + digest + text[end:]
    parse(text, path)
    return text


def _places(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Each pulled image's reference, and where its digest stands, as offsets; every one is known to have both."""
    root = yaml.compose(text, yaml.SafeLoader)  # the C loader's marks have no offsets
    for _, entry in _value(root, "images").value:
        for source in _value(entry, "sources").value:
            if (pulled := _value(source, "pulled")) is not None:
                digest = _value(pulled, "digest")
                yield _value(pulled, "reference").value, (digest.start_mark.index, digest.end_mark.index)


def _value(node: Any, name: str) -> Any:
    return next((value for key, value in node.value if key.value == name), None)
