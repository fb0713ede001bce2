"""Mail by smtplib, as Django's backend and so Sentry sends it: `mail.*` of Sentry's options.

Nothing is sent: after the login the server is asked whether it would take a mail from Sentry's sender. The context is Python's
own default, which verifies chain and name by SSL_CERT_FILE: Django's from 4.2 on. 4.1 verified nothing after STARTTLS
(4.1.13 and 5.2.19 read, 5.1.15 tried, 2026-11).
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from typing import Any

from kit.sentry.preflight.clients.contract import TIMEOUT_S, Answer, Connection, Wrong, address

LONGEST_ANSWER = 64 * 1024


def ask(connection: Connection, write: bool, wanted: Any) -> Answer:
    host, port = address(connection)
    context = ssl.create_default_context()
    try:
        if connection["options"]["starttls"]:
            session = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
        else:
            session = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=context)
        with session:
            if connection["options"]["starttls"]:
                session.starttls(context=context)
            return _greeted(session, connection) if write else Answer("greeted")
    except smtplib.SMTPAuthenticationError as error:
        raise Wrong("mail-login", f"{error.smtp_code} {_text(error.smtp_error)}") from error
    except smtplib.SMTPConnectError as error:
        raise Wrong("mail-refused", f"{error.smtp_code} {_text(error.smtp_error)}") from error
    except smtplib.SMTPNotSupportedError as error:
        raise Wrong("mail-starttls" if "STARTTLS" in str(error) else "mail-login", error) from error


def _greeted(session: smtplib.SMTP, connection: Connection) -> Answer:
    session.ehlo_or_helo_if_needed()
    if connection["user"] and connection["password"]:  # as Django does: one without the other is no login
        session.login(connection["user"], connection["password"])
    code, said = session.mail(connection["options"]["from"])
    if code != 250:
        raise Wrong("mail-sender", f"{code} {_text(said)}")
    session.rset()
    return Answer(f"{'logged in' if connection['user'] else 'greeted'}, and it takes mail from {connection['options']['from']}")


def start_tls(plain: socket.socket) -> None:
    """Up to the point where the server speaks TLS, for kit's own handshake. Raises `Wrong`."""
    try:
        _reply(plain, "220")
    except TimeoutError as error:  # it waits for us to begin
        raise Wrong("mail-tls", "it says nothing, as a port does that speaks TLS from the first byte on") from error
    plain.sendall(b"EHLO kit\r\n")
    if "STARTTLS" not in _reply(plain, "250").upper():
        raise Wrong("mail-starttls", "the server offers no STARTTLS")
    plain.sendall(b"STARTTLS\r\n")
    _reply(plain, "220")


def _reply(plain: socket.socket, code: str) -> str:
    """All lines of an answer: the last one has a space behind its code."""
    received = b""
    while not _is_whole(received):
        part = plain.recv(4096)
        if not part:
            raise ConnectionResetError
        received += part
        if len(received) > LONGEST_ANSWER:
            raise Wrong("mail-refused", "an answer without end")
    text = received.decode(errors="replace")
    if not text.startswith(code):
        raise Wrong("mail-refused", text)
    return text


def _is_whole(received: bytes) -> bool:
    lines = received.split(b"\r\n")
    return len(lines) > 1 and lines[-1] == b"" and lines[-2][3:4] in (b" ", b"")


def _text(said: Any) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
