"""The way to a cluster behind a proxy: kit's own client takes the one that kubectl and Helm take, or says that it cannot."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.adapters import proxies
from kit.adapters.kubernetes.api import ClusterUnreachable, KubeApi
from kit.adapters.kubernetes.kubeconfig import ClusterProxyUnusable, read_kubeconfig
from tests.support.api_server import Api, api_server
from tests.support.connect_proxy import Seen, connect_proxy

CLUSTER = "cluster.example:6443"  # a name that nobody but the proxy knows


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with api_server(tmp_path_factory.mktemp("api"), "cluster.example") as running:
        yield running


@pytest.fixture
def proxy(api: Api) -> Iterator[Seen]:
    port = int(api.server.rpartition(":")[2])
    with connect_proxy(lambda asked: port if asked == CLUSTER else None) as seen:
        yield seen


@pytest.fixture(autouse=True)
def _shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*proxies.VARIABLES, "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def kubeconfig(api: Api, folder: Path, server: str = f"https://{CLUSTER}", **more: Any) -> Path:
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(api.ca_pem.encode()).decode(), **more}
    document = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(document))
    return folder / "kubeconfig"


def test_the_proxy_of_the_kubeconfig_is_taken(api: Api, proxy: Seen, tmp_path: Path) -> None:
    """And the certificate is still that of the cluster, under the cluster's name."""
    url = proxy.url.replace("//", "//me:p%40ss@")
    kube = KubeApi(kubeconfig(api, tmp_path, **{"proxy-url": url}))
    assert kube.version() == "v1.33.1"
    assert proxy.asked == [CLUSTER]
    assert base64.b64decode(proxy.logins[0].removeprefix("Basic ")) == b"me:p@ss"


def test_the_proxy_of_the_shell_is_taken(api: Api, proxy: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    assert KubeApi(kubeconfig(api, tmp_path)).version() == "v1.33.1"
    assert proxy.asked == [CLUSTER]


def test_a_cluster_on_this_computer_is_reached_directly(
    api: Api, proxy: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    assert KubeApi(kubeconfig(api, tmp_path, api.server)).version() == "v1.33.1"
    assert proxy.asked == []


def test_a_proxy_that_refuses_is_named_without_its_login(api: Api, proxy: Seen, tmp_path: Path) -> None:
    url = proxy.url.replace("//", "//me:hidden@")
    with pytest.raises(ClusterUnreachable) as caught:
        KubeApi(kubeconfig(api, tmp_path, "https://other.example", **{"proxy-url": url})).version()
    assert "403" in caught.value.why
    assert f"127.0.0.1:{proxy.port}, which proxy-url names" in caught.value.why
    assert "hidden" not in caught.value.why


@pytest.mark.parametrize("kind", ["socks5", "https"])
def test_a_kind_of_proxy_that_kit_does_not_speak_is_refused_in_words(api: Api, tmp_path: Path, kind: str) -> None:
    with pytest.raises(ClusterProxyUnusable, match=f"{kind}://proxy.example:1080"):
        read_kubeconfig(kubeconfig(api, tmp_path, **{"proxy-url": f"{kind}://me:x@proxy.example:1080"}))


@pytest.mark.parametrize(
    ("host", "spared", "is_direct"),
    [
        ("a.example.com", "", False),
        ("a.example.com", "example.com", True),
        ("example.com", "example.com", True),
        ("example.com", ".example.com", False),
        ("a.example.com", "other, *.example.com", True),
        ("a.example.com", "EXAMPLE.com:6443", True),
        ("a.example.com", "example.com:443", False),
        ("notexample.com", "example.com", False),
        ("a.example.com", "*", True),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.3:443", False),
        ("10.1.2.3", "2.3", False),
        ("2001:db8::1", "2001:db8::/32", True),
        ("2001:db8::1", "[2001:db8::1]:6443", True),
        ("127.0.0.1", "", True),
        ("::1", "", True),
        ("localhost", "", True),
    ],
)
def test_who_is_spared_is_decided_by_the_rules_of_kubectl(host: str, spared: str, is_direct: bool) -> None:
    shell = {"https_proxy": "proxy.example:3128", "NO_PROXY": spared}
    found = proxies.of_shell(host, 6443, shell)
    assert (found is None) is is_direct
    if found is not None:
        assert (found.address, found.host, found.port) == ("http://proxy.example:3128", "proxy.example", 3128)


def test_clients_that_ask_a_proxy_for_everything_are_told_to_spare_this_computer() -> None:
    assert proxies.sparing({"NO_PROXY": "example.com"}) == {}
    shell = {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "example.com"}
    assert proxies.sparing(shell) == dict.fromkeys(("NO_PROXY", "no_proxy"), "example.com,127.0.0.1,localhost")


def test_a_proxy_of_this_computer_is_recognised() -> None:
    shell = {"HTTP_PROXY": "http://127.0.0.1:9", "https_proxy": "localhost:3128", "HTTPS_PROXY": "http://proxy.example:3128"}
    assert proxies.on_this_computer(shell) == ("HTTP_PROXY", "https_proxy")
