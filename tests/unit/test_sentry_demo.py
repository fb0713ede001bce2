"""The exception's sender against a small TLS server, and what `kit demo` makes of its exit code. Real sockets, real SDK."""

from __future__ import annotations

import gzip
import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kit.adapters.process import Result
from kit.endpoints import Secret, Trust
from kit.pki import authority
from kit.sentry.demo import demo
from kit.sentry.demo.bugsink import Bugsink
from kit.stores.contract import NotYet, Ready

SENDER = Path(__file__).parents[2] / demo.SCRIPT
KEY, TOKEN = "d" * 32, "a" * 40
ISSUE, EVENT = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"


class Sentry(ThreadingHTTPServer):
    """Takes envelopes for project 1 and its key; shows the last event under one issue."""

    def __init__(self, ca_file: Path, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.ca_file = ca_file
        self.events: list[dict[str, Any]] = []
        self.hidden = 0  # how many look-ups the event stays invisible for

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_port}"

    def dsn(self, key: str = KEY) -> str:
        return f"https://{key}@127.0.0.1:{self.server_port}/1"

    def bugsink(self, token: str = TOKEN) -> Bugsink:
        return Bugsink(self.url, Secret(token), Trust(self.ca_file), 1)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A refused handshake is what some tests want; no traceback for it."""


class Handler(BaseHTTPRequestHandler):
    server: Sentry

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if f"sentry_key={KEY}" not in self.headers["X-Sentry-Auth"]:
            return self._answer(403, {})
        envelope = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        self.server.events.append(json.loads(envelope.splitlines()[2]))
        return self._answer(200, {})

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._answer(401, {})
        if "/projects/1/" in self.path:
            return self._answer(200, {"id": 1})
        if "/issues/" in self.path:
            self.server.hidden -= 1
            return self._answer(200, {"results": [{"id": ISSUE}] if self.server.hidden < 0 else []})
        return self._answer(200, {"results": [{"id": EVENT, "event_id": event["event_id"]} for event in self.server.events]})

    def _answer(self, status: int, document: Mapping[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sentry]:
    known = authority.create("test", datetime.now(UTC))
    leaf = authority.issue(known, "sentry", ["127.0.0.1"], datetime.now(UTC))
    (tmp_path / "ca.crt").write_bytes(known.root.certificate_pem())
    (tmp_path / "pair.pem").write_bytes(leaf.key_pem() + leaf.certificate_pem() + known.intermediate.certificate_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair.pem")
    running = Sentry(tmp_path / "ca.crt", context)
    threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def send(**variables: str) -> subprocess.CompletedProcess[str]:
    clean = {name: text for name, text in os.environ.items() if name not in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "SENTRY_DSN")}
    environment = {**clean, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **variables}
    return subprocess.run([sys.executable, str(SENDER)], env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_delivered_exception_has_its_stack_its_values_and_its_cause(server: Sentry) -> None:
    ran = send(SENTRY_DSN=server.dsn(), SENTRY_CA_CERTS=str(server.ca_file))
    assert (ran.returncode, ran.stderr) == (0, "")
    event = server.events[-1]
    assert ran.stdout.strip() == event["event_id"]
    cause, raised = event["exception"]["values"]
    assert (cause["type"], raised["type"]) == ("ValueError", "OrderRejected")
    assert [frame["function"] for frame in raised["stacktrace"]["frames"]] == ["main", "close_the_day", "total"]
    assert raised["stacktrace"]["frames"][-1]["vars"]["order"]["id"] == "'A-1002'"


def test_ssl_cert_file_serves_as_well(server: Sentry) -> None:
    assert send(SENTRY_DSN=server.dsn(), SSL_CERT_FILE=str(server.ca_file)).returncode == 0


@pytest.mark.parametrize(
    ("variables", "exit_code", "said"),
    [
        ({}, 1, "the server's certificate was refused"),
        ({"SENTRY_CA_CERTS": "/nowhere/ca.crt"}, 1, "there is no certificate to trust in /nowhere/ca.crt"),
        ({"SENTRY_CA_CERTS": os.devnull}, 1, f"there is no certificate to trust in {os.devnull}"),
        ({"SENTRY_DSN": "https://127.0.0.1/1"}, 2, "is not a DSN"),
        ({"SENTRY_DSN": ""}, 2, "SENTRY_DSN is not set"),
    ],
    ids=["public roots only", "no such file", "empty file", "no key", "no DSN"],
)
def test_what_was_not_delivered_is_said(server: Sentry, variables: Mapping[str, str], exit_code: int, said: str) -> None:
    ran = send(**{"SENTRY_DSN": server.dsn(), **variables})
    assert ran.returncode == exit_code
    assert said in ran.stderr
    assert ran.stdout == ""
    assert server.events == []


def test_an_unknown_key_is_not_delivered(server: Sentry) -> None:
    ran = send(SENTRY_DSN=server.dsn(key="0" * 32), SENTRY_CA_CERTS=str(server.ca_file))
    assert ran.returncode == 1
    assert "answered 403: it does not know the key" in ran.stderr


def test_demo_waits_until_that_very_event_is_shown(server: Sentry) -> None:
    server.hidden = 3
    notes: list[str] = []
    outcome = demo.prove(SENDER, Secret(server.dsn()), server.bugsink(), note=notes.append, sleep=lambda seconds: None)
    assert outcome.event_id == server.events[-1]["event_id"]
    assert outcome.url == f"{server.url}/issues/issue/{ISSUE}/event/{EVENT}/"
    assert notes == ["raising an exception", f"waiting for event {outcome.event_id}"]


def test_another_event_is_not_taken_for_the_one_that_was_sent(server: Sentry) -> None:
    server.events.append({"event_id": "f" * 32})
    assert server.bugsink().find("e" * 32) is None


def test_dsn_is_neither_an_argument_nor_shown() -> None:
    calls: list[Sequence[str]] = []

    def runner(argv: Sequence[str], **options: Any) -> Result:
        calls.append(argv)
        assert options["env"]["SENTRY_DSN"] == dsn
        return Result(tuple(argv), 1, "", f"not delivered: {dsn} did not answer\n  fix  wait")

    dsn = "https://key@127.0.0.1:1/1"
    with pytest.raises(demo.DemoNotDelivered) as raised:
        demo.prove(SENDER, Secret(dsn), Bugsink("https://127.0.0.1:1", Secret("t"), Trust(Path("ca.crt")), 1), runner=runner)
    assert dsn not in " ".join(calls[0])
    assert raised.value.why == "*** did not answer"
    assert dsn not in raised.value.detail


def test_probe_tells_ready_from_a_refused_token_and_a_foreign_authority(server: Sentry, tmp_path: Path) -> None:
    ready = server.bugsink().probe()
    assert isinstance(ready, Ready)
    assert ready.tls.issuer == "kit test intermediate"
    assert server.bugsink(token="b" * 40).probe() == NotYet("refused", "the API token is not accepted")
    foreign = tmp_path / "foreign.crt"
    foreign.write_bytes(authority.create("test", datetime.now(UTC)).root.certificate_pem())
    answer = Bugsink(server.url, Secret(TOKEN), Trust(foreign), 1).probe()
    assert isinstance(answer, NotYet)
    assert answer.cause == "tls"
