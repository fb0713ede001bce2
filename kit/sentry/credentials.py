"""What stands in the namespace before Helm comes: the trust, and one Secret per store with fixed names and keys.

The values name these objects and never their content. Each password is in exactly one Secret, so that rotating it means applying
one object, and a pod sees only what its component speaks to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kit.endpoints import Bucket, Endpoints, Secret
from kit.errors import KitError
from kit.sentry.chart.wiring import TRUST
from kit.sentry.objects import Document, config_map, secret
from kit.state import secrets

KAFKA, POSTGRES, REDIS, CLICKHOUSE = "kit-kafka", "kit-postgres", "kit-redis", "kit-clickhouse"
FILESTORE, NODESTORE, SENTRY, VROOM_CLIENT = "kit-filestore", "kit-nodestore", "kit-sentry", "kit-vroom-client"
MAIL, OWN = "kit-mail", "kit-own"  # what the user gave: the mail server's password, and whatever the user's values refer to
MECHANISM = "SCRAM-SHA-512"
IN_A_URL = re.compile(r"[A-Za-z0-9._~-]+")


class PasswordUnfit(KitError):
    """Redis' password has characters that break the URLs into which the chart writes it."""

    code = "KIT-PASSWORD-UNFIT"
    exit_code = 17
    what = "Redis' password cannot be used by the chart"
    why = "it stands unescaped in rediss://:…@host, and has characters other than letters, digits and . _ ~ -"
    fix = "give Redis another password"


@dataclass(frozen=True, slots=True)
class TrustTexts:
    """PEM texts. `authority` is of the stores alone, `bundle` has the public roots as well."""

    authority: str
    bundle: str


@dataclass(frozen=True, slots=True)
class Logins:
    """Sentry's own."""

    django_key: Secret
    admin_password: Secret


@dataclass(frozen=True, slots=True)
class Certificate:
    """A leaf certificate with its intermediate, and its key; PEM."""

    chain: str
    key: Secret

    @classmethod
    def read(cls, folder: Path) -> Certificate:
        return cls((folder / "tls.crt").read_text(), Secret((folder / "tls.key").read_text()))


@dataclass(frozen=True, slots=True)
class GivenSecrets:
    """What the user gave kit to keep: `kit secrets set`."""

    mail: Secret | None = None  # the password that the mail server asks for
    own: Mapping[str, Secret] = field(default_factory=dict)

    @property
    def every(self) -> tuple[Secret, ...]:
        return (*((self.mail,) if self.mail else ()), *self.own.values())


def makers() -> Mapping[str, Callable[[], str]]:
    """Sentry's own secrets, which kit makes: name → how."""
    return {
        "sentry_django_key": lambda: secrets.hexadecimal(64),
        "sentry_admin_password": secrets.password,
        "sentry_dsn_key": lambda: secrets.hexadecimal(32),
        "sentry_api_token": lambda: secrets.hexadecimal(40),
    }


def documents(
    stack: str,
    endpoints: Endpoints,
    trust: TrustTexts,
    logins: Logins,
    vroom: Certificate | None = None,
    given: GivenSecrets = GivenSecrets(),
) -> tuple[Document, ...]:
    """The objects, without their namespace; they hold secrets in clear. `vroom` is its client certificate, where it runs.

    Raises `PasswordUnfit`.
    """
    return (*_documents(stack, endpoints, trust, logins, vroom), *_given(stack, given))


def _given(stack: str, given: GivenSecrets) -> Iterator[Document]:
    if given.mail is not None:
        yield secret(stack, MAIL, {"mail-password": given.mail.reveal()})
    if given.own:
        yield secret(stack, OWN, {name: each.reveal() for name, each in given.own.items()})


def _documents(
    stack: str, endpoints: Endpoints, trust: TrustTexts, logins: Logins, vroom: Certificate | None
) -> Iterator[Document]:
    kafka = endpoints.kafka
    if not IN_A_URL.fullmatch(endpoints.redis.password.reveal()):
        raise PasswordUnfit
    yield trust_document(stack, trust)
    login = {"username": kafka.username, "password": kafka.password.reveal(), "mechanism": MECHANISM}
    yield secret(stack, KAFKA, login)
    yield secret(stack, POSTGRES, {"password": endpoints.postgres.password.reveal()})
    yield secret(stack, REDIS, {"redis-password": endpoints.redis.password.reveal()})
    yield secret(stack, CLICKHOUSE, {"clickhouse-password": endpoints.clickhouse.password.reveal()})
    yield secret(stack, FILESTORE, _keys(endpoints.s3.filestore))
    yield secret(stack, NODESTORE, _keys(endpoints.s3.nodestore))
    yield secret(stack, SENTRY, {"key": logins.django_key.reveal(), "admin-password": logins.admin_password.reveal()})
    if vroom is not None:
        yield secret(stack, VROOM_CLIENT, {"tls.crt": vroom.chain, "tls.key": vroom.key.reveal()}, "kubernetes.io/tls")


def trust_document(stack: str, trust: TrustTexts) -> Document:
    """The ConfigMap that is mounted in every container."""
    return config_map(stack, TRUST, {"ca.crt": trust.authority, "bundle.crt": trust.bundle})


def _keys(bucket: Bucket) -> dict[str, str]:
    return {"access-key": bucket.access_key, "secret-key": bucket.secret_key.reveal()}
