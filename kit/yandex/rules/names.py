"""Checks the names of topics, databases and users, by names.yaml. The annotations of the API itself are checked elsewhere."""

from __future__ import annotations

import re

from kit.yandex import refusal
from kit.yandex.rules import data


def check(engine: str, noun: str, name: str, field: str) -> None:
    """INVALID_ARGUMENT where the service does not take this name for a new one. `noun`: topic, database or user."""
    rule = data.read("names.yaml").get(engine, {}).get(noun)
    if rule is None:
        return
    if name in rule.get("reserved", ()):
        raise refusal.invalid(field, f"the name {name} is reserved")
    if not re.fullmatch(rule["pattern"], name):
        raise refusal.invalid(field, f"Field does not match the pattern /{rule['pattern']}/")
