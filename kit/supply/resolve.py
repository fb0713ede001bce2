"""Decides how to get what is not there: installed → pulled → built, in the order of the lock. Pure.

`missing` is pure: it is given what was found, what a registry can give and what was refused, and returns the things to make in an
order in which each comes after what it needs. What is there in any allowed way is not made again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from kit.supply.cache import SHORT
from kit.supply.errors import NoSource, named
from kit.supply.lock import Built, Entry, Installed, Lock, Pulled, PulledFiles, PulledImage, Section, Source

Way = Literal["installed", "pulled", "built"]
ANY_WAY: tuple[Way, ...] = ("installed", "pulled", "built")
PORTABLE: tuple[Way, ...] = ("pulled", "built")  # what can be carried to another machine

RECIPE_LABEL = "dev.kit.recipe"
IMAGE_LABEL = "dev.kit.image"
SOURCE_LABEL = "dev.kit.source"
OURS = "kit.local/"  # no registry has that name, so nobody pulls by mistake


@dataclass(frozen=True, slots=True)
class Image:
    reference: str  # a local name that needs no registry: kit.local/<name>:<version>-<hash>
    source: Way
    recipe: str  # 64 hex digits
    version: str  # of what came by that way


@dataclass(frozen=True, slots=True)
class Need:
    """Something that must be made or fetched, and why."""

    key: str  # tool/kind, artifact/kafka, image/kafka
    section: Section
    name: str
    source: Pulled | Built
    what: str  # "go install sigs.k8s.io/kind@v0.33.0", "pull postgres:17", "build compose/postgres/image"
    cause: str
    recipe: str
    after: tuple[str, ...]  # keys among the needs that come first

    @property
    def how(self) -> Way:
        return way_of(self.source)


@dataclass(frozen=True, slots=True)
class Missing:
    """Why an entry cannot be used as it is; the answer of a look, next to what was found."""

    why: str


CanPull = Callable[[Entry, Pulled], str | None]  # None, or why not
CanBuild = Callable[[Entry], str | None]


def missing(
    lock: Lock,
    wanted: Iterable[Entry],
    *,
    hashes: Mapping[str, str],
    found: Callable[[Entry], object],
    can_pull: CanPull,
    can_build: CanBuild,
    ways: Iterable[Way] = ANY_WAY,
) -> tuple[Need, ...]:
    """What must be made so that all of `wanted` is there.

    `found` gives where an entry is, or `Missing`. Raises one `NoSource` that names every entry for which no way is open.
    """
    allowed = frozenset(ways)
    chosen: dict[str, _Choice | None] = {}  # None: it is there
    hopeless: dict[str, tuple[str, ...]] = {}

    def choose(key: str) -> _Choice | None:
        if key not in chosen:
            entry = lock.entries[key]
            answer = found(entry)
            chosen[key] = (
                _choose(entry, answer.why, allowed, can_pull, can_build, blocked) if isinstance(answer, Missing) else None
            )
        return chosen[key]

    def blocked(key: str) -> bool:
        choice = choose(key)
        return choice is not None and choice.source is None

    needs: dict[str, Need] = {}

    def visit(entry: Entry) -> bool:
        """True when the entry is among the needs."""
        choice = choose(entry.key)
        if entry.key in needs or choice is None:
            return choice is not None
        first = entry.needs if isinstance(choice.source, Built) or choice.is_blocked else ()
        after = tuple(key for key in first if visit(lock.entries[key]))
        if choice.source is None:
            hopeless.setdefault(entry.key, choice.reasons)
            return True
        needs[entry.key] = Need(
            key=entry.key,
            section=entry.section,
            name=entry.name,
            source=choice.source,
            what=describe(choice.source),
            cause="; ".join(choice.reasons),
            recipe=hashes[entry.key],
            after=after,
        )
        return True

    for entry in wanted:
        visit(entry)
    if hopeless:
        raise NoSource(hopeless)
    return tuple(needs.values())


@dataclass(frozen=True, slots=True)
class _Choice:
    source: Pulled | Built | None  # None: no way is open
    reasons: tuple[str, ...]  # why it must be made at all, then why not by an earlier way
    is_blocked: bool = False  # something that its recipe needs cannot be had


def _choose(
    entry: Entry,
    why: str,
    allowed: frozenset[Way],
    can_pull: CanPull,
    can_build: CanBuild,
    blocked: Callable[[str], bool],
) -> _Choice:
    reasons = [why]
    lacking: list[str] = []
    for source in entry.sources:
        if isinstance(source, Installed) or way_of(source) not in allowed:
            continue
        if isinstance(source, Built):
            lacking = [key for key in entry.needs if blocked(key)]
            problems = [problem] if (problem := can_build(entry)) else []
            if lacking:
                problems.append(f"it is built from {named(lacking)}, which cannot be had")
        else:
            problems = [problem] if (problem := can_pull(entry, source)) else []
        if not problems:
            return _Choice(source, tuple(reasons))
        reasons += problems
    if entry.unpublished and "pulled" in allowed and entry.section != "artifact":  # those are parts of images
        reasons.insert(1, f"it is not pulled: {entry.unpublished}")
    if len(reasons) == 1:
        reasons.append("the lock has no other source")
    if entry.section != "tool":
        del reasons[0]  # that it is not there; of a program on PATH it says why that does not serve
    return _Choice(None, tuple(dict.fromkeys(reasons)), bool(lacking))


def way_of(source: Source) -> Way:
    return "installed" if isinstance(source, Installed) else "built" if isinstance(source, Built) else "pulled"


def describe(source: Pulled | Built) -> str:
    match source:
        case PulledImage():
            return f"pull {source.reference}"
        case PulledFiles():
            return f"pull {source.version} of {next(iter(source.files.values())).url.split('/')[2]}"
        case Built(recipe=recipe):
            for field in ("package", "folder", "suite"):
                if hasattr(recipe, field):
                    prefix = f"{recipe.module}/" if hasattr(recipe, "module") else ""
                    return f"build {prefix}{getattr(recipe, field)}"
            return "build"


def source_of(reference: str, labels: Mapping[str, str]) -> Way | None:
    """How the image of a container came here, by the container's own words; None for an image that is not the supply's."""
    if labels.get(SOURCE_LABEL) in ("pulled", "built"):  # of an image made of another: how that one came
        return "pulled" if labels[SOURCE_LABEL] == "pulled" else "built"
    if not reference.startswith(OURS):
        return None
    hash_ = labels.get(RECIPE_LABEL)  # inherited from the image; upstream's images have none
    return "built" if hash_ and reference.endswith(hash_[:SHORT]) else "pulled"


def pulled_reference(entry: Entry, source: PulledImage) -> str | None:
    """The local name of one of the entry's pulled images; None while its digest is not known."""
    return None if source.digest is None else _local(entry, source.version, source.digest.partition(":")[2])


def built_reference(entry: Entry, recipe: str) -> str:
    return _local(entry, entry.built.version if entry.built else "", recipe)


def _local(entry: Entry, version: str, hash_: str) -> str:
    return f"{OURS}{entry.name}:{re.sub(r'[^A-Za-z0-9_.-]', '-', version)}-{hash_[:SHORT]}"
