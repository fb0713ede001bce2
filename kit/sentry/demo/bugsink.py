"""The receiving side's own API: is it there over verified TLS, and does it show the event with this very id.

Bugsink finds events by issue, so the search goes through the issues seen last; a fresh event is in the first of them.
API: `/api/canonical/0/`, bearer token (its OpenAPI document is at `/api/canonical/0/schema/`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from kit.adapters.proxies import Proxy
from kit.endpoints import Secret, Trust
from kit.sentry.demo import https
from kit.sentry.demo.receiver import EventSeen, SentryRefused
from kit.stores.contract import NotYet, Ready

ISSUES_SEARCHED = 5


@dataclass(frozen=True, slots=True)
class Bugsink:
    url: str  # https://127.0.0.1:9443
    token: Secret
    trust: Trust
    project: int
    proxy: Proxy | None = None

    def probe(self) -> Ready | NotYet:
        """One authenticated read that goes through to Postgres."""
        return https.probe(self.url, f"/api/canonical/0/projects/{self.project}/", self.token, self.trust, self.proxy)

    def find(self, event_id: str) -> EventSeen | None:
        wanted = UUID(event_id)
        issues = self._get("issues", project=self.project, sort="last_seen", order="desc")
        for issue in issues[:ISSUES_SEARCHED]:
            for event in self._get("events", issue=issue["id"], order="desc"):
                if UUID(event["event_id"]) == wanted:
                    return EventSeen(wanted.hex, f"{self.url}/issues/issue/{issue['id']}/event/{event['id']}/")
        return None

    def _get(self, collection: str, **query: Any) -> list[dict[str, Any]]:
        path = f"/api/canonical/0/{collection}/?{urlencode(query)}"
        status, body = https.get(self.url, path, self.token, self.trust, self.proxy)
        if status != 200:
            raise SentryRefused(url=self.url, why=f"HTTP {status} for {collection}")
        results: list[dict[str, Any]] = json.loads(body)["results"]
        return results
