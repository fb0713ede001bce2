"""A front before a registry that refuses as real ones do: by a status, by silence, half a blob, or a closed connection.

    with registry(folder) as upstream, front(upstream) as made:
        pushed(docker, f"{upstream}/library/name", file)
        made.refusal = "limited"           # every manifest is answered with 429 from now on
        … KIT_REGISTRY_PREFIX=f"{made.address}/" …

It passes on what it does not refuse, so one program (Debian's `docker-registry`, through `registry`) serves every case. What was
asked is in `requests`. A test sets `refusal` at any time; None lets everything through.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from kit.adapters import process
from kit.adapters.docker.client import Docker
from tests.support.debian import program

HOST = "127.0.0.1"
START_S = 20.0
BLOCK = 64 * 1024

# Refused by a status, with the code and words that the distribution specification and Docker Hub use for it.
STATUSES: Mapping[str, tuple[int, str, str]] = {
    "unauthorized": (401, "UNAUTHORIZED", "authentication required"),
    "forbidden": (403, "DENIED", "requested access to the resource is denied"),
    "absent": (404, "MANIFEST_UNKNOWN", "manifest unknown"),
    "limited": (429, "TOOMANYREQUESTS", "You have reached your unauthenticated pull rate limit."),
    "failing": (503, "UNAVAILABLE", "the service is down for maintenance"),
}
Refusal = Literal["unauthorized", "forbidden", "absent", "limited", "failing", "silent", "closes", "half"]


@dataclass
class Front:
    """`address` is what goes in front of a repository's name, and into KIT_REGISTRY_PREFIX."""

    address: str
    refusal: Refusal | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)  # method and path, in the order they came
    stopped: threading.Event = field(default_factory=threading.Event)  # half a blob was sent, and no more will be
    released: threading.Event = field(default_factory=threading.Event)  # set: whoever is being silent hangs up


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """An empty registry that keeps what it is given in `folder`; its address."""
    address = f"{HOST}:{free_port()}"
    configuration = folder / "config.yml"
    configuration.write_text(
        "version: 0.1\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'data'}}}}}\n"
        f"http: {{addr: '{address}'}}\n"
        "log: {level: info}\n"
    )
    log = folder / "registry.log"
    pid = process.spawn([program("docker-registry"), "serve", str(configuration)], log=log)
    try:
        wait_for(address, log)
        yield address
    finally:
        os.kill(pid, signal.SIGTERM)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


def pushed(docker: Docker, repository: str, *files: Path) -> str:
    """Push an image with these files, under the tag 1, and leave nothing of it in the engine; its digest at the registry."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root.tar"
        with tarfile.open(root, "w") as tar:
            for file in files:
                tar.add(file, file.name)
        docker.images.import_tar(root, f"{repository}:1", labels={})
    answers = list(docker.api.push(repository, tag="1", stream=True, decode=True))
    assert not [answer for answer in answers if "error" in answer], answers
    forget(docker, repository)
    return next(answer["aux"]["Digest"] for answer in answers if "aux" in answer)


def forget(docker: Docker, part: str) -> None:
    """Take the names of which this is a part away from the engine."""
    for image in docker.images.all():
        for name in (*image.tags, *image.digests):
            if part in name:
                docker.images.untag(name)


@contextmanager
def front(upstream: str) -> Iterator[Front]:
    """A front before the registry at `upstream` (host:port), which must not be the front of another."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _answer(self, made, upstream)

        do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def finish_request(self, request: Any, client_address: Any) -> None:
            """In a thread of its own, with a connection that was just opened; the caller closes it."""
            if made.refusal == "silent":
                made.released.wait()
            elif made.refusal != "closes":
                super().finish_request(request, client_address)

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # the engine hangs up in the middle, and tries TLS first

    with Server((HOST, 0), Handler) as server:
        made = Front(f"{HOST}:{server.server_address[1]}")
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        serving.start()
        try:
            yield made
        finally:
            made.released.set()
            server.shutdown()
            serving.join()


def _answer(asked: BaseHTTPRequestHandler, made: Front, upstream: str) -> None:
    made.requests.append((asked.command, asked.path))
    refusal = made.refusal
    # What is refused is the image. An unauthorized client learns it with its first question already, and how to log in.
    if refusal in STATUSES and (refusal == "unauthorized" or "/manifests/" in asked.path):
        _refuse(asked, *STATUSES[refusal])
    elif refusal in ("silent", "closes"):  # it became so while this connection was open
        if refusal == "silent":
            made.released.wait()
        asked.close_connection = True
    else:
        _pass_on(asked, made, upstream)


def _refuse(asked: BaseHTTPRequestHandler, status: int, code: str, message: str) -> None:
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    asked.send_response(status)
    asked.send_header("Docker-Distribution-Api-Version", "registry/2.0")
    if status == 401:
        asked.send_header("WWW-Authenticate", 'Basic realm="test"')
    asked.send_header("Content-Type", "application/json")
    asked.send_header("Content-Length", str(len(body)))
    asked.end_headers()
    if asked.command != "HEAD":
        asked.wfile.write(body)


def _pass_on(asked: BaseHTTPRequestHandler, made: Front, upstream: str) -> None:
    body = asked.rfile.read(int(asked.headers.get("Content-Length", "0")))
    connection = http.client.HTTPConnection(upstream)
    try:
        connection.putrequest(asked.command, asked.path, skip_host=True, skip_accept_encoding=True)
        for name, value in asked.headers.items():  # several of one name: the engine sends each type that it accepts on a line
            connection.putheader(name, value)
        connection.endheaders(body or None)
        answer = connection.getresponse()
        asked.send_response(answer.status)
        for name, value in answer.getheaders():
            asked.send_header(name, value)
        asked.end_headers()
        left = int(answer.getheader("Content-Length") or 0)
        is_layer = "/blobs/" in asked.path and asked.command == "GET" and left > BLOCK
        stops_at = left // 2 if made.refusal == "half" and is_layer else 0
        with suppress(OSError):  # the engine hangs up when its own user does
            while block := answer.read(max(1, min(BLOCK, left - stops_at))):
                asked.wfile.write(block)
                left -= len(block)
                if stops_at and left <= stops_at:
                    asked.wfile.flush()
                    made.stopped.set()
                    made.released.wait()
                    asked.close_connection = True
                    return
    finally:
        connection.close()


def wait_for(address: str, log: Path) -> None:
    host, _, port = address.partition(":")
    ends = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            assert time.monotonic() < ends, log.read_text()
            threading.Event().wait(0.05)
        else:
            return


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])
