"""As much of Postgres' protocol as a login and one query take: start TLS, SCRAM-SHA-256, `SELECT 1`.

The probe speaks it itself for two reasons: psycopg takes 0.2 s to import, which `kit status` does not have, and libpq does not
show the certificate it verified. Messages: postgresql.org/docs/17/protocol-message-formats.html; SCRAM: RFC 5802 and 7677.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import socket
import struct

from kit.endpoints import Secret
from kit.stores.tls import Connection, LoginRefused, ProtocolBroken

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
PROTOCOL_3 = 196608
MESSAGE_LIMIT_BYTES = 1 << 16
# SQLSTATE classes: 28 wrong user or password, 3D no such database, 42 right missing
REFUSED = ("28", "3D", "42")


def start_tls(plain: socket.socket) -> None:
    """Ask for TLS and wait for the one byte that grants it."""
    plain.sendall(SSL_REQUEST)
    answer = plain.recv(1)
    if not answer:
        raise ConnectionResetError  # a published port accepts and hangs up while the server is not there yet
    if answer != b"S":
        raise ProtocolBroken("the server does not offer TLS")


def startup_message(user: str, database: str) -> bytes:
    fields = b"".join(word.encode() + b"\0" for word in ("user", user, "database", database, "application_name", "kit"))
    body = struct.pack("!i", PROTOCOL_3) + fields + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def log_in(connection: Connection, user: str, password: Secret, database: str) -> None:
    """Raises LoginRefused or ProtocolBroken; returns when the server is ready for queries."""
    connection.send(startup_message(user, database))
    mechanisms = _authentication(connection, 10)
    if b"SCRAM-SHA-256" not in mechanisms.split(b"\0"):
        raise ProtocolBroken("the server does not offer SCRAM-SHA-256")
    scram = Scram(password.reveal(), secrets.token_urlsafe(18))
    first = scram.first().encode()
    connection.send(message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first))
    connection.send(message(b"p", scram.final(_authentication(connection, 11).decode()).encode()))
    scram.check_server(_authentication(connection, 12).decode())
    _authentication(connection, 0)
    _until_ready(connection)


def select_one(connection: Connection) -> None:
    connection.send(message(b"Q", b"SELECT 1\0"))
    if (b"D", b"\0\1\0\0\0\x011") not in _until_ready(connection):
        raise ProtocolBroken("SELECT 1 was not answered with 1")


def say_goodbye(connection: Connection) -> None:
    connection.send(message(b"X", b""))


class Scram:
    """One SCRAM-SHA-256 exchange. Also proves that the server knows the password, by its signature."""

    def __init__(self, password: str, nonce: str) -> None:
        self._password = password.encode()
        self._nonce = nonce
        self._server_signature = b""

    def first(self) -> str:
        return f"n,,{self._bare()}"

    def _bare(self) -> str:
        return f"n=,r={self._nonce}"  # the user's name is in the startup message

    def final(self, server_first: str) -> str:
        fields = dict(part.split("=", 1) for part in server_first.split(","))
        if not fields["r"].startswith(self._nonce):
            raise ProtocolBroken("the server's nonce does not continue ours")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(fields["s"]), int(fields["i"]))
        client_key = _hmac(salted, b"Client Key")
        without_proof = f"c=biws,r={fields['r']}"
        transcript = f"{self._bare()},{server_first},{without_proof}".encode()
        signature = _hmac(hashlib.sha256(client_key).digest(), transcript)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        self._server_signature = _hmac(_hmac(salted, b"Server Key"), transcript)
        return f"{without_proof},p={base64.b64encode(proof).decode()}"

    def check_server(self, server_final: str) -> None:
        if not hmac.compare_digest(base64.b64decode(server_final.removeprefix("v=")), self._server_signature):
            raise ProtocolBroken("the server does not know the password it accepted")


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _authentication(connection: Connection, wanted: int) -> bytes:
    kind, body = _receive(connection)
    code = struct.unpack_from("!i", body)[0] if kind == b"R" else None
    if code != wanted:
        raise ProtocolBroken(f"unexpected message {kind.decode(errors='replace')} ({code}) during the login")
    return body[4:]


def _until_ready(connection: Connection) -> list[tuple[bytes, bytes]]:
    received = [_receive(connection)]
    while received[-1][0] != b"Z":
        received.append(_receive(connection))
    return received


def _receive(connection: Connection) -> tuple[bytes, bytes]:
    """One message; an error of the server is raised in its own words."""
    kind, size_bytes = struct.unpack("!ci", connection.receive(5))
    if not 4 <= size_bytes <= MESSAGE_LIMIT_BYTES:
        raise ProtocolBroken("a message without a sensible length")
    body = connection.receive(size_bytes - 4)
    if kind == b"E":
        state, text = error_words(body)
        raise (LoginRefused if state.startswith(REFUSED) else ProtocolBroken)(text)
    return kind, body


def error_words(body: bytes) -> tuple[str, str]:
    """SQLSTATE and message of an ErrorResponse."""
    fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
    return fields.get(b"C", ""), fields.get(b"M", "an error without words")
