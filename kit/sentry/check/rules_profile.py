"""Rules about the profile and the release: whether what one says is there in the other, and whether it fits on the nodes.

A workload belongs to a component by its program and its name. The chart calls `sentry.ingestConsumerEvents`
sentry-ingest-consumer-events, but `snuba.issueOccurrenceConsumer` sentry-issue-occurrence-consumer, and `sentry.uptimeResults`
sentry-uptime-results-consumer (charts 26.18.0 and 33, read 2026-11): names are compared without the words that come and go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kit.sentry.chart.families import facts, family_of, program
from kit.sentry.chart.hooks import is_hook
from kit.sentry.chart.manifests import Container, containers, pod_of
from kit.sentry.check.rule import Release, Rule, Seen
from kit.sentry.lines.profiles import Component
from kit.sentry.objects import Document
from kit.supply import version as versions

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob")
_INCIDENTAL = ("sentry", "snuba", "consumer")


# ── entries of the profile that met nothing


def _wiring_matched(release: Release) -> Iterator[Seen]:
    wiring = release.wiring
    programs = {program(container.image) for container in release.containers}
    for entry in wiring.images if wiring else ():
        meant = [each for each in release.profile.components if program(each.image) == program(entry.image)]
        if not entry.image or program(entry.image) in programs or (meant and not _any_named(release, meant)):
            continue
        found = f"the entry {entry.image} of by_image matched no container; the images are {_images(release)}"
        yield Seen(found, object=f"profile {release.profile.name}")
    secrets = {name for container in release.containers for name in _mounted_secrets(container)}
    for file in wiring.secret_files if wiring else ():
        meant = [each for each in release.profile.components if _alike(file.config_map, each.key)]
        if file.secret not in secrets and not (meant and not _any_named(release, meant)):
            found = f"the entry {file.config_map} of secret_files matched no ConfigMap that a pod mounts"
            yield Seen(found, object=f"profile {release.profile.name}")


def _any_named(release: Release, components: Iterable[Component]) -> bool:
    """Whether a workload bears the name of one of them, whatever image it runs."""
    return any(_alike(name, each.key) for each in components for name in _workload_names(release))


def _images(release: Release) -> str:
    words = sorted({program(container.image) for container in release.containers})
    return ", ".join(words)


def _mounted_secrets(container: Container) -> Iterator[str]:
    for volume in container.pod.get("volumes") or ():
        yield str((volume.get("secret") or {}).get("secretName", ""))


def _components_there(release: Release) -> Iterator[Seen]:
    """Those of the size; what the chart's version has not yet, and what the values switch off, is not waited for."""
    there = [(each["metadata"]["name"], _programs(each)) for each in _workloads(release)]
    chart = _chart_version(release)
    missing = []
    for component in release.profile.running(release.size) if release.size else ():
        is_later = bool(component.since and chart and versions.satisfies(chart, f"<{component.since}"))
        is_there = any(program(component.image) in runs and _alike(name, component.key) for name, runs in there)
        if not (is_there or is_later or _switched_off(release.values or {}, component.key)):
            missing.append(component.key)
    if missing:
        found = f"in size {release.size} there should be {', '.join(missing)}, and no workload of the release is"
        yield Seen(found, object=f"profile {release.profile.name}")


def _chart_version(release: Release) -> str:
    for document in release.documents:
        labels = document["metadata"].get("labels") or {}
        name, _, version = str(labels.get("helm.sh/chart") or labels.get("chart") or "").rpartition("-")
        if name == release.profile.chart_name:
            return version
    return ""


def _switched_off(values: Mapping[str, Any], key: str) -> bool:
    node: Any = values
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return isinstance(node, Mapping) and node.get("enabled") is False


# ── names


def _workloads(release: Release) -> Iterator[Document]:
    return (document for document in release.documents if document["kind"] in WORKLOADS)


def _workload_names(release: Release) -> Iterator[str]:
    return (document["metadata"]["name"] for document in _workloads(release))


def _programs(document: Document) -> set[str]:
    return {program(container.image) for container in containers(document) if container.role == "main"}


