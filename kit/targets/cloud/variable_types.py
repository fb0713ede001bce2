"""The attributes that variables.tf gives its variables: Terraform drops an unknown one of an object without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z0-9_]*|[0-9.]+|[(){}\[\]=,]')
OPENS, CLOSES = "({[", ")}]"


@dataclass(frozen=True, slots=True)
class Each:
    """A list, set or map of one type."""

    type: Type


Type = Mapping[str, "Type"] | Each | None  # an object's attributes; None: anything else


@dataclass(frozen=True, slots=True)
class Unknown:
    """An attribute that no type has, and those which stand there."""

    path: str  # resources.kafka.disksize
    key: str
    known: tuple[str, ...]


def of(variables: str) -> Mapping[str, Type]:
    """Name of each variable → its type. `variables`: the text of variables.tf, as `terraform fmt` leaves it."""
    found: dict[str, Type] = {}
    for block in re.finditer(r'^variable "([a-z_]+)" \{$(.*?)^\}$', variables, re.MULTILINE | re.DOTALL):
        stated = re.search(r"^  type +=(.*)", block[2], re.MULTILINE | re.DOTALL)
        found[block[1]] = _Reader(TOKEN.findall(re.sub(r"#.*", "", stated[1]))).type() if stated else None
    return found


def unknown(value: Any, wanted: Type, path: str) -> Iterator[Unknown]:
    """What of a value, as kit.yaml says it, Terraform would drop."""
    if isinstance(wanted, Each):
        items = value.items() if isinstance(value, Mapping) else enumerate(value) if _is_list(value) else ()
        for key, item in items:
            yield from unknown(item, wanted.type, f"{path}.{key}")
    elif isinstance(wanted, Mapping) and isinstance(value, Mapping):
        for key, item in value.items():
            if key in wanted:
                yield from unknown(item, wanted[key], f"{path}.{key}")
            else:
                yield Unknown(f"{path}.{key}", str(key), tuple(wanted))


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


class _Reader:
    """Reads a type expression from its tokens."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def type(self) -> Type:
        word = self._next()
        if self._peek() != "(":
            return None
        self._next()
        if word == "object":
            found: Type = self._attributes()
        else:
            inner = self.type()
            found = inner if word == "optional" else Each(inner) if word in ("list", "set", "map") else None
        self._close()
        return found

    def _attributes(self) -> Mapping[str, Type]:
        self._next()  # {
        found: dict[str, Type] = {}
        while self._peek() not in ("}", ""):
            name = self._next()
            self._next()  # =
            found[name] = self.type()
            if self._peek() == ",":
                self._next()
        self._next()  # }
        return found

    def _close(self) -> None:
        """To the parenthesis that ends this type, past a default."""
        depth = 1
        while depth and self._at < len(self._tokens):
            token = self._next()
            depth += (token in OPENS) - (token in CLOSES)

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token
