"""The engine over TLS with a client certificate, named by variables or by a context: one engine for kit and what it starts."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest

from kit.adapters import process
from kit.adapters.docker.client import Docker
from kit.adapters.docker.errors import EngineContextUnusable, EngineUntrusted
from tests.support.debian import program
from tests.support.engine_tls import TlsEngine, behind_tls

VARIABLES = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")


@pytest.fixture
def tls(engine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TlsEngine]:
    """And a docker CLI that is configured for nothing yet, on a computer whose other clients trust some bundle."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    cli = tmp_path / "cli"
    cli.mkdir()
    (cli / "config.json").write_text("{}")
    monkeypatch.setenv("DOCKER_CONFIG", str(cli))
    with behind_tls(tmp_path / "certs") as made:
        yield made


def by_variables(tls: TlsEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", tls.address)
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tls.folder))


def context(tls: TlsEngine, name: str) -> None:
    """Made by the CLI itself."""
    files = ",".join(f"{key}={tls.folder / file}.pem" for key, file in (("ca", "ca"), ("cert", "cert"), ("key", "key")))
    process.run([program("docker", "docker.io"), "context", "create", name, "--docker", f"host={tls.address},{files}"])


def by_chosen_context(tls: TlsEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    context(tls, "far")
    process.run(["docker", "context", "use", "far"])


def by_named_context(tls: TlsEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    context(tls, "far")
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")  # belongs to DOCKER_HOST, and is nobody's business here
    monkeypatch.setenv("DOCKER_CERT_PATH", "/nowhere")


@pytest.mark.parametrize("named", [by_variables, by_chosen_context, by_named_context])
def test_every_client_and_every_child_talk_to_the_engine_that_is_named(
    named: object, tls: TlsEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(tls, monkeypatch)  # type: ignore[operator]
    docker, name = Docker(), f"kit-test-{uuid.uuid4().hex[:8]}"
    assert docker.address == tls.address
    here = docker.version()
    assert tls.connections > 0
    before = tls.connections
    try:
        (tmp_path / "file").write_text("x")
        (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY file /file\n")
        process.run(["tar", "-cf", "context.tar", "Dockerfile", "file"], cwd=tmp_path)
        with (tmp_path / "context.tar").open("rb") as opened:  # by the client that waits for ever
            docker.images.build(opened, tag=f"{name}:1", labels={}, arguments={}, log=tmp_path / "log")
        assert b"".join(docker.images.save([f"{name}:1"]))
        assert tls.connections > before
        before = tls.connections
        # What a child is told holds against whatever else it might believe.
        hostile = {"DOCKER_CONTEXT": "nowhere", "DOCKER_HOST": "tcp://127.0.0.1:1"}
        told = {key: value for key, value in {**os.environ, **hostile, **docker.child_environment()}.items() if value is not None}
        asking = ["docker", "version", "--format", "{{.Server.Version}}"]
        said = subprocess.run(asking, env=told, capture_output=True, text=True, check=False)
        assert said.stdout.strip() == here.version, said.stderr
        assert tls.connections > before
    finally:
        docker.images.untag(f"{name}:1")


def test_a_wrong_authority_is_no_engine_that_does_not_run(
    tls: TlsEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with behind_tls(tmp_path / "others") as other:
        monkeypatch.setenv("DOCKER_HOST", other.address)
        monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
        monkeypatch.setenv("DOCKER_CERT_PATH", str(tls.folder))
        with pytest.raises(EngineUntrusted) as refused:
            Docker().version()
        assert other.address in refused.value.what
        assert other.connections == 0


def test_a_context_that_is_not_there_is_not_taken_for_the_usual_engine(tls: TlsEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    with pytest.raises(EngineContextUnusable, match="gone"):
        Docker().version()
    (Path(os.environ["DOCKER_CONFIG"]) / "config.json").write_text(json.dumps({"currentContext": "lost"}))
    monkeypatch.delenv("DOCKER_CONTEXT")
    with pytest.raises(EngineContextUnusable, match="lost"):
        Docker().version()
    monkeypatch.setenv("DOCKER_HOST", tls.address)
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", "/nowhere")
    with pytest.raises(EngineContextUnusable):
        Docker().version()
