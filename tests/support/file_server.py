"""A file server and a proxy on loopback, over real TLS by an authority of the test's own, that answer as a test says.

    with file_server(tmp_path) as server:
        server.paths["/github.com/x/program"] = b"content"         # the same as Whole(b"content")
        server.paths["/gone"] = Refused(410)
        server.paths["/moody"] = InTurn(CutShort(b"content", 3), Whole(b"content"))
        …  KIT_FILES_PREFIX=server.url, SSL_CERT_FILE=server.ca
        assert server.asked("/moody") == 2

A path that is not in `paths` is 404, but `folder` may hold files for all others. `requests` tells what was asked, in order, HEAD
included. `hosts` of `proxy` are the names that it knows: name → port on this computer; any other is 502.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import trustme

HOST = "127.0.0.1"
NAMES = (HOST, "localhost", "upstream.example")


class Answer(Protocol):
    """What a path says. `to` is the handler of the standard library, with the request line and the headers read."""

    def give(self, to: Handler) -> None: ...


@dataclass
class Whole:
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def give(self, to: Handler) -> None:
        to.head(200, {"Content-Length": str(len(self.content)), **self.headers})
        to.body(self.content)


@dataclass
class Refused:
    """A status, without anything else."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)

    def give(self, to: Handler) -> None:
        to.head(self.status, {"Content-Length": "0", **self.headers})


@dataclass
class Redirect:
    to: str

    def give(self, to: Handler) -> None:
        to.head(302, {"Location": self.to, "Content-Length": "0"})


@dataclass
class CutShort:
    """Promises the whole, sends `after` bytes, and hangs up: orderly, or with a reset."""

    content: bytes
    after: int
    reset: bool = False

    def give(self, to: Handler) -> None:
        to.head(200, {"Content-Length": str(len(self.content))})
        to.body(self.content[: self.after])
        to.hang_up(reset=self.reset)


@dataclass
class ChunksCutShort:
    """In chunks, without a length, and hangs up before the last."""

    content: bytes
    after: int

    def give(self, to: Handler) -> None:
        to.head(200, {"Transfer-Encoding": "chunked"})
        to.body(b"%x\r\n%s" % (len(self.content), self.content[: self.after]))
        to.hang_up()


@dataclass
class Stalled:
    """Sends `after` bytes of the whole, and then nothing; with `after` None not even a status."""

    content: bytes = b""
    after: int | None = None
    reached: threading.Event = field(default_factory=threading.Event)  # set when it stands still

    def give(self, to: Handler) -> None:
        if self.after is not None:
            to.head(200, {"Content-Length": str(len(self.content))})
            to.body(self.content[: self.after])
        self.reached.set()
        to.server.over.wait(60)
        to.hang_up()


@dataclass
class Held:
    """The whole, once `go` is set."""

    content: bytes
    go: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)

    def give(self, to: Handler) -> None:
        self.reached.set()
        self.go.wait(60)
        Whole(self.content).give(to)


class InTurn:
    """One answer after the other; the last one stays."""

    def __init__(self, *answers: Answer) -> None:
        self._left = list(answers)

    def give(self, to: Handler) -> None:
        (self._left.pop(0) if len(self._left) > 1 else self._left[0]).give(to)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]


@dataclass
class FileServer:
    port: int
    ca: Path
    paths: dict[str, Answer | bytes] = field(default_factory=dict)
    folder: Path | None = None
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    def asked(self, path: str, method: str = "GET") -> int:
        return sum(request.path == path and request.method == method for request in self.requests)

    def answer(self, path: str) -> Answer:
        found = self.paths.get(path)
        if found is None and self.folder is not None:
            file = (self.folder / path.lstrip("/")).resolve()
            if file.is_relative_to(self.folder.resolve()) and file.is_file():
                found = file.read_bytes()
        if found is None:
            return Refused(404)
        return Whole(found) if isinstance(found, bytes) else found


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    timeout = 60

    def setup(self) -> None:
        if self.server.context is not None:
            self.request = self.server.context.wrap_socket(self.request, server_side=True)  # here, in the thread of its own
        super().setup()

    def do_GET(self) -> None:
        held = self.server.of
        held.requests.append(Request(self.command, self.path, dict(self.headers)))
        held.answer(self.path.partition("?")[0]).give(self)

    do_HEAD = do_GET

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def body(self, content: bytes) -> None:
        if self.command != "HEAD":
            self.wfile.write(content)
            self.wfile.flush()

    def hang_up(self, *, reset: bool = False) -> None:
        self.close_connection = True
        if reset:  # a linger of 0 s makes the kernel send RST where it would send FIN
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.request.close()
            self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    context: ssl.SSLContext | None = None
    of: FileServer

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__((HOST, 0), handler)
        self.over = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or did not trust us, is what the tests are about."""


@contextmanager
def file_server(folder: Path, authority: trustme.CA | None = None, *, tls: bool = True) -> Iterator[FileServer]:
    """`folder` gets the authority's certificate; its own answers to NAMES. Plain HTTP with `tls=False`."""
    authority = authority or trustme.CA()
    server = Server(Handler)
    server.context = context_of(authority, NAMES) if tls else None
    port = int(server.server_address[1])
    server.of = FileServer(port, folder / f"files-ca-{port}.pem")
    authority.cert_pem.write_to_path(str(server.of.ca))
    with _running(server):
        yield server.of


def context_of(authority: trustme.CA, names: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


@dataclass
class Proxy:
    port: int
    hosts: dict[str, int] = field(default_factory=dict)
    connected: list[str] = field(default_factory=list)  # what was asked for: name:port
    login: str = ""  # what Proxy-Authorization must be; "" for none
    files: FileServer | None = None  # with it, the proxy opens TLS itself, and answers from there

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


class _Connect(Handler):
    server: _ProxyServer

    def setup(self) -> None:
        BaseHTTPRequestHandler.setup(self)

    def do_CONNECT(self) -> None:
        told = self.server.told
        told.connected.append(self.path)
        if told.login and self.headers.get("Proxy-Authorization") != told.login:
            self.head(407, {"Content-Length": "0", "Proxy-Authenticate": "Basic"})
            return
        if told.files is not None:
            self.head(200, {})
            self._open_tls()
            return
        port = told.hosts.get(self.path.partition(":")[0])
        if port is None:
            self.head(502, {"Content-Length": "0"})
            return
        with socket.create_connection((HOST, port)) as there:
            self.head(200, {})
            _relay(self.connection, there)
        self.close_connection = True

    def _open_tls(self) -> None:
        """What follows on this connection is read as if the proxy were the host that was asked for."""
        assert self.server.told.files is not None
        self.server.of = self.server.told.files
        context = context_of(self.server.authority, (self.path.rpartition(":")[0],))
        self.request = self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")
        self.close_connection = False


class _ProxyServer(Server):
    told: Proxy
    authority: trustme.CA


@contextmanager
def proxy(authority: trustme.CA | None = None) -> Iterator[Proxy]:
    """A forward proxy for HTTPS; set its `files` and it opens TLS by that authority."""
    server = _ProxyServer(_Connect)
    server.authority = authority or trustme.CA()
    server.told = Proxy(int(server.server_address[1]))
    with _running(server):
        yield server.told


@contextmanager
def _running(server: Server) -> Iterator[None]:
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    try:
        yield
    finally:
        server.over.set()
        server.shutdown()
        serving.join()
        server.server_close()


def _relay(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            for side in select.select([one, other], [], [], 60)[0]:
                if not (data := side.recv(65536)):
                    return
                (other if side is one else one).sendall(data)
