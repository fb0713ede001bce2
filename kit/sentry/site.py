"""Where a Sentry release goes: what a target knows of its stores, its cluster and its address, as the release needs it.

Everything is asked for when it is needed: a stack that was never brought up has no secrets yet, and whoever needs one then hears
what is missing. Nothing in `kit.sentry` asks which target a site belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kit.sentry.credentials import Certificate, GivenSecrets, TrustTexts

if TYPE_CHECKING:
    from kit.adapters.helm import Helm
    from kit.adapters.kubernetes.api import KubeApi
    from kit.blueprint.stack import Stack
    from kit.endpoints import Endpoints, KafkaEndpoint, Secret, Trust
    from kit.machine import Machine
    from kit.sentry.lines.profiles import Profile
    from kit.sentry.objects import Document

Note = Callable[[str], None]  # says what is being waited for


@dataclass(frozen=True, slots=True)
class ModuleValues:
    """What the Terraform module gives the chart, and a fingerprint of what that is made from, known without running Terraform."""

    made_from: str
    text: Callable[[], str]  # YAML


class Site(Protocol):
    @property
    def stack(self) -> Stack:
        """What is wanted."""

    @property
    def machine(self) -> Machine: ...

    # -- the cluster

    @property
    def kubeconfig(self) -> Path:
        """Not there while there is no cluster."""

    @property
    def api(self) -> KubeApi: ...

    @property
    def helm(self) -> Helm: ...

    @property
    def markers(self) -> Path:
        """The file that says what was done to the release."""

    # -- what the release is made from

    @property
    def profile(self) -> Profile: ...

    @property
    def size(self) -> str: ...

    @property
    def endpoints(self) -> Endpoints:
        """As pods see them."""

    @property
    def trust_texts(self) -> TrustTexts:
        """Of the stores."""

    @property
    def secrets(self) -> Mapping[str, Secret]:
        """Those of `credentials.makers()`, among others."""

    @property
    def given_secrets(self) -> GivenSecrets:
        """What the user gave."""

    def values(self, chart_version: Callable[[], str]) -> ModuleValues:
        """`chart_version` is that of the chart at hand; "" for the profile's own."""

    @property
    def probe_image(self) -> str:
        """The profile's, as the cluster's nodes know it."""

    def vroom_certificate(self) -> Certificate:
        """The client's certificate without which vroom speaks no TLS to Kafka. Asked for where profiling runs."""

    def load_chart_images(self, documents: Iterable[Document], note: Note) -> None:
        """Put the chart's own images into the cluster, where its nodes take them from this computer."""

    # -- how it is reached from this computer

    @property
    def url(self) -> str: ...

    @property
    def admin(self) -> str:
        """The first user's e-mail address."""

    @property
    def trust(self) -> Trust:
        """Of the URL."""

    def front_certificate(self) -> Certificate | None:
        """What whoever ends TLS before Sentry serves; None: an Ingress ends it."""

    @property
    def kafka(self) -> KafkaEndpoint | None:
        """As it is reached from this computer; None: it has names inside the cloud's network alone."""
