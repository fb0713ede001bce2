"""A proxy that knows CONNECT alone, and leads every name to where the test says."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Seen:
    port: int = 0
    asked: list[str] = field(default_factory=list)  # "cluster.example:6443"
    logins: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def connect_proxy(leads_to: Callable[[str], int | None]) -> Iterator[Seen]:
    """`leads_to`: what is asked for → a port on this computer, or None, which is refused."""
    seen = Seen()

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            seen.asked.append(self.path)
            seen.logins.append(self.headers.get("Proxy-Authorization", ""))
            port = leads_to(self.path)
            if port is None:
                self.send_error(403)
                return
            with socket.create_connection(("127.0.0.1", port)) as there:
                self.send_response(200)
                self.end_headers()
                with suppress(OSError):
                    _carry(self.connection, there)

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        seen.port = int(server.server_address[1])
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield seen
        finally:
            server.shutdown()
            serving.join()


def _carry(one: socket.socket, other: socket.socket) -> None:
    """Both ways, until one of them has nothing more to say."""
    while True:
        for ready in select.select([one, other], [], [])[0]:
            data = ready.recv(65536)
            if not data:
                return
            (other if ready is one else one).sendall(data)
