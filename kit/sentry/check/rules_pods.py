"""Rules about containers and pods: the authority is there and named, images are pinned, what is referred to exists."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from kit.sentry.chart.families import facts, family_of, repository, tag
from kit.sentry.chart.manifests import Container, of_kind
from kit.sentry.chart.references import Reference, references
from kit.sentry.chart.wiring import TRUST
from kit.sentry.check.pods import secret_data, volume_at
from kit.sentry.check.rule import Release, Rule, Seen

TRUST_FILES = {"ca": "ca.crt", "bundle": "bundle.crt"}


def trust_file(container: Container, path: str) -> str | None:
    """ "ca.crt" or "bundle.crt" where a path inside the container is a file of the trust ConfigMap."""
    volume, name = volume_at(container, posixpath.normpath(path))
    mounted = ((volume or {}).get("configMap") or {}).get("name") == TRUST
    return name if mounted and name in TRUST_FILES.values() else None


def _mounted(release: Release) -> Iterator[Seen]:
    for container in release.containers:
        volumes = {v["name"] for v in container.pod.get("volumes") or () if (v.get("configMap") or {}).get("name") == TRUST}
        if not any(mount["name"] in volumes for mount in container.spec.get("volumeMounts") or ()):
            yield Seen(f"no mount of the ConfigMap {TRUST}", container)


def _named(release: Release) -> Iterator[Seen]:
    for container in release.containers:
        family = family_of(container)
        for variable in family.named if family else ():
            if not container.env.get(variable, {}).get("value"):
                yield Seen(f"{variable} is not set", container, fix=_naming(container, variable))


def _leads(release: Release) -> Iterator[Seen]:
    for container in release.containers:
        family = family_of(container)
        wanted = family.named if family else {}
        for variable in facts().trust_variables:
            path = container.env.get(variable, {}).get("value")
            if not path:
                continue
            found = trust_file(container, path)
            if found is None:
                yield Seen(
                    f"{variable}={path}: no such file of {TRUST} in this container", container, fix=_naming(container, variable)
                )
            elif wanted.get(variable) == "bundle" and found != TRUST_FILES["bundle"]:
                yield Seen(f"{variable}={path} holds no public roots", container, fix=_naming(container, variable))


def _naming(container: Container, variable: str) -> str:
    family = family_of(container)
    word = repository(container.image).rpartition("/")[2]
    file = TRUST_FILES[(family.named if family else {}).get(variable, "ca")]
    return f"set {variable} to the mounted {file} in the profile's wiring (everywhere, or by_image {word})"


def _volumes_defined(release: Release) -> Iterator[Seen]:
    for container in release.containers:
        defined = {volume["name"] for volume in container.pod.get("volumes") or ()}
        defined |= _claims(release, container)
        for mount in container.spec.get("volumeMounts") or ():
            if not mount.get("mountPath"):
                yield Seen(f"mounts {mount['name']} at no path", container)
            if mount["name"] not in defined:
                yield Seen(f"mounts {mount['name']}, and the pod has no such volume", container)


def _claims(release: Release, container: Container) -> set[str]:
    document = of_kind(release.documents, "StatefulSet").get(container.object) if container.kind == "StatefulSet" else None
    return {claim["metadata"]["name"] for claim in document["spec"].get("volumeClaimTemplates") or ()} if document else set()


def _references_there(release: Release) -> Iterator[Seen]:
    if not release.applied:
        return
    files = release.files
    there = {("Secret", name): set(secret_data(each)) for name, each in {**files.applied, **files.secrets}.items()}
    there |= {("ConfigMap", name): set(each.get("data") or {}) for name, each in files.config_maps.items()}
    for container in release.containers:
        for each, how in _references(container):
            keys = there.get((each.kind, each.name))
            if keys is None:
                found = f"{how}: there is no {each.kind} {each.name}"
                yield Seen(found, container, fix=f"let kit apply the {each.kind} {each.name} before Helm runs")
            elif each.key and each.key not in keys:
                known = ", ".join(sorted(keys))
                yield Seen(f"{how}: the {each.kind} {each.name} has no key {each.key}, only {known}", container)


def _references(container: Container) -> Iterator[tuple[Reference, str]]:
    """What keeps the pod from starting when it is not there, and where it is named."""
    mounted = {mount["name"] for mount in container.spec.get("volumeMounts") or ()}
    volumes = [volume for volume in container.pod.get("volumes") or () if volume["name"] in mounted]
    places = [(entry, name) for name, entry in container.env.items()]
    places += [(source, "envFrom") for source in container.spec.get("envFrom") or ()]
    places += [(volume, f"volume {volume['name']}") for volume in volumes]
    return ((each, how) for place, how in places for each in references(place) if not each.is_optional)


def _pinned(release: Release) -> Iterator[Seen]:
    for container in release.containers:
        if "@sha256:" not in container.image and tag(container.image) in ("", "latest", "nightly", "master", "main", "edge"):
            yield Seen(f"image {container.image or '(none)'}", container)


def _no_bitnami(release: Release) -> Iterator[Seen]:
    for container in release.containers:
        if "bitnami" in container.image:
            yield Seen(f"image {container.image}", container)


def _requests(release: Release) -> Iterator[Seen]:
    for container in release.containers:
        requests = (container.spec.get("resources") or {}).get("requests") or {}
        missing = [what for what in ("cpu", "memory") if not requests.get(what)]
        if missing:
            yield Seen(f"no request of {' and '.join(missing)}", container)


def _deadlines_fit(release: Release) -> Iterator[Seen]:
    for document in release.documents:
        annotations = document["metadata"].get("annotations") or {}
        if document["kind"] != "Job" or "helm.sh/hook" not in annotations:
            continue
        deadline = document["spec"].get("activeDeadlineSeconds")
        if deadline is None or int(deadline) < SHORTEST_DEADLINE_S:
            yield Seen(
                "no activeDeadlineSeconds" if deadline is None else f"{deadline} s", object=f"Job/{document['metadata']['name']}"
            )


# Migrations of a first install took up to 29 minutes in public reports (charts#2225); below a quarter of an hour they fail.
SHORTEST_DEADLINE_S = 900


def said(container: Container) -> str:
    """The command line in one text."""
    return " ".join(str(word) for word in [*(container.spec.get("command") or ()), *(container.spec.get("args") or ())])


RULES = (
    Rule(
        "CA-MOUNTED",
        "Every container has the stores' authority mounted.",
        "run the manifests through kit's transformer",
        _mounted,
    ),
    Rule(
        "CA-NAMED",
        "Every variable from which the container's software reads its authority is set.",
        "set it in the profile's wiring",
        _named,
    ),
    Rule("CA-LEADS", "A variable that names an authority leads to a file that is there.", "correct the path", _leads),
    Rule(
        "VOLUME-DEFINED",
        "What a container mounts is a volume of its pod, at a path; the API server refuses the pod otherwise.",
        "add the volume beside the mount",
        _volumes_defined,
    ),
    Rule(
        "REFERENCE-THERE",
        "Each Secret, ConfigMap and key that a container asks for is in the release or applied by kit.",
        "correct the name in existingSecret, or the key",
        _references_there,
    ),
    Rule("IMAGE-PINNED", "Images have a fixed tag or a digest.", "give images.….tag, or a digest", _pinned),
    Rule(
        "IMAGE-NO-BITNAMI",
        "No image comes from Bitnami, whose catalogue emptied on 2025-08-28.",
        "turn the bundled store off; with all stores outside nothing of Bitnami is left",
        _no_bitnami,
    ),
    Rule(
        "REQUESTS-SET",
        "Every container requests cpu and memory, or the scheduler fills nodes blindly.",
        "set resources.requests, or `requests` in the profile's wiring",
        _requests,
    ),
    Rule(
        "HOOK-DEADLINE",
        f"Hook Jobs may take {SHORTEST_DEADLINE_S} s or more: migrations of a first install need minutes.",
        "set hooks.activeDeadlineSeconds: 1800",
        _deadlines_fit,
    ),
)
