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
        found = SentryWanted(**json.loads((state / NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    is_known = found.flavour in FLAVOURS and found.profile in PROFILES and found.size in (None, *SIZES)
    return found if is_known else None


def save(state: Path, wanted: SentryWanted) -> None:
    chosen = alone(wanted)
    if load(state) != chosen:
        state.mkdir(parents=True, exist_ok=True)
        files.write_json(
            state / NAME, {key: value for key, value in dataclasses.asdict(chosen).items() if key not in UNREMEMBERED}
        )


def alone(wanted: SentryWanted) -> SentryWanted:
    """Which Sentry, whatever the user has added to it."""
    return dataclasses.replace(wanted, values=OwnValues(), topics={}, network_policies=True)
