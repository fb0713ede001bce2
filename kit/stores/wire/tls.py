"""Makes TLS connections verified by chain and name, describes what was served, and names every way it can fail.

All five stores are spoken to through `handshake`. It trusts the authority it is given and nothing else: neither the system's
roots nor SSL_CERT_FILE and its siblings have a say, so a check that passes here passes for the reason it states.
`kit status` runs through this module, hence only the standard library: certificates are read from what `ssl` already parsed.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from kit.endpoints import Trust
from kit.stores.contract import PROBE_TIMEOUT_S, NotYet, Preamble, Tls

# X509_V_ERR_…: openssl's x509_vfy.h
NOT_YET_VALID, EXPIRED = 9, 10
UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})
WRONG_NAME = frozenset({62, 63, 64})


class LoginRefused(Exception):
    """The store answered over verified TLS and did not accept the user, the password or a right. Its own words."""


class ProtocolBroken(Exception):
    """The peer speaks TLS, but not the store's protocol."""


class Deadline:
    """One span of time for several waits: sockets time out per call, and a probe has to end as a whole."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._end = time.monotonic() + timeout_s

    def remaining_s(self) -> float:
        remaining = self._end - time.monotonic()
        if remaining <= 0:
            raise TimeoutError(f"no answer within {self.timeout_s:g} s")
        return remaining


@dataclass(frozen=True, slots=True)
class Connection:
    socket: ssl.SSLSocket
    tls: Tls
    deadline: Deadline

    def send(self, data: bytes) -> None:
        self.socket.settimeout(self.deadline.remaining_s())
        self.socket.sendall(data)

    def receive(self, size_bytes: int) -> bytes:
        """Exactly that many bytes."""
        received = bytearray()
        while len(received) < size_bytes:
            received += self._some(size_bytes - len(received))
        return bytes(received)

    def receive_line(self, limit_bytes: int = 4096) -> bytes:
        """Up to and without CR LF."""
        received = bytearray()
        while not received.endswith(b"\r\n"):
            if len(received) >= limit_bytes:
                raise ProtocolBroken("an answer without end")
            received += self._some(1)
        return bytes(received[:-2])

    def receive_all(self, limit_bytes: int = 1 << 20) -> bytes:
        """Everything until the peer hangs up."""
        received = bytearray()
        while len(received) < limit_bytes:
            self.socket.settimeout(self.deadline.remaining_s())
            part = self.socket.recv(65536)
            if not part:
                return bytes(received)
            received += part
        raise ProtocolBroken("an answer without end")

    def _some(self, size_bytes: int) -> bytes:
        self.socket.settimeout(self.deadline.remaining_s())
        part = self.socket.recv(size_bytes)
        if not part:
            raise ConnectionResetError("hung up in the middle of an answer")
        return part


@contextmanager
def handshake(
    host: str,
    port: int,
    trust: Trust,
    *,
    server_name: str | None = None,
    preamble: Preamble | None = None,
    alpn: Sequence[str] = (),
    timeout_s: float = PROBE_TIMEOUT_S,
    is_strict: bool = False,
) -> Iterator[Connection]:
    """A connection whose peer proved, by `trust` alone, that it is `server_name` (or `host`); TLS 1.2 or newer.

    `is_strict` looks at the form of the certificates as well, as RFC 5280 has it. `timeout_s` bounds everything done with the
    connection, not each call. Raises OSError (ssl's errors are among them); `not_yet` turns that into words.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and name; loads no roots of its own
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if is_strict:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        context.load_verify_locations(cafile=str(trust.ca_file))
    except OSError as error:
        if isinstance(error, ssl.SSLError):
            raise
        raise OSError(error.errno, error.strerror, str(trust.ca_file)) from error  # `ssl` leaves the name out
    if alpn:
        context.set_alpn_protocols(list(alpn))
    deadline = Deadline(timeout_s)
    with connected(host, port, deadline) as plain:
        if preamble:
            preamble(plain)
        plain.settimeout(deadline.remaining_s())
        with context.wrap_socket(plain, server_hostname=server_name or host) as secured:
            yield Connection(secured, _facts(secured), deadline)
            _say_goodbye(secured)


def shown_certificate(host: str, port: int, preamble: Preamble | None = None, timeout_s: float = PROBE_TIMEOUT_S) -> str:
    """SHA-256 of the leaf certificate that a server shows, in DER, lower-case hex. Raises OSError where none is shown.

    The one place that does not verify: it only asks whether the certificate is the one on disk, and sends nothing.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    deadline = Deadline(timeout_s)
    with connected(host, port, deadline) as plain:
        if preamble:
            preamble(plain)
        plain.settimeout(deadline.remaining_s())
        with context.wrap_socket(plain) as secured:
            der = secured.getpeercert(binary_form=True) or b""
            _say_goodbye(secured)
    return hashlib.sha256(der).hexdigest()


def connected(host: str, port: int, deadline: Deadline) -> socket.socket:
    plain = socket.create_connection((host, port), timeout=deadline.remaining_s())
    # Round trips of a few bytes each: Nagle's algorithm would hold them back.
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plain


def _say_goodbye(secured: ssl.SSLSocket) -> None:
    """End TLS in order, without waiting for the peer's answer: servers log a bare hang-up as an error."""
    secured.setblocking(False)
    with suppress(OSError, ValueError):
        secured.unwrap()


def _facts(secured: ssl.SSLSocket) -> Tls:
    certificate = secured.getpeercert() or {}
    der = secured.getpeercert(binary_form=True) or b""
    names = cast("tuple[tuple[tuple[str, str], ...], ...]", certificate.get("issuer", ()))
    issuer = {key: value for part in names for key, value in part}
    return Tls(
        version=secured.version() or "",
        issuer=issuer.get("commonName", ""),
        not_after=datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC),
        fingerprint=hashlib.sha256(der).hexdigest(),
    )


