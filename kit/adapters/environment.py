"""The variables of the user's shell that a program is started without.

A program's own variables (HELM_KUBECONTEXT, TF_WORKSPACE, GOFLAGS …) change what a call of it means, and a shell may have them
from other work. Each adapter states as data which ones its program does not get. What says where things are fetched from, who
logs in there and how much is logged stays the user's, and so do proxies and trusted authorities.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit.adapters.child import Environment


@dataclass(frozen=True, slots=True)
class Withheld:
    """`names` without `but`; both are names of variables, `*` standing for any end."""

    names: tuple[str, ...]
    but: tuple[str, ...] = ()

    def covers(self, name: str) -> bool:
        return _matches(name, self.names) and not _matches(name, self.but)

    def changes(self, environment: Mapping[str, str] = os.environ) -> Environment:
        """For `process.run`: each variable that is set and withheld, with None."""
        return dict.fromkeys(filter(self.covers, environment))


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
