"""The light Sentry as a release: what goes into its Secrets, its values, and the fingerprint of both. Pure, but for reading the
chart's files.

Every secret of it (password, DSN key, API token) is made by kit beforehand and set up inside by the chart's own preparation, so
that nothing has to be asked back from the pod. Secrets are applied before Helm runs; the values hold only their hash.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kit import files
from kit.endpoints import PostgresEndpoint, Secret
from kit.state import secrets

NAMESPACE = RELEASE = "sentry"
CHART = Path("kind/charts/sentry-lite")  # below the shipped files
ADMIN = "admin"
PROJECT_ID, PROJECT_NAME = 1, "demo"
NODE_PORT = 30443
STACK_LABEL = "dev.kit.stack"

SETTINGS_SECRET, CERTIFICATE_SECRET, AUTHORITY_SECRET = "sentry-lite", "sentry-lite-tls", "kit-authority"
PREFLIGHT_SECRET, CODE_CONFIG_MAP = "kit-preflight", "kit-code"

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Logins:
    django_key: Secret
    admin_password: Secret
    dsn_key: Secret  # a UUID in hex: the public half of the DSN
    api_token: Secret  # 40 hex digits; reads issues and events


@dataclass(frozen=True, slots=True)
class Lite:
    """Everything the release is made from."""

    stack: str
    chart: Path
    host_port: int  # on 127.0.0.1; the cluster maps it to NODE_PORT
    bugsink_image: str
    probe_image: str
    postgres: PostgresEndpoint  # as pods see it
    logins: Logins
    authority: str  # PEM of the root
    certificate: str  # PEM of the leaf and its intermediate
    key: Secret  # PEM of the leaf's key


def secret_makers() -> Mapping[str, Callable[[], str]]:
    """Name in the stack's secrets → how it is made."""
    return {
        "sentry_django_key": lambda: secrets.hexadecimal(64),
        "sentry_admin_password": secrets.password,
        "sentry_dsn_key": lambda: secrets.hexadecimal(32),
        "sentry_api_token": lambda: secrets.hexadecimal(40),
    }


def logins(found: Mapping[str, Secret]) -> Logins:
    return Logins(*(found[name] for name in secret_makers()))


def names() -> tuple[str, ...]:
    """What its certificate carries: the host's names for it, and the Service's."""
    return ("sentry", f"{RELEASE}.{NAMESPACE}", f"{RELEASE}.{NAMESPACE}.svc", "localhost", "127.0.0.1", "::1")


def url(host_port: int) -> str:
    return f"https://127.0.0.1:{host_port}"


def dsn(host_port: int, dsn_key: Secret) -> Secret:
    return Secret(f"https://{dsn_key.reveal()}@127.0.0.1:{host_port}/{PROJECT_ID}")


def namespace(stack: str) -> Document:
    # Kubernetes itself refuses a pod here that is root, privileged or without a seccomp profile.
    labels = {STACK_LABEL: stack, "pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def secret(stack: str, name: str, data: Mapping[str, str], kind: str = "Opaque") -> Document:
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {STACK_LABEL: stack}}
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata, "data": encoded}


def authority_secret(lite: Lite) -> Document:
    return secret(lite.stack, AUTHORITY_SECRET, {"ca.crt": lite.authority})


def documents(lite: Lite) -> tuple[Document, ...]:
    """What is applied before Helm runs, the namespace first. Holds secrets in clear."""
    settings = {
        "secret_key": lite.logins.django_key.reveal(),
        "admin": {"username": ADMIN, "password": lite.logins.admin_password.reveal()},
        "project": {"id": PROJECT_ID, "name": PROJECT_NAME, "key": lite.logins.dsn_key.reveal()},
        "token": lite.logins.api_token.reveal(),
        "postgres": {**asdict(lite.postgres), "password": lite.postgres.password.reveal()},
    }
    pair = {"tls.crt": lite.certificate, "tls.key": lite.key.reveal()}
    return (
        namespace(lite.stack),
        authority_secret(lite),
        secret(lite.stack, SETTINGS_SECRET, {"bugsink.json": json.dumps(settings, sort_keys=True)}),
        secret(lite.stack, CERTIFICATE_SECRET, pair, "kubernetes.io/tls"),
    )


def values(lite: Lite) -> dict[str, Any]:
    """The chart's values: no secret, only hashes of them."""
    return {
        **_values(lite),
        "hashes": {"secrets": files.digest({"documents": json.dumps(documents(lite))}), "inputs": fingerprint(lite)},
    }


def fingerprint(lite: Lite) -> str:
    """Of chart, values and secrets; equal to the one that the cluster shows exactly when there is nothing to install."""
    return files.digest(
        {
            "chart": files.folder_digest(lite.chart),
            "values": json.dumps(_values(lite), sort_keys=True),
            "secrets": json.dumps(documents(lite), sort_keys=True),
        }
    )


def _values(lite: Lite) -> dict[str, Any]:
    return {
        "stack": lite.stack,
        "images": {"bugsink": lite.bugsink_image, "probe": lite.probe_image},
        "baseUrl": url(lite.host_port),
        "hosts": [name for name in names() if ":" not in name] + ["[::1]"],
        "nodePort": NODE_PORT,
        "secrets": {
            "settings": SETTINGS_SECRET,
            "certificate": CERTIFICATE_SECRET,
            "authority": AUTHORITY_SECRET,
            "preflight": PREFLIGHT_SECRET,
        },
        "preflight": {"code": CODE_CONFIG_MAP},
    }
