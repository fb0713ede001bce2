"""Builds the plan of `kit up --local` from the blueprint and the observed state, and executes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kit import files
from kit.host import fitness
from kit.pki import folder
from kit.plan import cluster, stack
from kit.plan.cluster import ClusterSeen, ClusterWanted
from kit.plan.events import Listener
from kit.plan.execute import Note, execute
from kit.plan.release import ReleaseSeen, ReleaseWanted
from kit.plan.stack import Desired, Missing, Observed
from kit.plan.steps import Plan, Step
from kit.plan.stores import StoreWanted
from kit.state import choice, given, lock, markers, ports
from kit.supply.errors import NotSupplied
from kit.targets.local import foreign, layout, node_image, observe, registries, site
from kit.targets.local.apply import actions
from kit.targets.local.cluster import StaysSilent
from kit.targets.local.errors import NoStack
from kit.targets.supply_events import SupplyEvents

if TYPE_CHECKING:
    from kit.supply.resolve import Need
    from kit.targets.local.target import LocalTarget

SUPPLY = "supply images"


def plan(local: LocalTarget) -> Plan:
    return _observe_and_plan(local)[1]


def carry_out(local: LocalTarget, listen: Listener, allowed: Callable[[Plan], None] = lambda plan: None) -> None:
    """What is missing is supplied first: only then is it known which images the containers are to be made from. And a cluster
    that does not answer is recovered first: only then is it known what is in it."""
    local, steps = _observe_and_plan(local)
    allowed(steps)
    if first := stack.first(steps):
        is_patient = True
        try:
            execute(first, {**actions(local), SUPPLY: supplier(local, listen)}, listen)
        except StaysSilent:
            is_patient = False
        local, steps = _observe_and_plan(local, is_patient=is_patient)
        allowed(steps)
    if "sentry" in local.stack.parts:
        site.release(local).check_upgrade()  # before a store is moved to another line for a release that cannot follow
    remember(local)
    # Not only what runs: a step may wait for another kit, which makes the same node image.
    execute(steps, actions(local), listen)


def remember(local: LocalTarget) -> None:
    """What every step may rely on. Written only when it differs: containers mount the account file, by its inode."""
    node_image.sweep(local, local.docker.containers())
    owner = files.store_owner()
    local.supply.note_use()
    ports.save(local.ports_file, local.ports())
    choice.save(local.workspace.state, local.stack.sentry)
    given.keep_variable(local.given_file)
    account, text = local.workspace.state / "passwd", f"kit:x:{owner.uid}:{owner.gid}:kit:/tmp:/bin/false\n"
    if not account.exists() or account.read_text() != text:
        files.write(account, text)


def _observe_and_plan(local: LocalTarget, *, is_patient: bool = True) -> tuple[LocalTarget, Plan]:
    """Observe once; returns the target with its ports chosen, and the plan. Without patience a silent cluster is made again."""
    if "sentry" in local.stack.parts:
        local.given_secrets()  # before anything is made: what is missing is asked of the user
    fitness.check(local.docker)
    seen = observe.ask_engine(local)
    local = with_chosen_ports(local, seen)
    needs = {need.key: need for need in local.supply.plan(local.supply_names())}
    if {"sentry", "stores"} <= set(local.stack.parts):
        _check_clickhouse(local, needs)
    observed = _observed(local, seen, needs, is_patient)
    return local, stack.plan(_desired(local, needs, observed.cluster), observed)


def _check_clickhouse(local: LocalTarget, needs: Mapping[str, Need]) -> None:
    """Before an hour is spent on it. Where Helm is yet to be made the chart cannot be looked at; the next look does."""
    try:
        need = needs.get("image/clickhouse")
        site.release(local).check_clickhouse(need.source.version if need else local.supply.image("clickhouse").version)
    except NotSupplied:
        return


def with_chosen_ports(local: LocalTarget, seen: observe.EngineSeen) -> LocalTarget:
    """The target with ports that it can have, claimed where this process holds the stack's lock. Raises what `foreign` finds."""
    foreign.check_foreign(local, seen)
    foreign.check_orphaned(local, seen)
    shared, own = local.workspace.cache, local.workspace.lock_file
    with ports.choosing(shared) if lock.is_ours(own) else nullcontext():  # who only plans writes nothing
        others = ports.claimed(shared, own)
        chosen = ports.choose(
            layout.usual_ports(),
            local.stack.ports,
            local.ports(),
            seen.our_ports(local.stack.name),
            free=lambda port: port not in others and ports.is_free(port),
            owner=lambda port: _owner(port, seen, others),
        )
        if lock.is_ours(own):
            ports.claim(shared, own, chosen.values())
    return local.with_ports(chosen)


