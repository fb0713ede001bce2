"""The way to a server that may lie behind a proxy: whom to connect to, and what to say to it before TLS begins."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from kit.adapters.proxies import Proxy
from kit.stores.contract import Preamble
from kit.stores.wire.tls import ProtocolBroken

LIMIT_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Way:
    host: str
    port: int
    preamble: Preamble | None


def way(host: str, port: int, proxy: Proxy | None) -> Way:
    return Way(proxy.host, proxy.port, lambda plain: _connect(plain, host, port, proxy)) if proxy else Way(host, port, None)


def _connect(plain: socket.socket, host: str, port: int, proxy: Proxy) -> None:
    """Raises `ProtocolBroken` with the proxy's words where it refuses."""
    login = (f"{name}: {text}" for name, text in proxy.headers.items())
    lines = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}", *login]
    plain.sendall("\r\n".join([*lines, "", ""]).encode())
    said = bytearray()
    while not said.endswith(b"\r\n\r\n"):  # not a byte more: what follows is the server's
        part = plain.recv(1)
        if not part or len(said) > LIMIT_BYTES:
            raise ProtocolBroken(f"the proxy at {proxy.address} does not answer as one")
        said += part
    status, _, words = said.partition(b"\r\n")[0].decode(errors="replace").partition(" ")[2].partition(" ")
    if status != "200":
        raise ProtocolBroken(f"the proxy at {proxy.address} says {status} {words}")
