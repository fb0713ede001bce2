"""The functions and constants that every store's module has, as a Protocol, and their types.

A store is one module with the same names as its siblings (`Store` below lists them). Nothing outside `stores` knows a
store's protocol: targets, verification and the preflight Job walk over `kit.stores.catalog`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from kit.endpoints import Secret, StoreEndpoint, Trust
from kit.errors import KitError

PROBE_TIMEOUT_S = 5.0

Preamble = Callable[[socket.socket], None]


@dataclass(frozen=True, slots=True)
class Port:
    """`number` is the port on the stores' network and the one kit prefers on 127.0.0.1; `container` where they differ."""

    name: str
    number: int
    container: int

    @classmethod
    def same(cls, name: str, number: int) -> Port:
        return cls(name, number, number)


@dataclass(frozen=True, slots=True)
class Tls:
    version: str  # "TLSv1.3"
    issuer: str  # common name of the issuer of the served leaf
    not_after: datetime  # aware, UTC
    fingerprint: str  # SHA-256 of the served leaf in DER, lower-case hex


@dataclass(frozen=True, slots=True)
class Ready:
    tls: Tls
    latency_ms: float  # handshake and authenticated round trip together


Cause = Literal["unreachable", "tls", "refused", "protocol"]  # refused: the store did not accept the login or the right


@dataclass(frozen=True, slots=True)
class NotYet:
    cause: Cause
    reason: str  # one line for a person, without secrets


@dataclass(frozen=True, slots=True)
class InClear:
    """How a client of the store begins that speaks without TLS, and which answers turn it away; any other is service in clear."""

    words: bytes
    is_refusal: Callable[[bytes], bool] = lambda said: False


@dataclass(frozen=True, slots=True)
class Roundtrip:
    """A value was written and the same value read back; `what` says which, in one line."""

    what: str
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Credentials:
    """Everything secret about one stack's stores. Values are made of [A-Za-z0-9_-] only: some end up inside URLs."""

    kafka_admin: Secret
    kafka_sentry: Secret
    postgres_admin: Secret
    postgres_sentry: Secret
    redis_sentry: Secret
    clickhouse_sentry: Secret
    s3_root: Secret
    s3_filestore: Secret
    s3_nodestore: Secret


class StoreError(KitError):
    """A store did not do what it was asked to."""

    code = "KIT-STORE-FAILED"
    exit_code = 40
    what = "{store}: {doing} failed"
    fix = "kit status, then kit logs {store}"

    def __init__(self, store: str, doing: str, said: object) -> None:
        super().__init__(store=store, doing=doing, why=" ".join(str(said).split())[:300] or type(said).__name__)


class Store(Protocol):
    NAME: str
    SETUP: int  # version of what `bootstrap` makes: where it is another one, a stack that is there is set up again
    PORTS: tuple[Port, ...]
    PREAMBLE: Preamble | None  # what its protocol says in clear before TLS begins (Postgres: SSLRequest)
    IN_CLEAR: InClear

    def names(self) -> tuple[str, ...]:
        """Every DNS name and IP address its certificate carries."""

    def mounted_secrets(self, credentials: Credentials) -> Mapping[str, str]:
        """File name to content of what the container needs to know, mounted read-only at /run/kit/secrets (0600)."""

    def endpoint(self, host: str, ports: Mapping[str, int], credentials: Credentials) -> StoreEndpoint:
        """Where Sentry's own user finds it; `ports` maps port names to numbers as seen from `host`'s side."""

    def probe(self, endpoint: Any, trust: Trust) -> Ready | NotYet:
        """A handshake verified by chain and name, then one authenticated round trip. Never raises; ends in PROBE_TIMEOUT_S."""

    def bootstrap(self, endpoint: Any, credentials: Credentials, trust: Trust) -> tuple[str, ...]:
        """Make what Sentry needs inside the store and is missing (user, database, buckets, topics); returns what was made."""

    def client_env(self, endpoint: Any, trust: Trust) -> Mapping[str, str]:
        """The variables that make the store's usual clients work, under their own names. Holds secrets in clear."""

    def smoke(self, endpoint: Any, trust: Trust) -> Roundtrip:
        """Write, read back, remove. Raises `StoreError` with the store's own words."""

    def with_password(self, endpoint: Any, password: Secret) -> StoreEndpoint:
        """The same endpoint with another password, for the proof that a wrong one is refused."""
