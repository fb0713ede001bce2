"""Runs Kind: a cluster of one node container on a network that is already there.

Deleting has no verb here: the node is a container like any other and the kubeconfig is the stack's own, so `kit purge`
needs no Kind. Neither has loading an image: `kit.adapters.containerd.node` does that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from kit.adapters import proxies
from kit.adapters.child import Environment
from kit.adapters.environment import Withheld
from kit.adapters.process import Runner, run

CREATE_TIMEOUT_S = 300.0
EXPORT_TIMEOUT_S = 30.0
# Another provider, snapshotter, name or kubeconfig: pkg/cluster/internal and pkg/cmd of Kind 0.33, read 2026-11-28.
WITHHELD = Withheld(("KIND_*", "KUBE*"))


@dataclass(frozen=True, slots=True)
class Kind:
    program: Path
    runner: Runner = run
    engine: Environment = field(default_factory=dict)  # the variables that name the engine: `Docker.child_environment`

    def create(self, name: str, *, image: str, config: str, kubeconfig: Path, network: str, log: Path) -> None:
        argv = [str(self.program), "create", "cluster", "--name", name, "--image", image, "--config", "-"]
        argv += ["--kubeconfig", str(kubeconfig), "--wait", "120s"]
        # Kind has no option for the network of its nodes, only this variable; it has been stable since 0.8.
        # Kind hands proxies on to the node, where this computer's loopback is the node's own; to NO_PROXY it adds the network.
        unreachable = dict.fromkeys(proxies.on_this_computer())
        env = {**WITHHELD.changes(), **unreachable, **self.engine, "KIND_EXPERIMENTAL_DOCKER_NETWORK": network}
        self.runner(argv, stdin=config, env=env, timeout_s=CREATE_TIMEOUT_S, log=log)

    def export_kubeconfig(self, name: str, kubeconfig: Path) -> None:
        """Write what a user needs to reach a cluster that is there."""
        argv = [str(self.program), "export", "kubeconfig", "--name", name, "--kubeconfig", str(kubeconfig)]
        self.runner(argv, env={**WITHHELD.changes(), **self.engine}, timeout_s=EXPORT_TIMEOUT_S)


def node_name(cluster: str) -> str:
    return f"{cluster}-control-plane"
