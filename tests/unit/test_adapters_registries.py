"""Why a registry gives nothing: told by the engine's words, each kind with its own remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.adapters.docker.credentials import MissingHelper
from kit.adapters.docker.registries import (
    ImagePullFailed,
    RegistryDenied,
    RegistryFailing,
    RegistryLacks,
    RegistryLimited,
    RegistryPlaintext,
    RegistrySilent,
    RegistryUnreachable,
    RegistryUntrusted,
    host_of,
    refused,
    short,
)

DIGEST = "sha256:" + "ab" * 32
MINE = f"mirror.example:5000/hub/library/postgres@{DIGEST}"
HUB = "https://registry-1.docker.io/v2/library/postgres/manifests/17"


@pytest.mark.parametrize(
    ("said", "status", "kind"),
    [
        # Engine 20.10.24, recorded: its status, and its words, of a pull or of a question
        (
            'Get "https://registry.invalid/v2/": dial tcp: lookup registry.invalid on 10.0.0.1:53: no such host',
            500,
            RegistryUnreachable,
        ),
        ('Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused', 500, RegistryUnreachable),
        ('Get "http://127.0.0.1:1/v2/": EOF', 500, RegistryUnreachable),
        ('Head "http://127.0.0.1:1/v2/x/manifests/1": no basic auth credentials', 500, RegistryDenied),
        ("denied", 403, RegistryDenied),
        ("denied", 500, RegistryDenied),
        ("manifest unknown: manifest unknown", 404, RegistryLacks),
        (f"manifest for mirror.example:5000/hub/x@{DIGEST} not found: manifest unknown: manifest unknown", 404, RegistryLacks),
        ("toomanyrequests: You have reached your unauthenticated pull rate limit.", 429, RegistryLimited),
        ("toomanyrequests: You have reached your unauthenticated pull rate limit.", 500, RegistryLimited),
        ("received unexpected HTTP status: 503 Service Unavailable", 500, RegistryFailing),
        (
            'Get "http://127.0.0.1:1/v2/": net/http: request canceled (Client.Timeout exceeded while awaiting headers)',
            500,
            RegistrySilent,
        ),
        # The same engine, of Docker Hub: a repository that is not there (docker/hub-feedback, many)
        (
            "pull access denied for x/y, repository does not exist or may require 'docker login': "
            "denied: requested access to the resource is denied",
            404,
            RegistryDenied,
        ),
        # The containerd image store, read in nektos/act#2078, containerd/nerdctl#3601 and reports of kubelet's
        (
            'failed to resolve reference "docker.io/c/u:22": failed to authorize: failed to fetch oauth token: '
            "unexpected status from POST request to https://auth.docker.io/token: 429 Too Many Requests",
            500,
            RegistryLimited,
        ),
        (f"unexpected status from HEAD request to {HUB}: 429 Too Many Requests", 500, RegistryLimited),
        (
            f'failed to resolve reference "x": failed to do request: Head "{HUB}": dial tcp 1.2.3.4:443: i/o timeout',
            500,
            RegistrySilent,
        ),
        ('failed to resolve reference "docker.io/library/x:y": docker.io/library/x:y: not found', 404, RegistryLacks),
        ("failed to resolve reference: unexpected status code 403 Forbidden", 500, RegistryDenied),
        # Go's own words for TLS (crypto/x509, crypto/tls, net/http)
        (f'Get "{HUB}": x509: certificate signed by unknown authority', 500, RegistryUntrusted),
        ("tls: failed to verify certificate: x509: certificate is valid for a, not b", 500, RegistryUntrusted),
        (f'Get "{HUB}": http: server gave HTTP response to HTTPS client', 500, RegistryPlaintext),
        (f'Get "{HUB}": net/http: TLS handshake timeout', 500, RegistrySilent),
        (f'Get "{HUB}": proxyconnect tcp: dial tcp 10.0.0.9:3128: connect: connection refused', 500, RegistryUnreachable),
        # No words that are known: the status, and else no guess
        ("something", 401, RegistryDenied),
        ("something", 429, RegistryLimited),
        ("something", 500, ImagePullFailed),
    ],
)
def test_the_engine_s_words_decide(said: str, status: int, kind: type[ImagePullFailed]) -> None:
    failure = refused(MINE, said, status=status)
    assert type(failure) is kind
    assert failure.detail == said
    assert "\n" not in failure.reason


def test_a_name_is_no_reason() -> None:
    said = "received unexpected HTTP status: 502 Bad Gateway"
    assert (
        type(refused("x.example/denied/forbidden:1", f'Get "https://x.example/v2/denied/forbidden": {said}')) is RegistryFailing
    )


@pytest.mark.parametrize(
    ("reference", "login"),
    [
        (f"postgres@{DIGEST}", "docker login"),
        (MINE, "docker login mirror.example:5000"),
        ("quay.io/x/y:1", "docker login quay.io"),
    ],
)
def test_whoever_is_not_allowed_is_told_where_to_log_in(reference: str, login: str) -> None:
    assert refused(reference, "denied").fix.split(";")[0] == login
    limited = refused(reference, "toomanyrequests: later")
    assert limited.fix.startswith(f"{login}, or set KIT_REGISTRY_PREFIX")
    assert ("100 pulls in 6 hours" in limited.why) is (login == "docker login")  # of Docker Hub alone


def test_whoever_is_not_allowed_for_want_of_a_helper_is_told_its_name() -> None:
    failure = refused(
        MINE, "unauthorized", helper=MissingHelper(Path("/home/me/.docker/config.json"), ("docker-credential-desktop",))
    )
    assert "/home/me/.docker/config.json names docker-credential-desktop, which is not installed" in failure.why
    assert "install docker-credential-desktop" in failure.fix
    assert "docker login mirror.example:5000" in failure.fix
    assert "docker-credential-desktop" in failure.reason


@pytest.mark.parametrize(
    ("reference", "host", "name"),
    [
        ("postgres:17", "docker.io", "postgres:17"),
        ("valkey/valkey:8", "docker.io", "valkey/valkey:8"),
        ("docker.io/library/postgres:17", "docker.io", "docker.io/library/postgres:17"),
        (f"quay.io/minio/minio@{DIGEST}", "quay.io", "minio/minio@sha256:abababababab…"),
        ("localhost/x:1", "localhost", "x:1"),
        ("127.0.0.1:5000/library/x:1", "127.0.0.1:5000", "library/x:1"),
    ],
)
def test_a_reference_s_registry(reference: str, host: str, name: str) -> None:
    assert host_of(reference) == host
    assert short(reference) == name
