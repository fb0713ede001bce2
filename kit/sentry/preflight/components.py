"""Makes the preflight's Jobs from the wired manifests: for each component one container in its place, on every node.

It has the component's variables, mounts, ConfigMaps and Secrets by the same references, but the probe image and kit's driver. A
release has some forty pods and far fewer ways of connecting: containers that are equal in everything that a connection hangs on
are tried once, in the name of all. What the chart itself would bring does not exist before Helm runs, so its ConfigMaps and
Secrets are applied under names of the preflight's own, and the references follow. Pure.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kit.sentry import objects
from kit.sentry.chart.families import family_of
from kit.sentry.chart.manifests import Container, containers
from kit.sentry.chart.references import KINDS, NAMES, Reference, references
from kit.sentry.objects import Document

PREFIX = "kit-preflight-"  # of everything that is applied for a run only
LABEL = "dev.kit.preflight"
CODE, INPUT = f"{PREFIX}code", f"{PREFIX}input"
RUN = "/run/kit"
PROGRAM = (
    "import sys; sys.path[:0] = ['/run/kit/code/kit.zip', '/opt/probe/{set}']; "
    "from kit.sentry.preflight.clients.driver import main; main()"
)
REQUEST = "KIT_PREFLIGHT"
# A Job left alone goes by itself. That it takes too long is judged by kit, from when its pod runs: see `places`.
DEADLINE_S = 1200
# Who tries the largest record, the first that is there: what it writes comes from outside, and is as large as its senders like.
LARGEST = ("relay", "sentry", "taskbroker", "snuba", "vroom")
# Which of the probe image's two sets of libraries a kind's clients come from; Rust and Go have none of their own there.
SETS = {
    "sentry": "sentry",
    "snuba": "snuba",
    "relay": "sentry",
    "taskbroker": "sentry",
    "vroom": "sentry",
    "uptime-checker": "sentry",
}
# Kinds whose init containers write the configuration that the main one reads: the driver does their part from the same sources.
PREPARED = ("relay", "taskbroker")
RESOURCES = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}
RESOURCES_LARGEST = {**RESOURCES, "limits": {"memory": "512Mi"}}  # it holds 50 MB four times over: 210 MB, measured
# A group that a program joins. `--synchronize-commit-group` and `--followed-consumer-group` are followed by their commit log.
GROUP = re.compile(r"(?<![\w-])--consumer-group(?:=|\s+)[\"']?([\w.-]+)")


@dataclass(frozen=True, slots=True)
class Component:
    name: str  # of the first container that connects like this, and of the Job's container: "sentry-web"
    kind: str  # for the executor
    members: tuple[str, ...]  # all of them: "Deployment/sentry-web"
    env: tuple[Mapping[str, Any], ...]
    env_from: tuple[Mapping[str, Any], ...]
    mounts: tuple[Mapping[str, Any], ...]
    volumes: tuple[Mapping[str, Any], ...]
    args: tuple[str, ...]
    groups: tuple[str, ...] = ()  # consumer groups that their arguments name


def components(documents: Iterable[Document]) -> tuple[Component, ...]:
    """The distinct ones, in the order of the manifests."""
    found: dict[str, Component] = {}
    for document in documents:
        for container in containers(document):
            family = family_of(container)
            if container.role != "main" or family is None or family.settings is None or family.settings.kind not in SETS:
                continue
            made = _component(container, family.settings.kind)
            same = _identity(made)
            known = found.get(same)
            found[same] = _joined(known, made) if known else made
    return _named_apart(found.values())


def _component(container: Container, kind: str) -> Component:
    spec, pod = container.spec, container.pod
    env, mounts = list(spec.get("env") or ()), list(spec.get("volumeMounts") or ())
    volumes = {volume["name"]: _kept(volume) for volume in pod.get("volumes") or ()}
    used = {mount["name"] for mount in mounts}
    if kind in PREPARED:
        known = {entry["name"] for entry in env}
        env = [
            entry for init in pod.get("initContainers") or () for entry in init.get("env") or () if entry["name"] not in known
        ] + env
        beside = [name for name, volume in volumes.items() if name not in used and "emptyDir" not in volume]
        mounts += [{"name": name, "mountPath": f"{RUN}/volumes/{name}", "readOnly": True} for name in beside]
        used.update(beside)
    if not any(mount["mountPath"] == "/tmp" for mount in mounts):
        mounts.append({"name": "kit-tmp", "mountPath": "/tmp"})
        volumes["kit-tmp"] = {"name": "kit-tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}
        used.add("kit-tmp")
    words = (*(spec.get("command") or ()), *(spec.get("args") or ()))
    return Component(
        name=container.object,
        kind=kind,
        members=(f"{container.kind}/{container.object}",),
        env=tuple(entry for entry in env if "resourceFieldRef" not in (entry.get("valueFrom") or {})),
        env_from=tuple(spec.get("envFrom") or ()),
        mounts=tuple(mount for mount in mounts if mount["name"] in volumes),
        volumes=tuple(volume for name, volume in volumes.items() if name in used),
        args=tuple(str(word) for word in words if str(word).endswith((".yml", ".yaml"))),
        groups=tuple(GROUP.findall(" ".join(str(word) for word in words))),
    )


def _kept(volume: Mapping[str, Any]) -> Mapping[str, Any]:
    """Configuration as it is; in place of disks and the like a folder, which holds nothing that a connection hangs on."""
    is_configuration = any(key in volume for key in ("configMap", "secret", "projected", "downwardAPI"))
    return volume if is_configuration else {"name": volume["name"], "emptyDir": {}}


def _identity(component: Component) -> str:
    """Equal for containers that connect alike. Order counts in variables: `$(NAME)` looks at those above only."""
    volumes = {volume["name"]: {key: value for key, value in volume.items() if key != "name"} for volume in component.volumes}
    mounts = [{**mount, "name": volumes[mount["name"]]} for mount in component.mounts]
    mounted = sorted(json.dumps(mount, sort_keys=True) for mount in mounts if "emptyDir" not in mount["name"])
    return json.dumps([component.kind, component.env, component.env_from, mounted, component.args], sort_keys=True)


def _joined(one: Component, other: Component) -> Component:
    groups = tuple(dict.fromkeys((*one.groups, *other.groups)))
    return replace(one, members=(*one.members, *other.members), groups=groups)


def _named_apart(found: Iterable[Component]) -> tuple[Component, ...]:
    taken: dict[str, int] = {}
    made = []
    for each in found:
        number = taken[each.name] = taken.get(each.name, 0) + 1
        name = each.name[:58] + (f"-{number}" if number > 1 else "")
        made.append(replace(each, name=name))
    return tuple(made)


# ── what they refer to ─────────────────────────────────────────────────────────────────────────────────────────────────────


def needed(component: Component) -> tuple[Reference, ...]:
    """Everything that has to exist before its pod can start."""
    found = references([component.env, component.env_from, component.volumes])
    return tuple(dict.fromkeys(each for each in found if not each.is_optional))


def copied_references(
    documents: Iterable[Document], wanted: Iterable[Component], labels: Mapping[str, str]
) -> tuple[Document, ...]:
    """The release's own ConfigMaps and Secrets that these components use, under the preflight's names."""
    used = {(reference.kind, reference.name) for component in wanted for reference in needed(component)}
    made = []
    for document in documents:
        kind, name = document["kind"], document["metadata"]["name"]
        if (kind, name) not in used:
            continue
        metadata = {"name": f"{PREFIX}{name}", "namespace": objects.NAMESPACE, "labels": dict(labels)}
        content = {key: document[key] for key in ("type", "data", "binaryData", "stringData") if document.get(key)}
        made.append({"apiVersion": "v1", "kind": kind, "metadata": metadata, **content})
    return tuple(made)


def with_run_names(node: Any, own: frozenset[tuple[str, str]]) -> Any:
    """The same with every reference to one of `own` (kind, name) led to its stand-in."""
    if isinstance(node, Mapping):
        made = {key: with_run_names(value, own) for key, value in node.items()}
        for field in KINDS.keys() & made.keys():
            inner = made[field] if isinstance(made[field], Mapping) else {}
            new = {name: f"{PREFIX}{inner[name]}" for name in NAMES if (KINDS[field], inner.get(name, "")) in own}
            made[field] = {**inner, **new} if new else made[field]
        return made
    if isinstance(node, list | tuple):
        return [with_run_names(value, own) for value in node]
    return node


# ── the Job ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def job(
    wanted: Sequence[Component],
    own: frozenset[tuple[str, str]],
    *,
    image: str,
    version: str,
    trust: str,
    labels: Mapping[str, str],
    node: str = "",
    tries_largest: bool = True,
) -> Document:
    """One pod, a container for each component; the namespace's restrictions hold for it as for any other.

    `node` is where it must run, "" for wherever there is room. `tries_largest`: one container writes the largest record, and one
    of Sentry's tries the mail server.
    """
    largest = min((each for each in wanted if each.kind in LARGEST), key=lambda each: LARGEST.index(each.kind), default=None)
    sender = next((each for each in wanted if each.kind == "sentry"), None)
    volumes: dict[str, Any] = {name: {"configMap": {"name": name}} for name in (CODE, INPUT)}
    made = []
    for component in wanted:
        names = {}
        for volume in with_run_names(component.volumes, own):
            name = _volume_name(component, volume)
            names[volume["name"]] = name
            volumes[name] = {key: each for key, each in volume.items() if key != "name"}
        request: dict[str, Any] = {"kind": component.kind, "version": version, "args": list(component.args), "trust": trust}
        request |= {"groups": list(component.groups), "largest": tries_largest and component is largest}
        request["mail"] = tries_largest and component is sender
        made.append(_container(component, names, own, image, request))
    placed = {"affinity": _only(node)} if node else {}
    return objects.job(
        PREFIX, labels, objects.pod(made, volumes, terminationGracePeriodSeconds=1, **placed), deadline_s=DEADLINE_S
    )


def _only(node: str) -> dict[str, Any]:
    """By the scheduler, as for a DaemonSet's pods: it sees whether there is room."""
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


def _volume_name(component: Component, volume: Mapping[str, Any]) -> str:
    """Shared where it is the same configuration; folders that are written to belong to one container."""
    content = {key: value for key, value in volume.items() if key != "name"}
    content |= {"of": component.name, "name": volume["name"]} if "emptyDir" in volume else {}
    return f"v-{hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]}"


def _container(
    component: Component, names: Mapping[str, str], own: frozenset[tuple[str, str]], image: str, request: Mapping[str, Any]
) -> dict[str, Any]:
    mounts = [{**copy.deepcopy(dict(mount)), "name": names[mount["name"]]} for mount in component.mounts]
    mounts += [
        {"name": name, "mountPath": f"{RUN}/{place}", "readOnly": True} for name, place in ((CODE, "code"), (INPUT, "input"))
    ]
    return {
        "name": component.name,
        "image": image,
        "command": ["/usr/bin/python3", "-c", PROGRAM.format(set=SETS[component.kind])],
        "env": [*with_run_names(component.env, own), {"name": REQUEST, "value": json.dumps(request, sort_keys=True)}],
        "envFrom": with_run_names(component.env_from, own),
        "volumeMounts": mounts,
        "resources": RESOURCES_LARGEST if request["largest"] else RESOURCES,
    }
