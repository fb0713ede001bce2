"""The proxy between this computer and an HTTPS server, as Go's clients (kubectl, Helm, Terraform) choose it from the shell.

HTTPS_PROXY, unless NO_PROXY names the server or the server is this computer itself. The rules of NO_PROXY are those of
golang.org/x/net/http/httpproxy, read 2026-11-28: a name covers what ends with it, an address may be a range, a port may follow.
"""

from __future__ import annotations

import base64
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

SPOKEN = ("http",)  # kinds of proxies: how kit itself talks to one
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


@dataclass(frozen=True, slots=True)
class Proxy:
    source: str  # who names it: a variable of the shell, or "proxy-url" of a kubeconfig
    parts: SplitResult

    @property
    def is_spoken(self) -> bool:
        return self.parts.scheme in SPOKEN and bool(self.parts.hostname)

    @property
    def address(self) -> str:
        """Kind, host and port. The login is left out."""
        return f"{self.parts.scheme}://{self.parts.netloc.rpartition('@')[2]}"

    @property
    def host(self) -> str:
        return self.parts.hostname or ""

    @property
    def port(self) -> int:
        return self.parts.port or 80

    @property
    def headers(self) -> dict[str, str]:
        """What proves to it who one is."""
        if self.parts.username is None:
            return {}
        login = f"{unquote(self.parts.username)}:{unquote(self.parts.password or '')}"
        return {"Proxy-Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}


def named(source: str, address: str) -> Proxy:
    """The proxy at `address`, which may lack its kind. Raises `ValueError`."""
    parts = urlsplit(address if "://" in address else f"http://{address}")
    _ = parts.port  # the error for a port that is no number comes here, and not at the first connection
    return Proxy(source, parts)


def of_shell(host: str, port: int, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """The way to `host`; None where it is direct. Raises `ValueError`."""
    source = next((name for name in ("HTTPS_PROXY", "https_proxy") if environment.get(name)), None)
    if source is None or is_this_computer(host):
        return None
    spared = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    if any(_covers(entry.strip().lower(), host.lower(), port) for entry in spared.split(",")):
        return None
    return named(source, environment[source])


def sparing(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """For clients that ask a proxy for this computer too (requests, curl, boto3), in both spellings; nothing without a proxy."""
    if not any(environment.get(name) for name in (*VARIABLES, "ALL_PROXY", "all_proxy")):
        return {}
    before = environment.get("no_proxy") or environment.get("NO_PROXY")
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(filter(None, [before, "127.0.0.1,localhost"])))


def through(proxy: Proxy) -> dict[str, str]:
    """For clients that are to reach HTTPS servers by this proxy, in both spellings, and this computer without it."""
    address = f"{proxy.parts.scheme}://{proxy.parts.netloc}"
    return {
        **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), address),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
    }


def on_this_computer(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The variables whose proxy listens on this computer's loopback: in a container that is the container itself."""
    found = []
    for name in VARIABLES:
        try:
            if environment.get(name) and is_this_computer(named(name, environment[name]).host):
                found.append(name)
        except ValueError:
            continue
    return tuple(found)


def is_this_computer(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _covers(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY is about this server."""
    address = _address(host)
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, _, of_port = (entry, "", "") if _address(entry) else entry.rpartition(":") if ":" in entry else (entry, "", "")
    name = name.strip("[]").removeprefix("*")
    if not name or (of_port and of_port != str(port)):
        return False
    if address is not None:
        return _address(name) == address
    return host.endswith(f".{name.removeprefix('.')}") or host == name
