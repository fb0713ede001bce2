"""Executes each distinct configuration of a release once in the sandbox, and returns the connections it would make.

Forty containers share three files and a handful of environments; one sandbox runs them all (see `sandbox`). It gets placeholders
for kit's secrets. Answers come one by one, so that settings which end it, or never end, can be named.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kit.adapters.bounded import Bounded
from kit.errors import KitError
from kit.sentry.chart.families import family_of, tag
from kit.sentry.chart.manifests import Container
from kit.sentry.check import connections, sandbox
from kit.sentry.check.executor import relay, sentry_consumers, snuba
from kit.sentry.check.pods import Files, environment, file_at, volume_at
from kit.sentry.check.sandbox import Sandbox

NO_FILE = "its settings are not mounted: {path} is in no ConfigMap or Secret of the release"
# Why there is no answer for some settings → what they did, and what to look for in them.
UNRUN: Mapping[str, tuple[str, str]] = {
    "time": (
        f"they had not ended after {sandbox.BOUNDS.time_s:.0f} s, with everything before them",
        "look for a loop that does not end, or for something that waits",
    ),
    "output": (
        f"they printed more than {sandbox.BOUNDS.output_bytes // 1024**2} MiB",
        "look for a loop that prints",
    ),
    "memory": (
        f"they needed more than {sandbox.MEMORY_BYTES // 1024**2} MiB of memory",
        "look for something that grows",
    ),
    "ended": ("they ended the process that runs them", "look for os._exit, os.abort or a signal"),
    "garbled": ("what came back is no answer", "look for something that writes into other programs' files or modules"),
}


class SettingsUnrun(KitError):
    """Rendered settings could not be executed: they crashed, did not end, or printed what is no answer."""

    code = "KIT-SETTINGS"
    exit_code = 14
    what = "the rendered settings of {whose} could not be executed"
    fix = "{look_for} in config.sentryConfPy, config.snubaSettingsPy or the chart"


def execute_all(containers: Iterable[Container], files: Files, sandboxes: Sequence[Sandbox]) -> tuple[connections.Executed, ...]:
    """In the order of the containers. Raises `SettingsUnrun`, and `NoSandbox` where there is something to execute."""
    runs: dict[str, dict[str, Any]] = {}
    sharing: dict[str, list[Container]] = {}
    for container in containers:
        if (request := _request(container, files)) is not None:
            key = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
            runs[key] = request
            sharing.setdefault(key, []).append(container)
    found = _found({key: run for key, run in runs.items() if "missing" not in run}, sharing, sandboxes)
    for key, unmounted in runs.items():
        if "missing" in unmounted:
            error = NO_FILE.format(path=unmounted["missing"])
            result = {"kind": unmounted["kind"], "error": error, "settings": {}, "connections": [], "topics": []}
            found[key] = connections.executed(tuple(sharing[key]), result)
    return tuple(found[key] for key in runs)


def _request(container: Container, files: Files) -> dict[str, Any] | None:
    """None for containers that read no settings: Relay's `credentials generate`, a shell that only waits."""
    family = family_of(container)
    if family is None or family.settings is None or (container.role == "init" and family.name in ("relay", "sentry")):
        return None
    wanted, env = family.settings, environment(container, files)
    path = env.get(wanted.variable, wanted.file) if wanted.variable else wanted.file
    source = file_at(container, path, files) if path else ""
    if source is None and not wanted.optional:
        return {"kind": wanted.kind, "missing": path}
    options = (file_at(container, wanted.options, files) if wanted.options else "") or ""
    return {
        "kind": wanted.kind,
        "source": source or "",
        "env": env,
        "version": tag(container.image),
        "options": options,
        "command": _command(container, wanted.kind),
        "files": _files_named(container, wanted.kind, source or "", files),
    }


def _command(container: Container, kind: str) -> list[str]:
    """The words of a container's command, where they choose the topics that it works on."""
    given = [*(container.spec.get("command") or ()), *(container.spec.get("args") or ())]
    words = [word for text in map(str, given) for word in _words(text)]
    chooses = {"sentry": sentry_consumers.consumer_of(words)[0], "snuba": set(words) & set(snuba.COMMANDS)}
    return words if chooses.get(kind) else []


def _words(text: str) -> list[str]:
    """A word is itself; the lines of a shell are taken apart."""
    try:
        return shlex.split(text, comments=True) if " " in text else [text]
    except ValueError:  # a quotation that does not end
        return text.split()


def _files_named(container: Container, kind: str, source: str, files: Files) -> dict[str, str | None]:
    """What stands in the files that settings read by themselves; None where something is mounted that nobody can look into."""
    paths = relay.paths(source) if kind == "relay" else ()
    mounted = [path for path in paths if volume_at(container, path)[0] is not None]
    return {path: file_at(container, path, files, files.secret_words) for path in mounted}


def _found(
    runs: Mapping[str, Any], sharing: Mapping[str, list[Container]], sandboxes: Sequence[Sandbox]
) -> dict[str, connections.Executed]:
    """By key, in the order in which they ran; whatever is missing at the end is missing because of the first one that is."""
    if not runs:
        return {}
    outcome = sandbox.run(sandboxes, runs)
    found: dict[str, connections.Executed] = {}
    reason: str = outcome.exceeded or "ended"
    for line in outcome.stdout.splitlines():
        try:
            answer = json.loads(line)
            if "ended" in answer:
                reason = answer["ended"] if answer["ended"] in UNRUN else "garbled"
                break
            key = answer["id"]
            found[key] = connections.executed(tuple(sharing[key]), answer["result"])
        except (ValueError, KeyError, TypeError, AttributeError):
            reason = "garbled"
            break
    for key in runs:
        if key not in found:
            why, look_for = UNRUN[reason]
            raise SettingsUnrun(whose=_name(sharing[key]), why=why, look_for=look_for, detail=_last_words(outcome))
    return found


def _name(sharing: Sequence[Container]) -> str:
    first = f"{sharing[0].kind}/{sharing[0].object}"
    return f"{first} and {len(sharing) - 1} more" if len(sharing) > 1 else first


def _last_words(outcome: Bounded) -> str:
    return connections.printable(outcome.stderr[-2000:].decode(errors="replace"))
