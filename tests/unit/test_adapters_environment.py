"""What a shell says to other people's programs from other work does not reach those that kit starts; the user's own ways do.

One table for all adapters; tests/conformance/test_children.py has the real programs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit import workspace
from kit.adapters.compose import Compose
from kit.adapters.docker import endpoint
from kit.adapters.helm import Helm
from kit.adapters.kind import Kind
from kit.adapters.process import Result
from kit.adapters.terraform.program import Terraform
from kit.supply import builders, rust
from kit.supply.cache import Cache
from kit.supply.lock import Cargo, Maven

COMPOSE_FILE = Path(workspace.find("none").assets, "compose", "compose.yaml")


class Starts:
    """Stands for `process.run`: keeps the environment that each program would have."""

    def __init__(self, shell: Mapping[str, str]) -> None:
        self.shell, self.got = shell, dict[str, str]()

    def __call__(self, argv: Sequence[str], *, env: Mapping[str, str | None] | None = None, **how: Any) -> Result:
        self.got = {name: value for name, value in {**self.shell, **(env or {})}.items() if value is not None}
        return Result(tuple(argv), 0, "{}", "")


def _cargo(starts: Starts, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rust.shutil, "which", lambda tool: tool)
    monkeypatch.setattr(rust, "_workspace", lambda *given: folder)
    rust.build(starts, Cache(folder), Cargo("x==1", "", "", "", ()), folder, folder / "log")


def _maven(starts: Starts, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = SimpleNamespace(run=starts, assets=folder, cache=Cache(folder))
    builders._maven(tools, Maven("compose"), folder, folder / "log")  # type: ignore[arg-type]


def _go(starts: Starts, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builders.BuildTools(folder, Cache(folder), None, starts).go(["build"], None)  # type: ignore[arg-type]


def _kind(starts: Starts, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = endpoint.child_environment(endpoint.Endpoint("unix:///the.sock"))
    Kind(folder, starts, engine).create("kit", image="i", config="", kubeconfig=folder, network="ours", log=folder)


def _compose(starts: Starts, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = endpoint.child_environment(endpoint.Endpoint("unix:///the.sock"))
    Compose(folder, folder, "kit", {"KIT_STACK": "ours"}, starts, engine).up(["redis"])


def _configuration(starts: Starts, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Terraform(folder, {}, starts).at(folder, folder / "ours").output()


def _helm(starts: Starts, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Helm(folder, folder, starts).values("sentry", "sentry")


Call = Callable[[Starts, Path, pytest.MonkeyPatch], None]
STAY = ("PATH", "HOME", "HTTPS_PROXY", "no_proxy", "SSL_CERT_FILE")  # in every child
TABLE: list[tuple[Call, str, str]] = [  # who is called; what must not reach it; what must
    (
        _helm,
        "HELM_KUBEAPISERVER HELM_KUBECONTEXT HELM_KUBEINSECURE_SKIP_TLS_VERIFY HELM_KUBETOKEN HELM_KUBECAFILE HELM_KUBEASUSER"
        " HELM_NAMESPACE HELM_PLUGINS HELM_DRIVER HELM_DEBUG HELM_MAX_HISTORY KUBECONFIG KUBERNETES_SERVICE_HOST"
        " KUBE_FEATURE_WatchListClient",
        "HELM_REGISTRY_CONFIG HELM_REPOSITORY_CACHE HELM_REPOSITORY_CONFIG HELM_CACHE_HOME HELM_CONFIG_HOME HELM_DATA_HOME",
    ),
    (
        _kind,
        "KIND_EXPERIMENTAL_PROVIDER KIND_CLUSTER_NAME KIND_EXPERIMENTAL_CONTAINERD_SNAPSHOTTER KUBECONFIG DOCKER_CONTEXT"
        " DOCKER_DEFAULT_PLATFORM DOCKER_API_VERSION DOCKER_TLS_VERIFY",
        "DOCKER_CONFIG DOCKER_AUTH_CONFIG",
    ),
    (
        _compose,
        "COMPOSE_FILE COMPOSE_ENV_FILES COMPOSE_PROFILES COMPOSE_PROJECT_NAME COMPOSE_PARALLEL_LIMIT KIT_MEMORY_KAFKA KIT_NAME_S3"
        " DOCKER_CONTEXT DOCKER_DEFAULT_PLATFORM DOCKER_API_VERSION",
        "DOCKER_CONFIG DOCKER_AUTH_CONFIG",
    ),
    (
        _configuration,
        "TF_WORKSPACE TF_CLI_ARGS TF_CLI_ARGS_plan TF_CLI_ARGS_destroy TF_REATTACH_PROVIDERS TF_STATE_PERSIST_INTERVAL"
        " TF_FORCE_LOCAL_BACKEND TF_HTTP_ADDRESS",
        "TF_VAR_domain TF_CLI_CONFIG_FILE TF_PLUGIN_CACHE_DIR TF_LOG TF_LOG_PATH TF_TOKEN_app_terraform_io TF_ENCRYPTION"
        " TF_REGISTRY_CLIENT_TIMEOUT YC_TOKEN AWS_ACCESS_KEY_ID",
    ),
    (
        _go,
        "GOFLAGS GOBIN GOOS GOARCH GOEXPERIMENT GOINSECURE GODEBUG GO111MODULE GOCACHEPROG CGO_CFLAGS GOWORK",
        "GOPROXY GONOPROXY GOPRIVATE GOSUMDB GONOSUMDB GOAUTH GOTOOLCHAIN",
    ),
    (
        _cargo,
        "RUSTFLAGS RUSTC_WRAPPER CARGO_BUILD_TARGET CARGO_ENCODED_RUSTFLAGS CARGO_PROFILE_RELEASE_PANIC CARGO_TARGET_DIR",
        "CARGO_HTTP_PROXY CARGO_REGISTRIES_OURS_INDEX CARGO_NET_RETRY CARGO_SOURCE_CRATES_IO_REPLACE_WITH RUSTUP_HOME",
    ),
    (_maven, "MAVEN_ARGS", "MAVEN_OPTS JAVA_HOME"),
]


@pytest.mark.parametrize(("call", "withheld", "kept"), TABLE, ids=[row[0].__name__.strip("_") for row in TABLE])
def test_a_child_gets_the_environment_that_kit_chose(
    call: Call, withheld: str, kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = dict.fromkeys([*withheld.split(), *kept.split(), *STAY], "the shell's")
    for name, value in shell.items():
        if name not in ("PATH", "HOME"):
            monkeypatch.setenv(name, value)
    starts = Starts(shell)
    call(starts, tmp_path, monkeypatch)
    assert [name for name in withheld.split() if starts.got.get(name) == "the shell's"] == []
    assert [name for name in [*kept.split(), *STAY] if starts.got.get(name) != "the shell's"] == []


def test_a_node_gets_no_proxy_that_is_on_this_computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    starts = Starts({"HTTP_PROXY": "http://127.0.0.1:9", "https_proxy": "http://proxy.example:3128"})
    _kind(starts, tmp_path, monkeypatch)
    assert "HTTP_PROXY" not in starts.got
    assert starts.got["https_proxy"] == "http://proxy.example:3128"


def test_compose_yaml_asks_for_nothing_that_a_shell_could_answer() -> None:
    assert [name for name in re.findall(r"\$\{(\w+)", COMPOSE_FILE.read_text()) if not name.startswith("KIT_")] == []
