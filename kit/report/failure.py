"""A failure as the user sees it: what, the code, why, and the command that mends it. Once, on stderr; as data with `-o json`."""

from __future__ import annotations

import json
import os
import sys
import traceback

from kit import cancel
from kit.errors import KitError

WIDTH = 78


class Unexpected(KitError):
    """A failure that nobody foresaw: a defect of kit."""

    code = "KIT-UNEXPECTED"
    exit_code = 1
    what = "kit met something it does not know: {kind}"
    fix = "run the same command with -v and report what it prints"


def unexpected(error: Exception) -> Unexpected:
    wrapped = Unexpected(
        kind=type(error).__name__,
        why=str(error) or "no message",
        detail="".join(traceback.format_exception(error)),
    )
    wrapped.__cause__ = error
    return wrapped


def text(error: KitError, *, color: bool, verbose: bool) -> str:
    red, dim, off = ("\x1b[31m", "\x1b[2m", "\x1b[0m") if color else ("", "", "")
    gap = " " * max(2, WIDTH - 2 - len(error.what) - len(error.code))
    why, fix = (said.replace("\n", "\n       ") for said in (error.why, error.fix))
    lines = [f"{red}✗{off} {error.what}{gap}{dim}{error.code}{off}", f"  why  {why}", f"  fix  {fix}"]
    if error.detail and (verbose or not isinstance(error, Unexpected)):
        lines += ["", *(f"  {dim}│{off} {line}" for line in error.detail.rstrip().splitlines())]
    if verbose and not isinstance(error, Unexpected):
        lines += ["", "".join(traceback.format_exception(error)).rstrip()]
    return "\n".join(lines)


def show(error: KitError, *, as_json: bool, verbose: bool) -> None:
    color = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    print(text(error, color=color, verbose=verbose), file=sys.stderr)
    if as_json:
        fields: dict[str, object] = {
            "code": error.code,
            "what": error.what,
            "why": error.why,
            "fix": error.fix,
            "exit_code": cancel.current.exit_code or error.exit_code,  # what the program ends with
        }
        if error.detail and (verbose or not isinstance(error, Unexpected)):
            fields["detail"] = error.detail
        if put_in := {name: value for name, value in error.fields.items() if value != error.detail}:
            fields["fields"] = put_in
        print(json.dumps({"error": fields}, indent=2, default=str))
