"""A claim that something is refused: it holds only where a server was there and refused, and never where one accepts."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit import verify
from kit.blueprint.stack import STORES
from kit.endpoints import Endpoints, Trust
from kit.stores import catalog, clickhouse, kafka, redis, refusals, s3
from kit.stores.contract import InClear
from kit.stores.refusals import Refusal, Server
from tests.support.tls_server import HOST, Certified, certified, old_context, serving
from tests.unit.test_stores_wire import CREDENTIALS

PING = InClear(b"PING\r\n")
# What each store says in clear to `IN_CLEAR` where TLS is off: the real servers' first bytes.
SERVICE = {
    "kafka": b"\x00\x00\x01\x0a\x00\x00\x00\x01\x00\x00\x00\x00",
    "postgres": b"R\x00\x00\x00\x17\x00\x00\x00\x0aSCRAM-SHA-256\x00\x00",
    "redis": b"-NOAUTH Authentication required.\r\n",
    "clickhouse": b"HTTP/1.1 200 OK\r\n\r\nOk.\n",
    "s3": b"HTTP/1.1 403 Forbidden\r\n\r\n<Error><Code>AccessDenied</Code></Error>",
}
TURNED_AWAY = {
    "postgres": b"E\x00\x00\x00\x30SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry for host\0\0",
    "s3": b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
}


def silent(secured: ssl.SSLSocket) -> None:
    """Hangs up after the handshake."""


@contextmanager
def plain(talk: Callable[[socket.socket], None], *, times: int | None = None) -> Iterator[int]:
    """A server without TLS: `talk` has each connection to itself. After `times` connections nobody listens any more."""
    with socket.create_server((HOST, 0)) as listening:

        def accept() -> None:
            served = 0
            while times is None or served < times:
                try:
                    peer, _ = listening.accept()
                except OSError:
                    return
                served += 1
                if served == times:
                    listening.close()
                with peer, suppress(OSError):
                    talk(peer)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def answering(answer: bytes) -> Callable[[socket.socket], None]:
    def talk(peer: socket.socket) -> None:
        peer.recv(1024)
        peer.sendall(answer)

    return talk


@pytest.fixture
def by(tmp_path: Path) -> Certified:
    return certified(tmp_path)


def nobody() -> int:
    with socket.create_server((HOST, 0)) as listening:
        return int(listening.getsockname()[1])


# -- where one accepts


def test_a_server_of_the_other_authority_is_accepted(by: Certified, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = certified(tmp_path / "other")
    with serving(other, silent) as port:
        assert refusals.refuses_foreign_authority(Server(HOST, port, Trust(by.ca)), Trust(other.ca)).verdict == "accepted"


def test_a_server_of_the_wrong_name_is_accepted(tmp_path: Path) -> None:
    by = certified(tmp_path, (refusals.NEVER_A_NAME_HERE,))
    with serving(by, silent) as port:
        assert refusals.refuses_wrong_name(Server(HOST, port, Trust(by.ca))).verdict == "accepted"


def test_a_server_of_tls_11_is_accepted(by: Certified) -> None:
    with serving(by, silent, old_context(by)) as port:
        assert refusals.refuses_tls11(Server(HOST, port, Trust(by.ca))) == Refusal("accepted", "TLSv1.1")


@pytest.mark.parametrize("store", STORES)
def test_a_store_without_tls_is_accepted(by: Certified, store: str) -> None:
    in_clear = catalog.module(store).IN_CLEAR
    with plain(answering(SERVICE[store])) as port:
        assert refusals.refuses_plaintext(Server(HOST, port, Trust(by.ca)), in_clear).verdict == "accepted"


def _redis(secured: ssl.SSLSocket) -> None:
    for answer in (b"+OK\r\n", b"+PONG\r\n"):
        secured.recv(1024)
        secured.sendall(answer)


def _s3(secured: ssl.SSLSocket) -> None:
    for _ in range(2):
        secured.recv(4096)
        secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def _clickhouse(secured: ssl.SSLSocket) -> None:
    said = secured.recv(4096)
    secured.sendall(b"HTTP/1.0 200 OK\r\n\r\n1\n" if said.startswith(b"POST") else b"\0")


@pytest.mark.parametrize(
    ("module", "talk", "ports"),
    [(redis, _redis, ("tls",)), (s3, _s3, ("api",)), (clickhouse, _clickhouse, ("https", "native"))],
    ids=["redis", "s3", "clickhouse"],
)
def test_a_store_that_takes_any_password_breaks_the_claim(
    by: Certified, module: Any, talk: Callable[[ssl.SSLSocket], None], ports: tuple[str, ...]
) -> None:
    with serving(by, talk) as port:
        endpoint = module.endpoint(HOST, dict.fromkeys(ports, port), CREDENTIALS)
        assert verify._password(module, endpoint, Trust(by.ca)) == (False, "it was accepted")


# -- where one refuses


def test_the_three_of_tls_are_refused_by_a_server_as_it_should_be(by: Certified, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with serving(by, silent) as port:
        server = Server(HOST, port, Trust(by.ca))
        assert refusals.refuses_foreign_authority(server, Trust(certified(tmp_path / "other").ca)).verdict == "refused"
        assert refusals.refuses_wrong_name(server).verdict == "refused"
        assert refusals.refuses_tls11(server).verdict == "refused"
        assert refusals.refuses_plaintext(server, PING).verdict == "refused"


@pytest.mark.parametrize("store", TURNED_AWAY)
def test_words_that_turn_a_client_away_are_a_refusal(by: Certified, store: str) -> None:
    with plain(answering(TURNED_AWAY[store])) as port:
        assert refusals.refuses_plaintext(Server(HOST, port, Trust(by.ca)), catalog.module(store).IN_CLEAR).verdict == "refused"


def test_an_alert_of_tls_is_a_refusal(by: Certified) -> None:
    with plain(answering(b"\x15\x03\x03\x00\x02\x02\x46")) as port:
        server = Server(HOST, port, Trust(by.ca))
        assert refusals.refuses_plaintext(server, PING).verdict == "refused"
        assert refusals.refuses_tls11(server).verdict == "refused"


# -- where nobody proves anything


def test_nobody_refuses_nothing(by: Certified, monkeypatch: pytest.MonkeyPatch) -> None:
    """All claims of `kit verify` against ports on which nobody listens."""
    monkeypatch.setattr(kafka, "SMOKE_TIMEOUT_S", 0.2)  # librdkafka tries a closed port again until its time is over
    ports = {f"{store}.{port.name}": nobody() for store in STORES for port in catalog.module(store).PORTS}

    def endpoint(store: str) -> Any:
        module = catalog.module(store)
        return module.endpoint(HOST, {port.name: ports[f"{store}.{port.name}"] for port in module.PORTS}, CREDENTIALS)

    endpoints = Endpoints(**{store: endpoint(store) for store in STORES})
    checks = verify.from_host(endpoints, ports, Trust(by.ca), "it")
    assert [check for check in checks if check.holds] == []
    assert {check.claim for check in checks} >= {"plaintext is refused", "TLS 1.1 is refused", "a wrong password is refused"}
    assert all("unproven: connection refused" in check.said for check in checks if check.claim.endswith("refused"))


@pytest.mark.parametrize("ends", ["in order", "by a reset"])
def test_a_server_that_dies_has_not_refused(by: Certified, ends: str) -> None:
    def die(peer: socket.socket) -> None:
        if ends == "by a reset":
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with plain(die, times=1) as port:
        said = refusals.refuses_plaintext(Server(HOST, port, Trust(by.ca)), PING)
    assert said.verdict == "unproven", said
    with plain(die, times=1) as port:
        said = refusals.refuses_tls11(Server(HOST, port, Trust(by.ca)))
    assert said.verdict == "unproven", said


def test_a_server_that_says_nothing_has_not_refused(by: Certified) -> None:
    over = threading.Event()
    with plain(lambda peer: bool(over.wait())) as port:
        said = refusals.refuses_plaintext(Server(HOST, port, Trust(by.ca)), PING, timeout_s=0.05)
        over.set()
    assert said == Refusal("unproven", "no answer in time")


def test_a_server_that_speaks_no_tls_has_not_refused_an_old_one(by: Certified) -> None:
    with plain(answering(b"+PONG\r\n" * 20)) as port:
        assert refusals.refuses_tls11(Server(HOST, port, Trust(by.ca))).verdict == "unproven"


def test_what_verify_says_of_it(by: Certified) -> None:
    module = SimpleNamespace(PREAMBLE=None, IN_CLEAR=PING, names=lambda: (HOST,))
    with serving(by, silent, old_context(by)) as port:
        found = {check.claim: check for check in verify._port("x", port, module, Trust(by.ca), Trust(by.ca))}  # type: ignore[arg-type]
    assert not found["TLS 1.1 is refused"].holds
    assert found["TLS 1.1 is refused"].said == "accepted: TLSv1.1"
    assert not found["another authority is refused"].holds
    assert found["plaintext is refused"].holds
