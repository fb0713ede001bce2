"""Settings that mean harm reach nothing: tried in the real container and in real namespaces, with no audit hook in the way."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kit.adapters.bounded import Bounds
from kit.adapters.docker.client import Docker
from kit.adapters.docker.confined import LABEL
from kit.sentry.check import bootstrap, sandbox
from kit.sentry.check.executed import execute_all
from kit.sentry.check.sandbox import InContainer, InNamespaces, PlainChild, Sandbox
from tests.support import debian
from tests.support.settings import sentry_with
from tests.support.terraform import supply

ATTEMPTS = Path(__file__).parents[1] / "support" / "attempts.py"
SECRET = "t0ken-of-the-user"
BOUNDS = Bounds(time_s=60, output_bytes=1_000_000, memory_bytes=sandbox.BOUNDS.memory_bytes)


@pytest.fixture(scope="module")
def container(engine: None) -> InContainer:
    supply().ensure(["image/probe-current"])
    return InContainer(Docker(), lambda: supply().image("probe-current").reference)


@pytest.fixture(scope="module")
def namespaces() -> InNamespaces:
    return InNamespaces(debian.program("bwrap", "bubblewrap"))


@pytest.fixture(params=["container", "namespaces"])
def closed(request: pytest.FixtureRequest) -> Sandbox:
    found: Sandbox = request.getfixturevalue(request.param)
    return found


@dataclass(frozen=True)
class Computer:
    """This one, with what there is to be had: a secret in a process's environment, one in a file, and somebody who listens."""

    folder: Path
    listener: socket.socket

    @property
    def wanted(self) -> dict[str, Any]:
        port = self.listener.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            address = probe.getsockname()[0]
        known = {"secret": SECRET, "folder": str(self.folder), "home": str(Path.home())}
        return {**known, "port": port, "address": address}

    def was_reached(self) -> bool:
        self.listener.setblocking(False)
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def computer(tmp_path: Path) -> Iterator[Computer]:
    (tmp_path / "secret").write_text(SECRET)
    tmp_path.chmod(0o777)
    shell = subprocess.Popen(["sleep", "600"], env={**os.environ, "YC_TOKEN": SECRET})
    try:
        with socket.create_server(("0.0.0.0", 0)) as listener:
            yield Computer(tmp_path, listener)
    finally:
        shell.kill()
        shell.wait()


def tried(where: Sandbox, computer: Computer, **more: Any) -> dict[str, dict[str, Any]]:
    sources = {**sandbox.sources(), bootstrap.PROGRAM: ATTEMPTS.read_text()}
    outcome = where.run(sources, {**computer.wanted, **more}, BOUNDS)
    lines = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert outcome.exceeded == "", outcome.stderr
    return {line.pop("attempt"): line for line in lines}


def test_nothing_that_harm_would_need_is_within_reach(closed: Sandbox, computer: Computer) -> None:
    found = tried(closed, computer)
    assert found["environments"] == {"came to": 0}
    assert found["processes"]["came to"] <= 1
    for attempt in ("connection", "outside", "engine", "forking", "threads", "home", "secret_file", "becoming_root", "memory"):
        assert "failed" in found[attempt], attempt
    assert not computer.was_reached()
    assert found["writing"] == {"came to": []}
    assert found["shell"]["came to"] != 0
    assert found["mounting"] == {"came to": "EPERM"}
    uid, gid, groups = found["identity"]["came to"]
    assert uid not in (0, os.getuid())
    assert gid not in (0, os.getgid())
    assert not {0, *os.getgroups()} & set(groups)
    capabilities = found["capabilities"]  # namespaces have no /proc to tell them by
    assert "failed" in capabilities or set(capabilities["came to"]) == {"0000000000000000"}
    assert sorted(path.name for path in computer.folder.iterdir()) == ["secret"]


def test_the_same_attempts_succeed_where_nothing_keeps_them(computer: Computer) -> None:
    """Or the test above would pass for want of trying. The plain child is what `--trust-chart` allows."""
    found = tried(PlainChild(), computer, only=["connection", "environments", "processes", "secret_file", "home"])
    assert found["connection"] == {"came to": None}
    assert computer.was_reached()
    assert found["environments"]["came to"] > 0
    assert found["processes"]["came to"] > 1
    assert found["secret_file"] == {"came to": SECRET}
    assert isinstance(found["home"]["came to"], list)


@pytest.mark.parametrize(("does", "exceeded"), [("pass", "time"), ("print('x' * 1000)", "output")])
def test_what_exceeds_its_bounds_is_ended_and_leaves_nothing(closed: Sandbox, does: str, exceeded: str) -> None:
    sources = {**sandbox.sources(), bootstrap.PROGRAM: f"def main(wanted):\n    while True: {does}"}
    outcome = closed.run(sources, {}, Bounds(time_s=8, output_bytes=100_000, memory_bytes=BOUNDS.memory_bytes))
    assert outcome.exceeded == exceeded
    if isinstance(closed, InContainer):
        assert closed.docker.containers({LABEL: ""}) == ()
    else:
        ours = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        assert bootstrap.PROGRAM not in ours


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("from sentry.conf.server import *", None),
        ("import os\nos.fork()", "PermissionError: the settings tried os.fork, which a check does not allow (line 2)"),
        ("import yaml\nfrom sentry.conf.server import *", None),
        ("import boto3", "ModuleNotFoundError: No module named 'boto3' (line 1)"),
    ],
)
def test_settings_come_to_the_same_in_every_sandbox(closed: Sandbox, source: str, said: str | None) -> None:
    container, files = sentry_with(source)
    (found,) = execute_all([container], files, [closed])
    assert found.error == said
    assert bool(found.connections) is (said is None)
