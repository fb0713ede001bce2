"""Programs that talk to the engine themselves are told which: the one that kit talks to."""

from __future__ import annotations

import fcntl
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kit.adapters import child, process
from kit.adapters.child import Environment
from kit.adapters.compose import Compose
from kit.adapters.docker.client import Docker
from kit.adapters.kind import Kind
from kit.adapters.process import Result

TOLD = {"DOCKER_HOST": "unix:///run/some.sock", "DOCKER_CONTEXT": None, "DOCKER_TLS_VERIFY": None}


class Runner:
    def __init__(self) -> None:
        self.environments: list[Environment] = []

    def __call__(self, argv: Sequence[str], *, env: Environment | None = None, **how: Any) -> Result:
        self.environments.append(env or {})
        return Result(tuple(argv), 0, "", "")


def test_compose_and_kind_hand_it_on(tmp_path: Path) -> None:
    runner = Runner()
    compose = Compose(tmp_path, tmp_path, "kit", {"DOCKER_HOST": "the shell's", "PORT": "1"}, runner, engine=TOLD)
    compose.up(["redis"])
    kind = Kind(tmp_path, runner, engine=TOLD)
    kind.create("kit", image="x", config="", kubeconfig=tmp_path, network="net", log=tmp_path)
    assert len(runner.environments) == 2
    for given in runner.environments:
        assert {name: given[name] for name in TOLD} == TOLD
    assert runner.environments[0]["PORT"] == "1"
    assert runner.environments[1]["KIND_EXPERIMENTAL_DOCKER_NETWORK"] == "net"


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({"DOCKER_HOST": "unix:///run/user/1000/docker.sock"}, "unix:///run/user/1000/docker.sock"),
        ({"DOCKER_HOST": "tcp://10.0.0.1:2375", "DOCKER_CONTEXT": "lost"}, "tcp://10.0.0.1:2375"),
        ({"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/nowhere"}, "unix:///var/run/docker.sock"),
    ],
)
def test_an_engine_without_tls_is_named_by_its_address_alone(
    variables: Mapping[str, str], address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    docker = Docker()
    assert docker.address == address
    assert docker.child_environment() == {
        "DOCKER_HOST": address,
        "DOCKER_CONTEXT": None,
        "DOCKER_TLS": None,
        "DOCKER_TLS_VERIFY": None,
        "DOCKER_CERT_PATH": None,
    }


def test_a_lock_is_not_closed_under_a_program_that_is_being_started_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread's lock: what is made at the same time is started and finished at any moment."""
    starts, closed, start = threading.Event(), threading.Event(), subprocess.Popen
    waits = 0.2  # as long as the lock may take to be closed, if nothing keeps it

    def started(*arguments: Any, **settings: Any) -> subprocess.Popen[bytes]:
        starts.set()
        closed.wait(waits)
        return start(*arguments, **settings)

    monkeypatch.setattr(subprocess, "Popen", started)
    with ThreadPoolExecutor() as pool, (tmp_path / "lock").open("w") as file:
        descriptor = fcntl.fcntl(file, fcntl.F_DUPFD, 500)  # a number that nothing else gets as soon as it is closed
        with child.inherited(descriptor):
            program = pool.submit(process.run, ["true"])
            assert starts.wait(60)
        os.close(descriptor)
        closed.set()
        assert program.result().exit_code == 0
