"""The real Compose, Helm and Kind in a shell full of hostile values: each call means what it meant without them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.adapters import proxies
from kit.adapters.compose import Compose
from kit.adapters.docker import endpoint
from kit.adapters.helm import Helm
from kit.adapters.kind import Kind
from kit.adapters.kubernetes.api import KubeApi
from kit.adapters.process import Result, run
from kit.errors import ToolFailed
from tests.support import terraform
from tests.support.connect_proxy import connect_proxy
from tests.support.tls_server import certified


def test_compose_takes_nothing_from_a_hostile_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not from files called .env in the folder where the user stands, and beside compose.yaml."""
    terraform.supply().ensure(["tool/compose"])
    file = tmp_path / "shipped" / "compose.yaml"
    file.parent.mkdir()
    file.write_text(
        "services: {redis: {image: '${KIT_IMAGE}', mem_limit: '${KIT_MEMORY_REDIS:-512m}', environment: [FROM_FILE]}}\n"
    )
    answers = []

    def config(argv: Sequence[str], *, env: Mapping[str, str | None], **how: Any) -> Result:
        asked = run([*argv[: argv.index("up")], "config", "--format", "json"], env=env, cwd=tmp_path)
        answers.append(json.loads(asked.stdout))
        return asked

    for folder in (tmp_path, file.parent):
        (folder / ".env").write_text("KIT_MEMORY_REDIS=64m\nCOMPOSE_PROJECT_NAME=theirs\nFROM_FILE=theirs\n")
    hostile = {
        "COMPOSE_ENV_FILES": "/nonexistent",
        "COMPOSE_FILE": "/nonexistent",
        "COMPOSE_PROJECT_NAME": "theirs",
        "KIT_MEMORY_REDIS": "64m",
        "DOCKER_CONTEXT": "theirs",
    }
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    engine = endpoint.child_environment(endpoint.Endpoint("unix:///the.sock"))
    Compose(terraform.supply().tool("compose"), file, "ours", {"KIT_IMAGE": "x"}, config, engine).up(["redis"])
    assert answers[0]["name"] == "ours"
    assert answers[0]["services"]["redis"]["mem_limit"] == str(512 * 1024**2)
    assert answers[0]["services"]["redis"]["environment"] == {"FROM_FILE": None}


def test_helm_takes_nothing_from_a_hostile_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks the cluster of kit's kubeconfig, of whom it says where that is."""
    terraform.supply().ensure(["tool/helm"])
    kubeconfig = tmp_path / "kubeconfig"
    cluster = {"server": "https://127.0.0.1:9", "insecure-skip-tls-verify": True}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "ours", "cluster": cluster}],
        "users": [{"name": "ours", "user": {"token": "t"}}],
        "contexts": [{"name": "ours", "context": {"cluster": "ours", "user": "ours"}}],
        "current-context": "ours",
    }
    kubeconfig.write_text(yaml.safe_dump(document))
    (tmp_path / "plugins" / "broken").mkdir(parents=True)
    (tmp_path / "plugins" / "broken" / "plugin.yaml").write_text("not: [a plugin")
    hostile = {
        "HELM_KUBEAPISERVER": "https://127.0.0.1:1",
        "HELM_KUBECONTEXT": "theirs",
        "HELM_DRIVER": "memory",
        "HELM_PLUGINS": str(tmp_path / "plugins"),
        "KUBECONFIG": "/nonexistent",
    }
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    said: list[Result] = []

    def keep(argv: Sequence[str], *, check: bool = True, **how: Any) -> Result:
        said.append(run(argv, check=False, **how))
        return Result(tuple(argv), 0, "[]", "")

    Helm(terraform.supply().tool("helm"), kubeconfig, keep).release("sentry", "sentry")
    assert said[0].exit_code != 0
    assert "127.0.0.1:9/" in said[0].stderr, said[0].stderr


def test_kind_takes_no_other_provider_from_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails here at the engine that it is told, and has not looked for another one."""
    terraform.supply().ensure(["tool/kind"])
    monkeypatch.setenv("KIND_EXPERIMENTAL_PROVIDER", "podman")
    monkeypatch.setenv("KIND_CLUSTER_NAME", "theirs")
    said: list[Result] = []

    def keep(argv: Sequence[str], *, log: Path, timeout_s: float, **how: Any) -> Result:
        said.append(run([*argv[:1], "get", "clusters"], env=how["env"], check=False))
        return said[0]

    engine = endpoint.child_environment(endpoint.Endpoint(f"unix://{tmp_path}/none.sock"))
    Kind(terraform.supply().tool("kind"), keep, engine).create(
        "ours", image="", config="", kubeconfig=tmp_path / "k", network="ours", log=tmp_path / "log"
    )
    assert "podman" not in said[0].stderr


def test_helm_takes_the_same_proxy_as_kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the shell, and before it that of the kubeconfig."""
    terraform.supply().ensure(["tool/helm"])
    for name in proxies.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with connect_proxy(lambda asked: None) as of_shell, connect_proxy(lambda asked: None) as of_file:
        monkeypatch.setenv("HTTPS_PROXY", of_shell.url)
        for written, asked, other in (({}, of_shell, of_file), ({"proxy-url": of_file.url}, of_file, of_shell)):
            kubeconfig = tmp_path / "kubeconfig"
            authority = base64.b64encode(certified(tmp_path).ca.read_bytes()).decode()
            cluster = {"server": "https://cluster.example:6443", "certificate-authority-data": authority, **written}
            document = {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "ours", "cluster": cluster}],
                "users": [{"name": "ours", "user": {"token": "t"}}],
                "contexts": [{"name": "ours", "context": {"cluster": "ours", "user": "ours"}}],
                "current-context": "ours",
            }
            kubeconfig.write_text(yaml.safe_dump(document))
            other.asked.clear()
            with pytest.raises(ToolFailed):
                Helm(terraform.supply().tool("helm"), kubeconfig).release("sentry", "sentry")
            assert set(asked.asked) == {"cluster.example:6443"}
            asked.asked.clear()
            assert KubeApi(kubeconfig).complaint() is not None
            assert set(asked.asked) == {"cluster.example:6443"}
            assert other.asked == []
