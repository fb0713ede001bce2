"""The preflight of a release: every component of the wired manifests, in its place in the cluster, before Helm runs.

`kit.sentry.probes` asks the stores with kit's own probes, for `kit verify`. Here Sentry's own libraries ask, in the versions
that the release pins, with the configuration as it was rendered. What was found is kept in a ConfigMap with the fingerprint of
what it was found with, so that an unchanged release on unchanged stores is not asked twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kit import cancel, files
from kit.adapters.kubernetes.api import ClusterRefused, KubeApi
from kit.errors import KitError
from kit.sentry import jobs
from kit.sentry.archive import CLIENTS, archive
from kit.sentry.chart import manifests
from kit.sentry.jobs import Run
from kit.sentry.objects import NAMESPACE, STACK_LABEL, Document, config_map
from kit.sentry.preflight import components as parts
from kit.sentry.preflight import places
from kit.sentry.preflight.components import Component
from kit.sentry.preflight.verdict import Preflight, Probe, broken, from_kept, from_log, joined, kept, with_cross_checks

RESULT = "kit-preflight-result"


class ReleaseUnfit(KitError):
    """A component cannot use a store as it is configured, so Helm was not run."""

    code = "KIT-PREFLIGHT-RELEASE"
    exit_code = 54
    what = "{component}: {trouble}"
    fix = "{remedy}; kit preflight shows all of it"

    def __init__(self, result: Preflight) -> None:
        first = result.wrong[0]
        count = len({probe.component for probe in result.wrong})
        super().__init__(
            component=first.component,
            trouble=first.what + (f" ({first.store})" if first.store else ""),
            why=first.said + (f"; {count - 1} more components have trouble" if count > 1 else ""),
            remedy=first.fix,
            detail="\n".join(f"{probe.words}\n  fix  {probe.fix}" for probe in result.wrong),
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is to be proven: the manifests as they would be applied, and what they will meet."""

    stack: str
    documents: Sequence[Document]  # wired
    app_version: str  # Sentry's: the configuration means different things to different versions
    probe_image: str  # that of the profile
    trust: str  # where kit-trust is mounted
    topics: Mapping[str, Mapping[str, str]]  # that kit makes: name → what it must be set to
    credentials: Sequence[Document]  # the objects that kit applies before Helm; only their digest is kept
    clickhouse: str = ""  # the versions that it works with: ">=24.8,<=26.5"
    is_stand_in: bool = False  # no Snuba will run: that ClickHouse is too old for one is said, and stops nobody
    fingerprint: str = ""  # of all this, where the caller knows it; made from it otherwise


def fingerprint(candidate: Candidate) -> str:
    """Of everything that the outcome depends on but the stores themselves."""
    return candidate.fingerprint or files.digest(
        {
            "manifests": manifests.dump(candidate.documents),
            "credentials": json.dumps(list(candidate.credentials), sort_keys=True),
            "wanted": json.dumps(_wanted(candidate), sort_keys=True),
            "driver": archive(modules=CLIENTS),
            "image": f"{candidate.probe_image} {candidate.app_version} {candidate.trust}",
        }
    )


def last(api: KubeApi) -> Preflight | None:
    """The outcome kept in the cluster."""
    found = api.get("ConfigMap", RESULT, NAMESPACE)
    return None if found is None else from_kept(found.get("data") or {})


def run(
    candidate: Candidate,
    api: KubeApi,
    *,
    note: Callable[[str], None] = lambda reason: None,
    sleep: Callable[[float], None] = cancel.wait,
    clock: Callable[[], float] = time.monotonic,
) -> Preflight:
    """Try everything on every node, keep the outcome, return it; what a failed one means the caller decides.

    The namespace and the credentials must be there. Whatever the run itself applies is gone afterwards.
    """
    started = clock()
    labels = {STACK_LABEL: candidate.stack, parts.LABEL: "run", "app.kubernetes.io/name": "preflight"}
    wanted = parts.components(candidate.documents)
    copied = parts.copied_references(candidate.documents, wanted, labels)
    own = frozenset((document["kind"], document["metadata"]["name"].removeprefix(parts.PREFIX)) for document in copied)
    unfit = _missing(wanted, own, api)
    found: tuple[Probe, ...] = tuple(unfit.values())
    able = [component for component in wanted if component.name not in unfit]
    known = _nodes(api)
    chosen = known[: places.MOST_NODES] if len(known) > 1 else ("",)
    if able:
        applied = (*_inputs(candidate, labels), *copied)
        runs: list[Run] = []
        try:
            with ThreadPoolExecutor(max_workers=8) as pool:
                list(pool.map(api.apply, applied))
            for node in chosen:
                what = {"image": candidate.probe_image, "version": candidate.app_version, "trust": candidate.trust}
                job = parts.job(able, own, **what, labels=labels, node=node, tries_largest=not runs)
                runs.append(jobs.start(api, job, node))
            jobs.wait(runs, api, note, lambda: _progress(runs, len(able)), sleep=sleep, clock=clock)
            found += joined({run.node: _read(run, able, api) for run in runs})
        finally:
            _take_away([*applied, *(run.job for run in runs if not run.has_ended)], api)
    seconds = round(clock() - started, 1)
    on = tuple(node for node in chosen if node)
    result = Preflight(fingerprint(candidate), datetime.now(UTC), seconds, with_cross_checks(found), on, len(known))
    api.apply(config_map(candidate.stack, RESULT, kept(result)))
    return result


