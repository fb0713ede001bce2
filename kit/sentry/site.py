"""Where a Sentry release goes: what a target knows of its stores, its cluster and its address, as the release needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kit.sentry.credentials import Certificate, GivenSecrets, TrustTexts
from kit.sentry.limits import Limits

if TYPE_CHECKING:
    from kit.adapters.helm import Helm
    from kit.adapters.kubernetes.api import KubeApi
    from kit.adapters.proxies import Proxy
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


@dataclass(frozen=True, slots=True)
class Balanced:
    """What a front behind a load balancer is made from."""

    address: str  # reserved, of the load balancer
    image: str  # as the cluster's nodes pull it
    certificate: Certificate  # of the name that leads to the address


@dataclass(frozen=True, slots=True)
class Site:
    """What may not be there yet is asked for when it is needed: a stack that was never brought up has no secrets, and whoever
    needs one then hears what is missing. Nothing in `kit.sentry` asks which target a site belongs to."""

    stack: Stack  # what is wanted
    machine: Machine
    # the cluster
    kubeconfig: Path  # not there while there is no cluster
    api: KubeApi
    helm: Callable[[], Helm]
    markers: Path  # the file that says what was done to the release
    # what the release is made from
    profile: Callable[[], Profile]
    size: Callable[[], str]
    endpoints: Callable[[], Endpoints]  # as pods see them
    trust_texts: Callable[[], TrustTexts]  # of the stores
    secrets: Callable[[], Mapping[str, Secret]]  # those of `credentials.makers()`, among others
    given_secrets: Callable[[], GivenSecrets]
    values: Callable[[Callable[[], str]], ModuleValues]  # of the chart's version; "" is the profile's own
    probe_image: Callable[[], str]  # the profile's, as the cluster's nodes know it
    vroom_certificate: Callable[[], Certificate]  # without one vroom speaks no TLS to Kafka; asked for where profiling runs
    # how it is reached from this computer
    url: Callable[[], str]
    admin: Callable[[], str]  # e-mail address of the first user
    trust: Callable[[], Trust]  # of the URL
    front_certificate: Callable[[], Certificate | None]  # what whoever ends TLS before Sentry serves; None: an Ingress ends it
    limits: Callable[[], Limits] = Limits  # of its stores, as far as they are known
    proxy: Callable[[], Proxy | None] = lambda: None  # on the way to the URL
    balanced: Callable[[], Balanced | None] = lambda: None  # None: no front stands behind a load balancer
    kafka: Callable[[], KafkaEndpoint | None] = lambda: None  # None: it has names inside the cloud's network alone
    # Store → its port behind a Service of the cluster, where a name of the cloud leads to one.
    ports_behind: Mapping[str, int] = field(default_factory=dict)
    # Puts the chart's own images into the cluster, where its nodes take them from this computer.
    load_chart_images: Callable[[Iterable[Document], Note], object] = lambda documents, note: None
