"""A server over real TLS that answers as a test says, and the authority that signed its certificate."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kit.pki import authority

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Certified:
    ca: Path
    pair: Path  # leaf, chain and key


def certified(folder: Path, names: tuple[str, ...] = (HOST, "localhost")) -> Certified:
    """By an authority as kit makes them."""
    now = datetime.now(UTC)
    made = authority.create("test", now)
    leaf = authority.issue(made, "test", names, now)
    return _written(
        folder, made.root.certificate_pem(), leaf.certificate_pem() + made.intermediate.certificate_pem() + leaf.key_pem()
    )


def certified_laxly(folder: Path, name: str = HOST) -> Certified:
    """By an authority as people make them by hand: no key usage, no authority key identifier."""
    now = datetime.now(UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "by hand")])
    names = x509.SubjectAlternativeName([authority.general_name(name)])

    def started(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(root_name).public_key(public)
        made = made.serial_number(x509.random_serial_number())
        return made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))

    root = started(root_name, root_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=False
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
    leaf = started(subject, key.public_key()).add_extension(names, critical=False).sign(root_key, hashes.SHA256())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = serialization.Encoding.PEM
    return _written(folder, root.sign(root_key, hashes.SHA256()).public_bytes(pem), leaf.public_bytes(pem) + private)


def _written(folder: Path, ca: bytes, pair: bytes) -> Certified:
    made = Certified(folder / "ca.crt", folder / "pair.pem")
    made.ca.write_bytes(ca)
    made.pair.write_bytes(pair)
    return made


def _context(by: Certified) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(by.pair)
    return context


@contextmanager
def https(by: Certified, handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Its port."""
    with ThreadingHTTPServer((HOST, 0), handler) as server:
        server.socket = _context(by).wrap_socket(server.socket, server_side=True)
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            serving.join()


def old_context(by: Certified) -> ssl.SSLContext:
    """Of a server that takes TLS 1.1."""
    context = _context(by)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    return context


@contextmanager
def serving(by: Certified, talk: Callable[[ssl.SSLSocket], None], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """`talk` has each connection to itself; the port."""
    context = context or _context(by)
    with socket.create_server((HOST, 0)) as listening:

        def accept() -> None:
            while True:
                try:
                    plain, _ = listening.accept()
                except OSError:
                    return
                with suppress(OSError), context.wrap_socket(plain, server_side=True) as secured:
                    talk(secured)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
