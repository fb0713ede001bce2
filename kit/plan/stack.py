"""Plans what `kit up --local` must do, from what is wanted and what was observed. Pure: no clock, no engine, no file.

The order that matters: supply → authority → volumes → stores → their set-up → topics → cluster → preflight → Sentry → demo.
The cluster and the stores depend on nothing of each other, so they come up side by side; they meet at the release.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kit.plan import cluster, release, stores
from kit.plan.cluster import ClusterSeen, ClusterWanted
from kit.plan.release import ReleaseSeen, ReleaseWanted
from kit.plan.steps import Plan, Step, linked
from kit.plan.stores import StoreSeen, StoreWanted


@dataclass(frozen=True, slots=True)
class Missing:
    """A tool or image that the supply must make first."""

    name: str  # "image/kafka", "tool/kind"
    how: str  # "pull apache/kafka:4.1.1", "build compose/kafka/image"


@dataclass(frozen=True, slots=True)
class Desired:
    stores: Mapping[str, StoreWanted] = field(default_factory=dict)
    topics: bool = False  # whether the broker's topics are to be those of the profile
    cluster: ClusterWanted | None = None
    release: ReleaseWanted | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    missing: tuple[Missing, ...] = ()
    authority: bool = True
    authority_cause: str = "no authority yet"  # where there is none that serves
    trust: str | None = None  # why the published ca.crt or bundle.crt does not serve
    certificates: Mapping[str, str] = field(default_factory=dict)  # holder → why it needs a new leaf certificate
    secrets_missing: bool = False
    network: bool = True
    stores: Mapping[str, StoreSeen] = field(default_factory=dict)
    topics: str | None = None  # why they are not as wanted; None also where no broker could be asked
    cluster: ClusterSeen | None = None
    release: ReleaseSeen = field(default_factory=ReleaseSeen)


def plan(desired: Desired, observed: Observed) -> Plan:
    new_certificates = frozenset(observed.certificates)
    steps = [*_supply(observed), *_foundations(observed), *stores.steps(desired.stores, observed.stores, new_certificates)]
    if desired.topics:
        steps += stores.topics(observed.topics, {step.id for step in steps})
    if desired.cluster:
        steps += cluster.steps(desired.cluster, observed.cluster)
    if desired.release and not any(step.kind == "recover cluster" for step in steps):
        started = {step.name for step in steps if step.kind in ("start store", "restart store", "wait store")}
        is_new_cluster = cluster.is_to_be_made(desired.cluster.config if desired.cluster else "", observed.cluster)
        steps += release.steps(
            desired.release,
            observed.release,
            is_new_cluster=is_new_cluster,
            has_new_certificates=not observed.authority or not release.HOLDERS.isdisjoint(new_certificates),
            stores=desired.stores,
            started=started,
        )
    return linked(steps)


def first(plan: Plan) -> Plan:
    """The steps that are carried out alone: what they bring to light may change the rest of the plan."""
    return linked([step for step in plan if step.kind in ("supply images", "recover cluster")])


def _supply(observed: Observed) -> list[Step]:
    if not observed.missing:
        return []
    # One step: the supply has its own graph of recipes and bounds its own parallelism.
    names = ", ".join(missing.name for missing in observed.missing)
    return [Step("supply", "images", f"missing: {names}")]


def _foundations(observed: Observed) -> list[Step]:
    steps = []
    if not observed.authority:
        steps.append(Step("issue", "authority", observed.authority_cause))
    elif observed.trust:
        steps.append(Step("publish", "trust", observed.trust))
    steps += [Step("issue", f"leaf/{holder}", cause, ("issue authority",)) for holder, cause in observed.certificates.items()]
    if observed.secrets_missing:
        steps.append(Step("make", "secrets", "no passwords yet"))
    if not observed.network:
        steps.append(Step("create", "network", "no network yet"))
    return steps
