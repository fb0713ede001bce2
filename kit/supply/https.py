"""Reads an address as a stream: over TLS verified by what this computer trusts, or from a folder (file://).

Whom this computer trusts, its own certificate store says, and SSL_CERT_FILE: a company's proxy that opens TLS by an authority of
its own is trusted where the system trusts it. HTTPS_PROXY and NO_PROXY are obeyed; no proxy is asked for what lies here.
"""

from __future__ import annotations

import http.client
import ipaddress
import os
import queue
import re
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

from kit import cancel
from kit.supply.errors import DownloadFailed

BLOCK = 256 * 1024
AHEAD = 8  # blocks that are read before they are asked for
NOTE_EVERY_S = 1.0
POLL_S = 0.1
MB = 1000**2
TUNNEL = re.compile(r"Tunnel connection failed: (\d+)")  # http.client's words for a proxy that says no
# OpenSSL's reasons that have nothing to do with the authority: not yet valid, expired, another name, another IP address
# (include/openssl/x509_vfy.h of 3.0, read 2026-11-28).
NOT_OF_TRUST = (9, 10, 62, 64)
INTERCEPTED = "; where a proxy opens TLS on the way, its authority must be in the system's store, or in SSL_CERT_FILE"

UNWANTED = "nobody waits for it any more"
LOGIN = "if that is a mirror, put the login into its address: KIT_FILES_PREFIX=https://user:password@mirror.example/"
# Status → why, and what mends it. A mirror may answer 403 or 404 for what it has not fetched yet.
REFUSALS: Mapping[int, tuple[str, str]] = {
    401: ("a login is asked for", LOGIN),
    403: ("it is not allowed", LOGIN),
    404: ("no such file is there", "kit images verify tells what upstream has; see whether a mirror (KIT_FILES_PREFIX) lacks it"),
    407: ("the proxy asks for a login", "put it into the proxy's address: HTTPS_PROXY=http://user:password@proxy.example:3128"),
    410: ("the file is there no more", "kit images verify tells what upstream has"),
    429: ("too many requests from here", "wait, or set KIT_FILES_PREFIX to a mirror"),
}

Note = Callable[[str], None]


def blocks(
    address: str,
    *,
    silent_s: float,
    headers: Mapping[str, str] | None = None,
    is_unwanted: Callable[[], bool] = lambda: False,
    note: Note = lambda text: None,
) -> Iterator[bytes]:
    """The content as it comes. Raises `DownloadFailed`, also where less came than was promised, and `Cancelled` at once.

    It is read in a thread of its own, which a cancelled command leaves behind: that ends with its connection, after `silent_s`
    at most.
    """
    arrived: queue.Queue[tuple[str, Any]] = queue.Queue(AHEAD)
    left = threading.Event()

    def put(kind: str, value: Any) -> bool:
        while not left.is_set():
            try:
                arrived.put((kind, value), timeout=POLL_S)
                return True
            except queue.Full:
                continue
        return False

    def read() -> None:
        try:
            for each in _read(address, silent_s, headers or {}):
                if not put(*each):
                    return
            put("end", None)
        except BaseException as error:
            put("error", error)

    threading.Thread(target=read, daemon=True, name="download").start()
    began = said = time.monotonic()
    total, done = None, 0
    try:
        while True:
            cancel.check()
            if is_unwanted():
                raise DownloadFailed(address=address, why=UNWANTED, may_pass=False)
            try:
                kind, value = arrived.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if kind == "end":
                return
            if kind == "error":
                raise value
            if kind == "total":
                total = value
                continue
            done += len(value)
            yield value
            now = time.monotonic()
            if now - said >= NOTE_EVERY_S:
                said = now
                note(progress(done, total, now - began))
    finally:
        left.set()


def text(address: str, *, silent_s: float, headers: Mapping[str, str] | None = None, limit: int = 1024 * 1024) -> str:
    """A small text; what is longer than `limit` bytes is cut. Raises `DownloadFailed`."""
    content = bytearray()
    for block in blocks(address, silent_s=silent_s, headers=headers):
        content += block
        if len(content) >= limit:
            break
    return content[:limit].decode(errors="replace")


def ask(address: str, *, silent_s: float) -> None:
    """Whether somebody answers there at all. Any answer of a server to HEAD counts; `DownloadFailed` says why there is none."""
    try:
        with _opened(address, silent_s, {}, method="HEAD", follow=False):
            pass
    except DownloadFailed as failed:
        if failed.status is None:
            raise


def progress(done: int, total: int | None, seconds: float) -> str:
    """`34 of 120 MB, 5.1 MB/s`."""
    size = f"{done / MB:.0f} of {total / MB:.0f} MB" if total else f"{done / MB:.0f} MB"
    return f"{size}, {done / MB / seconds:.1f} MB/s" if seconds else size


