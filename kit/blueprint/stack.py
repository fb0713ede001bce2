"""What is wanted: one frozen description, the same for both targets. Pure data with defaults; nothing here looks at the world."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kit.blueprint.load import Load

Target = Literal["local", "cloud"]
Part = Literal["stores", "cluster", "sentry"]
PARTS: tuple[Part, ...] = ("stores", "cluster", "sentry")
STORES = ("kafka", "postgres", "redis", "clickhouse", "s3")

Flavour = Literal["lite", "chart"]
FLAVOURS: tuple[Flavour, ...] = ("lite", "chart")
Size = Literal["errors-only", "full"]
SIZES: tuple[Size, ...] = ("errors-only", "full")
LOCAL_SIZE: Size = "errors-only"  # what is meant on this computer where nobody says
PROFILES = ("current", "seed")  # each a file in terraform/modules/sentry-values/profiles

MailTls = Literal["starttls", "tls"]
MAIL_PORTS: Mapping[MailTls, int] = {"starttls": 587, "tls": 465}  # RFC 6409 and RFC 8314

DEFAULT_NAME = "kit"
SENTRY_PORT = 8443 + 1000  # 9443: next to ClickHouse's 8443, which a Sentry page must not squat on


@dataclass(frozen=True, slots=True)
class OwnValues:
    """The user's own values for the chart, which are merged over kit's: as JSON text, so that nobody can change them."""

    text: str = "{}"
    places: Mapping[tuple[str, ...], str] = field(default_factory=dict, compare=False, repr=False)  # path → "kit.yaml:12"

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found

    def place(self, path: tuple[str, ...]) -> str:
        """Where it is written, or the nearest thing above it; "" for what is not the user's."""
        known = (self.places.get(path[:length]) for length in range(len(path), 0, -1))
        return next((place for place in known if place), "")


@dataclass(frozen=True, slots=True)
class Mail:
    """Through which server mails leave, always over TLS. Its password is a secret of the stack: `kit secrets set mail`."""

    host: str
    sender: str
    port: int = MAIL_PORTS["starttls"]
    user: str = ""  # empty: the server asks for no login
    tls: MailTls = "starttls"


@dataclass(frozen=True, slots=True)
class SentryWanted:
    """Which Sentry, and with which configuration: the same choice for both targets."""

    flavour: Flavour = "lite"  # `kind` in kit.yaml: lite, the stand-in, or the chart itself
    profile: str = "current"
    size: Size | None = None  # None: as the target has it: `LOCAL_SIZE` here; in the cloud what the cloud's size says
    chart: str | None = None  # a directory, a .tgz or oci://…; None: where the profile says
    retention_days: int = 90
    network_policies: bool = True
    values: OwnValues = field(default_factory=OwnValues)
    topics: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # of the user's own values, name → settings

    @property
    def local_size(self) -> Size:
        return self.size or LOCAL_SIZE


@dataclass(frozen=True, slots=True)
class Stack:
    name: str = DEFAULT_NAME
    target: Target = "local"
    ports: Mapping[str, int] = field(default_factory=dict)  # "kafka.sasl" → number the user fixed; others are chosen
    memory_mb: Mapping[str, int] = field(default_factory=dict)  # store → limit; others keep the default of compose.yaml
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # store → more names of it; the first is its own
    parts: tuple[Part, ...] = PARTS
    sentry: SentryWanted = field(default_factory=SentryWanted)
    mail: Mail | None = None  # None: no mail leaves
    warnings: tuple[str, ...] = field(default=(), compare=False)  # about keys that are read still
    trusts_chart: bool = False  # for this call: its settings may run as the user where there is no sandbox; never remembered
    load: Load | None = None  # that the cloud is to carry; None: nobody said
    cloud: Mapping[str, Any] = field(default_factory=dict)  # variables of terraform/variables.tf that the user sets
