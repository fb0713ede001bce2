"""Reads YAML files: text → data with the place of every value → a type. What is wrong is an error with its file and line.

YAML takes 1.30 for 1.3, 012 for 10 and `on` for true, and what was meant is lost before anybody looks at it. Words in quotes are
text; without quotes a number, true, false and null are what they look like, and whatever would come out otherwise than it went in
is refused where it is used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from kit.errors import KitError

T = TypeVar("T")
KeyPath = tuple[str, ...]  # an entry of a list by its number

MOST_NODES = 20_000  # aliases of aliases multiply: a few lines can describe more than memory holds
SAFE_DEPTH = (
    5_000  # libyaml is twenty times as fast as Python's parser, and ends the process at 200 000 (0.2.5, tried 2026-11-28)
)
LARGEST_WHOLE = 2**53  # beyond it Helm, which reads every number as a float64, changes digits
TAG = "tag:yaml.org,2002:"
CONTAINERS = {"mapping": f"{TAG}map", "sequence": f"{TAG}seq"}
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_NOT_PRINTABLE = yaml.reader.Reader.NON_PRINTABLE
_WHOLE = re.compile(r"-?(?:0|[1-9]\d*)")
_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class DataInvalid(KitError):
    """A data file that comes with kit does not say what it should."""

    code = "KIT-DATA-INVALID"
    exit_code = 12
    what = "{where} is not as kit expects it"
    fix = "mend that line, or take the file from git"


def read(path: Path, error: type[KitError] = DataInvalid) -> Document:
    """A YAML file in UTF-8. `error` is raised for anything wrong with it: a class whose `what` names `where`, with a `fix`."""
    try:
        content = path.read_bytes()
    except OSError as refused:
        said = refused.strerror or str(refused)
        raise error(where=str(path), why=f"the system says: {said}") from refused
    if content.startswith(UTF_16) or b"\0" in content[:4]:
        fix = "save it as UTF-8: iconv -f UTF-16 -t UTF-8"
        raise error(where=str(path), why="it is UTF-16, as Windows' shells write it, and not UTF-8", fix=fix)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as refused:
        line = content[: refused.start].count(b"\n") + 1
        fix = "save it as UTF-8; for Cyrillic letters of an old editor: iconv -f CP1251 -t UTF-8"
        raise error(where=f"{path}:{line}", why="its bytes are not text in UTF-8", fix=fix) from refused
    return parse(text, str(path), error)


def parse(text: str, where: str, error: type[KitError] = DataInvalid) -> Document:
    if found := _NOT_PRINTABLE.search(text):
        number = text[: found.start()].count("\n") + 1
        raise error(where=f"{where}:{number}", why=f"a control character, {found.group()!r}, stands there", fix="remove it")
    deepest = text.count("[") + text.count("{") + max(map(len, text.splitlines()), default=0)
    try:
        root = yaml.compose(text, Loader=_FAST if deepest < SAFE_DEPTH else yaml.SafeLoader)
        return Document(root, where, error)
    except yaml.YAMLError as broken:
        mark = getattr(broken, "problem_mark", None)
        said = ", ".join(str(each) for each in (getattr(broken, "context", None), getattr(broken, "problem", broken)) if each)
        line = f":{mark.line + 1}" if mark else ""
        raise error(where=f"{where}{line}", why=" ".join(said.split()), fix="mend the YAML at that line") from broken
    except RecursionError as broken:
        raise error(where=where, why="it is nested too deeply to be read", fix="write it flatter") from broken


class Document:
    """The data of one file, and where each value is written."""

    def __init__(self, root: Any, where: str, error: type[KitError]) -> None:
        self.where = where
        self.places: dict[KeyPath, str] = {}  # "kit.yaml:12"
        self._error = error
        self._ambiguous: dict[KeyPath, Any] = {}  # words that YAML reads otherwise than a person → what it reads
        self._words: dict[KeyPath, str] = {}
        self._open: set[int] = set()
        self._count = 0
        self.data: Any = self._made(root, ()) if root else None

    # -- what it says

    def value(self, path: KeyPath = ()) -> Any:
        """None where there is nothing."""
        found = self.data
        for step in path:
            if isinstance(found, list):
                found = found[int(step)] if int(step) < len(found) else None
            else:
                found = found.get(step) if isinstance(found, dict) else None
        return found

    def has(self, path: KeyPath) -> bool:
        return path in self.places

    def written(self, path: KeyPath) -> str:
        """A word as it stands there, whatever YAML reads it as. Raises the document's error where there is no word."""
        if path not in self._words:
            raise self.wrong(path, "a word is expected here", "write one word")
        return self._words[path]

    def plain(self, path: KeyPath = ()) -> Any:
        """Data as a person reads it, which is somebody else's to judge."""
        for place, read in self._ambiguous.items():
            if place[: len(path)] == path:
                written, said = self._words[place], shortest(read) if isinstance(read, float) else json.dumps(read)
                quoted, meant = json.dumps(written, ensure_ascii=False), "" if said == written else f", or {said}"
                why = f"{written} without quotes is {said} to whoever reads YAML"
                raise self.wrong(place, why, f"quote it: {quoted}{meant}")
        return self.value(path)

    def to(self, kind: type[T], path: KeyPath = ()) -> T:
        """What stands at `path`, as a type that msgspec knows. Raises the document's error at the line that does not fit."""
        return self.convert(self.plain(path), kind, path)

    def convert(self, data: Any, kind: type[T], path: KeyPath) -> T:
        """The same of data that was made from what stands at `path`."""
        try:
            return msgspec.convert(data, kind)
        except msgspec.ValidationError as error:
            why, _, place = str(error).partition(" - at `")
            steps = [name or number for name, number in re.findall(r"\.([\w-]+)|\[(\d+)\]", place.rpartition("` in `")[2])]
            steps += re.findall(r"unknown field `(.+)`", why)  # its own line, and not that of what it stands in
            raise self.wrong((*path, *steps), why) from error

    def wrong(self, path: KeyPath, why: str, fix: str | None = None) -> KitError:
        """The document's error, at the nearest place to `path`; what is to be done is the error's own advice or `fix`."""
        return self._error(where=self.place(path), why=why, fix=fix)

    def place(self, path: KeyPath) -> str:
        """Where it is written, or the nearest thing above it."""
        known = (self.places.get(path[:length]) for length in range(len(path), -1, -1))
        return next((place for place in known if place), f"{self.where}:1")

    def line(self, path: KeyPath) -> int:
        return int(self.place(path).rpartition(":")[2])

    # -- nodes to data

    def _made(self, node: Any, path: KeyPath) -> Any:
        self._count += 1
        self.places.setdefault(path, f"{self.where}:{node.start_mark.line + 1}")
        if self._count > MOST_NODES:
            raise self.wrong(path, f"with its aliases it describes more than {MOST_NODES} values", "write out what is meant")
        if node.id == "scalar":
            return self._scalar(node, path)
        if node.tag != CONTAINERS[node.id]:
            raise self.wrong(path, f"the tag {node.tag} is not for values", "write it without a tag")
        if id(node) in self._open:
            raise self.wrong(path, "an alias here leads back to what it is part of", "write out what is meant")
        self._open.add(id(node))
        try:
            if node.id == "sequence":
                return [self._made(each, (*path, str(number))) for number, each in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self._open.remove(id(node))

    def _mapping(self, node: Any, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        own, ours = set[str](), {id(key) for key, _ in node.value}
        for key, value in [*self._merged(node), *node.value]:
            line = f"{self.where}:{key.start_mark.line + 1}"
            if key.id != "scalar":
                raise self._error(where=line, why="a key is a word", fix="write a word before the colon")
            if key.tag == f"{TAG}merge":
                continue
            name = str(key.value)  # as it is written: `on:` is a name here, and not true
            if name in own:
                raise self._error(where=line, why=f"{name!r} stands here twice", fix="keep one of them")
            if id(key) in ours:
                own.add(name)
            self.places[*path, name] = line
            found[name] = self._made(value, (*path, name))
        return found

    def _merged(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """What `<<` brings in; the mapping's own keys win over it."""
        for key, value in node.value:
            if key.tag != f"{TAG}merge":
                continue
            for each in reversed(value.value) if value.id == "sequence" else [value]:
                if each.id != "mapping" or id(each) in self._open:
                    line = f"{self.where}:{key.start_mark.line + 1}"
                    raise self._error(
                        where=line, why="<< takes a mapping, or a list of them", fix="name one by an alias: <<: *name"
                    )
                yield from self._merged(each)
                yield from each.value

    def _scalar(self, node: Any, path: KeyPath) -> Any:
        text, kind = str(node.value), node.tag.removeprefix(TAG)
        self._words[path] = text
        if kind in ("str", "timestamp", "value"):  # a date is text to Helm, as it is to a reader
            return text
        if kind == "null":
            return None
        if kind not in ("bool", "int", "float"):
            raise self.wrong(path, f"the tag {node.tag} is not for values", "write a number, true, false, null or text")
        if kind == "bool":
            is_plain = text.lower() in ("true", "false")
        elif kind == "int":
            is_plain = _WHOLE.fullmatch(text) is not None and abs(int(text)) <= LARGEST_WHOLE
        read = yaml.SafeLoader("").construct_object(node)
        if kind == "float":
            is_plain = text == shortest(read)
        if not is_plain:
            self._ambiguous[path] = read
        return read


def shortest(number: float) -> str:
    """As it is printed by whoever has read it as a number: 4.0 is 4."""
    return repr(number).removesuffix(".0")


def suggestion(word: str, known: tuple[str, ...]) -> str:
    """What to write instead of an unknown word."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
