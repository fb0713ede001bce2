"""Checks before anything is planned or made in the cloud: credentials, folder, roles, quotas.

Each check raises the error that names its own remedy. They go from the cheap to the dear, and none of them changes anything.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.blueprint.stack import SentryWanted, Stack
from kit.errors import KitError
from kit.sentry.chart.values import mail
from kit.sentry.lines.profiles import Profile
from kit.targets.cloud import variable_types
from kit.targets.cloud.errors import (
    ApiNotReached,
    DomainMissing,
    FolderMissing,
    ForeignState,
    ProbeImageMissing,
    ProfileTooOld,
    QuotaTooSmall,
    ShellContradicts,
    StandInInCloud,
    StateLost,
    TooManyClickHouseHosts,
    UnknownVariable,
    VersionClosed,
)
from kit.targets.cloud.place import Place

if TYPE_CHECKING:
    from kit.adapters.yandex.client import Folder, Quota, Yandex
    from kit.targets.cloud.changes import Sums

# Set by kit itself: from its own secrets, and from `sentry:` of kit.yaml, which both targets share.
OURS = {
    "kafka_password": "kit makes it and keeps it in a file of mode 0600",
    "redis_password": "kit makes it and keeps it in a file of mode 0600",
    "profile": "`sentry: {profile: …}` says it for both targets",
    "sentry_size": "`sentry: {size: …}` says it for both targets",
    "retention_days": "`sentry: {retention_days: …}` says it for both targets",
    "topics": "`sentry: {topics: …}` says it for both targets",
    "mail": "`mail: {host: …}` at the top of kit.yaml says it for both targets",
}
# A variable of older versions → what is said now.
RENAMED = {"kubernetes_api_cidrs": "kubernetes_api: {public: true, cidrs: […]}"}
EMULATED = "b1gemu"  # how the ids of the emulator's cloud and folder begin
# Quota → the type of resource that counts, or the sum that must fit. The ids are those of the quota manager.
COUNTS: Mapping[str, Mapping[str, str]] = {
    "managed-databases": {"mdb.clusters.count": "yandex_mdb_[a-z]+_cluster(_v2)?"},
    "managed-kubernetes": {
        "managed-kubernetes.clusters.count": "yandex_kubernetes_cluster",
        "managed-kubernetes.nodeGroups.count": "yandex_kubernetes_node_group",
    },
    "vpc": {
        "vpc.networks.count": "yandex_vpc_network",
        "vpc.subnets.count": "yandex_vpc_subnet",
        "vpc.securityGroups.count": "yandex_vpc_security_group",
        "vpc.gateways.count": "yandex_vpc_gateway",
        "vpc.externalAddresses.count": "yandex_vpc_address",
        "vpc.externalStaticAddresses.count": "yandex_vpc_address",
        "vpc.routeTables.count": "yandex_vpc_route_table",
    },
    "compute": {"compute.instanceGroups.count": "yandex_kubernetes_node_group"},
    "iam": {"iam.serviceAccounts.count": "yandex_iam_service_account"},
    "lockbox": {"lockbox.secrets.count": "yandex_lockbox_secret"},
    "storage": {"storage.buckets.count": "yandex_storage_bucket"},
}
SUMS: Mapping[str, Mapping[str, str]] = {
    "managed-databases": {"mdb.cpu.count": "vcpu", "mdb.memory.size": "memory_gb", "mdb.ssd.size": "disk_gb"},
    # Nodes count with the most that there may be: yandex-cloud/docs, managed-kubernetes/concepts/node-group/cluster-autoscaler,
    # read 2026-11-28.
    "compute": {
        "compute.instances.count": "hosts",
        "compute.instanceCores.count": "vcpu",
        "compute.instanceMemory.size": "memory_gb",
        "compute.ssdDisks.size": "disk_gb",
    },
    "managed-kubernetes": {
        "managed-kubernetes.nodes.count": "hosts",
        "managed-kubernetes.cores.count": "vcpu",
        "managed-kubernetes.memory.size": "memory_gb",
        "managed-kubernetes.disk.size": "disk_gb",
    },
}
GIB = 1024**3


def require_known(terraform_folder: Path, cloud: Mapping[str, Any]) -> None:
    """What kit.yaml says below `cloud:`, whichever target is meant. Raises `UnknownVariable`."""
    known = variable_types.of((terraform_folder / "variables.tf").read_text())
    for name, value in cloud.items():
        if name in OURS:
            raise UnknownVariable(name=name, why=OURS[name], fix=f"remove cloud.{name}")
        if name in RENAMED:
            why = "it is not in use any more: whether the API has a public address, and who may call it, are two things"
            raise UnknownVariable(name=name, why=why, fix=f"cloud: {{{RENAMED[name]}}}")
        if name not in known:
            raise UnknownVariable(name=name, why="the configuration has no such variable", fix=_near(name, list(known)))
        for each in variable_types.unknown(value, known[name], name):
            why = f"the variable {name} has no such attribute, and Terraform would drop it without a word"
            raise UnknownVariable(name=each.path, why=why, fix=_near(each.key, list(each.known)))


def variables(terraform_folder: Path, stack: Stack, domain: str | None) -> dict[str, Any]:
    """The configuration's variables without the secret ones; `domain` is the one given, here or as TF_VAR_domain.

    Raises `UnknownVariable`, `DomainMissing`.
    """
    wanted, sentry = stack.cloud, stack.sentry
    require_known(terraform_folder, wanted)
    if not domain:
        raise DomainMissing
    said: dict[str, Any] = {"profile": sentry.profile, "retention_days": sentry.retention_days}
    if sentry.size:  # else the cloud's own size says it
        said["sentry_size"] = sentry.size
    if sentry.topics:
        said["topics"] = {name: dict(settings) for name, settings in sentry.topics.items()}
    if stack.mail:
        said["mail"] = mail(stack.mail)
    return {**said, **wanted}


def shell(given: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> None:
    """Raises `ShellContradicts` where a TF_VAR_… differs from what kit gives terraform, which wins over it in silence.

    A TF_VAR_… for anything else is an input like those in kit.yaml.
    """
    for name in (*given, "kafka_password", "redis_password"):
        said = environment.get(f"TF_VAR_{name}")
        if said and not (name in given and _means(said, given[name])):
            raise ShellContradicts(variable=f"TF_VAR_{name}", why=OURS.get(name, f"kit.yaml has `cloud: {{{name}: …}}`"))


def _means(said: str, value: Any) -> bool:
    """Whether terraform reads `said` as this value; expressions that are no JSON are not understood here."""
    if isinstance(value, str):
        return said == value
    try:
        return bool(json.loads(said) == value)
    except ValueError:
        return False


def _near(name: str, known: list[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else "terraform/variables.tf has them all"


def profile(wanted: Profile) -> None:
    """Whether the cloud still makes the stores that this Sentry can use. Raises `ProfileTooOld`."""
    newest = wanted.newest.get("kafka", "")
    if newest and int(newest.partition(".")[0]) < 4:
        why = (
            f"its Kafka client logs in to brokers up to {newest} only, and new clusters are 4.x: {wanted.app_version} came before"
        )
        raise ProfileTooOld(profile=wanted.name, why=why)


def clickhouse_hosts(wanted: Profile, resources: Any) -> None:
    """Whether Sentry can use the hosts that `resources`, the configuration's variable, asks for; a size's own it can.

    Words of a shell that are no JSON are left to terraform's plan, which refuses the same. Raises `TooManyClickHouseHosts`.
    """
    most = wanted.maximum_clickhouse_hosts
    clickhouse = resources.get("clickhouse") if isinstance(resources, Mapping) else None
    hosts = clickhouse.get("hosts") if isinstance(clickhouse, Mapping) else None
    if most is not None and isinstance(hosts, int) and hosts > most:
        raise TooManyClickHouseHosts(hosts=hosts, most=most, profile=wanted.name)


def before_the_cloud(
    sentry: SentryWanted,
    *,
    kubernetes_api: str | None,
    is_reached: Callable[[], bool],
    probe_image: str | None,
    reference: Callable[[], str],
) -> None:
    """What a rehearsal need not ask: whether Sentry can be installed in the real cloud from this computer at all.

    Said before anything is made, for it would be half an hour and some money later that it shows. Raises `StandInInCloud`,
    `ApiNotReached`, `ProbeImageMissing`.
    """
    if sentry.flavour == "lite":
        raise StandInInCloud
    if not is_public(kubernetes_api) and not is_reached():  # from a host inside the network it is
        raise ApiNotReached
    if not probe_image:
        raise ProbeImageMissing(profile=sentry.profile, reference=reference())


def is_public(kubernetes_api: str | None) -> bool:
    """Whether the variable says `public: true`, in JSON or in Terraform's own language."""
    return re.search(r'\bpublic"?\s*[:=]\s*"?true\b', kubernetes_api or "") is not None


