"""What `kit verify` claims of the network policies, tried by Jobs: one of the release's kind, one without its labels, one of
another namespace. Whether policies are enforced is the network plugin's doing, and many enforce none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kit.endpoints import addresses
from kit.sentry import jobs, network_job, network_policies, objects
from kit.sentry.installed import installed
from kit.sentry.jobs import Run
from kit.sentry.network_policies import KIND
from kit.sentry.objects import NAMESPACE, STACK_LABEL, Document
from kit.sentry.release import SentryRelease, quiet
from kit.sentry.site import Note, Site
from kit.status import Check

NAME = "kit-network"
ELSEWHERE = "default"  # a namespace that every cluster has
SUBJECT = "network"
UNLABELLED, FOREIGN = (
    "a pod that is not the release's reaches no store",
    "a pod of another namespace reaches nothing of Sentry but its front",
)
WITHIN_S = 10
ASIDE = "sentry: {network_policies: false} in kit.yaml where the cluster's network plugin enforces none"
Place = tuple[str, int]


def of_policies(release: SentryRelease, note: Note = quiet) -> Iterator[Check]:
    """Nothing where no release is installed, or where none are wanted."""
    site = release.site
    if not site.stack.sentry.network_policies or not site.kubeconfig.exists() or installed(site.api) is None:
        return
    if site.api.get(KIND, network_policies.DENY, NAMESPACE) is None:
        yield Check(SUBJECT, UNLABELLED, False, "no network policies are applied: run kit up again")
        return
    stores = sorted({place for places in addresses(site.endpoints()).values() for place in places})
    own = jobs.start(site.api, _job(site, stores, "open", objects.EVERY_STORE, NAMESPACE))
    jobs.wait([own], site.api, note, lambda: "connecting from a pod of the release")
    reached = _reached(own, site)
    if not reached or not all(reached):
        yield Check(SUBJECT, UNLABELLED, False, f"unproven: a pod of the release does not reach {_named(stores, reached, False)}")
        return
    numbered = [(address, port) for address, (_, port) in zip(reached, stores, strict=True)]
    inner = _inner(site)
    runs = [jobs.start(site.api, _job(site, numbered, "shut", {}, NAMESPACE))]
    if inner:
        runs.append(jobs.start(site.api, _job(site, list(inner.values()), "shut", {}, ELSEWHERE)))
    jobs.wait(runs, site.api, note, lambda: "connecting from pods that must be refused")
    yield _check(UNLABELLED, [f"{host}:{port}" for host, port in stores], _reached(runs[0], site), runs[0])
    if inner:
        yield _check(FOREIGN, list(inner), _reached(runs[1], site), runs[1])


def _check(claim: str, names: Sequence[str], reached: Sequence[str], run: Run) -> Check:
    if not reached:
        return Check(SUBJECT, claim, False, f"unproven: {run.why or 'its Job printed nothing'}")
    open_ones = [name for name, address in zip(names, reached, strict=True) if address]
    said = f"connected to {', '.join(open_ones)}: {ASIDE}" if open_ones else f"tried {', '.join(names)}"
    return Check(SUBJECT, claim, not open_ones, said)


def _named(places: Sequence[Place], reached: Sequence[str], is_open: bool) -> str:
    known = reached or [""] * len(places)
    return ", ".join(f"{host}:{port}" for (host, port), address in zip(places, known, strict=True) if bool(address) is is_open)


def _inner(site: Site) -> Mapping[str, Place]:
    """Service and port → the address of each that only Sentry's own pods are to reach."""
    exposed = {
        policy["metadata"]["name"].removeprefix(network_policies.FROM_OUTSIDE)
        for policy in site.api.list(KIND, NAMESPACE, f"{network_policies.OWN}={network_policies.YES}")
    }
    found: dict[str, Place] = {}
    for service in site.api.list("Service", NAMESPACE):
        name, spec = service["metadata"]["name"], service["spec"]
        if name not in exposed and spec.get("clusterIP") not in (None, "", "None"):
            found |= {f"{name}:{port['port']}": (spec["clusterIP"], port["port"]) for port in spec.get("ports") or ()}
    return found


def _job(site: Site, places: Sequence[Place], until: str, network: Mapping[str, str], namespace: str) -> Document:
    asked = json.dumps({"places": [list(place) for place in places], "until": until, "within_s": WITHIN_S})
    container: dict[str, Any] = {
        "name": NAME,
        "image": site.probe_image(),
        "command": ["/usr/bin/python3", "-c", Path(network_job.__file__).read_text()],
        "env": [{"name": network_job.ASKED, "value": asked}],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
    }
    pod = objects.pod([container], {}, terminationGracePeriodSeconds=1)
    labels = {STACK_LABEL: site.stack.name, "app.kubernetes.io/name": NAME}
    return objects.job(f"{NAME}-", labels, pod, deadline_s=300, kept_s=600, network=network, namespace=namespace)


def _reached(run: Run, site: Site) -> list[str]:
    """As the Job printed it; empty where it printed nothing of use."""
    try:
        found = json.loads(run.log(site.api, NAME).strip().splitlines()[-1])
    except (IndexError, ValueError):
        return []
    return [str(address) for address in found]
