"""Reading Sentry's API over verified HTTPS: a probe that says what is wrong, and a plain GET.

The probe speaks the few bytes itself, over kit's own handshake, because it also reports the certificate that was served.
"""

from __future__ import annotations

import http.client
import ssl
import time
from urllib.parse import urlsplit

from kit.adapters.proxies import Proxy
from kit.endpoints import HTTPS, Secret, Trust
from kit.sentry.demo import tunnel
from kit.sentry.demo.receiver import SentryRefused
from kit.stores.contract import NotYet, Ready
from kit.stores.wire import tls

TIMEOUT_S = 5.0


def probe(url: str, path: str, token: Secret, trust: Trust, proxy: Proxy | None = None) -> Ready | NotYet:
    """Verified TLS, then one authenticated GET that must be answered 200. Never raises; ends in PROBE_TIMEOUT_S."""
    target = urlsplit(url)
    started = time.monotonic()
    server = tunnel.way(target.hostname or "", target.port or HTTPS, proxy)
    try:
        with tls.handshake(server.host, server.port, trust, server_name=target.hostname, preamble=server.preamble) as connection:
            request = f"GET {path} HTTP/1.0\r\nHost: {target.netloc}\r\n"
            connection.send(f"{request}Authorization: Bearer {token.reveal()}\r\n\r\n".encode())
            status = connection.receive_line().split(b" ")
            if len(status) < 2 or not status[0].startswith(b"HTTP/"):
                raise tls.ProtocolBroken("the answer is not HTTP")
            if status[1] in (b"401", b"403"):
                raise tls.LoginRefused("the API token is not accepted")
            if status[1] != b"200":
                raise tls.ProtocolBroken(f"HTTP {status[1].decode(errors='replace')}")
            return Ready(connection.tls, (time.monotonic() - started) * 1000)
    except Exception as error:
        return tls.not_yet(error)


def get(url: str, path: str, token: Secret, trust: Trust, proxy: Proxy | None = None) -> tuple[int, bytes]:
    """Status and body. Raises `SentryRefused` where there was no answer, or where it did not verify."""
    target = urlsplit(url)
    context = ssl.create_default_context(cafile=str(trust.ca_file))
    host, port = (proxy.host, proxy.port) if proxy else (target.hostname or "", target.port)
    connection = http.client.HTTPSConnection(host, port, context=context, timeout=TIMEOUT_S)
    if proxy:
        connection.set_tunnel(target.hostname or "", target.port or HTTPS, proxy.headers)
    headers = {"Authorization": f"Bearer {token.reveal()}", "Accept": "application/json"}
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise SentryRefused(url=url, why=tls.not_yet(error).reason) from error
    finally:
        connection.close()
