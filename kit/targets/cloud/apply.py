"""Carrying out what was planned and allowed: terraform with its progress, then Sentry; and the way back."""

from __future__ import annotations

import ssl
import threading
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kit import files
from kit.adapters import process
from kit.errors import KitError
from kit.plan.events import Listener, StepEvent
from kit.plan.execute import execute
from kit.plan.steps import Plan, Step
from kit.sentry.objects import NAMESPACE
from kit.state import choice, given, markers
from kit.targets.cloud import changes, checks, errors, refusals, rehearsal
from kit.targets.cloud import plan as planned
from kit.targets.cloud.errors import ApplyInterrupted, ApplyStopped, AuthorityMissing, StillStands
from kit.targets.cloud.place import BACKEND, backend
from kit.targets.cloud.plan import SETTLED, CloudPlan
from kit.targets.cloud.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from kit.adapters.kubernetes.api import KubeApi
    from kit.adapters.terraform.program import Configuration
    from kit.targets.cloud.target import CloudTarget

AUTHORITY_URL = "https://storage.yandexcloud.net/cloud-certs/CA.pem"
DOWNLOAD_S = 20.0
LEAVE_S, LEAVE_POLL_S = 600.0, 2.0  # a load balancer takes minutes to go
CLUSTER = "yandex_kubernetes_cluster."
LOADING = Step("load", "cluster/images", "the node is there")
LOAD_POLL_S = 2.0


def up(cloud: CloudTarget, wanted: CloudPlan, listen: Listener) -> None:
    choice.save(cloud.place.root, cloud.stack.sentry)
    given.keep_variable(cloud.place.given)
    if wanted.supply:
        from kit.targets.local.plan import SUPPLY, supplier

        execute(wanted.supply, {SUPPLY: supplier(cloud.around.backing, listen)}, listen, interrupt=cloud.around.supply.interrupt)
    if wanted.resources:
        with _images_meanwhile(cloud, listen) as heard:
            apply(cloud, wanted.resources, heard)
        cloud.forget_outputs()
    if markers.load(cloud.place.markers).get(checks.MARK) != SETTLED:
        markers.record(cloud.place.markers, checks.MARK, SETTLED)
    write_kubeconfig(cloud)
    if "sentry" not in cloud.stack.parts:
        return
    publish_trust(cloud)
    steps = planned.sentry(cloud, is_settled=True) if wanted.resources else wanted.sentry
    if steps:
        execute(steps, cloud.sentry.actions(), listen, interrupt=process.end_all)


@contextmanager
def _images_meanwhile(cloud: CloudTarget, listen: Listener) -> Iterator[Listener]:
    """The rehearsal's images go into the node as soon as there is one, while cluster and databases still come up.

    What fails here is done again, and told, by the step of the plan: that looks at what is in the node.
    """
    if not cloud.place.rehearses or "sentry" not in cloud.stack.parts:
        yield listen
        return
    over = threading.Event()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="images") as pool:

        def heard(event: StepEvent) -> None:
            listen(event)
            if event.state == "started" and event.step.verb != "delete" and event.step.subject.startswith(CLUSTER):
                pool.submit(_load, cloud, listen, over)

        try:
            yield heard
        finally:
            over.set()


def _load(cloud: CloudTarget, listen: Listener, over: threading.Event) -> None:
    """Tried until it succeeds or the apply is over: the node is there before what takes images in it runs."""
    while not over.wait(LOAD_POLL_S):
        started = time.monotonic()
        with suppress(KitError):
            if rehearsal.has_node(cloud.around.backing) and not over.wait(LOAD_POLL_S):
                cloud.sentry.load_images(lambda said: None)
                listen(StepEvent(LOADING, "started"))  # told once it has come to something
                listen(StepEvent(LOADING, "done", time.monotonic() - started))
                return


def apply(cloud: CloudTarget, steps: Plan, listen: Listener, *, again: str = "up") -> None:
    """The plan that lies in its file. Raises `ApplyStopped`, `ApplyInterrupted`, which say what stands."""
    progress = Progress(steps, listen)
    configuration = cloud.around.configuration
    try:
        configuration.apply(cloud.place.plan, progress)
    except (KitError, KeyboardInterrupt) as error:
        standing = changes.existing(configuration.show_state())
        if standing:
            markers.record(cloud.place.markers, checks.MARK, "partly")
        stands = errors.standing(standing, changes.costly(standing))
        onward = f"`kit {again} --cloud{cloud.option}` goes on from there"
        onward += "" if again == "down" else f", `kit down --cloud{cloud.option}` takes it all away"
        if isinstance(error, KeyboardInterrupt):
            raise ApplyInterrupted(standing=stands, onward=onward) from None
        known = refusals.told(error)
        raise ApplyStopped(
            what=known.what, cause=known.why, remedy=known.fix, detail=known.detail, standing=stands, onward=onward
        ) from error
    finally:
        cloud.place.plan.unlink(missing_ok=True)
        cloud.place.close()


