"""The web server in small: the two calls of the API that kit makes, and the events that Relay hands on."""

import gzip
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from database import ask, model

PROJECT = "/api/0/projects/sentry/internal/"


class Web(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/_health/":
            return self.answer(200, {})
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not model("ApiToken").objects.filter(token=token).exists():
            return self.answer(401, {"detail": "Invalid token"})
        if self.path == PROJECT:
            return self.answer(200, {"slug": "internal"})
        event = re.fullmatch(f"{PROJECT}events/([0-9a-f]{{32}})/", self.path)
        rows = ask("SELECT data FROM fixture.events WHERE id = %s", event[1]) if event else []
        return self.answer(200, {"eventID": event[1], "groupID": "1"}) if rows else self.answer(404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        key = re.search(r"sentry_key=([0-9a-f]{32})", self.headers.get("X-Sentry-Auth", "") + self.path)
        if key is None or not model("ProjectKey").objects.filter(public_key=key[1]).exists():
            return self.answer(403, {"detail": "event submission rejected with_reason: ProjectId"})
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        lines = body.split(b"\n")
        number = json.loads(lines[0]).get("event_id")
        item = json.loads(lines[1])
        if item.get("type") == "event":
            ask("INSERT INTO fixture.events VALUES (%s, %s) ON CONFLICT DO NOTHING", number, lines[2].decode())
        return self.answer(200, {"id": number})

    def answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, words: str, *values: object) -> None:
        if self.path != "/_health/":
            print(words % values, flush=True)


ThreadingHTTPServer(("", 9000), Web).serve_forever()
