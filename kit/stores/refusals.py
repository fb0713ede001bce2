"""What must not succeed, tried: a client with another authority, another name, an old protocol.

A check that only ever sees success proves nothing about verification. These three go through the same `handshake` as the
probes, and tell a refusal for the expected reason from a failure for any other.
"""

from __future__ import annotations

import ssl
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

from kit.endpoints import Trust
from kit.stores.contract import PROBE_TIMEOUT_S, Preamble
from kit.stores.tls import (
    UNKNOWN_AUTHORITY,
    WRONG_NAME,
    Connection,
    Deadline,
    connected,
    handshake,
    not_yet,
    one_line,
    tls_complaint,
)

NEVER_A_NAME_HERE = "wrong-name.invalid"  # .invalid exists nowhere: RFC 6761
TLS_ALERT = b"\x15\x03"  # record type and major version: RFC 8446, 5.1


@dataclass(frozen=True, slots=True)
class Refusal:
    """What came of something that must not succeed. `unproven`: it failed, or could not be tried, for another reason."""

    verdict: Literal["refused", "accepted", "unproven"]
    said: str


def refuses_foreign_authority(host: str, port: int, foreign: Trust, *, preamble: Preamble | None = None) -> Refusal:
    """A client that trusts `foreign` and not the stack's authority must not get through."""
    return _must_fail(handshake(host, port, foreign, preamble=preamble), UNKNOWN_AUTHORITY)


def refuses_wrong_name(host: str, port: int, trust: Trust, *, preamble: Preamble | None = None) -> Refusal:
    """A client that asked for another name must not take this server for it."""
    attempt = handshake(host, port, trust, server_name=NEVER_A_NAME_HERE, preamble=preamble)
    return _must_fail(attempt, WRONG_NAME)


def _must_fail(attempt: AbstractContextManager[Connection], wanted: frozenset[int]) -> Refusal:
    try:
        with attempt as connection:
            return Refusal("accepted", f"{connection.tls.version}, certificate {connection.tls.fingerprint[:12]}")
    except ssl.SSLCertVerificationError as error:
        return Refusal("refused" if error.verify_code in wanted else "unproven", tls_complaint(error))
    except Exception as error:
        return Refusal("unproven", not_yet(error).reason)


def refuses_tls11(host: str, port: int, *, preamble: Preamble | None = None, timeout_s: float = PROBE_TIMEOUT_S) -> Refusal:
    """A client that offers TLS 1.1 at most must be turned away by the server, whatever its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the question is the protocol's version: nothing is sent over this connection
    try:
        context.set_ciphers("ALL:@SECLEVEL=0")  # OpenSSL 3 signs no TLS 1.1 handshake above level 0
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    except (ssl.SSLError, ValueError) as error:
        return Refusal("unproven", f"the local {ssl.OPENSSL_VERSION} cannot offer TLS 1.1: {one_line(str(error))}")
    if not _offers_something(context):
        return Refusal("unproven", f"the local {ssl.OPENSSL_VERSION} cannot offer TLS 1.1")
    deadline = Deadline(timeout_s)
    try:
        with connected(host, port, deadline) as plain:
            if preamble:
                preamble(plain)
            plain.settimeout(deadline.remaining_s())
            try:
                with context.wrap_socket(plain) as secured:
                    return Refusal("accepted", secured.version() or "an unknown version")
            except (ssl.SSLError, ConnectionError) as error:
                return Refusal("refused", not_yet(error).reason)
    except Exception as error:
        return Refusal("unproven", not_yet(error).reason)


def _offers_something(context: ssl.SSLContext) -> bool:
    outgoing = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    except ssl.SSLWantReadError:
        return bool(outgoing.pending)  # a ClientHello waits to be sent
    except ssl.SSLError:
        return False
    raise AssertionError("a handshake cannot end without a peer")


def answer_in_clear(host: str, port: int, words: bytes, timeout_s: float = 2.0) -> bytes:
    """What the peer first answers to a client that speaks without TLS; empty when it hangs up, alerts or stays silent."""
    try:
        with connected(host, port, Deadline(timeout_s)) as plain:
            plain.sendall(words)
            said = plain.recv(512)
    except OSError:
        return b""
    return b"" if said.startswith(TLS_ALERT) else said