def state(place: Place, must_exist: bool) -> None:
    """A state here that is lost or of the other world is not gone on with. Raises `StateLost`, `ForeignState`."""
    if place.has_backend:
        return
    if not place.state.exists():
        if must_exist:
            raise StateLost(path=str(place.state))
        return
    try:
        folders = tuple(folders_in(json.loads(place.state.read_text())))
    except (ValueError, AttributeError) as error:
        raise StateLost(path=str(place.state)) from error
    refuse_foreign(str(place.state), folders, place.rehearses)


def folders_in(state: Mapping[str, Any]) -> Iterator[str]:
    """Where the resources of a state are; `state` is Terraform's own document."""
    for resource in state.get("resources") or ():
        if resource.get("mode") == "managed":
            for instance in resource.get("instances") or ():
                yield str((instance.get("attributes") or {}).get("folder_id") or "")


def refuse_foreign(where: str, folders: Iterable[str], rehearses: bool) -> None:
    """Raises `ForeignState` where a resource is in a folder of the other world."""
    if any(folder.startswith(EMULATED) != rehearses for folder in folders if folder):
        here, there = ("the rehearsal", "the cloud") if rehearses else ("the cloud", "the rehearsal")
        raise ForeignState(path=where, here=here, there=there)


def cloud(yandex: Yandex, folder: str, kubernetes: str | None) -> Folder:
    """Credentials, folder and versions. Raises what is wrong."""
    yandex.iam_token()
    found = yandex.folder(folder) if folder else None
    if found is None or not found.is_active:
        raise FolderMissing(folder=folder or "(none given)", why=None if folder else "no folder was named")
    if kubernetes:
        offered = {version for versions in yandex.kubernetes_versions().values() for version in versions}
        if offered and kubernetes not in offered:
            raise VersionClosed(version=f"Kubernetes {kubernetes}", offered=sorted(offered))
    return found


