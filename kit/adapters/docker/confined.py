"""A throw-away container that can reach nothing: no network, no files, no privileges, and only so much time, memory and output.

Its input comes by stdin, so that nothing of this computer is mounted, and a remote engine serves as well as a local one.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kit.adapters.bounded import Bounded, Bounds, Collected
from kit.errors import KitError

if TYPE_CHECKING:
    from kit.adapters.docker.client import Docker

USER = "10001:10001"
LABEL = "dev.kit.confined"  # of no stack: nothing of them outlives the call
PROCESSES = 16  # runc itself needs a few before the program is alone
STREAMS = {1: "stdout", 2: "stderr"}
HEADER_BYTES = 8


def run_confined(docker: Docker, image: str, argv: Sequence[str], *, stdin: bytes, bounds: Bounds) -> Bounded:
    """Run `argv` in it. `stdin` is not closed behind its last byte: the program must know by itself where it ends.

    The container removes itself, and is removed when it exceeds its bounds.
    """
    from docker.types import LogConfig

    with docker.doing(f"run {image} by itself"):
        host = docker.api.create_host_config(
            network_mode="none",
            ipc_mode="none",  # and so no /dev/shm, which could be written to
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            pids_limit=PROCESSES,
            mem_limit=bounds.memory_bytes,
            memswap_limit=bounds.memory_bytes,
            log_config=LogConfig(type="none"),  # what it prints must not fill the engine's disk
            auto_remove=True,
        )
        created = docker.api.create_container(
            image,
            entrypoint=argv[0],
            command=list(argv[1:]),
            user=USER,
            working_dir="/",
            stdin_open=True,
            labels={LABEL: ""},
            host_config=host,
            use_config_proxy=False,  # the SDK would hand on the user's proxy, its password included
        )["Id"]
    try:
        with docker.doing(f"run {image} by itself", bounds.time_s):
            attached = docker.api.attach_socket(created, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            wire = getattr(attached, "_sock", attached)
            try:
                docker.api.start(created)
                return _collect(wire, stdin, Collected(bounds))
            finally:
                _hang_up(wire)
                attached.close()
    finally:
        with suppress(KitError):  # mostly it has removed itself
            docker.remove_container(created)


def _hang_up(wire: Any) -> None:
    """Now, and not when the last reference goes: an engine that still has output to write here does not end the container."""
    with suppress(OSError):  # it has ended, and its end of the connection with it
        wire.shutdown(socket.SHUT_RDWR)
    wire.close()


def _collect(wire: Any, stdin: bytes, collected: Collected) -> Bounded:
    try:
        wire.settimeout(collected.left_s)
        wire.sendall(stdin)
        for stream, data in _frames(wire, collected):
            collected.add(stream, data)
            if exceeded := collected.exceeded:
                return collected.outcome(exceeded)
    except TimeoutError:
        return collected.outcome("time")
    except (BrokenPipeError, ConnectionResetError):  # it ended before it had read everything
        pass
    return collected.outcome("")


def _frames(wire: Any, collected: Collected) -> Iterator[tuple[str, bytes]]:
    """Pieces of either stream: a header that says which and how long, then the data, as they come."""
    while header := _exactly(wire, HEADER_BYTES, collected):
        left = int.from_bytes(header[4:], "big")
        while left:
            data = _some(wire, left, collected)
            if not data:
                return
            left -= len(data)
            yield STREAMS.get(header[0], "stderr"), data


def _exactly(wire: Any, number: int, collected: Collected) -> bytes:
    """b"" at the end of the stream."""
    found = b""
    while len(found) < number:
        if not (data := _some(wire, number - len(found), collected)):
            return b""
        found += data
    return found


def _some(wire: Any, number: int, collected: Collected) -> bytes:
    if not collected.left_s:
        raise TimeoutError
    wire.settimeout(collected.left_s)
    data: bytes = wire.recv(min(number, 65536))
    return data
