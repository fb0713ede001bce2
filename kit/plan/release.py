"""Plans the steps of the Sentry release, for both targets: checked, installed, waited for, proven by an exception. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from kit.plan.steps import Step

HOLDERS = frozenset({"sentry", "vroom"})  # who holds the leaf certificates that are a part of the release


@dataclass(frozen=True, slots=True)
class ReleaseWanted:
    fingerprint: str  # of chart, values, certificates and secrets
    preflight: str  # fingerprint of what the probes inside the cluster are run with


@dataclass(frozen=True, slots=True)
class ReleaseSeen:
    fingerprint: str | None = None
    complaint: str | None = None  # why it counts as not installed: "its pods are not ready"
    values: str | None = None  # fingerprint of the last release whose manifests were checked against the rules
    preflight: str | None = None  # fingerprint of the last passed preflight
    demo: str | None = None  # fingerprint of the release that last received an exception


def steps(
    wanted: ReleaseWanted,
    seen: ReleaseSeen,
    *,
    is_new_cluster: bool = False,
    has_new_certificates: bool = False,
    stores: Collection[str] = (),
    started: Collection[str] = (),
) -> list[Step]:
    """`stores` are those that the release stands on, `started` those that this plan starts or waits for.

    With new certificates it becomes another release, whose fingerprint nobody can know before they are issued.
    """
    made = (*(f"issue leaf/{holder}" for holder in sorted(HOLDERS)), "issue authority", "publish trust", "make secrets")
    made = (*made, "wait certificate")  # of the name in a cloud, where somebody else issues it
    before = ("load cluster/images", "set-up cluster/registries", "create cluster", *made)
    stores_ready = (*(f"{verb} store/{name}" for name in stores for verb in ("set-up", "wait")), "mend topics")
    found = []
    cause = _why_install(wanted, seen, is_new_cluster, has_new_certificates)
    if has_new_certificates or seen.values != wanted.fingerprint:
        # Needs no store and no cluster, so it runs beside them and is the first to say no.
        found.append(Step("check", "values", "no checked values for this release", ("supply images", *made)))
    if is_new_cluster or started or has_new_certificates or seen.preflight != wanted.preflight:
        why = "stores were started" if started else "no passed preflight for this configuration"
        found.append(Step("check", "preflight", why, (*before, *stores_ready, "check values")))
    if cause:
        # After the preflight: what it would have found is what a release of forty pods dies of, half an hour later.
        found.append(Step("install", "sentry", cause, (*before, *stores_ready, "check values", "check preflight")))
        found.append(Step("wait", "sentry", "just installed", ("install sentry",)))
    if cause or seen.demo != wanted.fingerprint:
        needs = ("wait sentry", "check preflight")
        found.append(Step("prove", "demo", "no exception received by this release yet", needs))
    return found


def _why_install(wanted: ReleaseWanted, seen: ReleaseSeen, is_new_cluster: bool, has_new_certificates: bool) -> str | None:
    if is_new_cluster or seen.fingerprint is None:
        return "no release yet"
    if seen.fingerprint != wanted.fingerprint:
        return f"release changed {seen.fingerprint} → {wanted.fingerprint}"
    return "new certificate" if has_new_certificates else seen.complaint
