"""`sentry.values` of kit.yaml: the user's own values for the chart, read with the place of each.

What looks like a secret and is written out is refused here, before anything has seen it: the chart writes such values into
ConfigMaps, pod specs and Helm's record of the release, and kit.yaml is in somebody's repository. Where the words of a key do not
say it (Python in config.sentryConfPy), the rules look at what was rendered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from kit.blueprint.stack import OwnValues
from kit.errors import KitError
from kit.yaml_file import Document, KeyPath

SECRET_WORDS = re.compile(
    r"(?:^|_)(?:password|passwd|passphrase|secret|token|credentials|(?:secret|private|api|access|signing|encryption|licen[cs]e)_key"
    r"|access_key_id)$"
)
# `existingSecret…`, `…SecretName`, `…Ref` name a Secret or a key in it; below `existingSecretKeys` stand names of keys.
NAMING = re.compile(r"^existing_|_(?:name|ref)$|^secret_keys$|^existing_secret_keys$|_secret_keys$")
# "$(NAME)", "${NAME}", a path, and the chart's words for "none".
NO_SECRET = re.compile(r"\$\(\w+\)|\$\{\w+\}|/\S*|true|false|none|", re.IGNORECASE)
URL_PASSWORD = re.compile(r"[a-z][a-z0-9+]*://[^\s:/@\"']*:(?!//)(?!\$[({])([^\s@/\"'{%*]+)@")


class BadBlueprint(KitError):
    """kit.yaml, or a file that it names, cannot be read as a description of a stack."""

    code = "KIT-BLUEPRINT"
    exit_code = 10
    what = "{where} is not a valid blueprint"
    fix = "check the path, and who may read the file"


class SecretInClear(KitError):
    """Something that looks like a secret is written out in kit.yaml."""

    code = "KIT-SECRET-IN-CLEAR"
    exit_code = 10
    what = "{where} writes out {key}, which looks like a secret"
    why = "it would stand in a file that is shared, in ConfigMaps of the cluster and in Helm's record of the release"


def read(document: Document, path: KeyPath = ()) -> OwnValues:
    """Those that stand at `path`. Raises `BadBlueprint`, `SecretInClear`. Nothing, or nothing but comments, is no values."""
    found = document.plain(path)
    if found is None:
        return OwnValues()
    if not isinstance(found, dict):
        raise document.wrong(path, "a mapping is expected here", "write the chart's keys and values")
    places = {place[len(path) :]: line for place, line in document.places.items() if place[: len(path)] == path != place}
    values = OwnValues(json.dumps(found, sort_keys=True), places)
    for key, variable in in_clear(found):
        raise SecretInClear(where=values.place(key), key=variable or ".".join(key), fix=_instead(key, variable))
    return values


def _instead(path: KeyPath, variable: str) -> str:
    name = _words(variable or path[-1]).replace("_", "-")
    use = f"existingSecret: kit-own, with its key {name}"
    if variable:
        use = f"valueFrom: {{secretKeyRef: {{name: kit-own, key: {name}}}}}"
    return f"kit secrets set {name}, and here {use}"


def in_clear(node: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Where a secret stands in clear: the path of the nearest key, and the variable's name where it is an entry of `env`."""
    if isinstance(node, dict):
        if isinstance(node.get("name"), str) and _is_secret(node["name"], node.get("value")):
            yield (*path, "value"), node["name"]
        for key, value in node.items():
            if not NAMING.search(_words(key)):
                if _is_secret(key, value):
                    yield (*path, key), ""
                yield from in_clear(value, (*path, key))
    elif isinstance(node, list):
        for number, each in enumerate(node):
            yield from in_clear(each, (*path, str(number)))
    elif isinstance(node, str) and URL_PASSWORD.search(node):
        yield path, ""


def _is_secret(key: str, value: Any) -> bool:
    if "/" in key or isinstance(value, bool) or not isinstance(value, str | int | float):  # an annotation's name; a switch
        return False
    return bool(SECRET_WORDS.search(_words(key))) and not NO_SECRET.fullmatch(str(value))


def _words(key: str) -> str:
    """ "clientSecret", "client-secret" and "CLIENT_SECRET" alike: client_secret."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", key)
    return re.sub(r"[^A-Za-z0-9]+", "_", parted).lower().strip("_")
