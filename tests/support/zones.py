"""A Kind cluster of three worker nodes, each a zone of its own, on the network of a stack whose stores are up.

kit's own cluster has one node, and its node image hands out the pods' addresses of one. Here each node gets the range that
Kubernetes gave it, and a route to the ranges of the others: what a network plugin does elsewhere.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from kit import files
from kit.adapters.containerd import node
from kit.adapters.kind import Kind, node_name
from kit.state import lock
from kit.targets.local import layout
from kit.targets.local.target import LocalTarget

ZONES = ("zone-a", "zone-b", "zone-c")
ZONE = "topology.kubernetes.io/zone"
PODS = "10.244.0.0/16"  # a /24 of it for each node
CONFLIST = "/etc/cni/net.d/10-static.conflist"


def workers(stack: str) -> tuple[str, ...]:
    """The nodes in the order of their zones, as Kind names them."""
    return tuple(f"{stack}-worker{number or ''}" for number in ("", 2, 3))


def first(local: LocalTarget) -> str:
    """The node of the control plane, which is in no zone and is never taken away."""
    return node_name(local.stack.name)


@contextmanager
def cluster(local: LocalTarget, images: list[str], control_plane: list[str]) -> Iterator[None]:
    """Up, with these images in each worker, and `control_plane` in its node; the kubeconfig is the stack's own."""
    name, space = local.stack.name, local.workspace
    with lock.held(space.lock_file, name, "a test of zones", wait_s=0):
        for patch in local.kubeadm_patches.iterdir():
            files.write(space.state / layout.PATCHES / patch.name, patch.read_text())
    try:
        Kind(local.supply.tool("kind"), engine=local.docker.child_environment()).create(
            name,
            image=local.supply.image("kind-node").reference,
            config=_config(local),
            kubeconfig=local.workspace.kubeconfig,
            network=name,
            log=local.workspace.logs / "kind.log",
        )
        _connect_pods(local)
        node.load(local.docker, node_name(name), control_plane)
        for worker in workers(name):
            node.load(local.docker, worker, images)
        yield
    finally:
        for each in (node_name(name), *workers(name)):
            docker("rm", "--force", "--volumes", each, check=False)


def _config(local: LocalTarget) -> str:
    """kit's, with a worker for each zone."""
    document = yaml.safe_load(local.cluster_config())
    document["networking"]["podSubnet"] = PODS
    (first,) = document["nodes"]
    del first["extraPortMappings"]
    document["nodes"] += [{"role": "worker", "labels": {ZONE: zone}} for zone in ZONES]
    return str(yaml.safe_dump(document))


def _connect_pods(local: LocalTarget) -> None:
    """Each node its own range of addresses, and routes to those of the others."""
    seen = {each["metadata"]["name"]: each for each in local.kube.list("Node")}
    ranges = {name: each["spec"]["podCIDR"] for name, each in seen.items()}
    inside = {
        name: next(each["address"] for each in found["status"]["addresses"] if each["type"] == "InternalIP")
        for name, found in seen.items()
    }
    for name, its_range in ranges.items():
        conflist = json.loads(docker("exec", name, "cat", CONFLIST))
        conflist["plugins"][0]["ipam"]["ranges"] = [[{"subnet": its_range}]]
        docker("exec", "--interactive", name, "sh", "-c", f"cat > {CONFLIST}", stdin=json.dumps(conflist))
        for other in ranges.keys() - {name}:
            docker("exec", name, "ip", "route", "replace", ranges[other], "via", inside[other])
    # The one DNS server is no part of what is lost, and its address may be of the range that every node had.
    pinned = {"spec": {"template": {"spec": {"nodeSelector": {"node-role.kubernetes.io/control-plane": ""}}}}}
    kubectl(local.stack.name, "patch", "deployment/coredns", "--namespace=kube-system", f"--patch={json.dumps(pinned)}")
    kubectl(local.stack.name, "rollout", "status", "deployment/coredns", "--namespace=kube-system", "--timeout=180s")


def docker(*words: str, stdin: str | None = None, check: bool = True) -> str:
    ran = subprocess.run(["docker", *words], input=stdin, capture_output=True, text=True, check=False)
    assert ran.returncode == 0 or not check, f"docker {' '.join(words)}: {ran.stderr}"
    return ran.stdout


def kubectl(stack: str, *words: str) -> str:
    """As the node that is lost in no test has it."""
    return docker("exec", node_name(stack), "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", *words)
