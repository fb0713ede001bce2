"""Run each distinct configuration of a release once, in a process of its own, and hand back the connections it would make.

Forty containers share three files and a handful of environments; one process runs them all. It gets placeholders for kit's
secrets, no environment of ours, and may neither connect nor write.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from kit.engines.process import Runner, run
from kit.errors import KitError
from kit.sentry.check import connections
from kit.sentry.check.families import family_of, tag
from kit.sentry.check.pods import Files, environment, file_at
from kit.sentry.manifests import Container
from kit.workspace import PACKAGE

PROGRAM = "import sys; sys.path.insert(0, {above!r}); from kit.sentry.check.executor.program import main; main()"
TIMEOUT_S = 30.0
NO_FILE = "its settings are not mounted: {path} is in no ConfigMap or Secret of the release"


class SettingsUnrun(KitError):
    """The process that runs rendered settings ended without an answer."""

    code = "KIT-SETTINGS"
    exit_code = 14

    def __init__(self, said: str) -> None:
        super().__init__(
            what="the rendered settings could not be executed",
            why=" ".join(said.split())[-300:] or "the process ended without a word",
            fix="look for code in config.sentryConfPy or config.snubaSettingsPy that ends the process or never ends",
        )


def execute_all(containers: Iterable[Container], files: Files, runner: Runner = run) -> tuple[connections.Executed, ...]:
    """In the order of the containers. Raises `SettingsUnrun`, `ToolTimeout`."""
    runs: dict[str, dict[str, Any]] = {}
    sharing: dict[str, list[Container]] = {}
    for container in containers:
        if (request := _request(container, files)) is not None:
            key = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
            runs[key] = request
            sharing.setdefault(key, []).append(container)
    results = _results({key: run for key, run in runs.items() if "missing" not in run}, runner)
    for key, unmounted in runs.items():
        if "missing" in unmounted:
            error = NO_FILE.format(path=unmounted["missing"])
            results[key] = {"kind": unmounted["kind"], "error": error, "settings": {}, "connections": []}
    return tuple(connections.executed(tuple(sharing[key]), results[key]) for key in runs)


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
    return {"kind": wanted.kind, "source": source or "", "env": env, "version": tag(container.image), "options": options}


def _results(runs: Mapping[str, Any], runner: Runner) -> dict[str, Any]:
    if not runs:
        return {}
    ran = runner(
        [sys.executable, "-I", "-c", PROGRAM.format(above=str(PACKAGE.parent))],
        stdin=json.dumps({"runs": runs}),
        timeout_s=TIMEOUT_S,
        check=False,
    )
    try:
        answer: dict[str, Any] = json.loads(ran.stdout)["results"]
    except (ValueError, KeyError) as error:
        raise SettingsUnrun(ran.stderr) from error
    return answer
