"""An engine by data, on a unix socket: answers as recorded or as documented, for what the engine of this computer does not do."""

from __future__ import annotations

import json
import re
import socketserver
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Asked:
    method: str
    path: str  # without the version
    api: str  # the version, empty where there was none
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Told:
    """A document, bytes, or a stream of pieces, each as one chunk."""

    body: Any = None
    status: int = 200
    pieces: Sequence[Mapping[str, Any]] | None = None


@dataclass
class FakeEngine:
    """`answers` by method and path without the version; whatever is not in it is a 404 that says so."""

    answers: dict[tuple[str, str], Told]
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def engine(
    path: Path, answers: Mapping[tuple[str, str], Told], *, api: str = "1.52", version: str = "29.0.0"
) -> Iterator[FakeEngine]:
    """Listens at `path` (a socket's is at most 107 characters long)."""
    told = {"ApiVersion": api, "MinAPIVersion": "1.40", "Version": version, "Os": "linux", "Arch": "amd64"}
    made = FakeEngine({("GET", "/version"): Told(told), **answers})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            found = re.fullmatch(r"(?:/v([\d.]+))?(/.*)", parts.path)
            assert found is not None
            self._read()
            made.asked.append(Asked(self.command, unquote(found[2]), found[1] or "", parse_qs(parts.query), dict(self.headers)))
            answer = made.answers.get((self.command, unquote(found[2])), Told({"message": f"no such thing: {found[2]}"}, 404))
            self._chunks(answer) if answer.pieces is not None else self._whole(answer)

        do_POST = do_DELETE = do_GET

        def _read(self) -> None:
            if self.headers.get("Transfer-Encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    self.rfile.read(size + 2)
                self.rfile.readline()
            self.rfile.read(int(self.headers.get("Content-Length", "0")))

        def _whole(self, answer: Told) -> None:
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _chunks(self, answer: Told) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in answer.pieces or ():
                body = json.dumps(piece).encode() + b"\r\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
            self.wfile.write(b"0\r\n\r\n")

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *words: object) -> None:
            pass

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    with Server(str(path), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        serving.start()
        try:
            yield made
        finally:
            server.shutdown()
            serving.join()
