"""The stand-in for Sentry: which part of the release differs; values, Secrets, trust, preflight are as with the chart. Pure.

Every secret of it (password, DSN key, API token) is made by kit beforehand and set up inside by the chart's own preparation, so
that nothing has to be asked back from the pod. Secrets are applied before Helm runs; the values hold only their hash.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kit import files
from kit.endpoints import Secret
from kit.sentry.credentials import Certificate
from kit.sentry.objects import RELEASE, Document, secret

CHART = Path("kind/charts/sentry-lite")  # below the shipped files
PROJECT_ID, PROJECT_NAME = 1, "demo"
NODE_PORT = 30443
# By which whoever ends TLS before Sentry is reached on this computer: the host's names, and the Service's.
HOSTS = ("sentry", "sentry.sentry", "sentry.sentry.svc", "localhost", "127.0.0.1", "::1")

SETTINGS_SECRET, CERTIFICATE_SECRET = "sentry-lite", "sentry-lite-tls"


@dataclass(frozen=True, slots=True)
class Lite:
    """Everything that the stand-in has to itself."""

    stack: str
    sentry_version: str  # of the release that it stands in for
    url: str  # https://127.0.0.1:9443
    bugsink_image: str
    probe_image: str
    dsn_key: Secret
    api_token: Secret
    certificate: Certificate
    is_behind_front: bool = False  # else it has the node's port to itself


def documents(lite: Lite) -> tuple[Document, ...]:
    """What is applied before Helm runs. Holds secrets in clear."""
    project = {"id": PROJECT_ID, "name": PROJECT_NAME, "key": lite.dsn_key.reveal()}
    settings = {"project": project, "token": lite.api_token.reveal()}
    return (
        secret(lite.stack, SETTINGS_SECRET, {"bugsink.json": json.dumps(settings, sort_keys=True)}),
        certificate(lite.stack, lite.certificate),
    )


def certificate(stack: str, leaf: Certificate, name: str = CERTIFICATE_SECRET) -> Document:
    """What whoever ends TLS in front of Sentry serves: the stand-in itself, or the front."""
    return secret(stack, name, {"tls.crt": leaf.chain, "tls.key": leaf.key.reveal()}, "kubernetes.io/tls")


def section(lite: Lite, secrets: Mapping[str, str]) -> dict[str, Any]:
    """`lite:` of the values. `secrets` is everything that its pod must be replaced for when it changes."""
    host = urlsplit(lite.url).hostname
    return {
        "stack": lite.stack,
        "sentryVersion": lite.sentry_version,
        "images": {"bugsink": lite.bugsink_image, "probe": lite.probe_image},
        "baseUrl": lite.url,
        "hosts": [name for name in HOSTS if ":" not in name] + ["[::1]"] + ([host] if lite.is_behind_front else []),
        "nodePort": 0 if lite.is_behind_front else NODE_PORT,
        "secrets": {"settings": SETTINGS_SECRET, "certificate": CERTIFICATE_SECRET},
        "hashes": {"secrets": files.digest(secrets)},
    }


def dsn(url: str, dsn_key: Secret) -> Secret:
    scheme, _, place = url.partition("://")
    return Secret(f"{scheme}://{dsn_key.reveal()}@{place}/{PROJECT_ID}")


def pods() -> str:
    """Label selector of its pods."""
    return f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/name=bugsink"
