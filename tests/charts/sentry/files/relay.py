"""Relay in small: what SDKs send goes on to the web server, with the headers that say whose it is."""

import os
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UPSTREAM = os.environ["FIXTURE_UPSTREAM"]
HANDED_ON = ("X-Sentry-Auth", "Content-Type", "Content-Encoding")


class Relay(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer(200 if self.path == "/_health/" else 404, b"")

    def do_POST(self) -> None:
        body = self.body()
        headers = {name: self.headers[name] for name in HANDED_ON if name in self.headers}
        request = urllib.request.Request(f"{UPSTREAM}{self.path}", body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                self.answer(response.status, response.read())
        except urllib.error.HTTPError as refused:
            self.answer(refused.code, refused.read())
        except OSError:
            self.answer(503, b"")

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, words: str, *values: object) -> None:
        if self.path != "/_health/":
            print(words % values, flush=True)


ThreadingHTTPServer(("", 3000), Relay).serve_forever()
