"""Limits of this computer that several clusters at once run into, raised where kit may.

The kernel's usual 128 inotify instances of a user are used up by the fifth Kind node, and then kube-proxy of that one says "too
many open files" and no name resolves in it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
ENOUGH = 1024
# Instances that one Kind node takes of its user's, who is root: kubelet 7, kube-controller-manager 7, kube-apiserver 6,
# systemd 4, containerd 1, kube-proxy 1. Counted in /proc/*/fd of three nodes of 1.34, 2026-11-28.
INOTIFY_OF_A_NODE = 26


def raise_inotify(path: Path = INOTIFY) -> str | None:
    """What was done, in words; None where nothing had to be, or where it is not ours to do. Lasts until the next start.

    Where the kernel is not Linux, the engine runs in a machine of its own, whose limits are not of this computer.
    """
    if os.getuid() != 0 or not path.exists() or int(path.read_text()) >= ENOUGH:
        return None
    with suppress(OSError):
        path.write_text(str(ENOUGH))
        return f"raised fs.inotify.max_user_instances to {ENOUGH}: each cluster's node takes {INOTIFY_OF_A_NODE}"
    return None
