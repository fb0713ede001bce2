"""The S3 server of the emulator: plain HTTP on loopback, as forward proxy for the one host of object storage.

The provider addresses buckets by host name (`http://<bucket>.storage.yandexcloud.net/?policy`) and cannot be told otherwise. With
HTTP_PROXY pointing here no name has to resolve and nobody has to be root. For the same reason this must never become a way to
anywhere else: whatever is not the storage's own host is refused before anything else is looked at, and a tunnel leads to what
this cloud's public DNS and load balancers lead to (`run/controller.py`). What a request means, `requests` says.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from kit.state.ports import LOOPBACK
from kit.yandex.contract import STORAGE_HOST, Backing, PortTaken
from kit.yandex.s3 import documents, tunnel
from kit.yandex.s3.bucket_state import BucketState
from kit.yandex.s3.requests import Answer, S3Request, S3RequestHandler, error_answer
from kit.yandex.s3.signature import HttpRequest
from kit.yandex.s3.tunnel import Destination, TunnelRefused

BODY_LIMIT_BYTES = 1 << 28
IDLE_S = 60
LOCAL_HOSTS = frozenset({LOOPBACK, "localhost"})


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request is for: `bucket` and `key` decoded, either may be empty; `path` as it was signed."""

    authority: str
    path: str
    query: tuple[tuple[str, str], ...]
    bucket: str
    key: str


def start(buckets: BucketState, backing: Backing, port: int, destination: Destination = tunnel.no_destination) -> StorageServer:
    """Listen on 127.0.0.1; port 0 takes a free one. `destination` says where tunnels lead. Raises `PortTaken`."""
    try:
        server = _Server((LOOPBACK, port), _Handler)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(port=port, option="--s3-port") from error
        raise
    server.requests = S3RequestHandler(buckets, backing)
    server.destination = destination
    return StorageServer(server)


class StorageServer:
    """A running S3 server."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="s3", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # kept-alive connections of clients that are still there
    request_queue_size = 64
    requests: S3RequestHandler
    destination: Destination

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up; what goes wrong inside is answered as InternalError."""


def locate(target: str, host_header: str, port: int) -> Address | None:
    """The bucket and key that a request is for; None where its host is not this server's own."""
    if target.startswith("/"):
        authority, rest = host_header, urlsplit(f"//host{target}")
    else:
        rest = urlsplit(target)
        if rest.scheme != "http" or "@" in rest.netloc:
            return None
        authority = rest.netloc
    host, _, number = authority.lower().partition(":")
    path = rest.path or "/"
    query = tuple(parse_qsl(rest.query, keep_blank_values=True))
    is_storage = number in ("", "80")
    if (host in LOCAL_HOSTS and number == str(port)) or (host == STORAGE_HOST and is_storage):
        bucket, _, key = path.lstrip("/").partition("/")
        return Address(authority, path, query, unquote(bucket), unquote(key))
    if host.endswith(f".{STORAGE_HOST}") and is_storage:
        return Address(authority, path, query, host.removesuffix(f".{STORAGE_HOST}"), unquote(path.removeprefix("/")))
    return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "kit"
    sys_version = ""
    timeout = IDLE_S
    wbufsize = -1  # the answer's head and body leave together
    server: _Server

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:  # the client has gone
            self.close_connection = True

    def _answer(self) -> None:
        body = self._body()
        if body is None:
            return
        port = self.server.server_address[1]
        address = locate(self.path, self.headers.get("Host", ""), port)
        if address is None:
            self.close_connection = True
            message = f"This proxy serves {STORAGE_HOST} and nothing else."
            self._send(error_answer(403, "AccessDenied", message, self.path))
            return
        headers = {name.lower(): ",".join(self.headers.get_all(name, [])).strip() for name in self.headers}
        headers["host"] = address.authority
        http = HttpRequest(self.command, address.path, address.query, headers, body)
        self._send(self.server.requests.answer(S3Request(address.bucket, address.key, http)))

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # http.server looks for these names

    def do_CONNECT(self) -> None:
        self.close_connection = True
        try:
            server = tunnel.connect(self.path, self.server.destination)
        except TunnelRefused as refused:
            # The reason stands in the status line too: clients show that, and no body of a refused tunnel.
            self._send(error_answer(403, "AccessDenied", str(refused), self.path), f"Forbidden: {refused}")
            return
        with server:
            self.send_response(200, "Connection established")
            self.end_headers()
            self.wfile.flush()
            tunnel.relay(self.connection, server)

    def _body(self) -> bytes | None:
        """Whole, or None when it was refused."""
        if self.headers.get("Transfer-Encoding"):
            refused = error_answer(411, "MissingContentLength", "You must provide the Content-Length header.", self.path)
        else:
            length = self.headers.get("Content-Length", "0")
            if length.isdigit() and int(length) <= BODY_LIMIT_BYTES:
                body = self.rfile.read(int(length))
                if len(body) < int(length):
                    self.close_connection = True  # the client has gone; half a body is no body
                    return None
                return body
            refused = error_answer(
                400, "EntityTooLarge", f"At most {BODY_LIMIT_BYTES} bytes at once; upload in parts.", self.path
            )
        self.close_connection = True
        self._send(refused)
        return None

    def _send(self, answer: Answer, reason: str | None = None) -> None:
        self.send_response(answer.status, reason)
        pieces: Iterator[bytes] = iter((answer.body,)) if isinstance(answer.body, bytes) else answer.body
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if isinstance(answer.body, bytes) and self.command != "HEAD" and answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        elif "content-length" not in {name.lower() for name in answer.headers} and answer.status != 204:
            # Neither a length nor an end: only closing tells where it ends.
            self.close_connection = self.command != "HEAD"
            self.send_header("Content-Length", "0") if self.command == "HEAD" else self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            for piece in pieces:
                self.wfile.write(piece)
        self.wfile.flush()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """For what http.server itself refuses: S3's form instead of a page of HTML."""
        self.close_connection = True
        body = documents.error("MethodNotAllowed" if code == 501 else "InvalidRequest", message or "Bad request", "", "")
        self._send(Answer(405 if code == 501 else code, {"Content-Type": "application/xml"}, body.encode()))

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged: their headers hold tokens."""
