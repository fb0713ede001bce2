"""Rules about several pods of one component: that they have something to do, room in the stores, and are not all away at once.

What a size of the cloud offers (partitions, connections) is only known where a target says it; without that the rules that need
it find nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kit.sentry.chart.manifests import Container, of_kind
from kit.sentry.chart.scale import SEVERAL, Scale, scales, selects
from kit.sentry.check.executor.commands import option
from kit.sentry.check.pods import file_at
from kit.sentry.check.rule import Release, Rule, Seen, name_of
from kit.sentry.objects import Document

ZONE = "topology.kubernetes.io/zone"
COMMIT_LOG = "--synchronize-commit-log-topic"  # each consumer reads all of it, without a group
SETTINGS = "/etc/sentry/sentry.conf.py"


def _workloads(release: Release) -> Iterator[tuple[Document, Scale]]:
    pods = scales(release.documents)
    for document in release.documents:
        key = (document["kind"], document["metadata"]["name"])
        if key in pods:
            yield document, pods[key]


# ── what they find in the stores


def _partitions(release: Release) -> Iterator[Seen]:
    """A program of several topics is of use as long as one of them has a partition for it."""
    pods = scales(release.documents)
    for executed in release.executed if release.partitions else ():
        topics = {each.name for each in executed.topics if each.role == "consumed" and not each.use.endswith(COMMIT_LOG)}
        room = max((release.partitions[name] for name in topics if name in release.partitions), default=None)
        for container in executed.containers:
            scale = pods.get((container.kind, container.object))
            if room is not None and scale is not None and scale.most > room:
                said = f"{scale.most} pods consume {', '.join(sorted(topics))}, of {room} partition{'' if room == 1 else 's'}"
                fix = f"at most {room} replicas; in the cloud more partitions by `topic_partitions`"
                yield Seen(said, container, store="kafka", fix=fix)


def _connections(release: Release) -> Iterator[Seen]:
    if release.postgres_connections is None:
        return
    pods = scales(release.documents)
    wanted: dict[str, int] = {}
    for executed in release.executed:
        if not any(connection.store == "postgres" for connection in executed.connections):
            continue
        for container in executed.containers:
            scale = pods.get((container.kind, container.object), Scale(1, 1)) if container.role == "main" else Scale(0, 0)
            if scale.most and not container.is_hook:  # hooks are through before the rest works
                wanted[container.object] = scale.most * held(container, release)
    total = sum(wanted.values())
    if total > release.postgres_connections:
        largest = sorted(wanted.items(), key=lambda each: -each[1])[:3]
        said = f"{total} connections at most, of {release.postgres_connections}: " + ", ".join(
            f"{name} {number}" for name, number in largest
        )
        yield Seen(f"{said} …", object="release", store="postgres")


def held(container: Container, release: Release) -> int:
    """Connections of one pod: Django keeps one for each thread of each process (Sentry's commands, read 2026-11-28).

    web: workers times threads of uwsgi; taskworker and Celery's worker: their child processes and the parent; a consumer: its
    processes and the parent; everything else one.
    """
    words = [str(word) for word in [*(container.spec.get("command") or ()), *(container.spec.get("args") or ())]]
    if "web" in words:
        text = file_at(container, SETTINGS, release.files) or ""
        return _number(option(words, "--workers") or _setting(text, "workers"), 3) * _number(_setting(text, "threads"), 4)
    if "taskworker" in words or "worker" in words:
        return _number(option(words, "--concurrency") or option(words, "-c"), 4) + 1
    if "consumer" in words:
        return _number(option(words, "--processes"), 1) + 1
    return 1


def _setting(text: str, name: str) -> str:
    """Of SENTRY_WEB_OPTIONS in the settings' text, as the charts write it."""
    found = re.search(rf"""["']{name}["']\s*:\s*(\d+)""", text)
    return found[1] if found else ""


def _number(text: str, usual: int) -> int:
    return int(text) if text.isdigit() else usual


def _brokers_asked(release: Release) -> Iterator[Seen]:
    """A worker reaches the pods of its broker by their numbers, so many as it is told (chart 33: --rpc-host, --num-brokers)."""
    pods = scales(release.documents)
    for container in release.containers:
        words = [str(word) for word in [*(container.spec.get("command") or ()), *(container.spec.get("args") or ())]]
        broker, told = option(words, "--rpc-host").partition(":")[0], option(words, "--num-brokers")
        there = pods.get(("StatefulSet", broker))
        if told.isdigit() and there is not None and int(told) != there.most:
            yield Seen(f"asks {told} of the {there.most} pods of {broker}", container)


# ── where they are, and how they go


def _spread(release: Release) -> Iterator[Seen]:
    for document, scale in _workloads(release):
        if scale.least < SEVERAL:
            continue
        pod = document["spec"]["template"]["spec"]
        rules = [each for each in pod.get("topologySpreadConstraints") or () if each.get("topologyKey") == ZONE]
        has_disk = bool(document["spec"].get("volumeClaimTemplates"))
        if not rules and not (pod.get("affinity") or {}).get("podAntiAffinity"):
            yield Seen(f"{scale.least} pods, and nothing keeps them out of one zone", object=name_of(document))
        elif has_disk and rules and not any(each.get("whenUnsatisfiable") == "DoNotSchedule" for each in rules):
            said = f"{scale.least} pods with a disk each, which may all be made in one zone and then stay there"
            yield Seen(said, object=name_of(document), fix=f"whenUnsatisfiable: DoNotSchedule for {ZONE}")


def _keeps_one(release: Release) -> Iterator[Seen]:
    for document, scale in _workloads(release):
        strategy = document["spec"].get("strategy") or {}
        most = (strategy.get("rollingUpdate") or {}).get("maxUnavailable", 0)
        if document["kind"] != "Deployment" or scale.least < SEVERAL:
            continue
        if strategy.get("type") == "Recreate":
            yield Seen(f"{scale.least} pods, and strategy Recreate takes all of them away first", object=name_of(document))
        elif _of(most, scale.least) >= scale.least:
            yield Seen(f"{scale.least} pods, and maxUnavailable {most} lets all of them go", object=name_of(document))


def _drains(release: Release) -> Iterator[Seen]:
    """A budget that lets no pod go keeps a node from ever being drained, and the cluster from being upgraded."""
    for budget in of_kind(release.documents, "PodDisruptionBudget").values():
        spec = budget["spec"]
        for document, scale in _workloads(release):
            if not selects(budget, document) or not scale.least:
                continue
            least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
            left = _of(most, scale.least, up=True) if most is not None else scale.least - _of(least or 0, scale.least, up=True)
            if left < 1:
                said = f"lets none of the {scale.least} pod{'' if scale.least == 1 else 's'} of {name_of(document)} go"
                yield Seen(said, object=name_of(budget))


def _of(given: Any, total: int, *, up: bool = False) -> int:
    """A number, or a percentage: rounded down in a roll-out, up in a budget (Kubernetes' documentation)."""
    if isinstance(given, str) and given.endswith("%"):
        part = int(given[:-1]) * total
        return -(-part // 100) if up else part // 100
    return int(given)


# ── lists that Helm replaces whole


def _lists_whole(release: Release) -> Iterator[Seen]:
    """Whoever says how many brokers there are says which: one of the chart's that is missing has tasks that nobody does."""
    for path in (("sentry", "taskBroker", "brokers"), ("sentry", "taskWorker", "workers")):
        usual, given = (_by_name(_at(tree, path)) for tree in (release.chart_defaults, release.values))
        for name, entry in usual.items() if given else ():
            if name not in given:
                yield Seen(f"{'.'.join(path)} lacks {name}, which the chart has", object="values")
                continue
            missing = sorted(set(entry.get("kafkaTopics") or {}) - set(given[name].get("kafkaTopics") or {}))
            if missing:
                yield Seen(f"{'.'.join(path)}.{name} lacks the topics {', '.join(missing)}, which the chart has", object="values")


def _at(tree: Mapping[str, Any] | None, path: tuple[str, ...]) -> Any:
    node: Any = tree
    for key in path:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def _by_name(entries: Any) -> dict[str, Mapping[str, Any]]:
    return {str(each["name"]): each for each in entries or () if isinstance(each, Mapping) and "name" in each}


RULES = (
    Rule(
        "REPLICAS-CONSUME",
        "No more pods consume a topic than it has partitions; the others would have nothing to do.",
        "fewer replicas",
        _partitions,
    ),
    Rule(
        "PG-CONNECTIONS",
        "All pods together hold no more connections than Postgres lets Sentry's user have.",
        "fewer replicas or processes; in the cloud `resources: {postgres: {max_connections: …}}`",
        _connections,
    ),
    Rule(
        "BROKERS-ASKED",
        "Task workers ask every pod of their broker; the tasks of one that is not asked are never done.",
        "make brokerReplicas of the worker the replicas of its broker",
        _brokers_asked,
    ),
    Rule(
        "SPREAD-BY-ZONE",
        "Several pods of one component are kept apart by zones; with a disk each, strictly.",
        f"topologySpreadConstraints with topologyKey {ZONE}, as availability ha has them",
        _spread,
        warns=True,
    ),
    Rule(
        "ROLL-KEEPS-ONE",
        "Where there are several pods, a roll-out keeps one of them.",
        "strategyType: RollingUpdate, with the usual maxUnavailable",
        _keeps_one,
    ),
    Rule(
        "DRAIN-ENDS",
        "A disruption budget lets a pod go, or no drain of its node ends.",
        "take the budget out, or more replicas; kit makes one for each workload of several pods",
        _drains,
    ),
    Rule(
        "LISTS-WHOLE",
        "Task brokers and workers are all that the chart has, with all their topics: Helm replaces lists whole.",
        "add it, as the chart's values.yaml has it",
        _lists_whole,
    ),
)
