"""The mail that Sentry would send, against a real server over TLS: what is accepted, and how each mistake is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kit.endpoints import Trust
from kit.pki import authority
from kit.sentry.check.executor.mail import connections
from kit.sentry.preflight import verdict
from kit.sentry.preflight.clients import smtp
from kit.sentry.preflight.clients.contract import Wrong
from kit.stores.wire import tls
from tests.support import smtp_server

PROGRAM = Path(smtp_server.__file__)
OURS, FOREIGN = (authority.create(name, datetime.now(UTC)) for name in ("mail", "foreign"))
LOGIN = {"user": "sentry", "password": "hunter2-of-mail"}
SENDER = "sentry@example.org"


@dataclass(frozen=True)
class Server:
    port: int
    process: subprocess.Popen[str]

    def taken(self) -> list[dict[str, Any]]:
        self.process.terminate()
        assert self.process.stdout is not None
        return [json.loads(line) for line in self.process.stdout]


Serve = Callable[..., Server]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    running: list[subprocess.Popen[str]] = []

    def start(name: str = "localhost", **given: str) -> Server:
        leaf = authority.issue(OURS, name, [name], datetime.now(UTC))
        (tmp_path / "tls.crt").write_bytes(leaf.certificate_pem() + OURS.intermediate.certificate_pem())
        (tmp_path / "tls.key").write_bytes(leaf.key_pem())
        files = {"certificate": str(tmp_path / "tls.crt"), "key": str(tmp_path / "tls.key")}
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), json.dumps({**files, **given})], stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        assert process.stdout is not None
        return Server(json.loads(process.stdout.readline())["port"], process)

    yield start
    for process in running:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(autouse=True)
def trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As in a wired container: the variable names the file."""
    path = tmp_path / "bundle.crt"
    path.write_bytes(OURS.root.certificate_pem())
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


def mail(server: Server, tls: str = "starttls", host: str = "localhost", **more: Any) -> dict[str, Any]:
    """Sentry's options of that name, as the chart's settings make them."""
    how = {"use-tls": tls == "starttls", "use-ssl": tls == "tls"}
    return {"backend": "smtp", "host": host, "port": server.port, "username": "", "password": "", "from": SENDER, **how, **more}


def tried(options: dict[str, Any], write: bool = True) -> str:
    (connection,) = connections(options, {"SSL_CERT_FILE": "/etc/kit/trust/bundle.crt"})
    return smtp.ask(connection, write, None).did


@pytest.mark.parametrize("kind", ["starttls", "tls"])
def test_a_server_that_takes_the_login_and_the_sender_is_fine_and_gets_no_mail(serve: Serve, kind: str) -> None:
    server = serve(tls=kind, **LOGIN, sender=SENDER)
    said = tried(mail(server, kind, username=LOGIN["user"], password=LOGIN["password"]))
    assert said == f"logged in, and it takes mail from {SENDER}"
    assert server.taken() == []


def test_a_relay_without_a_login_is_fine(serve: Serve) -> None:
    assert tried(mail(serve())).startswith("greeted")


def refused(options: dict[str, Any]) -> Wrong:
    with pytest.raises(Wrong) as caught:
        tried(options)
    assert LOGIN["password"] not in caught.value.said
    return caught.value


def test_a_wrong_password_is_told_in_the_servers_words(serve: Serve) -> None:
    wrong = refused(mail(serve(**LOGIN), username="sentry", password="another"))
    assert wrong.cause == "mail-login"
    assert wrong.said.startswith("535 ")


def test_a_login_that_the_server_does_not_know_is_told(serve: Serve) -> None:
    assert refused(mail(serve(), username="sentry", password="x")).cause == "mail-login"


def test_no_password_where_one_is_asked_for_is_told(serve: Serve) -> None:
    wrong = refused(mail(serve(**LOGIN)))
    assert (wrong.cause, wrong.said[:3]) == ("mail-sender", "530")


def test_a_sender_that_the_login_may_not_use_is_told(serve: Serve) -> None:
    wrong = refused(mail(serve(**LOGIN, sender="other@example.org"), username="sentry", password=LOGIN["password"]))
    assert wrong.cause == "mail-sender"
    assert "not owned by user" in wrong.said


def test_a_server_without_tls_gets_no_password(serve: Serve) -> None:
    server = serve(tls="none", **LOGIN)
    assert refused(mail(server, username="sentry", password=LOGIN["password"])).cause == "mail-starttls"
    with pytest.raises(OSError, match="WRONG_VERSION_NUMBER"):
        tried(mail(server, "tls"))


@pytest.mark.parametrize("kind", ["starttls", "tls"])
def test_a_foreign_authority_and_a_wrong_name_are_refused(serve: Serve, kind: str, trust: Path) -> None:
    with pytest.raises(OSError, match="certificate verify failed"):
        tried(mail(serve("mail.example.org", tls=kind), kind))
    trust.write_bytes(FOREIGN.root.certificate_pem())
    with pytest.raises(OSError, match="certificate verify failed"):
        tried(mail(serve(tls=kind), kind), write=False)


# -- kit's own handshake, in front of the client


def test_kits_handshake_goes_through_starttls(serve: Serve, trust: Path) -> None:
    server = serve()
    with tls.handshake("localhost", server.port, Trust(trust), preamble=smtp.start_tls) as wire:
        assert wire.tls.version == "TLSv1.3"


