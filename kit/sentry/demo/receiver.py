"""What `kit` asks of whatever receives events, be it Sentry itself or the stand-in: are you there, and do you show this event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kit.adapters.proxies import Proxy
from kit.endpoints import Trust
from kit.errors import KitError
from kit.stores.contract import NotYet, Ready


class SentryRefused(KitError):
    """Sentry's API did not answer as it should."""

    code = "KIT-SENTRY-API"
    exit_code = 56
    what = "Sentry at {url} did not answer as it should"
    fix = "kit status, kit logs sentry"


@dataclass(frozen=True, slots=True)
class EventSeen:
    event_id: str  # 32 hex digits, as the SDK printed it
    url: str  # its page


class Receiver(Protocol):
    @property
    def url(self) -> str:
        """https://host:port, for people."""

    @property
    def trust(self) -> Trust: ...

    @property
    def proxy(self) -> Proxy | None:
        """On the way there; None where it is direct."""

    def probe(self) -> Ready | NotYet:
        """Verified TLS, then one authenticated read. Never raises; ends in PROBE_TIMEOUT_S."""

    def find(self, event_id: str) -> EventSeen | None:
        """The event, once it is shown. Raises `SentryRefused`."""
