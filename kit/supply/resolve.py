"""What is already there, and how to get what is not: installed → pulled → built, in the order of the lock.

`missing` is pure: it is given what was found, what a registry can give and what was refused, and returns the things to make in an
order in which each comes after what it needs. What is there in any allowed way is not made again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from kit.supply.cache import SHORT
from kit.supply.errors import NoSource
from kit.supply.lock import Entry, Installed, Lock, PulledFile, PulledImage, Section, Source

Way = Literal["installed", "pulled", "built"]
ANY_WAY: tuple[Way, ...] = ("installed", "pulled", "built")
PORTABLE: tuple[Way, ...] = ("pulled", "built")  # what can be carried to another machine

RECIPE_LABEL = "dev.kit.recipe"
IMAGE_LABEL = "dev.kit.image"
OURS = "kit.local/"  # no registry has that name, so nobody pulls by mistake


@dataclass(frozen=True, slots=True)
class Image:
    reference: str  # a local name that needs no registry: kit.local/<name>:<version>-<hash>
    source: Way
    recipe: str  # 64 hex digits


@dataclass(frozen=True, slots=True)
class Need:
    """Something that must be made or fetched, and why."""

    key: str  # tool/kind, artifact/kafka, image/kafka
    section: Section
    name: str
    how: Way
    what: str  # "go install sigs.k8s.io/kind@v0.33.0", "pull postgres:17", "build compose/postgres/image"
    cause: str
    recipe: str
    after: tuple[str, ...]  # keys among the needs that come first


@dataclass(frozen=True, slots=True)
class Missing:
    """Why an entry cannot be used as it is; the answer of a look, next to what was found."""

    why: str


def missing(
    lock: Lock,
    wanted: Iterable[Entry],
    *,
    hashes: Mapping[str, str],
    found: Callable[[Entry], object],
    can_pull: Callable[[Entry], str | None],
    ways: Iterable[Way] = ANY_WAY,
) -> tuple[Need, ...]:
    """What must be made so that all of `wanted` is there.

    `found` gives where an entry is, or `Missing`. `can_pull` gives None, or why not. Raises `NoSource`.
    """
    allowed = frozenset(ways)
    needs: dict[str, Need] = {}

    def visit(entry: Entry) -> bool:
        """True when the entry is among the needs."""
        if entry.key in needs:
            return True
        look = found(entry)
        if not isinstance(look, Missing):
            return False
        how, why_not = _way(entry, allowed, can_pull)
        if how is None:
            raise NoSource(key=entry.key, why="; ".join([look.why, *why_not]))
        first = entry.needs if how == "built" else ()
        after = tuple(key for key in first if visit(lock.entries[key]))
        needs[entry.key] = Need(
            key=entry.key,
            section=entry.section,
            name=entry.name,
            how=how,
            what=describe(entry, how),
            cause="; ".join([look.why, *why_not]),
            recipe=hashes[entry.key],
            after=after,
        )
        return True

    for entry in wanted:
        visit(entry)
    return tuple(needs.values())


def describe(entry: Entry, how: Way) -> str:
    source = entry.pulled if how == "pulled" else entry.recipe
    return f"{'pull' if how == 'pulled' else 'build'} {_subject(source)}"


def source_of(reference: str, labels: Mapping[str, str]) -> Way | None:
    """How the image of a container came here, by the container's own words; None for an image that is not the supply's."""
    if not reference.startswith(OURS):
        return None
    hash_ = labels.get(RECIPE_LABEL)  # inherited from the image; upstream's images have none
    return "built" if hash_ and reference.endswith(hash_[:SHORT]) else "pulled"


def pulled_reference(entry: Entry) -> str | None:
    """The local name of the entry's pulled image; None while its digest is not known."""
    pulled = entry.pulled
    if not isinstance(pulled, PulledImage) or pulled.digest is None:
        return None
    return _local(entry, pulled.digest.partition(":")[2])


def built_reference(entry: Entry, recipe: str) -> str:
    return _local(entry, recipe)


def _way(entry: Entry, allowed: frozenset[Way], can_pull: Callable[[Entry], str | None]) -> tuple[Way | None, list[str]]:
    reasons: list[str] = []
    for source in entry.sources:
        if isinstance(source, Installed):
            continue
        if isinstance(source, PulledFile | PulledImage):
            if "pulled" not in allowed:
                continue
            problem = can_pull(entry)
            if problem is None:
                return "pulled", reasons
            reasons.append(problem)
        elif "built" in allowed:
            return "built", reasons
    return None, reasons or ["the lock has no other source"]


def _subject(source: Source | None) -> str:
    match source:
        case PulledImage():
            return source.reference
        case PulledFile():
            return source.url
        case None | Installed():
            return ""
        case _:
            for field in ("package", "folder", "suite"):
                if hasattr(source, field):
                    prefix = f"{source.module}/" if hasattr(source, "module") else ""
                    return f"{prefix}{getattr(source, field)}"
            return ""


def _local(entry: Entry, hash_: str) -> str:
    version = re.sub(r"[^A-Za-z0-9_.-]", "-", entry.version)
    return f"{OURS}{entry.name}:{version}-{hash_[:SHORT]}"
