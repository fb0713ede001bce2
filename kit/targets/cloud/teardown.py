"""Deletes a cloud stack: first what Kubernetes made by itself, then Terraform's resources, then the files here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kit import cancel
from kit.errors import KitError
from kit.plan.events import Listener, StepEvent
from kit.plan.steps import Plan, Step
from kit.sentry.objects import NAMESPACE
from kit.targets.cloud import changes, errors, rehearsal, shared
from kit.targets.cloud.apply import apply
from kit.targets.cloud.errors import EmulatorInUse, StillStands

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from kit.adapters.kubernetes.api import KubeApi
    from kit.adapters.terraform.program import Configuration
    from kit.targets.cloud.target import CloudTarget

LEAVE_S, LEAVE_POLL_S = 600.0, 2.0  # a load balancer takes minutes to go


def down(cloud: CloudTarget, steps: Plan, listen: Listener) -> tuple[str, ...]:
    """Remove it all; what is left, which is nothing unless something failed. Raises `ApplyStopped`, `ApplyInterrupted`."""
    configuration = cloud.clients.configuration
    leave_cluster(cloud, listen)
    if buckets := changes.buckets_without_force_destroy(configuration.show_state()):
        _force_destroy(cloud, configuration, buckets, listen)
        configuration.plan(cloud.place.plan, _forcing(cloud), destroy=True)  # the one that was shown is stale now
    apply(cloud, steps, listen, again="down")
    left = changes.existing(configuration.show_state())
    if not left:
        shared.remove(cloud.clients)
        cloud.place.empty()
    return left


def sweep(cloud: CloudTarget) -> bool:
    """After `down`, once the target was closed: the stack behind a rehearsal. False: something is in it."""
    return rehearsal.sweep(cloud.clients.backing) if cloud.place.rehearses else True


def leave_cluster(cloud: CloudTarget, listen: Listener) -> None:
    """Disks and load balancers that Kubernetes itself made: terraform knows none of them, and each goes on costing money.

    They go with the namespace; afterwards there would be no cluster any more to remove them. Nothing to do where there are none,
    or where the cluster does not answer: then that is said, and the user must look.
    """
    api = cloud.clients.kube
    if not cloud.place.kubeconfig.exists():
        return
    started = time.monotonic()
    try:
        held = _held(api)
        if not held:
            return
        step = Step("delete", "namespace/sentry", f"{', '.join(held)} would outlive the cluster", destructive=True)
        listen(StepEvent(step, "started"))
        api.delete("Namespace", NAMESPACE)
        while api.get("Namespace", NAMESPACE) is not None and time.monotonic() - started < LEAVE_S:
            listen(StepEvent(step, "waiting", time.monotonic() - started, "its disks and load balancers are being removed"))
            cancel.wait(LEAVE_POLL_S)
        is_gone = api.get("Namespace", NAMESPACE) is None
        said = "" if is_gone else "not gone yet: look for its disks and load balancers in the console"
        listen(StepEvent(step, "done" if is_gone else "failed", time.monotonic() - started, said))
    except KitError as error:
        step = Step("delete", "namespace/sentry", "")
        said = f"the cluster does not answer ({error.why}): look for disks and load balancers of its own in the console"
        listen(StepEvent(step, "failed", time.monotonic() - started, said))


def _held(api: KubeApi) -> tuple[str, ...]:
    claims = [f"disk {each['metadata']['name']}" for each in api.list("PersistentVolumeClaim", NAMESPACE)]
    services = [each for each in api.list("Service", NAMESPACE) if each["spec"].get("type") == "LoadBalancer"]
    return (*claims, *(f"load balancer {each['metadata']['name']}" for each in services))


def _force_destroy(cloud: CloudTarget, configuration: Configuration, buckets: Sequence[str], listen: Listener) -> None:
    """Applies `bucket_force_destroy` first: Terraform does not delete buckets with objects. The user has confirmed the loss."""
    if configuration.plan(cloud.place.plan, _forcing(cloud), targets=buckets):
        steps = tuple(Step("change", bucket, "its objects go with it") for bucket in buckets)
        apply(cloud, steps, listen, again="down")


def _forcing(cloud: CloudTarget) -> Mapping[str, Any]:
    return {**cloud.variables(), "bucket_force_destroy": True}


def belongings(cloud: CloudTarget) -> tuple[str, ...]:
    """What `purge` would remove, in words."""
    if cloud.place.rehearses:
        return rehearsal.belongings(cloud.place, cloud.clients.backing)
    return ("terraform's folder of the stack, with kit's own passwords",) if cloud.place.root.exists() else ()


def purge(cloud: CloudTarget) -> None:
    """On this computer. Of the real cloud only what nothing stands of any more. Raises `StillStands`, `EmulatorInUse`."""
    if cloud.place.rehearses:
        if rehearsal.is_emulated(cloud.place):
            raise EmulatorInUse(stack=cloud.stack.name)
        rehearsal.purge(cloud.place, cloud.clients.backing)
        return
    has_state = cloud.place.state.exists() or cloud.place.has_backend
    standing = changes.existing(cloud.clients.configuration.show_state()) if has_state else ()
    if standing:
        raise StillStands(standing=errors.some(standing))
    cloud.place.forget()
