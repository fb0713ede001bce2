"""Finds kubectl for the user's shell: their own, else the supply's. kit itself never calls it.

It is fetched when `kit env` is asked and not at `up`, and never built: a shell waits neither for Kubernetes to be compiled, nor
for a host that is silent.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kit.errors import KitError

if TYPE_CHECKING:
    from kit.supply.supply import Supply

TOOL = "tool/kubectl"
HOW = "kit images pull kubectl, or to build it: kit images build kubectl"


def on_path(supply: Supply) -> Mapping[str, str]:
    """PATH with kubectl on it; nothing where it is on it already. Where it cannot be had at once, stderr says how to get it."""
    if shutil.which("kubectl"):
        return {}
    try:
        supply.ensure([TOOL], ways=("pulled",), patient=False)
    except KitError as error:
        print(f"no kubectl for this shell: {error.why}; to get one: {HOW}", file=sys.stderr)
        return {}
    return {"PATH": os.pathsep.join([str(supply.tool("kubectl").parent), os.environ.get("PATH", "")])}
