"""A socket in front of the engine's that writes down every request, so that "changes nothing" can be counted."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ENGINE = "/var/run/docker.sock"


@contextmanager
def recording(path: Path) -> Iterator[list[tuple[str, str]]]:
    """Serve at `path`; yields the growing list of (method, path) of all requests."""
    requests: list[tuple[str, str]] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen(64)
        accepting = threading.Thread(target=_accept, args=(server, requests), daemon=True)
        accepting.start()
        yield requests
        server.shutdown(socket.SHUT_RDWR)
    accepting.join(5)


def writes(requests: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [request for request in requests if request[0] not in ("GET", "HEAD")]


def _accept(server: socket.socket, requests: list[tuple[str, str]]) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        engine = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        engine.connect(ENGINE)
        threading.Thread(target=_watch, args=(client, engine, requests), daemon=True).start()
        threading.Thread(target=_copy, args=(engine, client), daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def _watch(client: socket.socket, engine: socket.socket, requests: list[tuple[str, str]]) -> None:
    """Copy what the client says; every head of a request is noted, bodies are passed over by their length."""
    pending = b""
    body_left = 0
    with suppress(OSError):
        while data := client.recv(65536):
            engine.sendall(data)
            pending += data
            while pending:
                if body_left:
                    taken = min(body_left, len(pending))
                    pending, body_left = pending[taken:], body_left - taken
                    continue
                head, separator, rest = pending.partition(b"\r\n\r\n")
                if not separator:
                    break
                lines = head.decode("latin-1").split("\r\n")
                method, path, _ = lines[0].split(" ", 2)
                requests.append((method, path))
                fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
                body_left = int(fields.get("content-length", "0"))
                pending = rest
                if "upgrade" in fields or fields.get("transfer-encoding") == "chunked":
                    pending, body_left = b"", 1 << 62  # a stream from here on
        engine.shutdown(socket.SHUT_WR)
