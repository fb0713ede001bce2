"""An engine that answers as another one did: what tests/engines holds, served on a socket, and nothing else."""

from __future__ import annotations

import json
import re
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "engines"


def recorded(name: str) -> Any:
    """kernel, address, info, version and expect of an engine."""
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


@contextmanager
def answering(path: Path, engine: Mapping[str, Any]) -> Iterator[list[str]]:
    """Serve its /info and /version at a socket; yields the growing list of what was asked ("GET /info"), whatever the answer."""
    asked: list[str] = []
    answers = {"/info": engine["info"], "/version": engine["version"]}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

        def _answer(self) -> None:
            place = re.sub(r"^/v[0-9.]+", "", self.path.partition("?")[0])
            asked.append(f"{self.command} {place}")
            body = json.dumps(answers.get(place, {"message": "not recorded"})).encode()
            self.send_response(200 if place in answers else 501)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *words: object) -> None:
            pass

    class Server(socketserver.ThreadingUnixStreamServer):
        request_queue_size = 64  # a client with several threads is not to be turned away

    with Server(str(path), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield asked
        finally:
            server.shutdown()
            serving.join()
