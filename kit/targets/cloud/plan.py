"""Builds the plans of `kit up --cloud` and `kit down --cloud`: everything is asked, nothing is made."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kit.adapters.terraform.errors import TerraformFailed
from kit.errors import KitError
from kit.plan import cluster, release
from kit.plan.release import ReleaseSeen, ReleaseWanted
from kit.plan.steps import Plan, Step, linked
from kit.sentry.check import sandbox
from kit.sentry.lines import profiles
from kit.targets.cloud import changes, checks, door, in_cluster, load, refusals, regions, shared, site, state
from kit.targets.cloud.changes import Sums
from kit.targets.cloud.errors import ChartNotRehearsed, Kept, RegionNotRehearsed, some

if TYPE_CHECKING:
    from kit.supply.resolve import Need
    from kit.targets.cloud.target import CloudTarget

SUPPLY = Step("supply", "images", "")
CERTIFICATE = Step("wait", "certificate", "issued once the name's DNS answers")


@dataclass(frozen=True, slots=True)
class CloudPlan:
    """Resources first, then Sentry."""

    resources: Plan
    sentry: Plan
    sums: Sums | None
    left_out: tuple[str, ...] = ()  # checks that could not be made, in words
    supply: Plan = ()  # what a rehearsal needs on this computer before anything else
    carries: str = ""  # how much of a load, in words
    differs: tuple[str, ...] = ()  # what the last `kit up` of a shared stack chose otherwise, in words

    @property
    def steps(self) -> Plan:
        return (*self.supply, *self.resources, *self.sentry)

    @property
    def is_for_the_cloud(self) -> bool:
        """Whether it makes, changes or removes anything there; outputs alone are terraform's own business."""
        return any(step.subject != changes.OUTPUTS for step in self.resources)


def plan(cloud: CloudTarget) -> CloudPlan:
    _check(cloud)
    supply = _supply(cloud)
    to_begin_with = None if cloud.is_applied else cloud.clients.setting("kubernetes_version")  # later it counts for nothing
    folder = checks.cloud(cloud.clients.yandex, cloud.clients.folder_id, to_begin_with)
    shared.ensure(cloud.clients, site.secret_makers(), lambda: cloud.is_applied)
    theirs = None
    with suppress(KitError):  # what does not answer is seen below
        theirs = in_cluster.recall(cloud)
    resources, sums, is_changed = _resources(cloud, destroy=False)
    stated = load.refuse_full(cloud, folder.cloud_id)
    created = Counter(step.subject.partition(".")[0] for step in resources if step.verb == "create")
    left_out = (
        checks.quotas(
            cloud.clients.yandex,
            folder.cloud_id,
            created,
            sums,
            stands=cloud.is_applied,
            rehearses=cloud.place.rehearses,
        )
        if created or (resources and cloud.place.rehearses)
        else ()
    )
    differs = tuple(in_cluster.differences(theirs, cloud.stack.sentry)) if "sentry" in cloud.stack.parts else ()
    of_sentry = sentry(cloud, is_settled=not is_changed)
    unasked = (*stated, *left_out, *_delegation(cloud, resources))
    return CloudPlan(resources, of_sentry, sums, unasked, supply, load.carried(cloud), differs)


def _delegation(cloud: CloudTarget, resources: Plan) -> tuple[str, ...]:
    """In a rehearsal it is taken for granted."""
    clients = cloud.clients
    if cloud.place.rehearses or "sentry" not in cloud.stack.parts or (clients.setting("door") or door.FRONT) != door.FRONT:
        return ()
    return door.delegation_unasked(resources, clients.setting("domain") or "", clients.region.name_servers)


def _check(cloud: CloudTarget) -> None:
    """From the cheap to the dear; each raises what is wrong."""
    clients, wanted = cloud.clients, cloud.stack.sentry
    profile = profiles.load(wanted.profile)
    checks.profile(profile)
    checks.clickhouse_hosts(profile, clients.given("resources"))
    checks.shell(cloud.public_variables())
    _require_region(cloud)
    if "sentry" in cloud.stack.parts:
        clients.given_secrets()
    if cloud.place.rehearses and "sentry" in cloud.stack.parts and wanted.flavour == "chart":
        raise ChartNotRehearsed
    if cloud.place.rehearses and "sentry" in cloud.stack.parts:
        door.check(cloud)
    if not cloud.place.rehearses and "sentry" in cloud.stack.parts:
        checks.before_the_cloud(
            wanted,
            kubernetes_api=clients.setting("kubernetes_api"),
            is_reached=lambda: cloud.place.kubeconfig.exists() and clients.kube.complaint() is None,
            probe_image=os.environ.get(site.PROBE_IMAGE),
            reference=lambda: _reference(cloud, f"probe-{wanted.profile}"),
        )
        door.check(cloud)
        # The check of the values comes after the cloud was made.
        sandbox.require(sandbox.of_profile(clients.machine, wanted.profile, trusted=cloud.stack.trusts_chart))
    checks.state(cloud.place, state.must_exist(cloud.clients))
    if cloud.place.has_backend:
        checks.refuse_foreign("the bucket", changes.folders(clients.configuration.show_state()), cloud.place.rehearses)


