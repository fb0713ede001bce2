"""Remembers which Sentry this stack was last brought up with, so that `kit status` and a plain `kit up` mean the same one.

kit.yaml wins over it, and an option of the command line over both. A file that cannot be read is as none. The user's own values,
topics, and whether network policies are wanted are not remembered: they stand in kit.yaml, or nowhere.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from kit import files
from kit.blueprint.stack import FLAVOURS, PROFILES, SIZES, OwnValues, SentryWanted

NAME = "sentry.json"
UNREMEMBERED = ("values", "topics", "network_policies")


def load(state: Path) -> SentryWanted | None:
    try:
        return parsed((state / NAME).read_text())
    except OSError:
        return None


def parsed(text: str) -> SentryWanted | None:
    """None where it is none that can be read."""
    try:
        found = SentryWanted(**json.loads(text))
    except (ValueError, TypeError):
        return None
    is_known = found.flavour in FLAVOURS and found.profile in PROFILES and found.size in (None, *SIZES)
    return found if is_known else None


def save(state: Path, wanted: SentryWanted) -> None:
    chosen = alone(wanted)
    if load(state) != chosen:
        state.mkdir(parents=True, exist_ok=True)
        files.write_json(state / NAME, described(chosen))


def described(wanted: SentryWanted) -> dict[str, str | None]:
    """As it is written down."""
    return {key: value for key, value in dataclasses.asdict(alone(wanted)).items() if key not in UNREMEMBERED}


def alone(wanted: SentryWanted) -> SentryWanted:
    """Which Sentry, whatever the user has added to it."""
    return dataclasses.replace(wanted, values=OwnValues(), topics={}, network_policies=True)
