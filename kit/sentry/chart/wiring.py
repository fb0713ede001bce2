"""Puts the authority and the profile's variables into every container of the rendered manifests, for every chart version.

The chart has no key that reaches all containers: some forty components each want their own, hooks and init containers have
others or none, and every release moves them. So `wire` works on what was rendered, where a container is a container. What it
puts in is data of the profile (`wiring` in its file): which folder, which variables everywhere, which for one image only. It
is pure and idempotent: wiring twice is wiring once, and what the chart set itself under the same name is replaced, for two
truths would be one too many.

A file that must hold a secret in clear (Relay before 25.5 expands no variables) leaves the release: its ConfigMap is dropped,
the pods mount a Secret of another name, and `filled_files` says what that Secret holds. So Helm's own record never sees it.
"""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kit.endpoints import Secret
from kit.errors import KitError
from kit.sentry.chart.families import program
from kit.sentry.chart.manifests import containers, of_kind, pod_of
from kit.sentry.objects import Document

TRUST = "kit-trust"  # ConfigMap and volume: ca.crt, bundle.crt
LASTING = ("Deployment", "StatefulSet")  # whose pods are replaced while others are spoken to
GRACE_S = 30  # Kubernetes' own terminationGracePeriodSeconds
_PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


class WiringInvalid(KitError):
    """A profile's `wiring` does not say what the transformer needs."""

    code = "KIT-WIRING"
    exit_code = 14
    what = "profile {profile} has no valid wiring"
    fix = "compare it with the other profiles' files"


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a Kubernetes Secret."""

    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class Mount:
    """A ConfigMap or Secret as a folder, read-only."""

    path: str
    config_map: str = ""
    secret: str = ""

    @property
    def name(self) -> str:
        return self.config_map or self.secret


@dataclass(frozen=True, slots=True)
class ForImage:
    """What the containers of an image get, wherever it was mirrored to ("" is every one)."""

    image: str
    env: Mapping[str, str] = field(default_factory=dict)
    secret_env: Mapping[str, Key] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A rendered ConfigMap that becomes a Secret, its `${NAME}` filled in."""

    config_map: str
    secret: str
    substitute: Mapping[str, Key]


@dataclass(frozen=True, slots=True)
class Wiring:
    mount: str
    images: tuple[ForImage, ...]
    secret_files: tuple[SecretFile, ...] = ()
    requests: Mapping[str, str] = field(default_factory=dict)  # for containers that the chart leaves without
    pre_stop_s: int = 0  # how long whoever listens goes on after its end was announced; 0: it ends at once


