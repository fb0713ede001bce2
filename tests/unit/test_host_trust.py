"""Which bundle of authorities is the computer's: found where each system keeps it, and never one that holds nothing."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import certifi
import pytest
import trustme

from kit.host import trust
from tests.support.tls_server import certified, https

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that was built with a path of another computer, as stand-alone ones are."""
    paths = ssl.DefaultVerifyPaths(None, None, "SSL_CERT_FILE", "/build/openssl/cert.pem", "SSL_CERT_DIR", "/build/openssl/certs")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)


def test_the_variable_comes_first(tmp_path: Path) -> None:
    (tmp_path / "own.pem").write_text(PEM)
    (tmp_path / "system.pem").write_text(PEM)
    assert trust.bundle({"SSL_CERT_FILE": f"{tmp_path}/own.pem"}, [tmp_path / "system.pem"]) == tmp_path / "own.pem"


@pytest.mark.parametrize("content", [None, b"", b"\x30\x82\x01\x0a DER", "folder"], ids=["absent", "empty", "DER", "folder"])
def test_a_variable_that_names_no_bundle_is_passed_over(tmp_path: Path, content: bytes | str | None) -> None:
    own = tmp_path / "own.pem"
    own.mkdir() if content == "folder" else own.write_bytes(content) if isinstance(content, bytes) else None
    (tmp_path / "system.pem").write_text(PEM)
    assert trust.bundle({"SSL_CERT_FILE": str(own)}, [tmp_path / "system.pem"]) == tmp_path / "system.pem"


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("place", trust.USUAL)
def test_each_system_has_its_own_place(tmp_path: Path, place: str) -> None:
    there = tmp_path / place.lstrip("/")
    there.parent.mkdir(parents=True)
    there.write_text(PEM)
    assert trust.bundle({}, [tmp_path / usual.lstrip("/") for usual in trust.USUAL]) == there


@pytest.mark.usefixtures("bare")
def test_a_link_is_followed_as_on_fedora(tmp_path: Path) -> None:
    (tmp_path / "extracted.pem").write_text(PEM)
    (tmp_path / "bundle.crt").symlink_to("extracted.pem")
    assert trust.bundle({}, [tmp_path / "bundle.crt"]) == tmp_path / "extracted.pem"


@pytest.mark.usefixtures("bare")
def test_without_any_the_packaged_one_serves(tmp_path: Path) -> None:
    assert trust.bundle({}, [tmp_path / "nothing"]) == Path(certifi.where())


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


CLIENTS = {
    "requests": [sys.executable, "-c", "import requests, sys; requests.get(sys.argv[1]).raise_for_status()"],
    "urllib": [sys.executable, "-c", "import urllib.request, sys; urllib.request.urlopen(sys.argv[1])"],
    "curl": ["curl", "--fail", "--silent", "--show-error"],
    "node": ["node", "-e", "fetch(process.argv[1]).then(said => process.exit(said.ok ? 0 : 2), () => process.exit(1))"],
}


@pytest.mark.parametrize("client", CLIENTS)
def test_each_client_trusts_the_stack_in_the_shell_of_kit_env(client: str, tmp_path: Path) -> None:
    """Whatever the shell had before. Without these variables it does not, so it is they that make the difference."""
    program = CLIENTS[client][0]
    if shutil.which(program) is None:
        pytest.skip(f"no {program} on this computer")
    by = certified(tmp_path)
    bare = {"PATH": os.environ["PATH"]}
    of_before = dict.fromkeys(trust.CLIENT_VARIABLES, str(tmp_path / "corporate.pem"))
    (tmp_path / "corporate.pem").write_bytes(trustme.CA().cert_pem.bytes())
    with https(by, Hello) as port:

        def ask(environment: dict[str, str]) -> int:
            argv = [*CLIENTS[client], f"https://localhost:{port}/"]
            return subprocess.run(argv, env=environment, capture_output=True, timeout=60, check=False).returncode

        assert ask(bare) != 0
        assert ask({**bare, **of_before}) != 0
        assert ask({**bare, **of_before, **trust.client_variables(by.ca)}) == 0
