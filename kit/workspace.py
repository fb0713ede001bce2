"""Where things lie on this computer: the shipped files, and what belongs to one stack.

In a checkout everything of a stack stays inside the checkout (`certs/<stack>`, `.kit/<stack>`); an installed `kit` keeps it
under `$XDG_DATA_HOME/kit`. What can be made again without loss (tools, images' parts, build logs) is in the cache, `$KIT_CACHE`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Workspace:
    stack: str
    assets: Path  # holds compose/, kind/, examples/
    home: Path  # holds certs/<stack> and .kit/<stack>
    cache: Path

    @property
    def state(self) -> Path:
        return self.home / ".kit" / self.stack

    @property
    def certs(self) -> Path:
        return self.home / "certs" / self.stack

    @property
    def ca_file(self) -> Path:
        """The root alone: what a client must trust."""
        return self.certs / "ca.crt"

    @property
    def bundle_file(self) -> Path:
        """Public roots and the root, for variables that replace a program's whole trust store."""
        return self.certs / "bundle.crt"

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def lock_file(self) -> Path:
        """Outside the stack's folder, which `kit purge` removes while it holds the lock."""
        return self.home / ".kit" / f"{self.stack}.lock"

    @property
    def logs(self) -> Path:
        return self.state / "logs"


def find(stack: str) -> Workspace:
    packaged = PACKAGE / "_assets"
    checkout = PACKAGE.parent
    if packaged.is_dir():
        assets = packaged
        home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "kit"
    else:
        assets = home = checkout
    if os.environ.get("KIT_HOME"):
        home = Path(os.environ["KIT_HOME"]).expanduser().resolve()
    return Workspace(stack=stack, assets=assets, home=home, cache=cache_folder())


def cache_folder() -> Path:
    if os.environ.get("KIT_CACHE"):
        return Path(os.environ["KIT_CACHE"]).expanduser().resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kit"