def _require_region(cloud: CloudTarget) -> None:
    """Raises `RegionUnknown`, `RegionNotRehearsed`."""
    named, region = cloud.clients.setting("region"), cloud.clients.region
    if cloud.place.rehearses and region != regions.region(cloud.workspace.assets / "terraform", None):
        raise RegionNotRehearsed(region=named, played=regions.DEFAULT)


def _reference(cloud: CloudTarget, image: str) -> str:
    """As it is called on this computer, if it is there."""
    try:
        return cloud.clients.supply.image(image).reference
    except KitError:
        return f"kit.local/{image}:…"


def _supply(cloud: CloudTarget) -> Plan:
    """What the stack behind a rehearsal lacks; the cloud's own images are the cloud's to have."""
    missing = missing_images(cloud)
    return (replace(SUPPLY, cause=f"missing: {', '.join(need.key for need in missing)}"),) if missing else ()


def missing_images(cloud: CloudTarget) -> tuple[Need, ...]:
    if not cloud.place.rehearses:
        return ()
    local = cloud.clients.backing
    return tuple(local.supply.plan(local.supply_names()))


def _resources(cloud: CloudTarget, *, destroy: bool) -> tuple[Plan, Sums | None, bool]:
    """Terraform's plan, left in its file; the sums of what is wanted; and whether there is anything to do."""
    configuration = cloud.clients.configuration
    try:
        is_changed = configuration.plan(cloud.place.plan, cloud.variables(), destroy=destroy)
    except TerraformFailed as error:
        raise refusals.explained(error, cloud.option) from error
    if not is_changed:
        return (), changes.of_cost_inputs(cloud.outputs.document.get("cost_inputs")), False
    document = configuration.show_plan(cloud.place.plan)
    return changes.steps(document), changes.sums(document), True


def sentry(cloud: CloudTarget, *, is_settled: bool) -> Plan:
    """Known only while the resources stay as they are; else all of it is to be done."""
    if "sentry" not in cloud.stack.parts:
        return ()
    wanted, seen, there = ReleaseWanted("unknown", "unknown"), ReleaseSeen(), frozenset[str]()
    door_steps = [CERTIFICATE] if cloud.clients.setting("door") in (None, door.FRONT) else []
    if is_settled and cloud.place.kubeconfig.exists() and cloud.place.ca_file.exists() and not door.is_awaited(cloud):
        made = site.release(cloud)
        wanted, seen, there, door_steps = made.wanted(), made.seen(), _images_there(cloud), []
    return linked([*cluster.load(_images(cloud), there), *door_steps, *release.steps(wanted, seen)])


def _images(cloud: CloudTarget) -> tuple[str, ...]:
    """Only a rehearsal's cluster takes its images from this computer."""
    if not cloud.place.rehearses:
        return ()
    names = cloud.clients.backing.cluster_image_names
    needs = {need.key: need for need in cloud.clients.backing.supply.plan(names)}
    return tuple(
        f"{name} ({needs[f'image/{name}'].what})" if f"image/{name}" in needs else cloud.clients.supply.image(name).reference
        for name in names
    )


def _images_there(cloud: CloudTarget) -> frozenset[str]:
    from kit.targets.local import observe

    if not cloud.place.rehearses:
        return frozenset()
    backing = cloud.clients.backing
    return observe.images_loaded(observe.ask_engine(backing).node(backing.stack.name), backing.markers_file, cloud.place.markers)


def down(cloud: CloudTarget) -> Plan:
    """What would be removed, and what of it holds data. Raises `NoCloudStack`, `Kept`."""
    if not cloud.is_applied and not cloud.place.state.exists():
        raise cloud.absent()
    checks.state(cloud.place, state.must_exist(cloud.clients))
    stands = cloud.clients.configuration.show_state()
    if not changes.existing(stands):
        raise cloud.absent()
    checks.refuse_foreign(str(cloud.place.state), changes.folders(stands), cloud.place.rehearses)
    if protected := changes.protected(stands):
        raise Kept(protected=some(protected, 6))
    return _resources(cloud, destroy=True)[0]