def _nodes(api: KubeApi) -> tuple[str, ...]:
    try:
        return places.nodes(api.list("Node"))
    except ClusterRefused:  # a login that is bound to its namespace: one pod, wherever it comes to lie
        return ()


def _missing(wanted: Iterable[Component], own: frozenset[tuple[str, str]], api: KubeApi) -> dict[str, Probe]:
    """Components whose pods would wait for ever for something that nobody applied."""
    asked: dict[tuple[str, str], Mapping[str, Any] | None] = {}
    found: dict[str, Probe] = {}
    for component in wanted:
        for reference in parts.needed(component):
            place = (reference.kind, reference.name)
            if place in own:
                continue
            if place not in asked:
                asked[place] = api.get(*place, NAMESPACE)
            there = asked[place]
            if there is None or (
                reference.key and reference.key not in {**(there.get("data") or {}), **(there.get("binaryData") or {})}
            ):
                said = f"{reference.kind} {reference.name}" + (
                    f" has no key {reference.key}" if there is not None else " does not exist"
                )
                found.setdefault(component.name, broken(component.name, component.members, "missing-object", said))
    return found


def _inputs(candidate: Candidate, labels: Mapping[str, str]) -> tuple[Document, ...]:
    """kit's driver, the topics, and a foreign authority of our own's name, new each time."""
    from kit.pki import authority

    foreign = authority.create(candidate.stack, datetime.now(UTC)).root.certificate_pem().decode()
    given = {"wanted.json": json.dumps(_wanted(candidate)), "foreign.crt": foreign}
    return (
        config_map(candidate.stack, parts.CODE, binary={"kit.zip": archive(modules=CLIENTS)}, labels=labels),
        config_map(candidate.stack, parts.INPUT, given, labels=labels),
    )


def _wanted(candidate: Candidate) -> dict[str, Any]:
    """What the clients are told of the release, apart from its manifests."""
    fields = ("topics", "clickhouse", "is_stand_in")
    return {field: getattr(candidate, field) for field in fields}


def _take_away(applied: Iterable[Document], api: KubeApi) -> None:
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda document: api.delete(document["kind"], document["metadata"]["name"], NAMESPACE), applied))


def _progress(runs: Sequence[Run], components: int) -> str:
    pods = [run.pod for run in runs if run.pod]
    tried = sum(components - len(_waiting(pod)) for pod in pods)
    where = f" on {len(runs)} nodes" if len(runs) > 1 else ""
    return f"{tried} of {components * len(runs)} components tried{where}" if pods else "the Job has no pod yet"


def _waiting(pod: Mapping[str, Any]) -> dict[str, str]:
    """Container → why it has not ended."""
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    return {
        each["name"]: next(iter(each.get("state") or {"unknown": {}}))
        for each in statuses
        if "terminated" not in each.get("state", {})
    }


def _read(run: Run, wanted: Sequence[Component], api: KubeApi) -> tuple[Probe, ...]:
    if run.pod is None:
        return tuple(broken(each.name, each.members, "not-started", run.why) for each in wanted)
    name = run.pod["metadata"]["name"]
    with ThreadPoolExecutor(max_workers=8) as pool:
        logs = list(pool.map(lambda component: api.logs(name, NAMESPACE, component.name), wanted))
    found: list[Probe] = []
    for component, log in zip(wanted, logs, strict=True):
        if log.strip() or not run.why:
            found += from_log(component.name, component.members, log)
        else:
            found.append(broken(component.name, component.members, "not-started", run.why))
    return tuple(found)
