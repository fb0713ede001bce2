"""Carries out each kind of step of the plan on this computer.

Every action can be repeated: it makes what is missing and no more.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kit import cancel, files
from kit.adapters.docker.observed import Mount
from kit.errors import KitError
from kit.pki import folder
from kit.plan.execute import Action, Note
from kit.plan.steps import Step
from kit.sentry import release
from kit.state import markers, secrets
from kit.stores import catalog
from kit.stores.contract import NotYet, Ready
from kit.targets.local import cluster, layout, observe, registries, site, teardown, topics

if TYPE_CHECKING:
    from kit.targets.local.target import LocalTarget

Probe = Callable[[], Ready | NotYet]

POLL_S = 0.075
LOOK_AT_CONTAINER_S = 1.0
STORE_TIMEOUT_S = 120.0
LOG_LINES = 15
RESTART_GRACE_S = 20


class StoreNotReady(KitError):
    """A store was started and did not become ready."""

    code = "KIT-STORE-NOT-READY"
    exit_code = 40
    what = "{store} did not become ready within {waited_s:.0f} s"
    fix = "kit logs {store}"


def actions(local: LocalTarget) -> Mapping[str, Action]:
    """Kind of step → action."""
    of_this_stack: Mapping[str, Callable[[LocalTarget, Step, Note], str | None]] = {
        "issue authority": _issue_authority,
        "issue leaf": _issue_leaf,
        "publish trust": _publish_trust,
        "make secrets": _make_secrets,
        "create network": _create_network,
        "delete volume": _delete_volume,
        "create volume": _create_volume,
        "start store": _start_store,
        "restart store": _restart_store,
        "wait store": _wait_store,
        "set-up store": _set_up_store,
        "mend topics": _mend_topics,
        "recover cluster": cluster.recover,
        "delete cluster": lambda local, step, note: teardown.remove_cluster(local),
        "make cluster": cluster.make_node_image,
        "create cluster": cluster.create,
        "load cluster": lambda local, step, note: cluster.load_images(local, local.markers_file),
        "set-up cluster": lambda local, step, note: registries.set_up(local, observe.node(local)),
    }
    of_stack = {kind: functools.partial(action, local) for kind, action in of_this_stack.items()}
    return {**of_stack, **release.actions(lambda: site.release(local))}


def _issue_authority(local: LocalTarget, step: Step, note: Note) -> str:
    made = folder.make_authority(local.workspace.certs, local.stack.name, datetime.now(UTC))
    return f"root valid until {made.root.certificate.not_valid_after_utc:%Y-%m-%d}"


def _publish_trust(local: LocalTarget, step: Step, note: Note) -> None:
    known = folder.load_authority(local.workspace.certs, datetime.now(UTC))
    assert known is not None  # there is trust to publish only where there is an authority
    folder.publish_trust(local.workspace.certs, known)


def _issue_leaf(local: LocalTarget, step: Step, note: Note) -> str:
    return issue_leaf(local, step.name)


def issue_leaf(local: LocalTarget, holder: str) -> str:
    """A new certificate for one holder, by the authority that is there; served once the holder is restarted."""
    now = datetime.now(UTC)
    certs = local.workspace.certs
    known = folder.load_authority(certs, now)
    assert known is not None  # who calls has seen to it
    target, leaf = folder.make_leaf(certs, local.stack.name, holder, known, layout.holders(local.stack)[holder], now)
    return f"{target.name}, valid until {leaf.certificate.not_valid_after_utc:%Y-%m-%d}"


def _make_secrets(local: LocalTarget, step: Step, note: Note) -> None:
    secrets.ensure(local.secrets_file, local.secret_makers())


def _create_network(local: LocalTarget, step: Step, note: Note) -> None:
    local.docker.create_network(local.stack.name, layout.labels(local.stack, local.workspace))


def _delete_volume(local: LocalTarget, step: Step, note: Note) -> None:
    """With the container that holds it. Its format is forgotten only after it is gone."""
    local.docker.stop_and_remove(f"{local.stack.name}-{step.name}", 0)
    local.docker.remove_volume(layout.volume_name(local.stack, step.name))
    for mark in ("volume", "setup", "format"):
        markers.forget(local.markers_file, f"{mark}/{step.name}")


def _create_volume(local: LocalTarget, step: Step, note: Note) -> None:
    """A volume whose root folder belongs to the stores' user. The marker comes last: without it, this is done again."""
    for mark in ("volume", "setup"):  # those of a volume that somebody removed
        markers.forget(local.markers_file, f"{mark}/{step.name}")
    owner = files.store_owner()
    name, labels = layout.volume_name(local.stack, step.name), layout.labels(local.stack, local.workspace)
    if name not in {volume.name for volume in local.docker.volumes()}:
        markers.record(local.markers_file, f"format/{step.name}", "")  # none yet; of a volume that exists it stays as it is
        markers.forget(local.markers_file, markers.migrated(step.name))
    local.docker.create_volume(name, labels)  # the engine gives back the one that exists
    image = local.supply.image(layout.VOLUME_TOOL_IMAGE).reference
    argv = ["chown", f"{owner.uid}:{owner.gid}", "/volume"]
    local.docker.run_once(image, argv, mounts=[Mount(name, "/volume")], user="0:0", name=f"{name}-owner", labels=labels)
    markers.record(local.markers_file, f"volume/{step.name}", f"{owner.uid}:{owner.gid}")


