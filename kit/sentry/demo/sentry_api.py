"""Sentry's own web API, as far as the proof needs it: one project, and one event of it by its id.

API: `/api/0/`, bearer token with `event:read` and `project:read` (docs.sentry.io/api). An event is found by id at once,
unlike in the stand-in; it is 404 until Snuba has written it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

from kit.adapters.proxies import Proxy
from kit.endpoints import Secret, Trust
from kit.sentry.demo import https
from kit.sentry.demo.receiver import EventSeen, SentryRefused
from kit.stores.contract import NotYet, Ready

ORGANIZATION, PROJECT = "sentry", "internal"  # what `sentry upgrade` makes


@dataclass(frozen=True, slots=True)
class SentryApi:
    url: str
    token: Secret
    trust: Trust
    proxy: Proxy | None = None

    def probe(self) -> Ready | NotYet:
        return https.probe(self.url, f"/api/0/projects/{ORGANIZATION}/{PROJECT}/", self.token, self.trust, self.proxy)

    def find(self, event_id: str) -> EventSeen | None:
        wanted = UUID(event_id).hex
        path = f"/api/0/projects/{ORGANIZATION}/{PROJECT}/events/{wanted}/"
        status, body = https.get(self.url, path, self.token, self.trust, self.proxy)
        if status == 404:
            return None
        if status != 200:
            raise SentryRefused(url=self.url, why=f"HTTP {status} for event {wanted}")
        issue = json.loads(body).get("groupID") or ""
        return EventSeen(wanted, f"{self.url}/organizations/{ORGANIZATION}/issues/{issue}/events/{wanted}/")
