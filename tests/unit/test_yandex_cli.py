"""`kit yandex` as a user types it: ready in one line, its environment names only this computer, it ends when told."""

from __future__ import annotations

import json
import select
import signal
import socket
import subprocess
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest

from kit.yandex.engine import ids
from kit.yandex.run.environment import UNSET
from tests.support import yandex
from tests.support.program import ROOT, Program
from tests.support.yandex import Cloud

READY_S = 60


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path, "cloud")


def _ready(program: Program, *options: str) -> tuple[subprocess.Popen[str], str]:
    process = program.start("yandex", "emulate", "--control-plane-only", *options)
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], READY_S)[0]
    return process, process.stdout.readline()


def _stopped(process: subprocess.Popen[str], number: signal.Signals) -> int:
    process.send_signal(number)
    process.communicate(timeout=30)
    return process.returncode


def test_the_environment_is_known_while_the_emulator_runs(program: Program) -> None:
    absent = program("yandex", "env", "--provider", "registry", "-o", "json")
    assert (absent.exit_code, absent.json["error"]["code"]) == (61, "KIT-YANDEX-NOT-RUNNING")

    process, line = _ready(program, "-o", "json")
    ready = json.loads(line)
    assert (ready["ready"], ready["backing"]) == (True, "nothing")
    said = program.must("yandex", "env", "--provider", "registry", "-o", "json").json
    assert {name for name, value in said.items() if value is None} == set(UNSET)
    assert said["YC_ENDPOINT"] == f"localhost:{ready['port']}"
    assert said["HTTP_PROXY"] == f"http://127.0.0.1:{ready['s3_port']}"
    assert said["YC_STORAGE_ENDPOINT_URL"].startswith("http://")  # by the proxy alone: nothing of it goes to the real host
    assert (said["YC_FOLDER_ID"], said["YC_TOKEN"].startswith("t1.emu.")) == (ids.FOLDER, True)
    assert (program.home / "certs" / "cloud" / "bundle.crt").samefile(said["SSL_CERT_FILE"])
    shell = program.must("yandex", "env", "--provider", "registry").stdout
    assert "unset AWS_CA_BUNDLE\n" in shell
    assert f"export YC_ENDPOINT=localhost:{ready['port']}\n" in shell
    assert _stopped(process, signal.SIGTERM) == 0
    assert program("yandex", "env", "--provider", "registry").exit_code == 61

    again, line = _ready(program, "-o", "json")
    assert json.loads(line) == ready  # environments out there still name these ports
    assert _stopped(again, signal.SIGINT) == 0


def test_a_closed_terminal_stops_the_emulator_as_ctrl_c_does(program: Program) -> None:
    process, _ = _ready(program, "-o", "json")
    assert _stopped(process, signal.SIGHUP) == 0


def test_roles_take_the_time_that_they_are_told_to_take(program: Program) -> None:
    """And what opens the emulator is the token that its environment names, of this stack alone."""
    process = program.start("yandex", "emulate", "--control-plane-only", "--iam-delay", "3600", "-o", "json")
    try:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], READY_S)[0]
        ready = json.loads(process.stdout.readline())
        said = program.must("yandex", "env", "--provider", "registry", "-o", "json").json
        here = SimpleNamespace(port=ready["port"])  # all that the client asks of an emulator
        cloud = Cloud(here, Path(said["SSL_CERT_FILE"]).read_bytes(), said["YC_TOKEN"])  # type: ignore[arg-type]
        owner, network = yandex.cluster_account(cloud), yandex.network(cloud)
        yandex.subnet(cloud, network)
        with pytest.raises(grpc.RpcError, match=r"'k8s.clusters.agent' role"):
            yandex.kubernetes(cloud, network, owner)
        stranger = Cloud(here, cloud.ca)  # type: ignore[arg-type]
        refused = stranger.refused("vpc.v1.NetworkService/List", folder_id=ids.FOLDER)
        assert refused.code() is grpc.StatusCode.UNAUTHENTICATED
    finally:
        assert _stopped(process, signal.SIGTERM) == 0


def test_a_port_that_the_user_fixed_and_another_holds_is_an_error(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for option in ("--port", "--s3-port"):
            ran = program("yandex", "emulate", "--control-plane-only", option, str(taken.getsockname()[1]), "-o", "json")
            assert (ran.exit_code, ran.json["error"]["code"]) == (20, "KIT-YANDEX-PORT-TAKEN")
            assert option in ran.json["error"]["fix"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--fail", "everything"), "KIT-YANDEX-FAULT"),
        (("--quota", "cores=many"), "KIT-YANDEX-QUOTA"),
        (("--iam-delay", "nan"), "KIT-USAGE"),
        (("--async", "inf"), "KIT-USAGE"),
    ],
)
def test_options_that_are_not_understood_are_refused(program: Program, words: tuple[str, str], code: str) -> None:
    ran = program("yandex", "emulate", "--control-plane-only", *words, "-o", "json")
    assert (ran.exit_code, ran.json["error"]["code"]) == (10, code)


def test_coverage_is_data(program: Program) -> None:
    found = program.must("yandex", "coverage", "-o", "json").json
    assert sum(found["counts"].values()) == len(found["methods"])
    by_name = {row["method"]: row for row in found["methods"]}
    assert by_name["mdb.kafka.v1.TopicService/Create"] == {
        "method": "mdb.kafka.v1.TopicService/Create",
        "level": "modelled",
        "backed_by": "topic in the container",
    }


def test_the_page_of_the_coverage_is_printed(program: Program) -> None:
    assert program.must("yandex", "coverage", "--page").stdout == (ROOT / "docs" / "yandex-coverage.md").read_text()
