"""What the local target says when there is nothing to work on."""

from __future__ import annotations

from kit.errors import KitError


class NoStack(KitError):
    """A command that needs a stack was given none."""

    code = "KIT-NO-STACK"
    exit_code = 4
    what = "there is no stack {name}"
    why = "it was never brought up here, or it was purged"
    fix = "kit up --local"
