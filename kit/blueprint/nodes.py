"""YAML as it is written: a node becomes data only where YAML's reading of it is also a person's.

YAML takes 1.30 for 1.3, 012 for 10 and `on` for true, and what was meant is lost before anybody looks at it. Words in quotes are
text; without quotes a number, true, false and null are what they look like, and whatever would come out otherwise than it went in
is refused with its file and line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from kit.errors import KitError

MOST_NODES = 20_000  # aliases of aliases multiply: a few lines can describe more than memory holds
LARGEST_WHOLE = 2**53  # beyond it Helm, which reads every number as a float64, changes digits
TAG = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"-?(?:0|[1-9]\d*)")

KeyPath = tuple[str, ...]  # an entry of a list by its number


class BadBlueprint(KitError):
    """kit.yaml, or a file that it names, cannot be read as a description of a stack."""

    code = "KIT-BLUEPRINT"
    exit_code = 10
    what = "{where} is not a valid blueprint"


def place(where: str, node: Any) -> str:
    return f"{where}:{node.start_mark.line + 1}"


def composed(text: str, where: str) -> Any:
    """The root node of one YAML document; None where there is nothing in it. Raises `BadBlueprint`."""
    import yaml

    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        said = ", ".join(str(each) for each in (getattr(error, "context", None), getattr(error, "problem", error)) if each)
        raise BadBlueprint(where=f"{where}{line}", why=said, fix="mend the YAML at that line") from error
    except RecursionError as error:
        raise BadBlueprint(where=where, why="it is nested too deeply to be read", fix="write it flatter") from error


class Data:
    """Makes data of nodes of one file, and remembers where each key of a mapping is written."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.places: dict[KeyPath, str] = {}  # "kit.yaml:12"
        self._open: set[int] = set()
        self._count = 0

    def of(self, node: Any, path: KeyPath = ()) -> Any:
        """Raises `BadBlueprint`."""
        self._count += 1
        if self._count > MOST_NODES:
            raise self.refuse(node, f"with its aliases it describes more than {MOST_NODES} values", "write out what is meant")
        if node.id == "scalar":
            return self._scalar(node)
        if id(node) in self._open:
            raise self.refuse(node, "an alias here leads back to what it is part of", "write out what is meant")
        self._open.add(id(node))
        try:
            if node.id == "sequence":
                return [self.of(each, (*path, str(number))) for number, each in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self._open.remove(id(node))

    def _mapping(self, node: Any, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        own: set[str] = set()
        for key, value in [*self._merged(node), *node.value]:
            if key.id != "scalar":
                raise self.refuse(key, "a key is a word", "write a word before the colon")
            if key.tag == f"{TAG}merge":
                continue
            name = str(key.value)  # as it is written: `on:` is a name here, and not true
            if name in own:
                raise self.refuse(key, f"{name!r} stands here twice", "keep one of them")
            if any(key is each for each, _ in node.value):
                own.add(name)
            self.places[*path, name] = place(self.where, key)
            found[name] = self.of(value, (*path, name))
        return found

    def _merged(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """What `<<` brings in; the mapping's own keys win over it."""
        for key, value in node.value:
            if key.tag != f"{TAG}merge":
                continue
            for each in reversed(value.value) if value.id == "sequence" else [value]:
                if each.id != "mapping" or id(each) in self._open:
                    raise self.refuse(key, "<< takes a mapping, or a list of them", "name one by an alias: <<: *name")
                yield from self._merged(each)
                yield from each.value

    def _scalar(self, node: Any) -> Any:
        text, kind = node.value, node.tag.removeprefix(TAG)
        if kind in ("str", "timestamp", "value"):  # a date is text to Helm, as it is to a reader
            return text
        if kind == "null":
            return None
        if kind == "bool":
            if text.lower() not in ("true", "false"):
                raise self._ambiguous(node, _read(node))
            return text.lower() == "true"
        if kind == "int":
            if not _WHOLE.fullmatch(text) or abs(int(text)) > LARGEST_WHOLE:
                raise self._ambiguous(node, _read(node))
            return int(text)
        if kind == "float":
            number = _read(node)
            if text != shortest(number):
                raise self._ambiguous(node, number)
            return number
        raise self.refuse(node, f"the tag {node.tag} is not for values", "write a number, true, false, null or text")

    def _ambiguous(self, node: Any, read: Any) -> BadBlueprint:
        said = shortest(read) if isinstance(read, float) else json.dumps(read)
        quoted = json.dumps(node.value, ensure_ascii=False)
        meant = "" if said == node.value else f", or {said}"
        return self.refuse(node, f"{node.value} without quotes is {said} to whoever reads YAML", f"quote it: {quoted}{meant}")

    def refuse(self, node: Any, why: str, fix: str) -> BadBlueprint:
        return BadBlueprint(where=place(self.where, node), why=why, fix=fix)


def _read(node: Any) -> Any:
    """As YAML reads it."""
    import yaml

    return yaml.SafeLoader("").construct_object(node)


def shortest(number: float) -> str:
    """As it is printed by whoever has read it as a number: 4.0 is 4."""
    return repr(number).removesuffix(".0")
