"""One question to a DNS server, by UDP: enough of RFC 1035 to tell a name that is not there from one without such data."""

from __future__ import annotations

import socket
import struct

TYPES = {"A": 1, "CNAME": 5, "MX": 15, "TXT": 16, "AAAA": 28}
NOERROR, NXDOMAIN = 0, 3


def ask(port: int, name: str, kind: str, timeout_s: float = 2.0) -> tuple[int, list[tuple[str, bytes]]]:
    """The answer's code, and the type and raw data of each record in it."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".")) + b"\0"
    message = struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + question + struct.pack("!2H", TYPES[kind], 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.settimeout(timeout_s)
        door.sendto(message, ("127.0.0.1", port))
        answer = door.recv(4096)
    _, flags, _, count, _, _ = struct.unpack_from("!6H", answer)
    at = 12 + len(question) + 4
    records = []
    for _ in range(count):
        at = _after_name(answer, at)
        number, _, _, length = struct.unpack_from("!HHIH", answer, at)
        at += 10
        records.append(({value: key for key, value in TYPES.items()}.get(number, str(number)), answer[at : at + length]))
        at += length
    return flags & 15, records


def _after_name(answer: bytes, at: int) -> int:
    while answer[at]:
        if answer[at] >= 0xC0:
            return at + 2
        at += 1 + answer[at]
    return at + 1
