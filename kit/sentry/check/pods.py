"""What a container would find when it starts: its variables as Kubernetes resolves them, and the files that are mounted.

A secret that kit brings is not needed for any of this: in its place stands a word that says which secret it is, so a rule can
tell whether the filestore really gets the filestore's key.
"""

from __future__ import annotations

import base64
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kit.sentry.chart.manifests import Container, of_kind
from kit.sentry.objects import Document

# Keys of our Secrets that are no secrets, and whose value decides how a client speaks.
IN_CLEAR = ("mechanism", "username")
_REFERENCE = re.compile(r"\$\((\w+)\)|\$\$")


def placeholder(secret: str, key: str) -> str:
    """Fit for a URL, as the real ones must be: `rediss://:$(PASSWORD)@host` knows no escaping."""
    return f"SECRET.{secret}.{key}"


@dataclass(frozen=True)
class Files:
    """The ConfigMaps and Secrets of a release. What the chart itself renders is known; what kit applies is named only."""

    config_maps: Mapping[str, Document]
    secrets: Mapping[str, Document]
    applied: Mapping[str, Document]

    @staticmethod
    def of(documents: Iterable[Document], applied: Iterable[Document]) -> Files:
        rendered, given = tuple(documents), tuple(applied)
        maps = {**of_kind(given, "ConfigMap"), **of_kind(rendered, "ConfigMap")}
        return Files(maps, of_kind(rendered, "Secret"), of_kind(given, "Secret"))

    def config_map(self, name: str) -> Mapping[str, str]:
        return (self.config_maps.get(name) or {}).get("data") or {}

    def secret_value(self, name: str, key: str) -> str:
        """What stands in the release is taken as it is; of kit's own only what is no secret."""
        if name in self.secrets:
            return secret_data(self.secrets[name]).get(key, "")
        if key in IN_CLEAR and name in self.applied:
            return secret_data(self.applied[name]).get(key, "")
        return placeholder(name, key)

    def secret_file(self, name: str) -> Mapping[str, str]:
        """For settings that are mounted from a Secret (Relay's)."""
        document = self.secrets.get(name) or self.applied.get(name)
        return secret_data(document) if document else {}

    def secret_words(self, name: str) -> Mapping[str, str]:
        """For what settings read from a mounted Secret themselves: of kit's own the words that stand for them."""
        return {key: self.secret_value(name, key) for key in self.secret_file(name)}


def secret_data(document: Document) -> dict[str, str]:
    data = {key: base64.b64decode(value or "").decode(errors="replace") for key, value in (document.get("data") or {}).items()}
    return {**data, **(document.get("stringData") or {})}


def environment(container: Container, files: Files) -> dict[str, str]:
    """`envFrom`, then `env` in its order, with `$(NAME)` taken from what stands above, as the kubelet does it."""
    found: dict[str, str] = {}
    for source in container.spec.get("envFrom") or ():
        found.update(_from(source, files))
    for entry in container.spec.get("env") or ():
        found[entry["name"]] = _value(entry, found, files)
    return found


def _from(source: Mapping[str, Any], files: Files) -> dict[str, str]:
    prefix = source.get("prefix", "")
    if "configMapRef" in source:
        data = files.config_map(source["configMapRef"]["name"])
    else:
        name = source["secretRef"]["name"]
        data = secret_data(files.secrets[name]) if name in files.secrets else {}
        data |= {key: placeholder(name, key) for key in secret_data(files.applied[name])} if name in files.applied else {}
    return {prefix + key: value for key, value in data.items()}


def _value(entry: Mapping[str, Any], above: Mapping[str, str], files: Files) -> str:
    if "valueFrom" not in entry:
        text = str(entry.get("value") or "")
        return _REFERENCE.sub(lambda m: "$" if m[1] is None else above.get(m[1], m[0]), text)
    source = entry["valueFrom"]
    if "secretKeyRef" in source:
        return files.secret_value(source["secretKeyRef"]["name"], source["secretKeyRef"]["key"])
    if "configMapKeyRef" in source:
        return files.config_map(source["configMapKeyRef"]["name"]).get(source["configMapKeyRef"]["key"], "")
    return "FIELD." + str((source.get("fieldRef") or source.get("resourceFieldRef") or {}).get("fieldPath", "resource"))


def volume_at(container: Container, path: str) -> tuple[Mapping[str, Any] | None, str]:
    """The volume that a path inside the container leads into, and the rest of the path: the deepest mount wins."""
    best: tuple[int, Mapping[str, Any] | None, str] = (-1, None, "")
    volumes = {volume["name"]: volume for volume in container.pod.get("volumes") or ()}
    for mount in container.spec.get("volumeMounts") or ():
        at = posixpath.normpath(mount.get("mountPath") or "")  # a chart may leave it out, which a rule of its own says
        if (path == at or path.startswith(at.rstrip("/") + "/")) and len(at) > best[0]:
            rest = posixpath.join(mount.get("subPath", ""), path[len(at) :].lstrip("/")).rstrip("/")
            best = (len(at), volumes.get(mount["name"]), rest)
    return best[1], best[2]


def file_at(
    container: Container, path: str, files: Files, secrets: Callable[[str], Mapping[str, str]] | None = None
) -> str | None:
    """The text of a mounted file; None where nothing of the release is mounted there, or nobody can tell what."""
    volume, name = volume_at(container, path)
    if volume is None:
        return None
    if "emptyDir" in volume:
        return _made_by_init(container, volume["name"], name, files)
    return _files_in(volume, files, secrets or files.secret_file).get(name)


def _files_in(volume: Mapping[str, Any], files: Files, secrets: Callable[[str], Mapping[str, str]]) -> Mapping[str, str]:
    if "projected" in volume:
        found: dict[str, str] = {}
        for source in volume["projected"].get("sources") or ():
            found.update(_files_in(source, files, secrets))
        return found
    if "configMap" in volume:
        data, items = files.config_map(volume["configMap"]["name"]), volume["configMap"].get("items")
    elif "secret" in volume:
        name = volume["secret"].get("secretName") or volume["secret"].get("name")
        data, items = secrets(name), volume["secret"].get("items")
    else:
        return {}
    return data if items is None else {item["path"]: data.get(item["key"], "") for item in items}


def _made_by_init(container: Container, volume: str, name: str, files: Files) -> str | None:
    """A file that an init container makes from a template by sed (Relay in chart 33): `${NAME}` becomes its variable."""
    for spec in container.pod.get("initContainers") or ():
        mounts = [mount["name"] for mount in spec.get("volumeMounts") or ()]
        said = " ".join(str(word) for word in [*(spec.get("command") or ()), *(spec.get("args") or ())])
        if volume not in mounts or "sed" not in said:
            continue
        init = Container(container.kind, container.object, "init", spec, container.pod, container.annotations)
        known = {variable: value for variable, value in environment(init, files).items() if variable in said}
        templates = [
            _files_in(other, files, files.secret_file).get(name) for other in container.pod["volumes"] if other["name"] in mounts
        ]
        for template in (text for text in templates if text is not None):
            return _substituted(template, known)
    return None


def _substituted(template: str, known: Mapping[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda found: known.get(found[1], found[0]), template)
