"""What `kit doctor` says of the machine: on a Mac it is the engine's, and what only Linux has is not looked for."""

from __future__ import annotations

import errno
import os
import platform
import shutil
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit import doctor as checks
from kit.adapters import proxies
from kit.adapters.docker import errors as docker_errors
from kit.adapters.docker.errors import EngineAbsent, EngineNoPermission, EngineNotRunning
from kit.blueprint.stack import Stack
from kit.host import engine, limits, trust
from kit.targets.local.target import LocalTarget
from kit.workspace import Workspace
from tests.support.recorded_engine import recorded
from tests.support.tls_server import certified

MACHINE = (
    "processors",
    "memory",
    "disk of the engine",
    "control groups",
    "SELinux",
    "privileged containers",
    "inotify",
    "home and cache",
    "disk of the cache",
)


def with_engine(tmp_path: Path, name: str, **changed: Any) -> LocalTarget:
    """A stack whose engine gives recorded answers."""
    found = recorded(name)
    local = LocalTarget(Stack(name="x"), Workspace("x", tmp_path, tmp_path / "home", tmp_path / "cache"))
    api = SimpleNamespace(version=lambda: found["version"])
    local.machine.docker = SimpleNamespace(  # type: ignore[assignment]  # the questions that are asked of it, and no other
        address=found["address"],
        info=lambda: found["info"] | changed,
        api=api,
        doing=lambda what: nullcontext(),
        version=lambda: SimpleNamespace(version=found["version"]["Version"], api=(1, 46)),
    )
    return local


def without_engine(tmp_path: Path) -> LocalTarget:
    local = with_engine(tmp_path, "docker-desktop-mac")

    def silent() -> None:
        raise EngineNotRunning(address="unix:///x", said="")

    local.docker.info = silent  # type: ignore[method-assign, assignment]
    return local


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As much of macOS as is asked for: its names, and no /proc."""
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(platform, "release", lambda: "24.5.0")
    monkeypatch.setattr(checks, "INOTIFY", tmp_path / "proc" / "max_user_instances")
    monkeypatch.setattr(os, "cpu_count", lambda: 12)

    def no_proc() -> None:
        raise FileNotFoundError(2, "No such file or directory", "/proc/self/status")

    monkeypatch.setattr(engine, "lacking_capabilities", no_proc)


def findings(local: LocalTarget, *names: str) -> dict[str, checks.Finding]:
    return {name: checks._finding(name, checks.CHECKS[name], local) for name in names}


@pytest.mark.usefixtures("mac")
@pytest.mark.parametrize("name", ["docker-desktop-mac", "orbstack"])
def test_a_healthy_mac_has_nothing_wrong(tmp_path: Path, name: str) -> None:
    found = findings(with_engine(tmp_path, name), "engine", *MACHINE)
    assert {finding.check: finding.said for finding in found.values() if finding.verdict == "wrong"} == {}
    product = recorded(name)["expect"]["product"]
    for check in ("privileged containers", "inotify", "disk of the engine"):
        assert found[check].verdict == "note"
        assert product in found[check].said
    assert found["engine"].said.startswith(product)


@pytest.mark.usefixtures("mac")
def test_memory_and_processors_are_those_of_the_engine(tmp_path: Path) -> None:
    found = findings(with_engine(tmp_path, "colima"), "memory", "processors")
    assert found["memory"].said == "1.9 GB of memory in the machine of colima"
    assert (found["memory"].verdict, found["memory"].fix) == ("wrong", "colima stop && colima start --memory 4")
    assert found["processors"].said == "2 processors"


@pytest.mark.usefixtures("mac")
def test_a_mac_without_its_engine_is_not_measured_in_its_place(tmp_path: Path) -> None:
    found = findings(without_engine(tmp_path), *MACHINE)
    assert {name for name, finding in found.items() if finding.verdict == "wrong"} == set()
    assert found["memory"].said.endswith("the engine does not answer")


def test_linux_without_its_engine_is_measured_itself(tmp_path: Path) -> None:
    found = findings(without_engine(tmp_path), "memory", "inotify", "processors")
    assert found["processors"].said.startswith(str(os.cpu_count()))
    assert "GB of memory" in found["memory"].said
    assert "inotify instances" in found["inotify"].said


@pytest.mark.parametrize(
    ("limit", "verdict"),
    [
        (2 * limits.INOTIFY_OF_A_NODE - 1, "wrong"),
        (2 * limits.INOTIFY_OF_A_NODE, "note"),
        (128, "note"),
        (511, "note"),
        (512, "right"),
        (1024, "right"),
    ],
)
def test_inotify_follows_the_advice_of_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, verdict: str) -> None:
    (tmp_path / "limit").write_text(f"{limit}\n")
    monkeypatch.setattr(checks, "INOTIFY", tmp_path / "limit")
    local = with_engine(tmp_path, "debian-12", KernelVersion=platform.release())
    found = findings(local, "inotify")["inotify"]
    assert found.verdict == verdict
    assert (found.fix == "") == (verdict == "right")


def test_a_memory_of_four_gigabytes_is_enough_though_the_kernel_keeps_some(tmp_path: Path) -> None:
    local = with_engine(tmp_path, "debian-12", MemTotal=4_110_000_000)
    assert findings(local, "memory")["memory"].verdict == "right"
    local = with_engine(tmp_path, "debian-12", MemTotal=3_000_000_000)
    assert findings(local, "memory")["memory"].verdict == "wrong"


def test_cgroup_v1_and_selinux_are_notes(tmp_path: Path) -> None:
    assert findings(with_engine(tmp_path, "debian-12"), "control groups")["control groups"].verdict == "note"
    assert findings(with_engine(tmp_path, "fedora"), "control groups")["control groups"].verdict == "right"
    labels = findings(with_engine(tmp_path, "fedora"), "SELinux")["SELinux"]
    assert labels.verdict == "note"
    assert f"{tmp_path}/home/.kit" in labels.fix
    assert findings(with_engine(tmp_path, "debian-12"), "SELinux")["SELinux"].verdict == "right"


def test_a_trust_variable_that_names_nothing_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    found = findings(with_engine(tmp_path, "debian-12"), "trust of the shell")["trust of the shell"]
    assert (found.verdict, found.fix) == ("wrong", "unset SSL_CERT_FILE")


def test_what_clients_trust_is_said_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of Node's variable too, and of kit itself, which reads one of them."""
    for name in (*trust.CLIENT_VARIABLES, "AWS_CA_BUNDLE", "PGSSLROOTCERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certified(tmp_path).ca))
    monkeypatch.setenv("PGSSLROOTCERT", "system")
    found = findings(with_engine(tmp_path, "debian-12"), "trust of the shell")["trust of the shell"]
    assert found.verdict == "right"
    assert "kit reads SSL_CERT_FILE for downloads and the cloud" in found.said
    (tmp_path / "der").write_bytes(b"0\x82")
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(tmp_path / "der"))
    found = findings(with_engine(tmp_path, "debian-12"), "trust of the shell")["trust of the shell"]
    assert (found.verdict, found.fix) == ("wrong", "unset NODE_EXTRA_CA_CERTS")