@dataclass(frozen=True, slots=True)
class Lack:
    """A quota that is too small: what the limit must be, and what to say."""

    limit: float
    said: str


def quotas(
    yandex: Yandex,
    cloud_id: str,
    created: Mapping[str, int],
    sums: Sums | None,
    *,
    stands: bool = False,
    rehearses: bool = False,
) -> tuple[str, ...]:
    """Whether what would be created fits; what could not be asked comes back in words. Raises `QuotaTooSmall`.

    `created` counts resources by type. Sums are held against the quotas only while nothing stands yet, for what stands is in the
    usage, among what others have. The emulator has nobody else's, and the limits of a new cloud: a rehearsal asks it for more,
    and says so.
    """
    lacking: dict[str, Lack] = {}
    unasked: list[str] = []
    for service in sorted({*COUNTS, *SUMS}):
        try:
            limits = yandex.quotas(cloud_id, service)
        except KitError as error:
            unasked.append(f"the quotas of {service} were not checked: {error.why}")
            continue
        needs: dict[str, float] = {
            identity: sum(count for kind, count in created.items() if re.fullmatch(pattern, kind))
            for identity, pattern in COUNTS.get(service, {}).items()
        }
        if sums is not None and (rehearses or not stands):
            for identity, kind in SUMS.get(service, {}).items():
                own = limits[identity].usage if stands and identity in limits else None
                needs[identity] = _needed(sums, service, kind) - (own or 0)
        lacking |= {identity: lack for identity, need in needs.items() if (lack := _lack(limits.get(identity), need, identity))}
    if lacking and rehearses:
        raised = yandex.raise_quotas(cloud_id, {identity: lack.limit for identity, lack in lacking.items()})
        if given := "; ".join(lack.said for identity, lack in lacking.items() if identity in raised):
            unasked.append(f"a new cloud's quota is too small; the rehearsal was given more, as you must ask for it: {given}")
        lacking = {identity: lack for identity, lack in lacking.items() if identity not in raised}
    if lacking:
        raise QuotaTooSmall(lacking=[lack.said for lack in lacking.values()])
    return tuple(unasked)


def _needed(sums: Sums, service: str, kind: str) -> float:
    """In the quota's own unit: pieces, or bytes."""
    of_nodes = float(sums.per_service.get("kubernetes_nodes", {}).get(kind, 0))
    total = {"vcpu": sums.vcpu, "memory_gb": sums.memory_gb, "disk_gb": sums.disk_gb}.get(kind, 0)
    needed = total - of_nodes if service == "managed-databases" else of_nodes * sums.growth
    return needed * (GIB if kind.endswith("_gb") else 1)


def _lack(quota: Quota | None, need: float, identity: str) -> Lack | None:
    used = (quota.usage or 0) if quota else 0
    if quota is None or quota.limit is None or need <= quota.limit - used:
        return None
    unit, name = (GIB, " GB") if identity.endswith(".size") else (1, "")
    free = quota.limit - used
    return Lack(used + need, f"{identity}: {need / unit:g}{name} needed, {free / unit:g}{name} free of {quota.limit / unit:g}")
