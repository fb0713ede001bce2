"""Programs that tests need from the distribution: found, or installed where that can be done, or a failure that says how."""

from __future__ import annotations

import os
import shutil

from kit.adapters import process

INSTALL_TIMEOUT_S = 600


def program(name: str, *packages: str) -> str:
    """The path of a program that these packages bring (its own name, if none are given). No test is skipped for want of one."""
    if shutil.which(name) is None:
        wanted = packages or (name,)
        command = ["apt-get", "install", "--yes", "--no-install-recommends", *wanted]
        may_install = os.getuid() == 0 and shutil.which("apt-get") is not None
        assert may_install, f"this test needs the program {name}: {' '.join(command)}"
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        process.run(["apt-get", "update", "-qq"], env=env, timeout_s=INSTALL_TIMEOUT_S)
        process.run(command, env=env, timeout_s=INSTALL_TIMEOUT_S)
    found = shutil.which(name)
    assert found, f"{name} is not among what {' '.join(packages)} brought"
    return found