def not_yet(error: Exception) -> NotYet:
    """Why a probe did not come through, in words."""
    match error:
        case LoginRefused():
            return NotYet("refused", one_line(str(error)))
        case ssl.SSLError():
            return NotYet("tls", tls_complaint(error))
        case OSError(filename=str()):
            return NotYet("tls", f"the file of trusted authorities {error.filename}: {(error.strerror or '').lower()}")
        case OSError():
            return NotYet("unreachable", _why_unreachable(error))
        case ProtocolBroken():
            return NotYet("protocol", one_line(str(error)))
        case _:
            return NotYet("protocol", one_line(f"{type(error).__name__}: {error}"))


def tls_complaint(error: ssl.SSLError) -> str:
    match error:
        case ssl.SSLCertVerificationError(verify_code=code) if code == EXPIRED:
            return "the certificate has expired"
        case ssl.SSLCertVerificationError(verify_code=code) if code == NOT_YET_VALID:
            return "the certificate is not valid yet: is a clock wrong?"
        case ssl.SSLCertVerificationError(verify_code=code) if code in UNKNOWN_AUTHORITY:
            return f"the certificate comes from an unknown authority ({error.verify_message})"
        case ssl.SSLCertVerificationError(verify_code=code) if code in WRONG_NAME:
            return f"the certificate carries another name ({error.verify_message})"
        case ssl.SSLCertVerificationError():
            return f"the certificate does not verify: {error.verify_message}"
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return "the peer hung up during TLS"
    # OpenSSL's reasons are names from its err.txt; the text of `str()` changes from build to build.
    reason = error.reason or error.strerror or str(error)
    known = {
        "WRONG_VERSION_NUMBER": "the peer does not speak TLS on this port",
        "NO_CERTIFICATE_OR_CRL_FOUND": "the file of trusted authorities holds no certificate",
    }
    return known.get(reason) or one_line(f"TLS failed: {reason.lower().replace('_', ' ')}")


def _why_unreachable(error: OSError) -> str:
    match error:
        case socket.gaierror():
            return "the name does not resolve"
        case ConnectionRefusedError():
            return "connection refused"
        case TimeoutError():
            return "no answer in time"
        case ConnectionError():
            return "the peer hung up"
    return one_line(error.strerror or str(error)).lower() or "the connection broke"


def one_line(text: str, limit: int = 200) -> str:
    return " ".join(text.split())[:limit]