def from_document(profile: str, document: Mapping[str, Any]) -> Wiring:
    """The `wiring` of a profile's file. Raises `WiringInvalid`."""
    try:
        everywhere = ForImage("", env=dict(document["everywhere"]))
        return Wiring(
            mount=document["mount"],
            images=(everywhere, *(_for_image(each) for each in document.get("by_image") or ())),
            secret_files=tuple(_secret_file(each) for each in document.get("secret_files") or ()),
            requests=dict(document.get("requests") or {}),
            pre_stop_s=int(document.get("pre_stop_s", 0)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WiringInvalid(profile=profile, why=f"{type(error).__name__}: {error}") from error


def _for_image(entry: Mapping[str, Any]) -> ForImage:
    return ForImage(
        image=entry["image"],
        env=dict(entry.get("env") or {}),
        secret_env={name: Key(**where) for name, where in (entry.get("secret_env") or {}).items()},
        mounts=tuple(Mount(**each) for each in entry.get("mounts") or ()),
    )


def _secret_file(entry: Mapping[str, Any]) -> SecretFile:
    keys = {name: Key(**where) for name, where in entry["substitute"].items()}
    return SecretFile(entry["config_map"], entry["secret"], keys)


def wire(documents: Iterable[Document], wiring: Wiring) -> tuple[Document, ...]:
    """The same objects with every container wired; the given ones stay as they are."""
    replaced = {each.config_map: each.secret for each in wiring.secret_files}
    kept = (each for each in documents if not (each["kind"] == "ConfigMap" and each["metadata"]["name"] in replaced))
    return tuple(_wired(document, wiring, replaced) for document in kept)


def _wired(document: Document, wiring: Wiring, replaced: Mapping[str, str]) -> Document:
    if pod_of(document) is None:
        return document
    made = copy.deepcopy(dict(document))
    pod = pod_of(made)
    assert pod is not None  # a copy of what has one
    volumes = [_with_secret(volume, replaced) for volume in pod.get("volumes") or ()]
    wanted = [Mount(wiring.mount, config_map=TRUST)]
    for container in containers(made):
        spec: Any = container.spec
        matching = [each for each in wiring.images if each.image == "" or program(each.image) == program(container.image)]
        mounts = [wanted[0], *(mount for each in matching for mount in each.mounts)]
        wanted += [mount for mount in mounts if mount not in wanted]
        spec["volumeMounts"] = _merged(spec.get("volumeMounts"), [_volume_mount(mount) for mount in mounts], "mountPath")
        entries = [entry for each in matching for entry in _entries(each)]
        spec["env"] = _merged(spec.get("env"), entries, "name")
        if wiring.requests:
            spec["resources"] = _requesting(spec.get("resources"), wiring.requests)
    if wiring.pre_stop_s and made["kind"] in LASTING:
        _pause_before_the_end(pod, wiring.pre_stop_s)
    pod["volumes"] = _merged(volumes, [_volume(mount) for mount in wanted], "name")
    return made


def _pause_before_the_end(pod: dict[str, Any], seconds: int) -> None:
    """Of each container that listens. What the chart gives the pod to end in comes on top: Kubernetes counts from the notice,
    and refuses a pause that is not shorter than the whole."""
    pausing = [each for each in pod["containers"] if each.get("ports") and "preStop" not in (each.get("lifecycle") or {})]
    for container in pausing:
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": seconds}}, **(container.get("lifecycle") or {})}
    if pausing:
        pod["terminationGracePeriodSeconds"] = pod.get("terminationGracePeriodSeconds", GRACE_S) + seconds


def _merged(present: Sequence[Any] | None, added: Iterable[Mapping[str, Any]], key: str) -> list[Any]:
    """The present list with those of the same key replaced where they stand, new ones in front.

    In front, because Kubernetes expands `$(NAME)` only from variables above: what the chart builds from ours must find them.
    """
    wanted = {each[key]: each for each in added}
    kept = [wanted.pop(each[key], each) for each in present or ()]
    return [*wanted.values(), *kept]


def _entries(image: ForImage) -> list[dict[str, Any]]:
    plain = [{"name": name, "value": value} for name, value in image.env.items()]
    secret = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": where.secret, "key": where.key}}}
        for name, where in image.secret_env.items()
    ]
    return [*secret, *plain]


def _volume_mount(mount: Mount) -> dict[str, Any]:
    return {"name": mount.name, "mountPath": mount.path, "readOnly": True}


def _volume(mount: Mount) -> dict[str, Any]:
    if mount.config_map:
        return {"name": mount.name, "configMap": {"name": mount.config_map}}
    return {"name": mount.name, "secret": {"secretName": mount.secret, "defaultMode": 0o440}}


def _with_secret(volume: Mapping[str, Any], replaced: Mapping[str, str]) -> Mapping[str, Any]:
    secret = replaced.get((volume.get("configMap") or {}).get("name", ""))
    if secret is None:
        return volume
    kept = {key: value for key, value in volume["configMap"].items() if key != "name"}
    return {"name": volume["name"], "secret": {**kept, "secretName": secret}}


def _requesting(resources: Mapping[str, Any] | None, requests: Mapping[str, str]) -> dict[str, Any]:
    found = dict(resources or {})
    return {**found, "requests": {**requests, **(found.get("requests") or {})}}


def filled_files(
    documents: Iterable[Document], wiring: Wiring, namespace: str, reveal: Callable[[Key], Secret]
) -> tuple[Document, ...]:
    """The Secrets of `secret_files`: the rendered files with their placeholders filled. Holds secrets in clear.

    A chart that renders no ConfigMap of that name (Relay left out) needs no Secret.
    """
    maps = of_kind(documents, "ConfigMap")
    return tuple(
        _filled(each, maps[each.config_map], namespace, reveal) for each in wiring.secret_files if each.config_map in maps
    )


def _filled(file: SecretFile, config_map: Document, namespace: str, reveal: Callable[[Key], Secret]) -> Document:
    def value(found: re.Match[str]) -> str:
        where = file.substitute.get(found[1])
        return found[0] if where is None else reveal(where).reveal()

    data = {name: _encoded(_PLACEHOLDER.sub(value, text)) for name, text in (config_map.get("data") or {}).items()}
    metadata = {"name": file.secret, "namespace": namespace, "labels": config_map["metadata"].get("labels") or {}}
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "data": data}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
