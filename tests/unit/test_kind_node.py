"""The cluster's files say the same thing in several places: Kind, the CNI plugins, Go and the lock each read their own."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from string import Template
from typing import Any

import pytest
import yaml

KIND = Path(__file__).parents[2] / "kind"
LOCK = yaml.safe_load((KIND.parent / "kit" / "supply" / "lock.yaml").read_text())


@pytest.fixture
def cluster() -> dict[str, Any]:
    text = Template((KIND / "cluster.yaml").read_text()).substitute(KIT_PORT_SENTRY_HTTPS="18443", KIT_PATCHES="/patches")
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def test_pods_get_addresses_from_the_network_that_kubernetes_was_told(cluster: dict[str, Any]) -> None:
    plugins = json.loads((KIND / "node" / "image" / "10-static.conflist").read_text())["plugins"]
    (ranges,) = (plugin["ipam"]["ranges"] for plugin in plugins if "ipam" in plugin)
    assert ranges == [[{"subnet": cluster["networking"]["podSubnet"]}]]


def test_nothing_of_the_cluster_listens_beyond_this_computer(cluster: dict[str, Any]) -> None:
    mappings = [mapping for node in cluster["nodes"] for mapping in node["extraPortMappings"]]
    assert {mapping["listenAddress"] for mapping in mappings} == {"127.0.0.1"}
    assert cluster["networking"]["apiServerAddress"] == "127.0.0.1"
    assert [(mapping["hostPort"], mapping["containerPort"]) for mapping in mappings] == [(18443, 30443)]


def test_one_kubernetes_version_in_the_lock_the_module_and_the_programs() -> None:
    entries = (LOCK["images"]["kind-node"], LOCK["artifacts"]["kubernetes"], LOCK["tools"]["kubectl"])
    node, programs, kubectl = (next(source["built"] for source in entry["sources"] if "built" in source) for entry in entries)
    version = programs["version"]
    module = (KIND / "node" / "kubernetes" / "go.mod").read_text()
    assert node["version"] == kubectl["version"] == version
    assert re.findall(r"k8s\.io/kubernetes (v\S+)", module) == [f"v{version}"]
    assert set(re.findall(r"k8s\.io/\S+ => k8s\.io/\S+ (v\S+)", module)) == {f"v0.{version.removeprefix('1.')}"}
    for built in (programs, kubectl):
        assert set(re.findall(r"gitVersion=(\S+)", built["go_build"]["ldflags"])) == {f"v{version}"}


def test_the_programs_of_the_node_are_all_built() -> None:
    text = (KIND / "node" / "image" / "Dockerfile").read_text() + (KIND / "node" / "preload.sh").read_text()
    used = set(re.findall(r"artifacts\"?/kubernetes/([a-z-]+)", text))
    (built,) = (source["built"]["go_build"] for source in LOCK["artifacts"]["kubernetes"]["sources"])
    assert used == set(built["packages"])


def test_the_finishing_script_can_be_executed() -> None:
    (built,) = (source["built"] for source in LOCK["images"]["kind-node"]["sources"] if "built" in source)
    assert os.access(KIND.parent / built["finish"], os.X_OK)


def test_the_network_policies_are_enforced_by_the_image_that_the_node_was_given(cluster: dict[str, Any]) -> None:
    documents = yaml.safe_load_all((KIND / "node" / "image" / "manifests" / "default-cni.yaml").read_text())
    (daemon,) = (each for each in documents if each["kind"] == "DaemonSet")
    (container,) = daemon["spec"]["template"]["spec"]["containers"]
    assert f" {container['image']} " in (KIND / "node" / "preload.sh").read_text()
    assert container["imagePullPolicy"] == "Never"
    assert f"--service-cluster-ip-range={cluster['networking']['serviceSubnet']}" in container["args"]
