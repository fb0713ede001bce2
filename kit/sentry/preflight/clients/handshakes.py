"""kit's own handshake with every address of a connection, before its client is tried.

It tells an expired leaf from a wrong name, where libraries say "connection failed", gives the version of TLS, and looks at a
chain as strictly as the component's own Python does, even where the probe image has an older one.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from kit.endpoints import Trust
from kit.sentry.preflight.clients import smtp
from kit.sentry.preflight.clients.contract import TIMEOUT_S, Connection, Wanted, Wrong, address
from kit.stores.contract import PROBE_TIMEOUT_S, Preamble
from kit.stores.wire import postgres as postgres_wire
from kit.stores.wire import tls

# A server or the cluster's DNS may be younger than this pod; a certificate or a password does not mend itself by waiting, and
# a name that DNS says does not exist hardly.
PATIENCE_S = {"dns": 25.0, "unreachable": 8.0, "unresolved": 2.0}
PAUSE_S = 0.3
PATIENT_S = {"mail": float(TIMEOUT_S)}  # a mail server may let strangers wait for its greeting
# From which release on a component runs on Python 3.13, whose `ssl.create_default_context` verifies by the rules of RFC 5280.
STRICT_SINCE: Mapping[str, tuple[int, ...]] = {
    "sentry": (25, 2),  # its image's Python, 2025-02
    "snuba": (26, 3),  # snuba#7743, merged 2026-02-24
}
# What does the same: redis-py by that function, urllib3 since 2.4 (#3577, 2025-04). boto3 and clickhouse-driver do not.
STRICT_CLIENTS = ("redis-py", "kombu", "clickhouse-http", "smtplib")


def shown(connection: Connection, wanted: Wanted) -> str:
    """The version of TLS that every address speaks, verified by chain and name with the client's own trusted file.

    Raises `Wrong`, once it has waited for what may come by waiting.
    """
    if not connection["tls"]["ca"]:
        raise Wrong("no-ca", f"{connection['use']} names no trusted file: the image knows public authorities only")
    return patiently(lambda: _at_every_address(connection, wanted))


def _at_every_address(connection: Connection, wanted: Wanted) -> str:
    version, is_strict = "", _is_strict(connection, wanted)
    for host, port in connection["addresses"]:
        try:
            version = _version(connection, host, int(port), is_strict=is_strict)
        except Wrong:
            raise
        except Exception as error:
            cause = "authority-form" if is_strict and _is_form(connection, host, int(port), error) else cause_of(error)
            if connection["store"] == "mail" and cause == "plaintext-port":
                cause = "mail-tls"
            raise Wrong(cause, f"{host}:{port}: {tls.not_yet(error).reason}") from error
    return version


def _version(connection: Connection, host: str, port: int, *, is_strict: bool) -> str:
    trust, timeout_s = Trust(Path(connection["tls"]["ca"])), PATIENT_S.get(connection["store"], PROBE_TIMEOUT_S)
    preamble = _preamble(connection)
    with tls.handshake(host, port, trust, preamble=preamble, is_strict=is_strict, timeout_s=timeout_s) as wire:
        return wire.tls.version


def _preamble(connection: Connection) -> Preamble | None:
    """What goes before TLS on a port that begins in clear."""
    if connection["store"] == "mail":
        return smtp.start_tls if connection["options"]["starttls"] else None
    return postgres_wire.start_tls if connection["store"] == "postgres" else None


def _is_strict(connection: Connection, wanted: Wanted) -> bool:
    since = STRICT_SINCE.get(wanted.kind)
    return since is not None and wanted.version >= since and connection["client"] in STRICT_CLIENTS


def _is_form(connection: Connection, host: str, port: int, error: Exception) -> bool:
    """Whether the same certificate passes where only chain, name and time count."""
    if getattr(error, "verify_code", None) is None:
        return False
    try:
        return bool(_version(connection, host, port, is_strict=False))
    except Exception:
        return False


def reached(connection: Connection) -> None:
    """That somebody listens, and no more. Raises `Wrong`."""
    host, port = address(connection)

    def connect() -> str:
        try:
            socket.create_connection((host, port), timeout=TIMEOUT_S).close()
        except OSError as error:
            raise Wrong(cause_of(error), f"{host}:{port}: {error}") from error
        return ""

    patiently(connect)


def cause_of(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "dns" if error.errno == socket.EAI_AGAIN else "unresolved"
    code = getattr(error, "verify_code", None)
    if code is not None:
        known = {tls.EXPIRED: "expired", tls.NOT_YET_VALID: "clock"}
        return known.get(code) or ("wrong-name" if code in tls.WRONG_NAME else "unknown-ca")
    answer = tls.not_yet(error)
    if answer.cause == "tls":
        return "plaintext-port" if "does not speak TLS" in answer.reason or "hung up" in answer.reason else "ca-missing"
    return {"unreachable": "unreachable", "protocol": "plaintext-port"}.get(answer.cause, "client")


def patiently(ask: Callable[[], str]) -> str:
    started = time.monotonic()
    while True:
        try:
            return ask()
        except Wrong as wrong:
            if time.monotonic() - started > PATIENCE_S.get(wrong.cause, 0):
                raise
        time.sleep(PAUSE_S)
