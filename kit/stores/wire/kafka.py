"""The part of Kafka's protocol that a probe needs: log in by SCRAM-SHA-512 and ask which brokers there are.

librdkafka is what Sentry speaks with, and `smoke` uses it. A probe cannot: it retries a refused login until its own time-out,
tells the reason in a log line from another thread, and costs 80 ms to import. Here a refusal is an answer, in the broker's words.
Numbers and layouts: https://kafka.apache.org/protocol.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from kit.stores.wire.scram import Scram
from kit.stores.wire.tls import Connection, LoginRefused, ProtocolBroken

MECHANISM = "SCRAM-SHA-512"
SASL_HANDSHAKE, SASL_AUTHENTICATE, METADATA = (17, 1), (36, 1), (3, 7)  # key and version of each request
UNSUPPORTED_MECHANISM, AUTHENTICATION_FAILED = 33, 58
ANSWER_LIMIT_BYTES = 1 << 20


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
    scram = Scram("sha512", username, password)
    scram.check(_authenticate(connection, scram.final(_authenticate(connection, scram.first()))))


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


def _text(value: str) -> bytes:
    return struct.pack(">h", len(value.encode())) + value.encode()