def _owner(port: int, seen: observe.EngineSeen, others: Mapping[int, str]) -> str:
    coming = f"stack {others[port]}, which another kit works on," if port in others else None
    return coming or seen.publisher(port) or ports.listener(port)


def _desired(local: LocalTarget, needs: Mapping[str, Need], seen: ClusterSeen | None) -> Desired:
    parts = local.stack.parts
    return Desired(
        stores=stores(local, needs) if "stores" in parts else {},
        topics="stores" in parts,
        cluster=_cluster(local, needs, seen) if "cluster" in parts else None,
        release=_release(local) if "sentry" in parts else None,
    )


def _release(local: LocalTarget) -> ReleaseWanted:
    made = site.release(local).installation()
    return ReleaseWanted(_or_unknown(lambda: made.fingerprint), _or_unknown(lambda: made.preflight_fingerprint))


def stores(local: LocalTarget, needs: Mapping[str, Need]) -> Mapping[str, StoreWanted]:
    fingerprints = local.container_fingerprints()
    return {
        name: StoreWanted(
            _reference(local, image, needs),
            fingerprints[name],
            layout.setup_fingerprint(name, local.stack.sentry),
            line := _line(local, image, needs),
            layout.OPENS.get(line, ()),
        )
        for name, image in local.store_images.items()
    }


def _cluster(local: LocalTarget, needs: Mapping[str, Need], seen: ClusterSeen | None) -> ClusterWanted:
    config, mirrors = _or_unknown(local.cluster_fingerprint), registries.wanted().fingerprint
    if "sentry" not in local.stack.parts:
        return ClusterWanted(config, registries=mirrors)
    images = tuple(_reference(local, name, needs) for name in layout.cluster_images(local.stack.sentry))
    ready = node_image.wanted(local) if cluster.is_to_be_made(config, seen) else None
    return ClusterWanted(config, images, ready, ready is not None and node_image.is_there(local, ready), mirrors)


def _reference(local: LocalTarget, name: str, needs: Mapping[str, Need]) -> str:
    need = needs.get(f"image/{name}")
    return f"{name} ({need.what})" if need else local.supply.image(name).reference


def _line(local: LocalTarget, image: str, needs: Mapping[str, Need]) -> str:
    """By the way it came, or will: a pull that fails and gives way to a build is followed by another look."""
    need = needs.get(f"image/{image}")
    return layout.line(image, need.how if need else local.supply.image(image).source)


def _or_unknown(fingerprint: Callable[[], str]) -> str:
    """Before images, certificates and passwords are there, what is made from them has no fingerprint; it is new in any case."""
    try:
        return fingerprint()
    except (NotSupplied, NoStack, FileNotFoundError):
        return "unknown"


def _observed(local: LocalTarget, seen: observe.EngineSeen, needs: Mapping[str, Need], is_patient: bool) -> Observed:
    parts, marks = local.stack.parts, markers.load(local.markers_file)
    return dataclasses.replace(
        foundations(local, seen),
        missing=tuple(Missing(need.key, need.what) for need in needs.values()),
        stores=observe.stores(seen, local.stack, marks, observe.certificates(seen, local)),
        topics=observe.topics(seen, local) if "stores" in parts else None,
        cluster=_cluster_seen(local, seen, is_patient) if "cluster" in parts else None,
        release=site.release(local).seen() if "sentry" in parts else ReleaseSeen(),
    )


def _cluster_seen(local: LocalTarget, seen: observe.EngineSeen, is_patient: bool) -> ClusterSeen | None:
    marks = markers.load(local.markers_file)

    def record() -> str:
        return observe.recorded(local)

    return observe.cluster(seen, local.stack.name, marks, local.kube.complaint, record=record, is_patient=is_patient)


def foundations(local: LocalTarget, seen: observe.EngineSeen) -> Observed:
    """What stores and cluster stand on: authority, certificates, passwords, network."""
    certs, now = local.workspace.certs, datetime.now(UTC)
    authority = folder.load_authority(certs, now)
    return Observed(
        authority=authority is not None,
        authority_cause=folder.authority_complaint(certs, now) or "",
        trust=folder.trust_complaint(certs, authority) if authority else None,
        certificates=local.leaf_complaints(),
        secrets_missing=bool(set(local.secret_makers()) - set(local.secrets())),
        network=any(network.name == local.stack.name for network in seen.networks),
    )


def supplier(local: LocalTarget, listen: Listener) -> Callable[[Step, Note], str]:
    def supply(step: Step, note: Note) -> str:
        made = local.supply.ensure(local.supply_names(), SupplyEvents(listen, note))
        return f"{len(made)} made"

    return supply
