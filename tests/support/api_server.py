"""A Kubernetes API server over real HTTPS: asks everybody for a token, tells its version, lists pods, streams their logs."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from kit.pki import authority


def anybody(token: str) -> bool:
    return True


@dataclass
class Api:
    """Where it is, whom it lets in, and whom it saw."""

    server: str
    ca_pem: str
    accepts: Callable[[str], bool] = anybody
    bearers: list[str] = field(default_factory=list)
    pods: list[Mapping[str, Any]] = field(default_factory=list)
    logs: dict[tuple[str, str], SimpleQueue[str | None]] = field(default_factory=dict)  # pod, container → pieces; None: its end
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)  # path and query of each log that was asked for

    def log(self, pod: str, container: str) -> SimpleQueue[str | None]:
        return self.logs.setdefault((pod, container), SimpleQueue())


@contextmanager
def api_server(folder: Path, name: str = "127.0.0.1") -> Iterator[Api]:
    """`name` is what its certificate is for."""
    now = datetime.now(UTC)
    made = authority.create("api", now)
    leaf = authority.issue(made, "api", ("127.0.0.1", name), now)
    pair = folder / "pair.pem"
    pair.write_bytes(leaf.certificate_pem() + made.intermediate.certificate_pem() + leaf.key_pem())
    state = Api("", made.root.certificate_pem().decode())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            state.bearers.append(token)
            is_known = state.accepts(token)
            path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
            if is_known and path.endswith("/log"):
                self._stream(path, query)
                return
            said = {"items": state.pods} if path.endswith("/pods") else {"gitVersion": "v1.33.1"}
            body = json.dumps(said if is_known else {"message": "Unauthorized"}).encode()
            self.send_response(200 if is_known else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _stream(self, path: str, query: dict[str, str]) -> None:
            """Each piece as one chunk, at once, as the kubelet's are handed on; till the log's end."""
            state.asked.append((path, query))
            pieces = state.log(path.split("/")[-2], query["container"])
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in iter(pieces.get, None):
                self.wfile.write(f"{len(piece.encode()):x}\r\n{piece}\r\n".encode())
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *words: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        state.server = f"https://127.0.0.1:{server.server_address[1]}"
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield state
        finally:
            server.shutdown()
            serving.join()
