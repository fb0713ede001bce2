"""Chooses a port of 127.0.0.1 for each store: the user's, else the remembered one, else the usual one, else any free one.

The choice is remembered per stack, so that a URL someone noted stays right. Whether a port is free is asked of the kernel by
binding it; who holds it is looked up only for the error. Between the choice and the start of the containers the kernel knows
nothing yet: a stack claims its ports in one file of this computer, and the claim holds as long as somebody works on the stack.
"""

from __future__ import annotations

import json
import os
import platform
import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kit import files
from kit.errors import KitError
from kit.state import lock

LOOPBACK = "127.0.0.1"
KNOCK_S = 1.0  # on this computer the kernel answers at once, or a firewall keeps silent
CLAIMS = "ports.json"  # in the cache, which all stacks of this user share
CHOICE_S = 60.0  # a choice takes milliseconds


class PortTaken(KitError):
    """A port that the user fixed is in use by someone else."""

    code = "KIT-PORT-TAKEN"
    exit_code = 23
    what = "port {port} is in use"
    why = "{owner} listens on it"
    fix = "stop it, or remove `{key}` from `ports` in kit.yaml and let kit choose"


def is_free(port: int) -> bool:
    """Whether a port of 127.0.0.1 can be bound and nobody answers on it.

    SO_REUSEADDR, so that connections which have ended a moment ago do not make it taken. On Linux it gives way to every listener;
    on BSD, and so on macOS, it binds 127.0.0.1 beside one on all addresses, who is then found by knocking (socket(7) of Linux;
    stackoverflow.com/questions/14388706; read 2026-11-28).
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return platform.system() == "Linux" or not _answers(port)


def _answers(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as knock:
        knock.settimeout(KNOCK_S)
        return knock.connect_ex((LOOPBACK, port)) == 0


def any_free() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def load(path: Path) -> dict[str, int]:
    """The remembered ports; a damaged file is forgotten, for every port can be chosen anew."""
    try:
        return {str(key): int(port) for key, port in json.loads(path.read_text()).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


@contextmanager
def choosing(shared: Path) -> Iterator[None]:
    """No other stack of this computer chooses or claims ports meanwhile; `shared` is the folder that all of them know."""
    with lock.held(shared / "ports.lock", "(the choice of ports)", "up", wait_s=CHOICE_S):
        yield


def claimed(shared: Path, own: Path) -> Mapping[int, str]:
    """Port → the other stack that has claimed it and is being worked on. `own` is the lock of the one that asks."""
    return {port: Path(holder).stem for holder, ports in _claims(shared).items() if Path(holder) != own for port in ports}


def claim(shared: Path, own: Path, ports: Collection[int]) -> None:
    """Keep others from choosing these as long as the lock `own` is held."""
    files.write_json(shared / CLAIMS, {**_claims(shared), str(own): sorted(ports)})


def _claims(shared: Path) -> Mapping[str, list[int]]:
    """Lock file of a stack → its ports; only of stacks whose lock somebody holds."""
    try:
        document = json.loads((shared / CLAIMS).read_text())
        return {str(holder): [int(port) for port in ports] for holder, ports in document.items() if lock.is_held(Path(holder))}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def choose(
    usual: Mapping[str, int],
    fixed: Mapping[str, int],
    remembered: Mapping[str, int],
    ours: Collection[int],
    *,
    free: Callable[[int], bool] = is_free,
    fallback: Callable[[], int] = any_free,
    owner: Callable[[int], str] = lambda port: "another program",
) -> dict[str, int]:
    """Ports by key; `ours` are those that this stack's own containers hold at this moment. Raises `PortTaken`.

    What is fixed goes first: a store whose usual port that is gets another one.
    """
    chosen: dict[str, int] = {}
    for key in filter(fixed.__contains__, usual):
        if fixed[key] not in ours and not free(fixed[key]):
            raise PortTaken(key=key, port=fixed[key], owner=owner(fixed[key]))
        chosen[key] = fixed[key]
    for key in (key for key in usual if key not in fixed):
        candidates = [port for port in (remembered.get(key), usual[key]) if port and (port in ours or free(port))]
        chosen[key] = _first(iter(candidates), fallback, chosen.values())
    return {key: chosen[key] for key in usual}


def _first(candidates: Iterator[int], fallback: Callable[[], int], taken: Collection[int]) -> int:
    """The first that no other key has, or as many of the fallback's as it needs."""
    while True:
        port = next(candidates, None)
        port = fallback() if port is None else port
        if port not in taken:
            return port


def save(path: Path, ports: Mapping[str, int]) -> None:
    if load(path) != ports:
        files.write_json(path, dict(ports))


def listener(port: int) -> str:
    """Who listens on a port, from /proc; "another program" where that cannot be seen."""
    wanted = f":{port:04X}"
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        inodes |= {row.split()[9] for row in rows if row.split()[1].endswith(wanted) and row.split()[3] == "0A"}
    sockets = {f"socket:[{inode}]" for inode in inodes}
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(handle) in sockets:
                process = handle.parents[1]
                return f"process {process.name} ({(process / 'comm').read_text().strip()})"
        except OSError:  # it has ended, or is another user's
            continue
    return "another program"
