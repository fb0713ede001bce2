"""The names of roles, from roles.yaml. A binding that names none of them is refused."""

from __future__ import annotations

import functools

from kit.yandex import refusal
from kit.yandex.rules import data


@functools.cache
def known() -> tuple[str, ...]:
    """All roles whose names are listed."""
    found = data.read("roles.yaml")
    return (
        *found["primitive"]["roles"],
        *(f"{service}.{role}" for service, row in found["services"].items() for role in row["roles"]),
    )


def check(role: str) -> None:
    """NOT_FOUND unless there is such a role, or it is of a service whose roles are not listed."""
    prefix, dot, _ = role.partition(".")
    if role not in known() and not (dot and prefix in data.read("roles.yaml")["others"]["prefixes"]):
        raise refusal.not_found("Role", role)
