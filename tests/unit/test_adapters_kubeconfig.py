"""Whom the cluster's door is: a certificate, a token, or what a program prints; over real HTTPS to a small API server."""

from __future__ import annotations

import json
import socket
import stat
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.adapters.kubernetes.api import ClusterRefused, ClusterUnreachable, KubeApi
from kit.adapters.kubernetes.credential import ClusterCredentialFailed, ExecToken, FixedToken, credential
from kit.adapters.kubernetes.kubeconfig import KubeconfigUnusable, read_kubeconfig, write_exec_kubeconfig
from kit.adapters.process import Result
from kit.pki import authority
from tests.support.api_server import Api, anybody, api_server

COMMAND = ("kit", "kube-token")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with api_server(tmp_path_factory.mktemp("api")) as started:
        yield started


@pytest.fixture
def api(served: Api) -> Api:
    served.accepts, served.bearers = anybody, []
    return served


@dataclass
class Program:
    """What the kubeconfig's program prints: a new token each time, that lives as long as it is told."""

    lifetime: timedelta | None = timedelta(hours=1)
    calls: list[tuple[tuple[str, ...], dict[str, str]]] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], *, env: Any = None, **options: Any) -> Result:
        self.calls.append((tuple(argv), dict(env)))
        expires_at = datetime.now(UTC) + self.lifetime if self.lifetime else None
        return Result(tuple(argv), 0, json.dumps(credential(f"token-{len(self.calls)}", expires_at)), "")


def with_program(api: Api, tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch) -> KubeApi:
    path = tmp_path / "kubeconfig"
    write_exec_kubeconfig(path, "sentry", api.server, api.ca_pem, COMMAND, {"YC_ENDPOINT": "here:443"})
    monkeypatch.setattr("kit.adapters.kubernetes.api.read_kubeconfig", lambda path: read_kubeconfig(path, program))
    return KubeApi(path)


def test_a_program_is_asked_once_for_many_requests(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program()
    door = with_program(api, tmp_path, program, monkeypatch)
    assert [door.version() for _ in range(3)] == ["v1.33.1"] * 3
    assert api.bearers == ["token-1"] * 3
    ((argv, environment),) = program.calls
    assert argv == COMMAND
    assert environment["YC_ENDPOINT"] == "here:443"
    assert json.loads(environment["KUBERNETES_EXEC_INFO"])["spec"] == {"interactive": False}


def test_a_token_is_renewed_before_it_ends(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    door = with_program(api, tmp_path, Program(timedelta(minutes=1)), monkeypatch)
    door.version()
    door.version()
    assert api.bearers == ["token-1", "token-2"]


def test_a_token_without_an_end_is_kept(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    door = with_program(api, tmp_path, Program(None), monkeypatch)
    door.version()
    door.version()
    assert api.bearers == ["token-1", "token-1"]


def test_a_refused_token_is_asked_for_again_once(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    door = with_program(api, tmp_path, Program(), monkeypatch)
    door.version()
    api.accepts = lambda token: token != "token-1"
    assert door.version() == "v1.33.1"
    assert api.bearers == ["token-1", "token-1", "token-2"]
    api.accepts = lambda token: False
    with pytest.raises(ClusterRefused, match="tell its version"):
        door.version()
    assert api.bearers[3:] == ["token-2", "token-3"]


def test_the_written_file_is_private_and_holds_no_secret(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "kubeconfig"
    write_exec_kubeconfig(path, "sentry", api.server, api.ca_pem, COMMAND)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = yaml.safe_load(path.read_text())
    assert document["users"][0]["user"]["exec"]["interactiveMode"] == "Never"
    assert set(document["users"][0]["user"]) == {"exec"}
    assert read_kubeconfig(path).server == api.server.removeprefix("https://")


def kubeconfig(api: Api, tmp_path: Path, user: dict[str, Any], **cluster: Any) -> Path:
    path = tmp_path / "kubeconfig"
    (tmp_path / "ca.crt").write_text(api.ca_pem)
    document = {
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": {"server": api.server, "certificate-authority": "ca.crt", **cluster}}],
        "users": [{"name": "it", "user": user}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def test_a_token_may_stand_in_the_file_or_in_another_one(api: Api, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    assert KubeApi(kubeconfig(api, tmp_path, {"token": "in-the-file"})).version() == "v1.33.1"
    assert KubeApi(kubeconfig(api, tmp_path, {"tokenFile": "token"})).version() == "v1.33.1"
    assert api.bearers == ["in-the-file", "from-a-file"]
    assert "in-the-file" not in repr(FixedToken("in-the-file"))


def test_a_refused_fixed_token_is_not_tried_again(api: Api, tmp_path: Path) -> None:
    api.accepts = lambda token: False
    with pytest.raises(ClusterRefused, match="tell its version") as caught:
        KubeApi(kubeconfig(api, tmp_path, {"token": "old"})).version()
    assert caught.value.status == 401
    assert api.bearers == ["old"]


def test_a_token_is_not_sent_to_whom_the_authority_does_not_know(api: Api, tmp_path: Path) -> None:
    path = kubeconfig(api, tmp_path, {"token": "it"})
    (tmp_path / "ca.crt").write_bytes(authority.create("other", datetime.now(UTC)).root.certificate_pem())
    with pytest.raises(ClusterUnreachable):
        KubeApi(path).version()
    assert api.bearers == []


@pytest.mark.parametrize(
    ("user", "cluster", "why"),
    [
        ({}, {}, "neither a certificate nor a token"),
        ({"token": "it"}, {"insecure-skip-tls-verify": True}, "need not be verified"),
        ({"token": "it"}, {"server": "http://127.0.0.1:1"}, "no https address"),
        ({"tokenFile": "nowhere"}, {}, "there is no"),
        ({"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "yc"}}, {}, "v1beta1"),
    ],
)
def test_what_cannot_be_used_safely_is_refused(
    api: Api, tmp_path: Path, user: dict[str, Any], cluster: dict[str, Any], why: str
) -> None:
    with pytest.raises(KubeconfigUnusable) as caught:
        read_kubeconfig(kubeconfig(api, tmp_path, user, **cluster))
    assert why in caught.value.why


def test_a_program_that_prints_no_token_is_named() -> None:
    def silent(argv: Sequence[str], **options: Any) -> Result:
        return Result(tuple(argv), 0, "hello", "")

    with pytest.raises(ClusterCredentialFailed, match="kit kube-token gave no token"):
        ExecToken(COMMAND, {}, silent).token()


def test_where_nobody_listens_is_told_in_words(api: Api, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert elsewhere(api, tmp_path, port).complaint() == "nobody listens at its API's address"


def test_an_api_that_hangs_up_is_told_in_words(api: Api, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            with server.accept()[0] as peer:
                peer.recv(1)

        thread = threading.Thread(target=hang_up)
        thread.start()
        assert elsewhere(api, tmp_path, server.getsockname()[1]).complaint() == "its API hangs up"
        thread.join()


def elsewhere(api: Api, folder: Path, port: int) -> KubeApi:
    """The API by a kubeconfig that names another port."""
    path = kubeconfig(api, folder, {"token": "it"})
    path.write_text(path.read_text().replace(api.server, f"https://127.0.0.1:{port}"))
    return KubeApi(path)


def test_an_api_that_is_not_ready_and_does_not_say_why_is_a_complaint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KubeApi, "_request", lambda *arguments, **settings: (503, b""))
    assert KubeApi(tmp_path).complaint() == "its API is not ready: it said nothing"
