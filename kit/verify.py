"""Every promise about the connections, tried from this computer: what must be accepted is, and what must be refused is refused.

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

from kit import stores
from kit.blueprint.stack import STORES
from kit.endpoints import Endpoints, Secret, Trust
from kit.status import Check
from kit.stores import refusals, tls
from kit.stores.contract import NotYet, Preamble

WRONG_PASSWORD = Secret("not-the-password-of-anyone")


def from_host(endpoints: Endpoints, ports: Mapping[str, int], trust: Trust, stack: str) -> tuple[Check, ...]:
    """`ports` maps "kafka.sasl" and its like to ports of 127.0.0.1. The stores are tried side by side."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(max_workers=len(STORES)) as pool:
        foreign = foreign_trust(Path(folder), stack)
        found = pool.map(lambda name: tuple(_store(name, endpoints, ports, trust, foreign)), STORES)
        return tuple(check for checks in found for check in checks)


def foreign_trust(folder: Path, stack: str) -> Trust:
    """An authority of the very same names, made by someone else: only its signatures differ."""
    from kit.pki import authority

    path = folder / "foreign.crt"
    path.write_bytes(authority.create(stack, datetime.now(UTC)).root.certificate_pem())
    return Trust(path)


def _store(name: str, endpoints: Endpoints, ports: Mapping[str, int], trust: Trust, foreign: Trust) -> Iterator[Check]:
    module, endpoint = stores.module(name), endpoints.store(name)
    for port in module.PORTS:
        subject = name if len(module.PORTS) == 1 else f"{name}.{port.name}"
        yield from _port(subject, ports[f"{name}.{port.name}"], module, trust, foreign)
    said = module.answers_plaintext(endpoint)
    yield Check(name, "plaintext is refused", said is None, said or "no answer in clear")
    yield _tried(name, "a wrong password is refused", lambda: _password(module, endpoint, trust))
    yield _tried(name, "what is written can be read back", lambda: (True, module.smoke(endpoint, trust).what))


def _port(subject: str, port: int, module: stores.Module, trust: Trust, foreign: Trust) -> Iterator[Check]:
    host, preamble = "127.0.0.1", module.PREAMBLE
    for server_name in module.names():
        attempt = functools.partial(_name, host, port, trust, server_name, preamble)
        yield _tried(subject, f"the name {server_name} verifies", attempt)
    refused = {
        "another authority is refused": refusals.refuses_foreign_authority(host, port, foreign, preamble=preamble),
        "a wrong name is refused": refusals.refuses_wrong_name(host, port, trust, preamble=preamble),
        "TLS 1.1 is refused": refusals.refuses_tls11(host, port, preamble=preamble),
    }
    for claim, refusal in refused.items():
        yield Check(subject, claim, refusal.verdict == "refused", refusal.said)


def _name(host: str, port: int, trust: Trust, name: str, preamble: Preamble | None) -> tuple[bool, str]:
    with tls.handshake(host, port, trust, server_name=name, preamble=preamble) as connection:
        return True, f"{connection.tls.version}, {connection.tls.issuer}"


def _password(module: stores.Module, endpoint: object, trust: Trust) -> tuple[bool, str]:
    answer = module.probe(module.with_password(endpoint, WRONG_PASSWORD), trust)
    if isinstance(answer, NotYet):
        return answer.cause == "refused", answer.reason
    return False, "it was accepted"


def _tried(subject: str, claim: str, attempt: Callable[[], tuple[bool, str]]) -> Check:
    try:
        holds, said = attempt()
    except Exception as error:
        return Check(subject, claim, False, str(error) or type(error).__name__)
    return Check(subject, claim, holds, said)
