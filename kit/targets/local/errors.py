"""Errors of the local target: there is no stack, or its node has gone."""

from __future__ import annotations

from kit.errors import KitError


class NoStack(KitError):
    """The command needs a stack, and there is none of that name."""

    code = "KIT-NO-STACK"
    exit_code = 4
    what = "there is no stack {name}"
    why = "it was never brought up here, or it was purged"
    fix = "kit up --local"


class NodeGone(KitError):
    """The container of the cluster's node was removed while kit worked on it."""

    code = "KIT-NODE-GONE"
    exit_code = 50
    what = "the cluster's node {name} is gone"
    why = "somebody removed its container meanwhile"
    fix = "kit up --local"