def test_a_proxy_that_no_container_reaches_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in proxies.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    check = "proxies of the shell"
    assert findings(with_engine(tmp_path, "debian-12"), check)[check].verdict == "right"
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert findings(with_engine(tmp_path, "debian-12"), check)[check].verdict == "right"
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    found = findings(with_engine(tmp_path, "debian-12"), check)[check]
    assert found.verdict == "note"
    assert found.said.startswith("HTTP_PROXY: a proxy on this computer")


def test_a_silent_engine_is_one_thing_that_is_wrong_and_not_four(tmp_path: Path) -> None:
    local = without_engine(tmp_path)

    def silent() -> None:
        raise EngineNotRunning(address="unix:///x", said="")

    local.docker.version = silent  # type: ignore[method-assign, assignment]
    wrong = [found.check for found in checks.examine(local) if "engine does not run" in found.said]
    assert wrong == ["engine"]


# -- advice


@pytest.mark.usefixtures("mac")
def test_no_advice_for_a_mac_names_what_only_linux_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    address = "unix:///Users/u/.docker/run/docker.sock"
    errors = [docker_errors.unreachable(address, OSError(number, "no")) for number in (errno.ENOENT, errno.EACCES, errno.EPIPE)]
    assert [type(error) for error in errors] == [EngineAbsent, EngineNoPermission, EngineNotRunning]
    for error in errors:
        assert "Docker Desktop" in error.fix
        assert not {"systemctl", "usermod", "apt-get", "kit setup"} & set(error.fix.replace(",", " ").split())


@pytest.mark.parametrize("address", ["ssh://u@h", "tcp://h:2376"])
def test_an_engine_that_is_not_at_a_socket_is_not_to_be_started_here(address: str) -> None:
    error = docker_errors.unreachable(address, OSError(errno.ECONNREFUSED, "no"))
    assert "systemctl" not in error.fix
    assert "DOCKER_HOST" in error.fix
