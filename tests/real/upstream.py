"""Sentry's web server, as far as a Relay in processing mode asks it: registers it, and hands out projects. Runs in a pod.

Written from what Relay's own sources ask and expect (relay-auth, services/upstream.rs, services/projects/source/upstream.rs,
services/global_config.rs in the source package of 26.8.0). It believes every signature: whom it lets in is not what is tested.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# DSN key → the project's id and its quotas.
PROJECTS: dict[str, dict[str, Any]] = json.loads(os.environ.get("PROJECTS", "{}"))


def project(key: str) -> dict[str, Any] | None:
    if key not in PROJECTS:
        return None
    now = datetime.now(UTC).isoformat()
    number = PROJECTS[key]["id"]
    return {
        "projectId": number,
        "organizationId": 1,
        "slug": f"project-{number}",
        "disabled": False,
        "rev": "1",
        "lastChange": now,
        "lastFetch": now,
        "publicKeys": [{"publicKey": key, "numericId": number, "isEnabled": True}],
        "config": {
            "allowedDomains": ["*"],
            "trustedRelays": [],
            "piiConfig": None,
            "eventRetention": 90,
            "quotas": PROJECTS[key]["quotas"],
            "features": [],
        },
    }


def answer(path: str, asked: dict[str, Any]) -> dict[str, Any] | None:
    match path.rstrip("/").removeprefix("/api/0/relays/"):
        case "register/challenge":
            return {"relay_id": asked["relay_id"], "token": "a-token:whose-signature-nobody-checks"}
        case "register/response":
            return {"relay_id": asked["relay_id"]}
        case "projectconfigs":
            found: dict[str, Any] = {"configs": {key: project(key) for key in asked.get("publicKeys") or ()}}
            return {**found, "global": {}, "global_status": "ready"} if asked.get("global") else found
        case "publickeys":
            return {"public_keys": {}, "relays": {}}
        case _:
            return None


class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.reply(200, {"is_healthy": True})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said = answer(self.path.partition("?")[0], json.loads(body or b"{}"))
        self.reply(404 if said is None else 200, said or {})

    def reply(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", 9000), Upstream).serve_forever()
