"""Names the user's own stack, and its rehearsal, in the commands that kit advises: without it they would be about another one."""

from __future__ import annotations

import re
import shlex

from kit.cli.context import Session

# Of commands that work on a stack; a group's command is its second word. What names a stack or a file already is left as it is.
_GROUPS = "certs|chart|cloud|secrets|values|yandex"
_COMMANDS = "up|status|verify|demo|env|capacity|logs(?: [a-z0-9]+)?|down|purge|preflight|topics|doctor"
_FLAGS = "local|cloud|rehearse|plan|mend|yes|sentry (?:lite|chart)|profile (?:current|seed)"
_ADVICE = re.compile(
    rf"\bkit (?:(?:{_GROUPS}) [a-z-]+|{_COMMANDS})\b(?![\w-])(?: --(?:{_FLAGS})\b)*(?![^;:,()\n]*--(?:stack|config)\b)",
)


def complete(text: str, session: Session) -> str:
    """The same text; each command of kit in it has the `--config`, `--stack` and `--rehearse` that this one was called with."""
    given = (("--config", session.config_path), ("--stack", session.stack_name))
    options = "".join(f" {option} {shlex.quote(value)}" for option, value in given if value is not None)
    return _ADVICE.sub(lambda command: (_rehearsed(command.group()) if session.rehearse else command.group()) + options, text)


def _rehearsed(command: str) -> str:
    """Of the rehearsal, where it would be about the real cloud; what is about this computer stays."""
    if "--rehearse" in command:
        return command
    if "--cloud" in command:
        return command.replace("--cloud", "--cloud --rehearse", 1)
    return f"{command} --cloud --rehearse" if command.startswith("kit cloud ") else command
