"""Tries every promise about the connections from this computer: what must be accepted is, what must be refused is refused.

For each port: every name of its certificate verifies; another authority of the same name, a wrong name, TLS 1.1 and plaintext are
turned away. For each store: a wrong password is refused, and what is written can be read back.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from kit.blueprint.stack import STORES
from kit.endpoints import Endpoints, Secret, Trust
from kit.status import Check
from kit.stores import catalog, refusals
from kit.stores.contract import NotYet, Store
from kit.stores.refusals import Refusal, Server
from kit.stores.wire import tls

WRONG_PASSWORD = Secret("not-the-password-of-anyone")


def from_host(endpoints: Endpoints, ports: Mapping[str, int], trust: Trust, stack: str) -> tuple[Check, ...]:
    """`ports` maps "kafka.sasl" and its like to ports of 127.0.0.1. The stores are tried side by side."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(max_workers=len(STORES)) as pool:
        foreign = foreign_trust(Path(folder), stack)
        found = pool.map(lambda name: tuple(_store(name, endpoints, ports, trust, foreign)), STORES)
        return tuple(check for checks in found for check in checks)


def of_door(name: str, server: Server, stack: str) -> Iterator[Check]:
    """Of whoever ends HTTPS in front of Sentry under `name`."""
    yield _tried("door", f"the name {name} verifies", functools.partial(_name, server, name))
    with tempfile.TemporaryDirectory() as folder:
        yield _refused(
            "door", "another authority is refused", refusals.refuses_foreign_authority(server, foreign_trust(Path(folder), stack))
        )
    yield _refused("door", "a wrong name is refused", refusals.refuses_wrong_name(server))
    yield _refused("door", "TLS 1.1 is refused", refusals.refuses_tls11(server))


def foreign_trust(folder: Path, stack: str) -> Trust:
    """An authority of the very same names, made by someone else: only its signatures differ."""
    from kit.pki import authority

    path = folder / "foreign.crt"
    path.write_bytes(authority.create(stack, datetime.now(UTC)).root.certificate_pem())
    return Trust(path)


def _store(name: str, endpoints: Endpoints, ports: Mapping[str, int], trust: Trust, foreign: Trust) -> Iterator[Check]:
    module, endpoint = catalog.module(name), endpoints.store(name)
    for port in module.PORTS:
        subject = name if len(module.PORTS) == 1 else f"{name}.{port.name}"
        yield from _port(subject, ports[f"{name}.{port.name}"], module, trust, foreign)
    yield _tried(name, "a wrong password is refused", lambda: _password(module, endpoint, trust))
    yield _tried(name, "what is written can be read back", lambda: (True, module.smoke(endpoint, trust).what))


def _port(subject: str, port: int, module: Store, trust: Trust, foreign: Trust) -> Iterator[Check]:
    server = Server("127.0.0.1", port, trust, module.PREAMBLE)
    for server_name in module.names():
        yield _tried(subject, f"the name {server_name} verifies", functools.partial(_name, server, server_name))
    yield _refused(subject, "another authority is refused", refusals.refuses_foreign_authority(server, foreign))
    yield _refused(subject, "a wrong name is refused", refusals.refuses_wrong_name(server))
    yield _refused(subject, "TLS 1.1 is refused", refusals.refuses_tls11(server))
    yield _refused(subject, "plaintext is refused", refusals.refuses_plaintext(server, module.IN_CLEAR))


def _refused(subject: str, claim: str, refusal: Refusal) -> Check:
    said = refusal.said if refusal.verdict == "refused" else f"{refusal.verdict}: {refusal.said}"
    return Check(subject, claim, refusal.verdict == "refused", said)


def _name(server: Server, name: str) -> tuple[bool, str]:
    with tls.handshake(server.host, server.port, server.trust, server_name=name, preamble=server.preamble) as connection:
        return True, f"{connection.tls.version}, {connection.tls.issuer}"


def _password(module: Store, endpoint: object, trust: Trust) -> tuple[bool, str]:
    answer = module.probe(module.with_password(endpoint, WRONG_PASSWORD), trust)
    if isinstance(answer, NotYet):
        return answer.cause == "refused", answer.reason if answer.cause == "refused" else f"unproven: {answer.reason}"
    return False, "it was accepted"


def _tried(subject: str, claim: str, attempt: Callable[[], tuple[bool, str]]) -> Check:
    try:
        holds, said = attempt()
    except Exception as error:
        return Check(subject, claim, False, str(error) or type(error).__name__)
    return Check(subject, claim, holds, said)
