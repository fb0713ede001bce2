"""Commands of kit named in prose, in data and in documents, held against the command line that kit really has.

A text names a command where `kit` stands before a word. In backticks and in blocks of code all that follows belongs to it;
in prose only what the command line knows, and an option's name without its dashes is taken for a mistake (`kit topics
mend`). What is written in capitals, in angle brackets or as … stands for something that the reader puts in.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from kit.cli.app import kit
from kit.cli.global_options import OPTIONS

NAMED = re.compile(r"(?<![\w./=-])kit (?=[a-z-])")
SPAN = re.compile(r"`+([^`]+)`+")
FENCE = re.compile(r"^(?:```|~~~)[^\n]*\n(.*?)^(?:```|~~~)", re.MULTILINE | re.DOTALL)
END = re.compile(r"\s[|<>]\s|&&|[;#\n`)\"(]|\s\|\s|  +")  # of a command in a shell's line
PLACEHOLDER = re.compile(r"[A-Z<…$.{]|\d+$")
EVERYWHERE = {name: not option.is_flag for option in OPTIONS for name in option.opts}
EVERYWHERE |= {"-h": False, "--help": False, "--version": False}


@dataclass(frozen=True, slots=True)
class Named:
    words: tuple[str, ...]
    is_code: bool  # every word belongs to the command

    def __str__(self) -> str:
        return " ".join(("kit", *self.words))


def in_code(code: str) -> Iterator[Named]:
    for match in NAMED.finditer(code):
        yield Named(_sentence(END.split(code[match.end() :], maxsplit=1)[0]), is_code=True)


def in_prose(text: str) -> Iterator[Named]:
    """What a sentence names, its backticks first; a word with a full stop or a comma is the command's last."""
    for span in SPAN.finditer(text):
        yield from in_code(span[1])
    plain, commands = SPAN.sub("``", text), kit.list_commands(click.Context(kit))
    for match in NAMED.finditer(plain):
        words = _sentence(plain[match.end() :])
        if words[0].startswith("-") or difflib.get_close_matches(words[0], commands, cutoff=0.8):  # `kit topic` is no prose
            yield Named(words, is_code=False)


def _sentence(text: str) -> tuple[str, ...]:
    """The words up to the first that ends with a mark."""
    words: list[str] = []
    for word in text.split():
        words.append(word.rstrip(".,;:)\"'?!"))
        if words[-1] != word:
            break
    return tuple(words)


def in_markdown(text: str) -> Iterator[Named]:
    text = text.replace("\\|", "|")  # as it is written in a table
    for block in FENCE.finditer(text):
        yield from in_code(block[1])
    for span in SPAN.finditer(FENCE.sub("", text)):
        yield from in_code(span[1])


def mistake(named: Named) -> str | None:
    """What kit would not understand of it; None: nothing."""
    command: click.Command = kit
    context, arguments, words = click.Context(kit), 0, list(named.words)
    while words:
        word = words.pop(0).strip("[],")
        if not word or word in ("|", "…"):
            continue
        if word.startswith("-"):
            if problem := _option(command, word.partition("…")[0], words):
                return problem
        elif isinstance(command, click.Group):
            found = [command.get_command(context, name) for name in word.split("|")]
            if None in found:
                return f"no command {word!r} in `{command.name}`"
            command, arguments = found[0] or command, 0
        else:
            if not named.is_code:
                return f"`{command.name}` has an option --{word}" if f"--{word}" in _options(command) else None
            if problem := _argument(command, word, arguments):
                return problem
            arguments += 1
    return None


def _option(command: click.Command, word: str, rest: list[str]) -> str | None:
    """Take an option's value from the rest, if it has one."""
    for alternative in word.split("|"):
        name, _, value = alternative.partition("=")
        if name in EVERYWHERE:
            takes, choices = EVERYWHERE[name], None
        elif option := _options(command).get(name):
            takes, choices = not (option.is_flag or option.count), option.type
        else:
            return f"`{command.name}` has no option {name}"
        if takes and not value and rest:
            value = rest.pop(0).strip("[],")
        if value and _is_not_among(value, choices):
            return f"{name} of `{command.name}` is never {value!r}"
    return None


def _argument(command: click.Command, word: str, number: int) -> str | None:
    wanted = [each for each in command.params if isinstance(each, click.Argument)]
    taken = wanted[min(number, len(wanted) - 1)] if wanted else None
    if taken is None or (number >= len(wanted) and taken.nargs != -1):
        return f"`{command.name}` takes no {word!r}"
    return f"{taken.name} of `{command.name}` is never {word!r}" if _is_not_among(word, taken.type) else None


def _is_not_among(value: str, kind: click.ParamType | None) -> bool:
    if not isinstance(kind, click.Choice) or PLACEHOLDER.match(value):
        return False
    return not set(value.split("|")) <= set(map(str, kind.choices))


def _options(command: click.Command) -> dict[str, click.Option]:
    options: Sequence[click.Option] = [each for each in command.params if isinstance(each, click.Option)]
    return {name: option for option in options for name in (*option.opts, *option.secondary_opts)}


def tree(command: click.Command = kit, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """kit's own and every command below it, each by its path: ("images", "list")."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from tree(found, (*path, name))