def is_loopback(host: str) -> bool:
    """Of `localhost`, `127.0.0.1:8080`, `[::1]:80`."""
    name = urllib.parse.urlsplit(f"//{host}").hostname or ""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def was_silent(failed: DownloadFailed) -> bool:
    """Whether nobody answered in the time given, so that more time may help."""
    return isinstance(failed.__cause__, TimeoutError) or isinstance(getattr(failed.__cause__, "reason", None), TimeoutError)


def _read(address: str, silent_s: float, headers: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """("total", bytes that are promised) once, then ("block", content)."""
    with _opened(address, silent_s, headers) as answer:
        length = answer.headers.get("Content-Length")
        total = int(length) if length and length.isdigit() else None
        yield "total", total
        done = 0
        while total is None or done < total:
            try:
                block = answer.read1(BLOCK)  # what is there, so that a slow line is no silent one
            except (OSError, http.client.HTTPException) as error:
                raise DownloadFailed(
                    address=address, why=f"it broke off after {_of(done, total)}: {_words(error)}", may_pass=True
                ) from error
            if not block:
                break
            done += len(block)
            yield "block", block
    if total is not None and done != total:
        raise DownloadFailed(address=address, why=f"it broke off after {_of(done, total)}", may_pass=True)


def _of(done: int, total: int | None) -> str:
    return f"{done} bytes" if total is None else f"{done} of {total} bytes"


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows as urllib does, but never to what is not encrypted; remembers where it was led."""

    def __init__(self, follow: bool) -> None:
        self._follow = follow
        self.led_to = ""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if not self._follow:
            return None  # urllib then raises the answer itself as an error with its status
        place = urllib.parse.urlsplit(newurl)
        stays_here = place.scheme == "http" and not req.full_url.startswith("https://") and is_loopback(place.netloc)
        if place.scheme != "https" and not stays_here:
            fp.close()
            raise DownloadFailed(
                address=req.full_url, why=f"it redirects to {_bare(newurl)}, which is not encrypted", may_pass=False, status=code
            )
        self.led_to = place.netloc
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Proxies(urllib.request.ProxyHandler):
    """Those of the environment, but for what lies on this computer: no proxy knows that."""

    def proxy_open(self, req: Any, proxy: str, type: str) -> Any:
        return None if is_loopback(req.host) else super().proxy_open(req, proxy, type)


def _trust() -> ssl.SSLContext:
    import truststore

    context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    named = os.environ.get("SSL_CERT_FILE", "")
    if os.path.isfile(named):  # OpenSSL reads it by itself, the certificate stores of macOS do not
        context.load_verify_locations(cafile=named)
    return context


def _opened(
    address: str, silent_s: float, headers: Mapping[str, str], *, method: str = "GET", follow: bool = True
) -> closing[Any]:
    request = urllib.request.Request(address, headers={"User-Agent": "kit"}, method=method)
    for name, value in headers.items():
        request.add_unredirected_header(name, value)  # a login is for the one that it was given for
    redirects = _Redirects(follow)
    try:
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=_trust()), _Proxies, redirects)
        return closing(opener.open(request, timeout=silent_s))
    except urllib.error.HTTPError as refused:
        refused.close()
        why, fix = _refusal(refused.code)
        why = _behind(redirects, f"{why} (HTTP {refused.code})")
        raise DownloadFailed(
            address=address, why=why, may_pass=refused.code >= 500, status=refused.code, fix=fix or None
        ) from refused
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if refused_by_proxy := TUNNEL.search(str(reason)):
            status = int(refused_by_proxy.group(1))
            why, fix = _refusal(status) if status == 407 else ("the proxy does not let it through", "")
            raise DownloadFailed(
                address=address, why=f"{why} (HTTP {status})", may_pass=status >= 500, fix=fix or None
            ) from error
        may_pass = isinstance(reason, ConnectionResetError | ConnectionAbortedError | ssl.SSLEOFError)
        raise DownloadFailed(address=address, why=_behind(redirects, _words(reason)), may_pass=may_pass) from error


def _behind(redirects: _Redirects, why: str) -> str:
    """A firewall that lets one host through may not know the other, to which it redirects."""
    return f"{redirects.led_to}, to which it redirects: {why}" if redirects.led_to else why


def _refusal(status: int) -> tuple[str, str]:
    """Why, and what mends it ("": the usual)."""
    if found := REFUSALS.get(status):
        return found
    return ("it redirects without an end" if status < 400 else "the server answers with an error"), ""


def _words(error: object) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = "" if error.verify_code in NOT_OF_TRUST else INTERCEPTED
        return f"its certificate is not trusted: {error.verify_message}{hint}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "its name is not known here"
    if isinstance(error, http.client.IncompleteRead | http.client.RemoteDisconnected | ssl.SSLEOFError):
        return "the other side hung up"
    if isinstance(error, ssl.SSLError) and error.reason:
        return f"TLS fails: {error.reason.replace('_', ' ').lower()}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _bare(address: str) -> str:
    """Without what may hold a signature."""
    return address.partition("?")[0]
