"""Carries out what was planned and allowed: Terraform with its progress, then Sentry."""

from __future__ import annotations

import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kit import cancel, files
from kit.errors import KitError
from kit.plan.events import Listener, StepEvent
from kit.plan.execute import Action, Note, execute
from kit.plan.steps import Plan, Step
from kit.sentry import release
from kit.sentry.installation import MIGRATED
from kit.state import choice, given, markers
from kit.supply import https
from kit.supply.errors import DownloadFailed
from kit.targets.cloud import changes, door, errors, in_cluster, refusals, rehearsal, shared, site, state
from kit.targets.cloud import plan as planned
from kit.targets.cloud.errors import ApplyInterrupted, ApplyStopped, AuthorityMissing
from kit.targets.cloud.plan import CloudPlan
from kit.targets.cloud.progress import Progress
from kit.targets.local import cluster
from kit.targets.local.plan import SUPPLY, supplier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kit.targets.cloud.target import CloudTarget

AUTHORITY_KEPT_S = 24 * 3600  # a new authority of the cloud is known within a day
DOWNLOAD_S = 20.0
CLUSTER, POSTGRES = "yandex_kubernetes_cluster.", "yandex_mdb_postgresql_"
LOADING = Step("load", "cluster/images", "the node is there")
LOAD_POLL_S = 2.0


def up(cloud: CloudTarget, wanted: CloudPlan, listen: Listener) -> None:
    choice.save(cloud.place.root, cloud.stack.sentry)
    given.keep_variable(cloud.place.given)
    shared.publish(cloud.clients)
    if wanted.supply:
        execute(wanted.supply, {SUPPLY: supplier(cloud.clients.backing, listen)}, listen)
    if wanted.resources:
        if state.MARK not in markers.load(cloud.place.markers):
            markers.record(cloud.place.markers, state.MARK, state.BEGUN)  # before: a run that is killed records nothing
        with _images_meanwhile(cloud, listen) as heard:
            apply(cloud, wanted.resources, heard)
        cloud.forget_outputs()
    if markers.load(cloud.place.markers).get(state.MARK) != state.SETTLED:
        markers.record(cloud.place.markers, state.MARK, state.SETTLED)
    write_kubeconfig(cloud)
    if "sentry" not in cloud.stack.parts:
        return
    publish_trust(cloud)
    steps = planned.sentry(cloud, is_settled=True) if wanted.resources else wanted.sentry
    if steps:
        try:
            execute(steps, actions(cloud), listen)
        finally:
            in_cluster.remember(cloud)


def actions(cloud: CloudTarget) -> Mapping[str, Action]:
    """Kind of step → action."""
    own = {
        "load cluster": lambda step, note: load_images(cloud, note),
        "wait certificate": lambda step, note: door.await_certificate(cloud, note),
    }
    return {**own, **release.actions(lambda: site.release(cloud))}


def load_images(cloud: CloudTarget, note: Note) -> str | None:
    """Only a rehearsal's cluster takes its images from this computer."""
    return cluster.load_images(cloud.clients.backing, cloud.place.markers)


@contextmanager
def _images_meanwhile(cloud: CloudTarget, listen: Listener) -> Iterator[Listener]:
    """The rehearsal's images go into the node as soon as there is one, while cluster and databases still come up.

    What fails here is done again, and told, by the step of the plan: that looks at what is in the node.
    """
    if not cloud.place.rehearses or "sentry" not in cloud.stack.parts:
        yield listen
        return
    over = threading.Event()
    with cancel.current.held_back(), ThreadPoolExecutor(max_workers=1, thread_name_prefix="images") as pool:

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
            if rehearsal.has_node(cloud.clients.backing) and not over.wait(LOAD_POLL_S):
                load_images(cloud, lambda said: None)
                listen(StepEvent(LOADING, "started"))  # told once it has come to something
                listen(StepEvent(LOADING, "done", time.monotonic() - started))
                return


def apply(cloud: CloudTarget, steps: Plan, listen: Listener, *, again: str = "up") -> None:
    """The plan that lies in its file. Raises `ApplyStopped`, `ApplyInterrupted`, which say what stands."""
    progress = Progress(steps, listen)
    configuration = cloud.clients.configuration
    if any(step.destructive and step.subject.startswith(POSTGRES) for step in steps):
        markers.forget(cloud.place.markers, MIGRATED)  # what Sentry's data has been through goes with the data
    try:
        configuration.apply(cloud.place.plan, progress)
    except (KitError, KeyboardInterrupt) as error:
        with cancel.current.finishing():
            standing = changes.existing(configuration.show_state())
            if standing:
                markers.record(cloud.place.markers, state.MARK, state.PARTLY)
            elif not state.must_exist(cloud.clients):
                markers.forget(cloud.place.markers, state.MARK)
        stands = errors.standing(standing, changes.costly(standing))
        onward = f"`kit {again} --cloud{cloud.option}` goes on from there"
        onward += "" if again == "down" else f", `kit down --cloud{cloud.option}` takes it all away"
        if isinstance(error, KeyboardInterrupt):
            raise ApplyInterrupted(standing=stands, onward=onward) from None
        known = refusals.of_stopped_apply(error, cloud.option)
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
    """The authority of the managed stores: from where the cloud publishes it, once a day, or from the file that was named.

    Where the cloud cannot be asked again, what it published before goes on serving. Raises `AuthorityMissing` where there is
    none, or what is there cannot be trusted with anything.
    """
    named = cloud.clients.environment.get(rehearsal.AUTHORITY_FILE)
    kept = cloud.place.ca_file
    if named is None and kept.exists() and time.time() - kept.stat().st_mtime < AUTHORITY_KEPT_S:
        return
    published = cloud.clients.region.authority
    place = named or published
    try:
        content = https.text(Path(named).absolute().as_uri() if named else published, silent_s=DOWNLOAD_S)
        ssl.create_default_context(cadata=content or " ")  # what no client could read is found here, not by forty pods
    except DownloadFailed as error:
        if named is None and kept.exists():
            return
        raise AuthorityMissing(place=place, why=error.why) from error
    except (ssl.SSLError, ValueError) as error:
        raise AuthorityMissing(place=place, why="what is there is no certificate") from error
    files.write(kept, content)  # the same content, too: its time says when the cloud was last asked
