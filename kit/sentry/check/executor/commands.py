"""Options in the words of a command."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def options(words: Sequence[str], name: str) -> list[str]:
    """Every value of `--name value` and `--name=value`."""
    found = [word.partition("=")[2] for word in words if word.startswith(f"{name}=")]
    return found + [value for word, value in pairwise(words) if word == name]


def option(words: Sequence[str], name: str) -> str:
    """The last one, which counts; "" where there is none."""
    return (options(words, name) or [""])[-1]
