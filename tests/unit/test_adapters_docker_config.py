"""What stands in the docker CLI's config.json and in DOCKER_HOST may be anything: what is wrong with it is said by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kit.adapters.docker.client import Docker
from kit.adapters.docker.credentials import missing_helper
from kit.adapters.docker.errors import DockerConfigInvalid, EngineContextUnusable, EngineUnreachable

NOBODY = "tcp://127.0.0.1:1"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_HOST", NOBODY)
    return tmp_path / "config.json"


@pytest.mark.parametrize(
    "document",
    [
        [],
        "text",
        {"credHelpers": ["helper"]},
        {"credsStore": 5},
        {"auths": 3},
        {"auths": {"mirror.example": 7}},
        {"auths": {"mirror.example": {"auth": "%%%"}}},
        {"proxies": 3},
        {"proxies": {"default": 3}},
        {"HttpHeaders": 5},
    ],
)
def test_a_configuration_of_another_form_is_named(config: Path, document: object) -> None:
    config.write_text(json.dumps(document))
    with pytest.raises(DockerConfigInvalid) as refused:
        Docker().version()
    assert str(config) in refused.value.what


@pytest.mark.parametrize("content", ["{", "", None])
def test_one_that_is_no_json_is_none_as_for_the_docker_cli(config: Path, content: str | None) -> None:
    if content is None:
        config.mkdir()
    else:
        config.write_text(content)
    assert missing_helper() is None
    with pytest.raises(EngineUnreachable):
        Docker().version()


@pytest.mark.parametrize("address", ["engine", "tcp://", "tcp://[::1", "tcp://127.0.0.1:port", "fd://3", "ftp://127.0.0.1:1"])
def test_an_address_that_is_none_is_no_engine_that_does_not_run(
    config: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(EngineContextUnusable) as refused:
        Docker().version()
    assert address in refused.value.what