def _alike(workload: str, key: str) -> bool:
    """Equal but for incidental words, or longer by a name of its own: sentry-taskbroker-ingest is one of `sentry.taskBroker`."""
    name, wanted = _essence(workload.split("-")), _essence(re.findall(r"[A-Z]?[a-z0-9]+", key.rpartition(".")[2]))
    return name == wanted or bool(wanted and name.startswith(wanted))


def _essence(words: Iterable[str]) -> str:
    return "".join(word.lower().removesuffix("s") for word in words if word.lower() not in _INCIDENTAL)


# ── requests


def _own_requests(release: Release) -> Iterator[Seen]:
    """By the amounts: requests that stand nowhere in the values are the chart's, or the wiring's for containers without any.

    One container of a pod with requests from the values shows that its component is named; those beside it have no key.
    """
    if release.values is None:
        return
    given = [requests for requests in _requests_in(release.values) if requests]
    for document in _workloads(release):
        of_sentry = [each for each in containers(document) if each.role == "main" and family_of(each) is not None]
        found = [(each.spec.get("resources") or {}).get("requests") or {} for each in of_sentry]
        if of_sentry and not any(each.items() <= requests.items() for requests in found for each in given):
            said = ", ".join(f"{what} {amount}" for what, amount in sorted(found[0].items()))
            yield Seen(f"runs with the chart's own requests ({said or 'none'})", of_sentry[0])


def _requests_in(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "requests" and isinstance(value, Mapping):
                yield value
            else:
                yield from _requests_in(value)


def _hooks_fit(release: Release) -> Iterator[Seen]:
    allowed = {**facts().hook_requests, **(release.profile.rules.get("hook_requests") or {})}
    for document in release.documents:
        pod = pod_of(document) if document["kind"] == "Job" and is_hook(document) else None
        for what, most in allowed.items() if pod else ():
            wanted = _wanted(pod or {}, what)
            if wanted > quantity(most):
                name = document["metadata"]["name"]
                found = f"requests {_readable(wanted, what)} of {what}, and {most} is the most that a small node has left"
                yield Seen(found, object=f"Job/{name}", fix=f"set {_hook_key(name)}.requests.{what} to {most} or less")


def _wanted(pod: Mapping[str, Any], what: str) -> float:
    """As the scheduler counts: all main containers together, or the largest init container."""
    asked = {
        role: [quantity(((each.get("resources") or {}).get("requests") or {}).get(what, 0)) for each in pod.get(role) or ()]
        for role in ("containers", "initContainers")
    }
    return max(sum(asked["containers"]), *asked["initContainers"], 0)


_UNITS = {"m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def quantity(given: Any) -> float:
    """A quantity of Kubernetes: "500m" is 0.5, "1Gi" 1073741824; what is none of those that requests use counts as 0."""
    found = re.fullmatch(r"([0-9.]+)(m|k|M|G|T|Ki|Mi|Gi|Ti)?", str(given).strip())
    return float(found[1]) * _UNITS[found[2] or ""] if found else 0.0


def _readable(amount: float, what: str) -> str:
    return f"{amount * 1000:.0f}m" if what == "cpu" else f"{amount / 2**20:.0f}Mi"


def _hook_key(job: str) -> str:
    ends = [end for end in facts().hook_keys if job.endswith(f"-{end}") or job == end]
    return facts().hook_keys[max(ends, key=len)] if ends else "hooks.….resources"


RULES = (
    Rule(
        "WIRING-MATCHED",
        "What the profile gives to an image or a file meets one in the release, or that program lacks its keys or its authority.",
        "correct `wiring` of the profile, or the image's name: its last word must be that of upstream's",
        _wiring_matched,
    ),
    Rule(
        "COMPONENT-THERE",
        "Each component that the profile has in this size is a workload of the release.",
        "switch it on in the values; or take it out of the profile's components, or out of this size",
        _components_there,
        warns=True,
    ),
    Rule(
        "REQUESTS-GIVEN",
        "Each component that runs has requests from the values, not the chart's, which are less than it uses.",
        "name it in the profile's components, or give its resources.requests in values of your own",
        _own_requests,
        warns=True,
    ),
    Rule(
        "HOOK-FITS",
        "A hook's Job requests no more than a node of two cores has left beside Sentry; else it waits for a place in vain.",
        "set resources.requests below its hook",
        _hooks_fit,
    ),
)
