"""Tries what must be refused: a client with another authority, another name, an old protocol, no TLS at all.

A check that only ever sees success proves nothing about verification. Those of TLS go through the same `handshake` as the probes.
A refusal is what the server says for the expected reason. A server that hangs up has refused only if it answers afterwards: one
that is dying hangs up as well, and a port on which nobody listens refuses everything.
"""

from __future__ import annotations

import ssl
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

from kit.endpoints import Trust
from kit.stores.contract import PROBE_TIMEOUT_S, InClear, Preamble
from kit.stores.wire.tls import (
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
IN_CLEAR_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """What came of something that must not succeed. `unproven`: it failed, or could not be tried, for another reason."""

    verdict: Literal["refused", "accepted", "unproven"]
    said: str


@dataclass(frozen=True, slots=True)
class Server:
    """Whom it is tried on, and how it is spoken to rightly."""

    host: str
    port: int
    trust: Trust
    preamble: Preamble | None = None
    name: str | None = None  # whom its certificate names, where that is not `host`: behind a proxy

    def hung_up(self) -> Refusal:
        """The server ended a connection that must not succeed, without a word: a refusal if it is still there."""
        try:
            with handshake(self.host, self.port, self.trust, server_name=self.name, preamble=self.preamble):
                return Refusal("refused", "it hangs up, and answers over TLS")
        except Exception as error:
            return Refusal("unproven", f"it hung up, and does not answer over TLS either: {not_yet(error).reason}")


def refuses_foreign_authority(server: Server, foreign: Trust) -> Refusal:
    """A client that trusts `foreign` and not the stack's authority must not get through."""
    attempt = handshake(server.host, server.port, foreign, server_name=server.name, preamble=server.preamble)
    return _must_fail(attempt, UNKNOWN_AUTHORITY)


def refuses_wrong_name(server: Server) -> Refusal:
    """A client that asked for another name must not take this server for it."""
    attempt = handshake(server.host, server.port, server.trust, server_name=NEVER_A_NAME_HERE, preamble=server.preamble)
    return _must_fail(attempt, WRONG_NAME)


def _must_fail(attempt: AbstractContextManager[Connection], wanted: frozenset[int]) -> Refusal:
    try:
        with attempt as connection:
            return Refusal("accepted", f"{connection.tls.version}, certificate {connection.tls.fingerprint[:12]}")
    except ssl.SSLCertVerificationError as error:
        return Refusal("refused" if error.verify_code in wanted else "unproven", tls_complaint(error))
    except Exception as error:
        return Refusal("unproven", not_yet(error).reason)


def refuses_tls11(server: Server, timeout_s: float = PROBE_TIMEOUT_S) -> Refusal:
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
        with connected(server.host, server.port, deadline) as plain:
            if server.preamble:
                server.preamble(plain)
            plain.settimeout(deadline.remaining_s())
            try:
                with context.wrap_socket(plain) as secured:
                    return Refusal("accepted", secured.version() or "an unknown version")
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError):
                return server.hung_up()
            except ssl.SSLError as error:
                is_alert = "ALERT" in (error.reason or "")  # OpenSSL's names for what the peer said: openssl/sslerr.h
                return Refusal("refused" if is_alert else "unproven", not_yet(error).reason)
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


def refuses_plaintext(server: Server, in_clear: InClear, timeout_s: float = IN_CLEAR_TIMEOUT_S) -> Refusal:
    """A client that begins without TLS must be turned away, or hung up on."""
    try:
        with connected(server.host, server.port, Deadline(timeout_s)) as plain:
            try:
                plain.sendall(in_clear.words)
                said = plain.recv(512)
            except ConnectionError:
                said = b""
    except Exception as error:
        return Refusal("unproven", not_yet(error).reason)
    if not said:
        return server.hung_up()
    if said.startswith(TLS_ALERT):
        return Refusal("refused", "it answers with an alert of TLS")
    if in_clear.is_refusal(said):
        return Refusal("refused", one_line(said.decode(errors="replace").replace("\0", " "), 100))
    return Refusal("accepted", f"{in_clear.words[:10]!r} in clear was answered with {said[:40]!r}")
