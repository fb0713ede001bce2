"""A Kubernetes API server that knows one question and asks everybody for a token, over real HTTPS."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

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
        def do_GET(self) -> None:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            state.bearers.append(token)
            is_known = state.accepts(token)
            body = json.dumps({"gitVersion": "v1.33.1"} if is_known else {"message": "Unauthorized"}).encode()
            self.send_response(200 if is_known else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

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
