"""The part of Postgres' protocol that a login and one query need: start TLS, SCRAM-SHA-256, `SELECT 1`.

The probe speaks it itself for two reasons: psycopg takes 0.2 s to import, which `kit status` does not have, and libpq does not
show the certificate it verified. Messages: postgresql.org/docs/17/protocol-message-formats.html.
"""

from __future__ import annotations

import socket
import struct

from kit.endpoints import Secret
from kit.stores.wire.scram import Scram
from kit.stores.wire.tls import Connection, LoginRefused, ProtocolBroken

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
    scram = Scram("sha256", "", password.reveal())  # the user is in the startup message
    first = scram.first().encode()
    connection.send(message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first))
    connection.send(message(b"p", scram.final(_authentication(connection, 11).decode()).encode()))
    scram.check(_authentication(connection, 12).decode())
    _authentication(connection, 0)
    _until_ready(connection)


def select_one(connection: Connection) -> None:
    connection.send(message(b"Q", b"SELECT 1\0"))
    if (b"D", b"\0\1\0\0\0\x011") not in _until_ready(connection):
        raise ProtocolBroken("SELECT 1 was not answered with 1")


def say_goodbye(connection: Connection) -> None:
    connection.send(message(b"X", b""))


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
