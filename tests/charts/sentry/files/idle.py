"""A component that has nothing to do here: it is there, and answers where it has a port; or it says why it cannot work."""

import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, words: str, *values: object) -> None:
        pass


if os.environ.get("FIXTURE_CRASH"):
    sys.exit(os.environ["FIXTURE_CRASH"])
if len(sys.argv) > 1:
    ThreadingHTTPServer(("", int(sys.argv[1])), Healthy).serve_forever()
while True:
    time.sleep(3600)
