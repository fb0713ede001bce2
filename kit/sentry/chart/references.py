"""The ConfigMaps and Secrets that a pod's variables and volumes refer to. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# Under which key an object of which kind is named; a volume's Secret by `secretName`, all others by `name`.
KINDS: Mapping[str, str] = {
    **dict.fromkeys(("secretKeyRef", "secretRef", "secret"), "Secret"),
    **dict.fromkeys(("configMapKeyRef", "configMapRef", "configMap"), "ConfigMap"),
}
NAMES = ("secretName", "name")


@dataclass(frozen=True, slots=True)
class Reference:
    kind: str
    name: str
    key: str = ""  # "" for the whole
    is_optional: bool = False


def references(node: Any) -> Iterator[Reference]:
    """Of a pod's spec, or of any part of one."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key in KINDS and isinstance(value, Mapping):
                name = next((str(value[each]) for each in NAMES if each in value), "")
                yield Reference(KINDS[key], name, str(value.get("key", "")), bool(value.get("optional")))
            yield from references(value)
    elif isinstance(node, list | tuple):
        for each in node:
            yield from references(each)
