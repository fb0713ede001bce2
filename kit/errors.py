"""Errors that a user can meet: each class has a code, an exit code, and templates for what happened, why, and the fix.

    class PortTaken(KitError):
        code = "KIT-PORT-TAKEN"
        exit_code = 23
        what = "port {port} is in use"
        why = "{owner} listens on it"
        fix = "stop it, or remove `{key}` from `ports` in kit.yaml and let kit choose"

    raise PortTaken(port=9091, owner="nginx", key="kafka")

A text that the class does not have is given where the error is raised: `why=` with what a program said, for example. A text
that is given replaces the class's. A field that is missing, or that no template names, is a `TypeError`.

Errors are raised where the fact is known and shown once, at the top of the command line. The exit code is a band: 1x the
user's input, 2x the host, 3x the engine, 4x the stores, 5x the cluster, 6x the cloud. `docs/errors.md` lists them all.
"""

from __future__ import annotations

import inspect
import string
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from os import PathLike
from typing import Any, ClassVar

# Plain values only: `-o json` prints them, so no object that may hold a password can be one.
Field = str | int | float | PathLike[str] | datetime | Sequence[str] | None

TEXTS = ("what", "why", "fix", "detail")


class _Formatter(string.Formatter):
    """str.format, where a list is written with commas, or what stands behind the colon (`{all:; }`). `!l` takes a first line."""

    def convert_field(self, value: Any, conversion: str | None) -> Any:
        return first_line(str(value)) if conversion == "l" else super().convert_field(value, conversion)

    def format_field(self, value: Any, format_spec: str) -> Any:
        if isinstance(value, list | tuple):
            return (format_spec or ", ").join(value)
        return super().format_field(value, format_spec)


FORMATTER = _Formatter()


class KitError(Exception):
    """A failure with a stable code. `detail` is what a tool said, shown below the three texts, never classified by its words."""

    code: ClassVar[str] = "KIT-UNEXPECTED"
    exit_code: ClassVar[int] = 1
    what: str = ""
    why: str = ""
    fix: str = ""
    detail: str = ""

    def __init__(
        self,
        *,
        what: str | None = None,
        why: str | None = None,
        fix: str | None = None,
        detail: str | None = None,
        **fields: Field,
    ) -> None:
        texts = {"what": what, "why": why, "fix": fix, "detail": detail}
        given = {text: said for text, said in texts.items() if said is not None}
        templates = {text: getattr(type(self), text) for text in texts if text not in given}
        declared = declared_fields(type(self))
        needed = fields_of(type(self), templates) | {field for field in declared if not hasattr(type(self), field)}
        name = type(self).__name__
        if absent := sorted(text for text, template in templates.items() if not template and text != "detail"):
            raise TypeError(f"{name} must be given {', '.join(absent)}")
        if unknown := sorted(fields.keys() - declared - fields_of(type(self))):
            raise TypeError(f"{name} has no field {', '.join(unknown)}")
        if missing := sorted(needed - fields.keys()):
            raise TypeError(f"{name} needs {', '.join(missing)}")
        said = given | {text: FORMATTER.vformat(template, (), fields) for text, template in templates.items()}
        super().__init__(said["what"])
        self.what, self.why, self.fix, self.detail = (said[text] for text in TEXTS)
        self.fields: Mapping[str, Field] = fields
        for field in declared & fields.keys():
            setattr(self, field, fields[field])


def fields_of(error: type[KitError], texts: Iterable[str] = TEXTS) -> set[str]:
    """The fields that these templates of the class name."""
    parsed = (FORMATTER.parse(getattr(error, text)) for text in texts)
    return {name.partition(".")[0] for parts in parsed for _, name, _, _ in parts if name}


def declared_fields(error: type[KitError]) -> set[str]:
    """The fields that a class annotates, since code reads them as attributes; needed, if they have no value in the class."""
    own = error.__mro__[: error.__mro__.index(KitError)]
    annotated = (item for each in own for item in inspect.get_annotations(each).items())
    return {name for name, kind in annotated if "ClassVar" not in str(kind)} - set(TEXTS)


def first_line(said: str) -> str:
    """The first line that says something."""
    return next((line.strip() for line in said.splitlines() if line.strip()), "it said nothing")


class ToolFailed(KitError):
    """Another program ended with an error; carries its pasteable command line and the end of its output."""

    code = "KIT-TOOL-FAILED"
    exit_code = 30
    what = "{program} failed with exit code {status}"
    fix = "run it by hand: {command}"


class ToolMissing(KitError):
    """A program that a step needs is not on PATH."""

    code = "KIT-TOOL-MISSING"
    exit_code = 20
    what = "{program} not found"
    why = "it is not on PATH"
    fix = "install {program}, then run the same command again"


class ToolGone(ToolMissing):
    """A program was removed from the place where it was found or made, while a command needed it."""

    code = "KIT-TOOL-GONE"
    why = "there is no such file any more"
    fix = "run the same command again: what is missing from kit's cache is fetched or built anew"


class FolderGone(ToolMissing):
    """The folder that a program is to run in does not exist."""

    code = "KIT-FOLDER-GONE"
    what = "{program} cannot be run"
    why = "{folder} does not exist"
    fix = "run the same command again: kit makes the folders that it needs"


class ToolUnusable(KitError):
    """A program that a step needs is there, and the kernel does not start it."""

    code = "KIT-TOOL-UNUSABLE"
    exit_code = 20
    what = "{program} cannot be started"


class ToolTimeout(KitError):
    """Another program did not end in the time it had."""

    code = "KIT-TOOL-TIMEOUT"
    exit_code = 31
    what = "{program} did not end within {timeout_s:.0f} s"
    why = "it was stopped, with everything it had started"
    fix = "run it by hand to see what it waits for: {command}"
