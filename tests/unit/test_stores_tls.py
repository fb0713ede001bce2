"""What a failed connection is called: each error has one cause and one line that a person understands."""

from __future__ import annotations

import errno
import hashlib
import socket
import ssl
from pathlib import Path

import pytest

from kit.endpoints import Trust
from kit.stores.wire import tls
from tests.support.tls_server import HOST, certified, serving


def verification_error(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


def ssl_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] words of one build (_ssl.c:1006)")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "cause", "reason"),
    [
        (verification_error(10, "certificate has expired"), "tls", "the certificate has expired"),
        (verification_error(9, "not yet valid"), "tls", "the certificate is not valid yet: is a clock wrong?"),
        (
            verification_error(20, "unable to get local issuer certificate"),
            "tls",
            "the certificate comes from an unknown authority (unable to get local issuer certificate)",
        ),
        (
            verification_error(62, "Hostname mismatch, certificate is not valid for 'x'."),
            "tls",
            "the certificate carries another name (Hostname mismatch, certificate is not valid for 'x'.)",
        ),
        (verification_error(64, "IP address mismatch"), "tls", "the certificate carries another name (IP address mismatch)"),
        (verification_error(23, "certificate revoked"), "tls", "the certificate does not verify: certificate revoked"),
        (ssl_error("WRONG_VERSION_NUMBER"), "tls", "the peer does not speak TLS on this port"),
        (ssl_error("TLSV1_ALERT_PROTOCOL_VERSION"), "tls", "TLS failed: tlsv1 alert protocol version"),
        (ssl.SSLEOFError(8, "EOF"), "tls", "the peer hung up during TLS"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "unreachable", "connection refused"),
        (ConnectionResetError(), "unreachable", "the peer hung up"),
        (TimeoutError(), "unreachable", "no answer in time"),
        (socket.gaierror(-2, "Name or service not known"), "unreachable", "the name does not resolve"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "unreachable", "network is unreachable"),
        (FileNotFoundError(2, "No such file", "ca.crt"), "tls", "the file of trusted authorities ca.crt: no such file"),
        (tls.LoginRefused("no such user"), "refused", "no such user"),
        (tls.ProtocolBroken("two\nlines"), "protocol", "two lines"),
        (ValueError("odd"), "protocol", "ValueError: odd"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_every_failure_is_named(error: Exception, cause: str, reason: str) -> None:
    said = tls.not_yet(error)
    assert (said.cause, said.reason) == (cause, reason)


def test_missing_trust_is_told_from_an_unreachable_store(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, tls.handshake("127.0.0.1", 9, Trust(tmp_path / "ca.crt")):
        pass
    said = tls.not_yet(caught.value)
    assert said.cause == "tls"
    assert str(tmp_path / "ca.crt") in said.reason


def test_deadline_ends_several_waits_together() -> None:
    deadline = tls.Deadline(timeout_s=0)
    with pytest.raises(TimeoutError):
        deadline.remaining_s()


def test_the_certificate_that_is_shown_is_told_whoever_has_signed_it(tmp_path: Path) -> None:
    by = certified(tmp_path)
    leaf = ssl.PEM_cert_to_DER_cert(by.pair.read_text().partition("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----")
    with serving(by, lambda connection: None) as port:
        assert tls.shown_certificate(HOST, port) == hashlib.sha256(leaf).hexdigest()


def test_who_shows_no_certificate_is_an_error(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        tls.shown_certificate(HOST, port)