def _start_store(local: LocalTarget, step: Step, note: Note) -> None:
    _forget_preflight(local)
    name, owner = step.name, files.store_owner()
    mounted = files.private_folder(local.workspace.state / "secrets" / name, owner)
    for file, text in layout.mounted_secrets(name, local.credentials()).items():
        files.write(mounted / file, text, files.PRIVATE, owner)
    _note_format(local, name)
    for container in local.docker.containers({layout.STACK_LABEL: local.stack.name, layout.STORE_LABEL: name}):
        if container.state == "paused":  # Compose neither starts nor replaces one
            local.docker.unpause(container.id)
    local.compose().up([name])


def _note_format(local: LocalTarget, name: str) -> None:
    """Before the start, for a killed one may have formatted all the same. What was set up once was formatted before."""
    marks, image = markers.load(local.markers_file), local.store_images[name]
    mark = observe.formats_after(marks, name, layout.line(image, local.supply.image(image).source))
    markers.record(local.markers_file, f"format/{name}", mark)


def _forget_preflight(local: LocalTarget) -> None:
    """What was proven with a store is not proven with one that was started since."""
    markers.forget(local.markers_file, "preflight")


def _restart_store(local: LocalTarget, step: Step, note: Note) -> None:
    _forget_preflight(local)
    local.docker.restart(f"{local.stack.name}-{step.name}", RESTART_GRACE_S)


def _set_up_store(local: LocalTarget, step: Step, note: Note) -> str:
    """Once the store answers over verified TLS; Sentry's own login may still be refused, for this is what makes it."""
    _poll(local, step.name, note, enough=lambda answer: isinstance(answer, Ready) or answer.cause == "refused")
    module = catalog.module(step.name)
    made: tuple[str, ...] = module.bootstrap(local.endpoints().store(step.name), local.credentials(), local.trust())
    made += _expire_events(local) if step.name == "s3" else ()
    markers.record(local.markers_file, f"setup/{step.name}", layout.setup_fingerprint(step.name, local.stack.sentry))
    return ", ".join(made) or "nothing was missing"


def _expire_events(local: LocalTarget) -> tuple[str, ...]:
    """The node store forgets when Sentry does. A store's set-up is its own affair; how long events are kept is Sentry's."""
    from kit.stores import s3

    days = local.stack.sentry.retention_days
    changed = s3.expire_events(local.endpoints().s3, local.credentials(), local.trust(), days)
    return (f"events go after {days} days",) if changed else ()


def _wait_store(local: LocalTarget, step: Step, note: Note) -> str:
    answer = ready(local, step.name, note)
    return f"{answer.tls.version}, {answer.latency_ms:.0f} ms"


def ready(local: LocalTarget, name: str, note: Note, probe: Probe | None = None) -> Ready:
    """Wait until a store is ready, by its own probe or another one, with its present certificate. Raises `StoreNotReady`."""
    answer = _poll(local, name, note, _is_ready, probe)
    if isinstance(answer, Ready) and answer.tls.fingerprint != folder.fingerprint(local.workspace.certs, name):
        _restart_store(local, Step("restart", f"store/{name}", ""), note)  # it was still starting with a former certificate
        answer = _poll(local, name, note, _is_ready, probe)
    assert isinstance(answer, Ready)
    return answer


def _is_ready(answer: Ready | NotYet) -> bool:
    return isinstance(answer, Ready)


def _mend_topics(local: LocalTarget, step: Step, note: Note) -> str:
    changed = topics.mend(local)
    return f"{len(changed)} changed, as this Sentry needs them" if changed else "all as this Sentry needs them"


def _poll(
    local: LocalTarget, name: str, note: Note, enough: Callable[[Ready | NotYet], bool], probe: Probe | None = None
) -> Ready | NotYet:
    """Ask the store's own probe until its answer is enough, saying the last reason; give up early on a dead container."""
    module, endpoint, trust = catalog.module(name), local.endpoints().store(name), local.trust()
    started = looked = time.monotonic()
    while True:
        answer: Ready | NotYet = probe() if probe else module.probe(endpoint, trust)
        if enough(answer):
            return answer
        reason = "" if isinstance(answer, Ready) else answer.reason
        note(reason)
        now = time.monotonic()
        is_dead = False
        if now - looked > LOOK_AT_CONTAINER_S:
            looked, is_dead = now, observe.is_dead(local, name)
        if is_dead or now - started > STORE_TIMEOUT_S:
            raise StoreNotReady(store=name, why=reason, waited_s=now - started, detail=local.log_tail(name, LOG_LINES))
        cancel.wait(POLL_S)
