"""The engine behind TLS on loopback, with a client certificate asked for: what a remote engine looks like."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trustme

HOST = "127.0.0.1"


@dataclass
class TlsEngine:
    port: int
    folder: Path  # ca.pem, cert.pem, key.pem, as DOCKER_CERT_PATH has them
    connections: int = 0  # those that came through TLS with the certificate

    @property
    def address(self) -> str:
        return f"tcp://{HOST}:{self.port}"


@contextmanager
def behind_tls(folder: Path, engine: str = "/var/run/docker.sock") -> Iterator[TlsEngine]:
    """Certificates are written into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    client = authority.issue_cert("client@example.org")
    client.private_key_pem.write_to_path(folder / "key.pem")
    client.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server((HOST, 0)) as listening:
        made = TlsEngine(int(listening.getsockname()[1]), folder)

        def accept() -> None:
            while True:
                try:
                    plain, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(plain,), daemon=True).start()

        def serve(plain: socket.socket) -> None:
            with suppress(OSError):
                secured = context.wrap_socket(plain, server_side=True)
                made.connections += 1
                inner = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                inner.connect(engine)
                threading.Thread(target=_copy, args=(inner, secured, socket.SHUT_RDWR), daemon=True).start()
                _copy(secured, inner, socket.SHUT_WR)  # `docker exec` says so that its input is over; its output is not

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _copy(source: socket.socket, sink: socket.socket, how: int) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(how)
