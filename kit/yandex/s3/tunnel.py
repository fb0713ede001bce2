"""Carries the bytes of one CONNECT between a client and a port of this computer, until either side ends."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable

CONNECT_S = 5.0
IDLE_S = 120.0
BLOCK = 64 * 1024
# Host and port → the address on this computer that stands for them. Raises `TunnelRefused`.
Destination = Callable[[str, int], tuple[str, int]]


class TunnelRefused(Exception):
    """There is no tunnel to this destination; why, in words."""


def no_destination(host: str, port: int) -> tuple[str, int]:
    raise TunnelRefused("this proxy opens no tunnels")


def connect(target: str, destination: Destination) -> socket.socket:
    """`target` is what follows CONNECT. Raises `TunnelRefused`."""
    host, _, port = target.rpartition(":")
    if not host or not port.isdigit():
        raise TunnelRefused(f"{target} is no host and port")
    place = destination(host.lower(), int(port))
    try:
        return socket.create_connection(place, CONNECT_S)
    except OSError as error:
        raise TunnelRefused(f"nobody answers at the node's port ({error})") from error


def relay(client: socket.socket, server: socket.socket) -> None:
    """Both ways, until one of them hangs up or both are silent for long."""
    other = {client: server, server: client}
    while readable := select.select([*other], [], [], IDLE_S)[0]:
        for side in readable:
            try:
                data = side.recv(BLOCK)
                if not data:
                    return
                other[side].sendall(data)
            except OSError:
                return
