"""The door to the container engine: why it does not answer is told by the system's own error number and the engine's version."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from kit.adapters.docker.client import Docker
from kit.adapters.docker.errors import (
    EngineAbsent,
    EngineNoPermission,
    EngineNotRunning,
    EngineProtocolUnknown,
    EngineTooOld,
    EngineUnreachable,
    refused,
    unreachable,
)
from kit.adapters.docker.observed import container
from kit.errors import KitError


def wrapped(error: OSError) -> Exception:
    """As urllib3 and the SDK hand it up: in the arguments of one, and in the context of the other."""
    try:
        raise RuntimeError("Connection aborted.", error)
    except RuntimeError as inner:
        outer = ValueError("Error while fetching server API version")
        outer.__context__ = inner
        return outer


@pytest.mark.parametrize(
    ("error", "on_path", "told"),
    [
        (FileNotFoundError(2, "No such file or directory"), False, EngineAbsent),
        (FileNotFoundError(2, "No such file or directory"), True, EngineNotRunning),
        (PermissionError(13, "Permission denied"), True, EngineNoPermission),
        (ConnectionRefusedError(111, "Connection refused"), True, EngineNotRunning),
    ],
)
def test_the_error_number_decides(
    error: OSError, on_path: bool, told: type[KitError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if on_path:
        (tmp_path / "dockerd").write_text("#!/bin/sh\n")
        (tmp_path / "dockerd").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert type(unreachable("unix:///run/x.sock", wrapped(error))) is told


@pytest.mark.parametrize("number", [2, 111])
def test_the_remedy_for_an_engine_at_another_socket_is_not_to_start_the_usual_one(number: int) -> None:
    silent = unreachable("unix:///run/x.sock", wrapped(OSError(number, "nobody")))
    assert "unset DOCKER_HOST" in silent.fix
    assert "kit setup" not in silent.fix
    assert "kit setup" in unreachable("unix:///var/run/docker.sock", wrapped(OSError(number, "nobody"))).fix


def test_what_the_system_said_is_shown_and_not_how_python_prints_it() -> None:
    silent = unreachable("unix:///var/run/docker.sock", wrapped(ConnectionRefusedError(111, "Connection refused")))
    assert silent.detail == "Connection refused"


@pytest.mark.parametrize("address", ["ssh://u@h", "npipe:////./pipe/docker"])
def test_an_engine_by_a_protocol_that_kit_does_not_speak_is_not_to_be_started(address: str) -> None:
    with pytest.raises(EngineProtocolUnknown) as unknown:
        Docker(address).containers()
    assert address in unknown.value.what
    assert "unset DOCKER_HOST" in unknown.value.fix


def test_an_engine_on_the_network_that_does_not_answer_is_not_to_be_started() -> None:
    with pytest.raises(EngineUnreachable) as silent:
        Docker("tcp://127.0.0.1:1").containers()
    assert "127.0.0.1:1" in silent.value.what
    assert silent.value.why == "Connection refused"
    assert "docker context ls" in silent.value.fix


@pytest.mark.parametrize(
    "said",
    [
        "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
        "all predefined address pools have been fully subnetted",
    ],
)
def test_an_engine_without_a_free_range_of_addresses_says_how_to_get_one(said: str) -> None:
    assert "docker network prune" in refused("create the network kit", said).fix
    assert refused("create the network kit", "something else").fix == "docker info"


def test_nobody_at_the_socket(tmp_path: Path) -> None:
    with pytest.raises((EngineAbsent, EngineNotRunning)):
        Docker(f"unix://{tmp_path / 'no.sock'}").containers()


@pytest.mark.parametrize("api", ["1.40", "1.18"])
def test_an_old_engine_is_told_by_its_version(api: str) -> None:
    with engine_of(api) as address, pytest.raises(EngineTooOld) as refused:
        Docker(address).containers()
    assert "18.09" in refused.value.what
    assert api in refused.value.why


def test_a_container_is_read_from_what_the_engine_lists() -> None:
    seen = container(
        {
            "Id": "abc",
            "Names": ["/kit-kafka"],
            "Image": "kit.local/kafka:4",
            "ImageID": "sha256:1",
            "State": "running",
            "Status": "Up 2 minutes",
            "Labels": {"dev.kit.stack": "kit"},
            "Ports": [{"PrivatePort": 9091, "PublicPort": 9091, "IP": "127.0.0.1"}, {"PrivatePort": 9093}],
            "NetworkSettings": {"Networks": {"kit": {"IPAddress": "172.18.0.2"}}},
            "Mounts": [{"Type": "volume", "Name": "kit-kafka"}, {"Type": "bind", "Source": "/x"}],
        }
    )
    assert seen.name == "kit-kafka"
    assert [(port.container, port.host, port.address) for port in seen.ports] == [(9091, 9091, "127.0.0.1")]
    assert seen.addresses == {"kit": "172.18.0.2"}


@contextmanager
def engine_of(api: str) -> Iterator[str]:
    """Something that answers like an engine when asked for its version."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"Version": "18.09.1", "ApiVersion": api, "MinAPIVersion": "1.12"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"tcp://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_followed_log_may_be_cut_within_a_letter() -> None:
    docker = Docker()
    docker.__dict__["connect_forever"] = SimpleNamespace(
        logs=lambda container, **options: iter([b"caf\xc3", b"\xa9\n", b"\xff\n"])
    )
    assert "".join(docker.follow_logs("it")) == "café\n\N{REPLACEMENT CHARACTER}\n"
