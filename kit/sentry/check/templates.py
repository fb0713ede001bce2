"""Tells which keys of the values a Helm template names: `.Values.a.b`, or a variable, `with`, `get` or `dig` that leads there.

A template is read action by action, as Go's text/template does, but no value is known: an expression stands for the paths that it
may have come from. So `{{ $s3 := .Values.nodestore.s3 }} … {{ $s3.bucketName }}` names nodestore.s3.bucketName, which a look for
`.Values` does not see. A variable is followed within its file; what is handed to another template (`include`) or printed whole
(`toYaml`) is left open: anything may stand below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Path = tuple[str, ...]

_ACTION = re.compile(r"\{\{-?\s*/\*.*?\*/\s*-?\}\}|\{\{-?((?:\"(?:\\.|[^\"\\])*\"|`[^`]*`|(?!-?\}\})[^\"`])*)-?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"|`[^`]*`|'(?:\\.|[^'\\])*')"""
    r"""|(?P<sign>:=|[=|(),])"""
    r"""|(?P<chain>\$\w*(?:\.\w+)*|(?:\.\w+)+|\.)"""
    r"""|(?P<word>[^\s"`'|(),=]+)"""
)
# Functions that give back one of what they are given, or all of it together; that look something up in it; that print it whole.
_PASSING = {
    *("default", "coalesce", "ternary", "required", "empty", "fail", "and", "or", "not", "without", "set"),
    *("merge", "mergeOverwrite", "mustMerge", "mustMergeOverwrite", "deepCopy", "mustDeepCopy", "fromYaml", "fromJson"),
    *("list", "tuple", "concat", "append", "prepend", "compact", "uniq", "first", "last"),
}
_LOOKING = {"get", "index", "hasKey", "dig", "pluck", "pick", "unset"}
_PRINTING = {
    *("toYaml", "toJson", "toPrettyJson", "toRawJson", "mustToYaml", "mustToJson", "toToml"),
    *("tpl", "include", "template", "keys", "values", "omit"),
}


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression may be: places in the root context, named parts (`dict`), or a word that is written out."""

    paths: frozenset[Path] = frozenset()
    parts: Mapping[str, Value] = field(default_factory=dict)
    text: str | None = None

    def at(self, names: Sequence[str]) -> Value:
        if not names:
            return self
        below = self.parts.get(names[0], Value()).at(names[1:]) if names[0] in self.parts else Value()
        return Value(below.paths | {(*path, *names) for path in self.paths}, below.parts)

    def with_(self, other: Value) -> Value:
        return Value(self.paths | other.paths, {**self.parts, **other.parts})

    def everything(self) -> Iterator[Path]:
        yield from self.paths
        for part in self.parts.values():
            yield from part.everything()


ROOT = Value(frozenset({()}))


@dataclass
class Named:
    """The keys that were named so far, as paths below `.Values`: `read` by themselves, `open` with whatever stands below."""

    read: set[Path] = field(default_factory=set)
    open: set[Path] = field(default_factory=set)

    def note(self, value: Value, is_open: bool = False) -> Value:
        for path in value.everything() if is_open else value.paths:
            if path[:1] == ("Values",) and len(path) > 1:
                (self.open if is_open else self.read).add(path[1:])
        return value


def named_keys(text: str) -> Named:
    """Of one file of templates."""
    reader = _Reader()
    for match in _ACTION.finditer(text):
        if match[1] is not None:
            reader.action(_tokens(match[1]))
    return reader.named


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    is_joined: bool  # stands right behind the one before: `(get $a "b").c`


def _tokens(text: str) -> list[_Token]:
    found, end = [], -1
    for match in _TOKEN.finditer(text):
        found.append(_Token(match.lastgroup or "", match[0], match.start() == end))
        end = match.end()
    return found


@dataclass
class _Block:
    dot: Value  # of the surroundings
    variables: dict[str, Value] = field(default_factory=dict)


class _Reader:
    def __init__(self) -> None:
        self.named = Named()
        self.dot = ROOT
        self.blocks = [_Block(ROOT, {"$": ROOT})]

    def action(self, tokens: list[_Token]) -> None:
        word = tokens[0].text if tokens else ""
        if word == "end":
            if len(self.blocks) > 1:
                self.dot = self.blocks.pop().dot
        elif word == "else":
            self._otherwise(tokens[1:])
        elif word in ("define", "block"):
            # Who calls it, and with what, is not known here; nearly all hand on the root.
            self.blocks.append(_Block(self.dot, {"$": ROOT}))
            self.dot = ROOT
        elif word in ("if", "with", "range"):
            self.blocks.append(_Block(self.dot))
            self._head(word, tokens[1:])
        else:
            self._pipeline(tokens)

    def _otherwise(self, tokens: list[_Token]) -> None:
        self.dot = self.blocks[-1].dot
        if tokens:
            self._head(tokens[0].text, tokens[1:])

    def _head(self, word: str, tokens: list[_Token]) -> None:
        if word == "range":
            at = next((number for number, token in enumerate(tokens) if token.text in (":=", "=")), -1)
            self.named.note(self._pipeline(tokens[at + 1 :]), is_open=True)
            self.blocks[-1].variables.update({token.text: Value() for token in tokens[: max(at, 0)] if token.kind == "chain"})
            self.dot = Value()
            return
        value = self._pipeline(tokens)
        if word == "with":
            self.dot = value

    def _pipeline(self, tokens: list[_Token]) -> Value:
        if len(tokens) > 1 and tokens[0].text.startswith("$") and tokens[1].text in (":=", "="):
            assigned = self._pipeline(tokens[2:])
            self._assign(tokens[0].text, assigned, tokens[1].text == ":=")
            return assigned
        value: Value | None = None
        for command in _split(tokens):
            value = self._call(self._operands(command), value)
        return value or Value()

    def _assign(self, name: str, value: Value, is_new: bool) -> None:
        if not is_new:  # whether an `if` around it was true is not known: it may be either
            for block in reversed(self.blocks):
                if name in block.variables:
                    block.variables[name] = block.variables[name].with_(value)
                    return
        self.blocks[-1].variables[name] = value

    def _operands(self, tokens: list[_Token]) -> list[str | Value]:
        """Functions by their names, all else as what it may be."""
        found: list[str | Value] = []
        position = 0
        while position < len(tokens):
            token = tokens[position]
            position += 1
            if token.text == "(":
                end = _closing(tokens, position)
                found.append(self._pipeline(tokens[position:end]))
                position = end + 1
            elif token.kind == "chain":
                if token.is_joined and token.text.startswith(".") and found and tokens[position - 2].text == ")":
                    before = found.pop()
                    found.append(self._chain(before if isinstance(before, Value) else Value(), token.text))
                else:
                    found.append(self._chain(None, token.text))
            elif token.kind == "text":
                found.append(Value(text=token.text[1:-1]))
            elif token.kind == "word":
                found.append(token.text)
        return found

    def _chain(self, start: Value | None, text: str) -> Value:
        head, *names = text.split(".")
        if start is None:
            start = self._variable(head) if head else self.dot
        names = [name for name in names if name]
        if "Values" in names:  # whatever the context is called, there is one set of values
            start, names = ROOT, names[names.index("Values") :]
        return self.named.note(start.at(names))

    def _variable(self, name: str) -> Value:
        return next((block.variables[name] for block in reversed(self.blocks) if name in block.variables), Value())

    def _call(self, operands: list[str | Value], piped: Value | None) -> Value:
        if not operands:
            return piped or Value()
        head, *rest = operands
        given = [each if isinstance(each, Value) else self._call([each], None) for each in rest]
        given += [piped] if piped is not None else []
        if isinstance(head, Value):
            return head
        if head == "dict":
            pairs = zip(given[::2], given[1::2], strict=False)
            return Value(parts={key.text: value for key, value in pairs if key.text is not None})
        if head in _LOOKING and given:
            return self._looked_up(head, given)
        if head in _PRINTING:
            for each in given:
                self.named.note(each, is_open=True)
            return Value()
        if head in _PASSING:
            together = Value()
            for each in given:
                together = together.with_(each)
            return together
        return Value()

    def _looked_up(self, function: str, given: list[Value]) -> Value:
        """`get d k`, `index d k k`, `dig k k default d`, `pluck k d d`; a key that is no word leaves the place open."""
        if function == "dig":
            places, keys = given[-1:], given[:-2]
        elif function == "pluck":
            places, keys = given[1:], given[:1]
        else:
            places, keys = given[:1], given[1:]
        found = Value()
        for place in places:
            words = [key.text for key in keys]
            if None in words:
                self.named.note(place, is_open=True)
            elif function == "pick":
                for word in words:
                    self.named.note(place.at([word or ""]))
            else:
                found = found.with_(self.named.note(place.at([word or "" for word in words])))
        return found.with_(given[-2]) if function == "dig" and len(given) > 1 else found


def _split(tokens: list[_Token]) -> list[list[_Token]]:
    """At the pipes that stand in no parenthesis."""
    commands: list[list[_Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.text == "(" and token.kind == "sign") - (token.text == ")" and token.kind == "sign")
        if token.text == "|" and token.kind == "sign" and depth == 0:
            commands.append([])
        else:
            commands[-1].append(token)
    return commands


def _closing(tokens: list[_Token], start: int) -> int:
    depth = 1
    for position in range(start, len(tokens)):
        if tokens[position].kind == "sign":
            depth += (tokens[position].text == "(") - (tokens[position].text == ")")
        if depth == 0:
            return position
    return len(tokens)
