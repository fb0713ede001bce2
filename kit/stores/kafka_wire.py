"""As much of Kafka's own protocol as a probe needs: log in by SCRAM-SHA-512 and ask which brokers there are.

librdkafka is what Sentry speaks with, and `smoke` uses it. A probe cannot: it retries a refused login until its own time-out,
tells the reason in a log line from another thread, and costs 80 ms to import. Here a refusal is an answer, in the broker's words.
Numbers and layouts: https://kafka.apache.org/protocol, RFC 5802 for SCRAM.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass

from kit.stores.tls import Connection, LoginRefused, ProtocolBroken

MECHANISM = "SCRAM-SHA-512"
SASL_HANDSHAKE, SASL_AUTHENTICATE, METADATA = (17, 1), (36, 1), (3, 7)  # key and version of each request
UNSUPPORTED_MECHANISM, AUTHENTICATION_FAILED = 33, 58
ANSWER_LIMIT_BYTES = 1 << 20
# RFC 7677 bids 4096 at least; a peer that asks for very many wants to keep us busy.
MOST_ITERATIONS = 1 << 17


@dataclass(frozen=True, slots=True)
class Broker:
    host: str
    port: int


class Answer:
    """Reads an answer's fields in order."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, layout: str) -> int:
        try:
            (value,) = struct.unpack_from(f">{layout}", self._data, self._at)
        except struct.error:
            raise ProtocolBroken("an answer that is shorter than Kafka's") from None
        self._at += struct.calcsize(layout)
        return int(value)

    def text(self) -> str:
        return self._take(self.number("h")).decode(errors="replace")

    def blob(self) -> bytes:
        return self._take(self.number("i"))

    def _take(self, size: int) -> bytes:
        start, self._at = self._at, self._at + max(size, 0)  # -1 stands for null
        if self._at > len(self._data):
            raise ProtocolBroken("an answer that is shorter than Kafka's")
        return self._data[start : self._at]


def log_in(connection: Connection, username: str, password: str) -> None:
    """Raises `LoginRefused` when the broker does not accept the login, `ProtocolBroken` when it is no broker or an impostor."""
    answer = _ask(connection, SASL_HANDSHAKE, _text(MECHANISM))
    if code := answer.number("h"):
        reason = "it does not offer SCRAM-SHA-512" if code == UNSUPPORTED_MECHANISM else f"error {code}"
        raise ProtocolBroken(f"before the login: {reason}")
    nonce = secrets.token_urlsafe(18)
    bare = f"n={username.replace('=', '=3D').replace(',', '=2C')},r={nonce}"
    challenge = _authenticate(connection, f"n,,{bare}")
    fields = _fields(challenge)
    proof, signature = _proof(password, nonce, bare, challenge, fields)
    final = _fields(_authenticate(connection, f"c=biws,r={fields['r']},p={proof}"))
    if not hmac.compare_digest(final.get("v", ""), signature):
        raise ProtocolBroken("the broker does not know the password that it accepted")


def brokers(connection: Connection) -> tuple[Broker, ...]:
    """The addresses that the broker sends its clients on to."""
    answer = _ask(connection, METADATA, struct.pack(">i?", 0, False))  # of no topic; and none is to be created by asking
    answer.number("i")  # throttle time
    found = []
    for _ in range(answer.number("i")):
        answer.number("i")  # node id
        found.append(Broker(answer.text(), answer.number("i")))
        answer.text()  # rack
    return tuple(found)


def _authenticate(connection: Connection, message: str) -> str:
    answer = _ask(connection, SASL_AUTHENTICATE, struct.pack(">i", len(message.encode())) + message.encode())
    code, said = answer.number("h"), answer.text()
    if code == AUTHENTICATION_FAILED:
        raise LoginRefused(said or "the login was refused")
    if code:
        raise ProtocolBroken(f"during the login: error {code} {said}")
    return answer.blob().decode(errors="replace")


def _ask(connection: Connection, request: tuple[int, int], body: bytes) -> Answer:
    header = struct.pack(">hhi", *request, 1) + _text("kit")
    connection.send(struct.pack(">i", len(header + body)) + header + body)
    (size,) = struct.unpack(">i", connection.receive(4))
    if not 4 <= size <= ANSWER_LIMIT_BYTES:
        raise ProtocolBroken("the peer speaks TLS, but not Kafka's protocol")
    answer = Answer(connection.receive(size))
    answer.number("i")  # the number of the request: there is only one at a time
    return answer


def _proof(password: str, nonce: str, bare: str, challenge: str, fields: dict[str, str]) -> tuple[str, str]:
    """The client's proof and the signature that the broker has to answer with, both as base64."""
    try:
        iterations, salt, combined = int(fields["i"]), base64.b64decode(fields["s"]), fields["r"]
    except (KeyError, ValueError):
        raise ProtocolBroken("the login's challenge is not SCRAM") from None
    if not combined.startswith(nonce) or not 1 <= iterations <= MOST_ITERATIONS:
        raise ProtocolBroken("the login's challenge is not an answer to this login")
    salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
    key = _hmac(salted, b"Client Key")
    transcript = f"{bare},{challenge},c=biws,r={combined}".encode()
    mask = _hmac(hashlib.sha512(key).digest(), transcript)
    proof = bytes(a ^ b for a, b in zip(key, mask, strict=True))
    signature = _hmac(_hmac(salted, b"Server Key"), transcript)
    return base64.b64encode(proof).decode(), base64.b64encode(signature).decode()


def _fields(message: str) -> dict[str, str]:
    return {part[:1]: part[2:] for part in message.split(",")}


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha512")


def _text(value: str) -> bytes:
    return struct.pack(">h", len(value.encode())) + value.encode()
