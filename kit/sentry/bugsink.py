"""The receiving side's own API: is it there over verified TLS, and does it show the event with this very id.

Bugsink finds events by issue, so the search goes through the issues seen last; a fresh event is in the first of them.
API: `/api/canonical/0/`, bearer token (its OpenAPI document is at `/api/canonical/0/schema/`).
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from kit.endpoints import Secret, Trust
from kit.errors import KitError
from kit.stores import tls
from kit.stores.contract import NotYet, Ready

ISSUES_SEARCHED = 5
TIMEOUT_S = 5.0


class SentryRefused(KitError):
    """Sentry's API did not answer as it should."""

    code = "KIT-SENTRY-API"
    exit_code = 56

    def __init__(self, url: str, why: str) -> None:
        super().__init__(what=f"Sentry at {url} did not answer as it should", why=why, fix="kit status, kit logs sentry")


@dataclass(frozen=True, slots=True)
class EventSeen:
    event_id: str  # 32 hex digits, as the SDK printed it
    url: str  # its page


@dataclass(frozen=True, slots=True)
class Bugsink:
    url: str  # https://127.0.0.1:9443
    token: Secret
    trust: Trust
    project: int

    def probe(self) -> Ready | NotYet:
        """Verified TLS, then one authenticated read that goes through to Postgres. Never raises; ends in PROBE_TIMEOUT_S."""
        target = urlsplit(self.url)
        started = time.monotonic()
        try:
            with tls.handshake(target.hostname or "", target.port or 443, self.trust) as connection:
                request = f"GET /api/canonical/0/projects/{self.project}/ HTTP/1.0\r\nHost: {target.netloc}\r\n"
                connection.send(f"{request}Authorization: Bearer {self.token.reveal()}\r\n\r\n".encode())
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

    def find(self, event_id: str) -> EventSeen | None:
        """The event, once the server shows it."""
        wanted = UUID(event_id)
        issues = self._get("issues", project=self.project, sort="last_seen", order="desc")
        for issue in issues[:ISSUES_SEARCHED]:
            for event in self._get("events", issue=issue["id"], order="desc"):
                if UUID(event["event_id"]) == wanted:
                    return EventSeen(wanted.hex, f"{self.url}/issues/issue/{issue['id']}/event/{event['id']}/")
        return None

    def _get(self, collection: str, **query: Any) -> list[dict[str, Any]]:
        target = urlsplit(self.url)
        context = ssl.create_default_context(cafile=str(self.trust.ca_file))
        connection = http.client.HTTPSConnection(target.hostname or "", target.port, context=context, timeout=TIMEOUT_S)
        headers = {"Authorization": f"Bearer {self.token.reveal()}", "Accept": "application/json"}
        try:
            connection.request("GET", f"/api/canonical/0/{collection}/?{urlencode(query)}", headers=headers)
            response = connection.getresponse()
            body = response.read()
            if response.status != 200:
                raise SentryRefused(self.url, f"HTTP {response.status} for {collection}")
            results: list[dict[str, Any]] = json.loads(body)["results"]
            return results
        except (OSError, http.client.HTTPException) as error:
            raise SentryRefused(self.url, tls.not_yet(error).reason) from error
        finally:
            connection.close()