def write_kubeconfig(cloud: CloudTarget) -> None:
    """For kit, kubectl and Helm: whoever runs them is known by a token that is minted when it is asked for."""
    from kit.adapters.kubernetes.kubeconfig import write_exec_kubeconfig

    cluster = cloud.outputs.document["kubernetes"]
    options = ["--cloud", "--rehearse"] if cloud.place.rehearses else ["--cloud"]
    command = [*rehearsal.kit(cloud.place), *options, "kube-token"]
    kept = {"KIT_HOME": str(cloud.workspace.home)}
    write_exec_kubeconfig(
        cloud.place.kubeconfig, cloud.stack.name, cluster["endpoint"], cluster["cluster_ca_certificate"], command, kept
    )


def publish_trust(cloud: CloudTarget) -> None:
    """The authority of the managed stores, once: from where the cloud publishes it, or from the file that was named.

    Raises `AuthorityMissing` where there is none, or what is there cannot be trusted with anything.
    """
    named = cloud.around.environment.get(rehearsal.AUTHORITY_FILE)
    if named is None and cloud.place.ca_file.exists():
        return
    place = named or AUTHORITY_URL
    try:
        if named is not None:
            content = Path(named).read_text()
        else:
            with urllib.request.urlopen(AUTHORITY_URL, timeout=DOWNLOAD_S) as answer:
                content = answer.read().decode()
        ssl.create_default_context(cadata=content or " ")  # what no client could read is found here, not by forty pods
    except (OSError, ValueError) as error:  # ssl's errors are OSErrors
        why = "what is there is no certificate" if isinstance(error, ssl.SSLError | ValueError) else str(error)
        raise AuthorityMissing(place=place, why=why) from error
    if not cloud.place.ca_file.exists() or cloud.place.ca_file.read_text() != content:
        files.write(cloud.place.ca_file, content)


# -- the state


def move_state(cloud: CloudTarget, bucket: str, key: str, endpoint: str, region: str) -> None:
    """Into a bucket; the state that lies here goes along and stays behind as a backup."""
    file = cloud.place.configuration / BACKEND
    files.write(file, backend(bucket, key, endpoint, region))
    try:
        cloud.around.configuration.move_state()
    except KitError:
        file.unlink()
        raise


# -- the way back


def down(cloud: CloudTarget, steps: Plan, listen: Listener) -> tuple[str, ...]:
    """Remove it all; what is left, which is nothing unless something failed. Raises `ApplyStopped`, `ApplyInterrupted`."""
    configuration = cloud.around.configuration
    leave_cluster(cloud, listen)
    if clinging := changes.clinging(configuration.show_state()):
        _let_go(cloud, configuration, clinging, listen)
        configuration.plan(cloud.place.plan, _letting_go(cloud), destroy=True)  # the one that was shown is stale now
    apply(cloud, steps, listen, again="down")
    left = changes.existing(configuration.show_state())
    if not left:
        cloud.place.forget()
    return left


def leave_cluster(cloud: CloudTarget, listen: Listener) -> None:
    """Disks and load balancers that Kubernetes itself made: terraform knows none of them, and each goes on costing money.

    They go with the namespace; afterwards there would be no cluster any more to remove them. Nothing to do where there are none,
    or where the cluster does not answer: then that is said, and the user must look.
    """
    api = cloud.around.kube
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
            time.sleep(LEAVE_POLL_S)
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


def _let_go(cloud: CloudTarget, configuration: Configuration, buckets: Sequence[str], listen: Listener) -> None:
    """The user has said yes to losing what is in them; until now their configuration did not."""
    if configuration.plan(cloud.place.plan, _letting_go(cloud), targets=buckets):
        steps = tuple(Step("change", bucket, "its objects go with it") for bucket in buckets)
        apply(cloud, steps, listen, again="down")


def _letting_go(cloud: CloudTarget) -> Mapping[str, Any]:
    return {**cloud.variables(), "bucket_force_destroy": True}


def belongings(cloud: CloudTarget) -> tuple[str, ...]:
    """What `purge` would remove, in words."""
    if cloud.place.rehearses:
        return rehearsal.belongings(cloud.place, cloud.around.backing)
    return ("terraform's folder of the stack, with kit's own passwords",) if cloud.place.root.exists() else ()


def purge(cloud: CloudTarget) -> None:
    """On this computer. Of the real cloud only what nothing stands of any more. Raises `StillStands`, `EmulatorInUse`."""
    from kit.targets.cloud.errors import EmulatorInUse

    if cloud.place.rehearses:
        if rehearsal.is_emulated(cloud.place):
            raise EmulatorInUse(stack=cloud.stack.name)
        rehearsal.purge(cloud.place, cloud.around.backing)
        return
    has_state = cloud.place.state.exists() or cloud.place.has_backend
    standing = changes.existing(cloud.around.configuration.show_state()) if has_state else ()
    if standing:
        raise StillStands(standing=errors.some(standing))
    cloud.place.forget()
