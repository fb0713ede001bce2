#!/usr/bin/env python3
"""An OCI runtime in front of runc, for hosts whose own capability set is smaller than a privileged container asks for.

runc refuses to start a container that asks for a capability which the host process itself cannot hold
("unable to apply caps: operation not permitted"), and Kind always asks for all of them. This script takes
from the request what the host cannot give (capabilities outside CapBnd, an oom_score_adj below its own, limits above
its own) and execs runc. It runs as a program of its own under the engine, so it imports the standard library alone.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import Any

RUNC = os.environ.get("KIT_RUNC", "runc")

# linux/capability.h, in bit order.
CAPABILITIES = """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
    NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
    SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
    MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
""".split()  # noqa: SIM905  # a table is read more easily than forty quoted words


def held_capabilities(status: str) -> frozenset[str]:
    """Names (CAP_…) in the bounding set, from the text of /proc/<pid>/status."""
    mask = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapBnd:"))
    return frozenset(f"CAP_{name}" for bit, name in enumerate(CAPABILITIES) if mask >> bit & 1)


def own_limits() -> dict[str, int]:
    """Hard limits of this process by their OCI names (RLIMIT_NOFILE …), which nobody without CAP_SYS_RESOURCE can raise."""
    names = (name for name in dir(resource) if name.startswith("RLIMIT_"))
    hard = {name: resource.getrlimit(getattr(resource, name))[1] for name in names}
    return {name: limit for name, limit in hard.items() if limit != resource.RLIM_INFINITY}


def within_bounds(
    process: dict[str, Any], held: frozenset[str], own_oom_score_adj: int, limits: dict[str, int]
) -> dict[str, Any]:
    """The OCI `process` object reduced to what this host can grant (runtime-spec, config.md, "process")."""
    bounded = dict(process)
    if "capabilities" in process:
        bounded["capabilities"] = {
            kind: [name for name in names if name in held] for kind, names in process["capabilities"].items()
        }
    if "rlimits" in process and "CAP_SYS_RESOURCE" not in held:
        bounded["rlimits"] = [
            {
                **limit,
                "hard": min(limit["hard"], limits.get(limit["type"], limit["hard"])),
                "soft": min(limit["soft"], limits.get(limit["type"], limit["soft"])),
            }
            for limit in process["rlimits"]
        ]
    wanted = process.get("oomScoreAdj")
    if wanted is not None and wanted < own_oom_score_adj:
        bounded["oomScoreAdj"] = own_oom_score_adj
    return bounded


def request_file(argv: list[str]) -> tuple[str, bool] | None:
    """Path of the JSON that this runc call reads, and whether it is a whole bundle configuration; None for other calls."""
    if "exec" in argv:
        option, is_bundle = ("--process", "-p"), False
    elif "create" in argv or "run" in argv:
        option, is_bundle = ("--bundle", "-b"), True
    else:
        return None
    for position, word in enumerate(argv):
        name, _, value = word.partition("=")
        if name in option:
            value = value or argv[position + 1]
            return (os.path.join(value, "config.json") if is_bundle else value), is_bundle
    return ("config.json", True) if is_bundle else None


def main() -> None:
    found = request_file(sys.argv[1:])
    if found:
        path, is_bundle = found
        with open("/proc/self/status") as status, open("/proc/self/oom_score_adj") as own:
            held, own_oom_score_adj = held_capabilities(status.read()), int(own.read())
        with open(path) as file:
            request = json.load(file)
        if is_bundle:
            request["process"] = within_bounds(request["process"], held, own_oom_score_adj, own_limits())
        else:
            request = within_bounds(request, held, own_oom_score_adj, own_limits())
        with open(path, "w") as file:
            json.dump(request, file)
    os.execvp(RUNC, [RUNC, *sys.argv[1:]])


if __name__ == "__main__":
    main()
