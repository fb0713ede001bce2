"""A followed log says each line once, as soon as it is written, through restarts and roll-outs."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.adapters.kubernetes.api import KubeApi
from kit.sentry import logs
from tests.support.api_server import Api, api_server

WEB = ("migrate", "web")  # an init container, then the one that serves


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with api_server(tmp_path) as started:
        yield started
        for pieces in started.logs.values():
            pieces.put(None)  # whoever still reads


@pytest.fixture
def kube(api: Api, tmp_path: Path) -> KubeApi:
    cluster = {"server": api.server, "certificate-authority-data": base64.b64encode(api.ca_pem.encode()).decode()}
    named = {"cluster": cluster, "user": {"token": "t"}, "context": {"cluster": "it", "user": "it"}}
    document = {f"{kind}s": [{"name": "it", kind: content}] for kind, content in named.items()} | {"current-context": "it"}
    (tmp_path / "kubeconfig").write_text(json.dumps(document))
    return KubeApi(tmp_path / "kubeconfig")


def pod(name: str, running: str, *, at: int = 0, run: int = 1) -> dict[str, Any]:
    """A pod of Sentry whose container of that name runs; those before it have ended, those after it have not begun."""
    place = WEB.index(running)
    statuses = [
        {
            "name": each,
            "containerID": f"containerd://{name}-{each}-{run if each == running else 1}",
            "state": {"running": {}} if each == running else {},
        }
        for each in WEB[: place + 1]
    ]
    return {
        "metadata": {"name": name, "creationTimestamp": f"2026-11-28T00:00:{at:02}Z"},
        "spec": {"initContainers": [{"name": "migrate"}], "containers": [{"name": "web"}]},
        "status": {"phase": "Running", "initContainerStatuses": statuses[:1], "containerStatuses": statuses[1:]},
    }


def test_each_line_comes_once_and_as_soon_as_it_is_written(api: Api, kube: KubeApi) -> None:
    api.pods = [pod("web-1", "web")]
    said, lines = api.log("web-1", "web"), logs.follow(kube, "sentry", 2)
    said.put("one\ntwo\n")
    assert [next(lines), next(lines)] == ["one\n", "two\n"]
    for number in range(3, 9):  # more than the two that were asked for: the window does not slide
        said.put(f"{number} é\n")
        assert next(lines) == f"{number} é\n"
    (asked,) = api.asked
    assert asked == ("/api/v1/namespaces/sentry/pods/web-1/log", {"container": "web", "follow": "true", "tailLines": "2"})


def test_after_a_roll_out_the_new_pod_s_log_is_followed_from_its_beginning(api: Api, kube: KubeApi) -> None:
    api.pods = [pod("web-1", "web")]
    for word in ("old\n", None):
        api.log("web-1", "web").put(word)
    api.log("web-2", "migrate").put("migrating\n")
    api.log("web-2", "migrate").put(None)
    api.log("web-2", "web").put("serving\n")
    api.log("web-2", "web").put(None)
    moments = iter([[pod("web-1", "web"), pod("web-2", "migrate", at=1)], [pod("web-2", "web", at=1)], []])

    def wait(seconds: float) -> None:
        api.pods = next(moments)

    assert list(logs.follow(kube, "sentry", 5, wait)) == ["old\n", "migrating\n", "serving\n"]
    assert ["tailLines" in query for _, query in api.asked] == [True, False, False]


def test_a_restarted_container_is_followed_on(api: Api, kube: KubeApi) -> None:
    api.pods = [pod("web-1", "web")]
    for word in ("first\n", None, "second\n", None):
        api.log("web-1", "web").put(word)
    moments = iter([[pod("web-1", "web", run=2)], []])

    def wait(seconds: float) -> None:
        api.pods = next(moments)

    assert list(logs.follow(kube, "sentry", 5, wait)) == ["first\n", "second\n"]


def test_a_stream_that_ends_before_its_container_goes_on_from_there(api: Api, kube: KubeApi) -> None:
    """As after hours of silence, or while the status is older than the end."""
    api.pods = [pod("web-1", "web")]
    for word in ("before\n", None, "after\n", None):
        api.log("web-1", "web").put(word)
    moments = iter([[pod("web-1", "web")], []])

    def wait(seconds: float) -> None:
        api.pods = next(moments)

    assert list(logs.follow(kube, "sentry", 5, wait)) == ["before\n", "after\n"]
    assert ["sinceTime" in query for _, query in api.asked] == [False, True]


def test_a_job_that_has_ended_is_read_and_not_waited_for(api: Api, kube: KubeApi) -> None:
    ended = pod("probes-1", "web")
    ended["status"] |= {"phase": "Succeeded"}
    api.pods = [ended]
    for word in ("all went well\n", None):
        api.log("probes-1", "web").put(word)
    assert list(logs.follow(kube, "probes", 5, pytest.fail)) == ["all went well\n"]


def test_without_a_pod_there_is_nothing_to_follow(kube: KubeApi) -> None:
    assert list(logs.follow(kube, "sentry", 5, pytest.fail)) == []
    assert logs.read(kube, "sentry", 5) == ""