def test_kits_handshake_says_that_a_server_offers_no_starttls(serve: Serve, trust: Path) -> None:
    server = serve(tls="none")
    with pytest.raises(Wrong) as caught, tls.handshake("localhost", server.port, Trust(trust), preamble=smtp.start_tls):
        pass
    assert caught.value.cause == "mail-starttls"


def test_kits_handshake_says_that_a_port_wants_tls_at_once(serve: Serve, trust: Path) -> None:
    server = serve(tls="tls")
    with (
        pytest.raises(Wrong) as caught,
        tls.handshake("localhost", server.port, Trust(trust), preamble=smtp.start_tls, timeout_s=0.3),
    ):
        pass
    assert caught.value.cause == "mail-tls"


# -- what Sentry's options say


@pytest.mark.parametrize(
    ("more", "on"),
    [
        ({"use-tls": True, "use-ssl": False}, True),
        ({"use-tls": False, "use-ssl": True}, True),
        ({"use-tls": False, "use-ssl": False}, False),
        ({"use-tls": True, "use-ssl": True}, False),
        ({}, False),
    ],
)
def test_tls_is_on_where_exactly_one_of_the_two_says_so(more: dict[str, Any], on: bool) -> None:
    (connection,) = connections({"backend": "smtp", "host": "h", "port": 25, **more}, {})
    assert connection["tls"] == {"on": on, "verify": "full" if on else "none", "ca": None, "ca_from": None}


@pytest.mark.parametrize("backend", ["dummy", "console", "", None])
def test_another_backend_sends_nothing(backend: str | None) -> None:
    assert connections({"backend": backend, "host": "h", "port": 25}, {}) == []
    assert connections({}, {}) == []


# -- in the place of a component: the driver, in a process of its own, for it forks and sets variables

CONFIGURED = """
from sentry.conf.server import *
SENTRY_OPTIONS.update({
    "mail.backend": "smtp", "mail.host": "%s", "mail.port": %d, "mail.use-tls": %s, "mail.use-ssl": %s,
    "mail.username": "sentry", "mail.password": os.environ["SENTRY_EMAIL_PASSWORD"], "mail.from": "sentry@example.org",
})
"""
DRIVE = """
import json, os, pathlib, sys
from kit.sentry.preflight.clients import driver
from kit.sentry.preflight.clients.contract import Wanted
request = json.loads(sys.argv[1])
outcome = driver.examine(request, dict(os.environ), Wanted(kind="sentry", version=(26, 8)), pathlib.Path(sys.argv[2]))
assert outcome["error"] is None, outcome
print(json.dumps([each for each in outcome["connections"] if each["store"] == "mail"]))
"""


def drive(tmp_path: Path, server: Server, tls: str = "starttls", host: str = "localhost", tries: bool = True) -> Any:
    folder = tmp_path / "sentry"
    folder.mkdir(exist_ok=True)
    (folder / "sentry.conf.py").write_text(CONFIGURED % (host, server.port, tls == "starttls", tls == "tls"))
    (tmp_path / "foreign.crt").write_bytes(FOREIGN.root.certificate_pem())
    env = {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PATH": os.environ["PATH"],
        "SENTRY_CONF": str(folder),
        "SENTRY_EMAIL_PASSWORD": LOGIN["password"],
        "RES_OPTIONS": "timeout:1 attempts:1",  # a name that nobody knows is waited for no longer than that
        "SSL_CERT_FILE": str(tmp_path / "bundle.crt"),
    }
    request = {"kind": "sentry", "version": "26.8.0", "args": [], "trust": str(tmp_path), "mail": tries}
    argv = [sys.executable, "-c", DRIVE, json.dumps(request), str(tmp_path / "foreign.crt")]
    ran = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
    assert LOGIN["password"] not in ran.stdout
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.mark.parametrize("kind", ["starttls", "tls"])
def test_the_driver_tries_mail_and_a_foreign_authority(serve: Serve, tmp_path: Path, kind: str) -> None:
    (outcome,) = drive(tmp_path, serve(tls=kind, **LOGIN), kind)
    assert (outcome["cause"], outcome["tls"]) == ("", "TLSv1.3")
    assert outcome["said"].startswith("logged in")
    assert outcome["foreign"].startswith("refused: SSLCertVerificationError")


def test_one_component_of_sentrys_tries_mail_and_the_others_do_not(serve: Serve, tmp_path: Path) -> None:
    assert drive(tmp_path, serve(**LOGIN), tries=False) == []


@pytest.mark.parametrize(
    ("server", "configured", "cause"),
    [
        ({"tls": "starttls"}, {"tls": "tls"}, "mail-tls"),
        ({"tls": "none"}, {"tls": "starttls"}, "mail-starttls"),
        ({"password": "another"}, {}, "mail-login"),
        ({"sender": "other@example.org"}, {}, "mail-sender"),
        ({"name": "mail.example.org"}, {}, "wrong-name"),
        ({}, {"tls": "none"}, "plaintext"),
        ({}, {"host": "nowhere.invalid"}, "unresolved"),
    ],
)
def test_the_driver_names_what_is_wrong_with_mail(
    serve: Serve, tmp_path: Path, server: dict[str, str], configured: dict[str, str], cause: str
) -> None:
    (outcome,) = drive(tmp_path, serve(**{**LOGIN, **server}), **configured)
    assert outcome["cause"] == cause, outcome
    assert outcome["cause"] in verdict.causes()
