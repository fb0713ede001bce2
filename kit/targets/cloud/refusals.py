"""Recognises the cloud's refusals: known failures as data, each with its remedy. Pure."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from msgspec import Struct

from kit import yaml_file
from kit.adapters.terraform.errors import StateLocked, TerraformFailed
from kit.errors import KitError

FILE = Path(__file__).with_name("refusals.yaml")
LENGTH = 160  # a provider says in one line what others say in ten


class Refusal(Struct, frozen=True, forbid_unknown_fields=True):
    """What terraform, the provider or the cloud say (a regular expression), what it means, and what mends it."""

    name: str
    pattern: str
    cause: str
    fix: str


@cache
def known() -> tuple[Refusal, ...]:
    return yaml_file.read(FILE).to(tuple[Refusal, ...])


def meaning(error: KitError) -> Refusal | None:
    """The entry of refusals.yaml, or None for what nobody met before."""
    said = f"{error.what}\n{error.why}\n{error.detail}"
    return next((entry for entry in known() if re.search(entry.pattern, said)), None)


def explained(error: TerraformFailed, option: str) -> TerraformFailed:
    """The same refusal with its cause in front and a remedy that is kit's; `option` is what follows `kit … --cloud`."""
    if isinstance(error, StateLocked):
        which = f" --cloud{option}" if option else ""
        fix = f"wait for the other run; if there is none any more: kit cloud unlock {error.lock}{which}"
        return StateLocked(what=error.what, why=error.why, fix=fix, detail=error.detail, lock=error.lock)
    found = meaning(error)
    if found is None:
        return error
    why = f"{found.cause}: {error.why}"
    return type(error)(what=shortened(error.what), why=why, fix=found.fix, detail=error.detail)


def shortened(text: str) -> str:
    return text if len(text) <= LENGTH else text[: LENGTH - 1].rstrip() + "…"


def of_stopped_apply(error: KitError, option: str = "") -> KitError:
    """For an apply that stopped: cause and remedy, in one line each; what to run again is the caller's to say."""
    if isinstance(error, StateLocked):
        return explained(error, option)
    found = meaning(error)
    why = f"{found.cause}: {error.why}" if found else error.why
    fix = found.fix.removesuffix("; then the same command again") if found else "mend it"
    return KitError(what=shortened(error.what), why=why, fix=fix, detail=error.detail)
