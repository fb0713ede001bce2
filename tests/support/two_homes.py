"""Two homes of kit that rehearse against one emulator: as two computers work on one cloud.

What plays the cloud (the emulator's folder, its authority, the stack behind it) is shared by links; what is a person's own, the
folder of terraform and the files beside it, is not.
"""

from __future__ import annotations

from pathlib import Path

from kit.targets.cloud.rehearsal import backing_name
from kit.workspace import CERTS, EMULATOR, STATE


def share_cloud(first: Path, second: Path, stack: str) -> None:
    """`second` is a home that has nothing yet."""
    behind = backing_name(stack)
    for folder in (f"{STATE}/{stack}/{EMULATOR}", f"{STATE}/{behind}", f"{CERTS}/{stack}", f"{CERTS}/{behind}"):
        link, target = second / folder, first / folder
        target.mkdir(parents=True, exist_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
    lock = f"{STATE}/{behind}.lock"
    (first / lock).touch()
    (second / lock).symlink_to(first / lock)
