"""Carries out the steps of the Kind cluster: create it, bring images into its node, recover it when it does not answer."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kit import cancel, files
from kit.adapters.containerd import node as nodes
from kit.adapters.docker.errors import EngineRefused
from kit.adapters.kind import Kind
from kit.adapters.kubernetes.api import ClusterUnreachable
from kit.adapters.kubernetes.kubeconfig import KubeconfigUnusable, read_kubeconfig
from kit.errors import KitError, ToolFailed, ToolTimeout
from kit.plan.execute import Note
from kit.plan.steps import Step
from kit.state import markers
from kit.targets.local import layout, node_image, observe, site

if TYPE_CHECKING:
    from kit.targets.local.target import LocalTarget

POLL_S = 0.25
NAMES_TIMEOUT_S = 60.0
PATIENCE_S = 60.0  # after a restart of node or engine its API is back within six seconds on an idle computer (kind/README.md)
RESTART_GRACE_S = 10


class StaysSilent(KitError):
    """The cluster does not answer, for however long it is waited for, and its node was restarted."""

    code = "KIT-CLUSTER-SILENT"
    exit_code = 50
    what = "the cluster does not answer, not even after its node {node} was restarted"
    fix = "kit up --local makes it again; Sentry's data is in the stores"


def make_node_image(local: LocalTarget, step: Step, note: Note) -> str:
    """Where it cannot be made, the cluster gets its images as it always could: that costs time and nothing else."""
    try:
        made = node_image.make(local)
        local.supply.note_use([made])
        return made
    except (ToolFailed, ToolTimeout, EngineRefused) as error:
        return f"not made, so the images are loaded: {error.what}: {error.why}"


def create(local: LocalTarget, step: Step, note: Note) -> None:
    name, workspace = local.stack.name, local.workspace
    files.private_folder(workspace.state)
    for patch in local.kubeadm_patches.iterdir():
        files.write(workspace.state / layout.PATCHES / patch.name, patch.read_text())
    markers.record(local.markers_file, observe.CLUSTER, "unfinished")
    ready = node_image.wanted(local)
    has_images = ready is not None and node_image.is_there(local, ready)
    _kind(local).create(
        name,
        image=ready if ready and has_images else local.supply.image("kind-node").reference,
        config=local.cluster_config(),
        kubeconfig=workspace.kubeconfig,
        network=name,
        log=workspace.logs / "kind.log",
    )
    _wait_for_names(local, note)
    made = observe.node(local)
    mark = f"{made.id} {local.cluster_fingerprint()}"
    named = {"name": observe.CLUSTER_RECORD, "namespace": "kube-system"}
    local.kube.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": {observe.CLUSTER: mark}})
    markers.record(local.markers_file, observe.CLUSTER, mark)
    if has_images:
        markers.record(local.markers_file, "cluster-images", " ".join([made.id, *local.cluster_images()]))


def _kind(local: LocalTarget) -> Kind:
    return Kind(local.supply.tool("kind"), engine=local.docker.child_environment())


def recover(local: LocalTarget, step: Step, note: Note) -> str:
    """Wait for the cluster's API, and restart its node once. Raises `StaysSilent`."""
    how = "it answers"
    if _resume(local, note):
        how = "it answers, after its node was started"
    if (silence := _wait_for_api(local, note)) is not None:
        note("restarting its node")
        local.docker.restart(observe.node(local).id, RESTART_GRACE_S)
        how, silence = "it answers, after its node was restarted", _wait_for_api(local, note)
    if silence is not None:
        raise StaysSilent(node=observe.node(local).name, why=silence)
    _wait_for_names(local, note)
    _wait_for_sentry(local, note)
    return how


def _resume(local: LocalTarget, note: Note) -> bool:
    """Let a node go on that was paused, or start one that was stopped; whether there was something to do."""
    node = observe.node(local)
    if node.state == "running":
        return False
    note(f"its node is {node.state}")
    if node.state == "paused":
        local.docker.unpause(node.id)
    else:
        local.docker.restart(node.id, RESTART_GRACE_S)
    return True


def _wait_for_api(local: LocalTarget, note: Note) -> str | None:
    """Until the API answers, for as long as patience goes and the node runs; else why it does not."""
    _export_kubeconfig(local, note)
    ends = time.monotonic() + PATIENCE_S
    while (silence := local.kube.complaint()) is not None:
        note(silence)
        if time.monotonic() > ends or observe.node(local).state != "running":
            return silence
        cancel.wait(POLL_S)
    return None


def _export_kubeconfig(local: LocalTarget, note: Note) -> None:
    """Write the kubeconfig anew where it cannot be read: it is only a copy of what the node has."""
    path = local.workspace.kubeconfig
    try:
        read_kubeconfig(path)
    except KubeconfigUnusable:
        path.unlink(missing_ok=True)
        try:
            _kind(local).export_kubeconfig(local.stack.name, path)
        except (ToolFailed, ToolTimeout) as error:
            note(f"its kubeconfig cannot be had: {error.why}")


def _wait_for_names(local: LocalTarget, note: Note) -> None:
    """Until the cluster answers for names: a pod that comes before takes the stores for unreachable. Who waits in vain goes on,
    for what is wrong then is better told by whoever needs a name."""
    ends = time.monotonic() + NAMES_TIMEOUT_S
    while time.monotonic() < ends:
        with suppress(ClusterUnreachable):  # an API that has just come back may still go once more
            found = local.kube.get("Deployment", "coredns", "kube-system")
            if found and (found.get("status") or {}).get("readyReplicas"):
                return
        note("its DNS is starting")
        cancel.wait(POLL_S)


def _wait_for_sentry(local: LocalTarget, note: Note) -> None:
    """Until what is installed works again: pods take longer than the API. In vain it ends as well: the next plan looks at it."""
    if "sentry" not in local.stack.parts:
        return
    ends = time.monotonic() + PATIENCE_S
    while (seen := site.release(local).component()).state not in ("ready", "absent") and time.monotonic() < ends:
        note(f"Sentry is {seen.state}: {seen.reason}")
        cancel.wait(POLL_S)


def load_images(local: LocalTarget, marks: Path) -> str:
    """Bring into the node what it lacks, and note it in `marks`: behind a rehearsal the stack's own file is the emulator's."""
    made = observe.node(local)
    wanted, there = local.cluster_images(), observe.images_loaded(made, local.markers_file, marks)
    missing = tuple(reference for reference in wanted if reference not in there)
    if missing:
        nodes.load(local.docker, made.name, missing)
    markers.record(marks, "cluster-images", " ".join([made.id, *sorted(there.union(wanted))]))
    return f"{len(missing)} loaded" if missing else "all were in it"
