"""Runs Docker Compose: the containers of one project, from one file and variables. Networks and volumes are made by kit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kit.adapters.child import Environment
from kit.adapters.environment import Withheld
from kit.adapters.process import Runner, run

TIMEOUT_S = 120.0
# Files, profiles and project: docs.docker.com/compose/how-tos/environment-variables/envvars, read 2026-11-28. KIT_*: compose.yaml
# has defaults for some of its variables, which a shell's must not replace.
WITHHELD = Withheld(("COMPOSE_*", "KIT_*"))
# A file .env in the user's folder, or beside compose.yaml, would be read as well.
ITSELF: Environment = {"COMPOSE_DISABLE_ENV_FILE": "1"}


@dataclass(frozen=True, slots=True)
class Compose:
    program: Path  # the docker-compose binary, which runs without being installed as a plugin
    file: Path
    project: str
    variables: Mapping[str, str]
    runner: Runner = run
    engine: Environment = field(default_factory=dict)  # the variables that name the engine: `Docker.child_environment`

    def up(self, services: Sequence[str]) -> None:
        """Create or replace the containers of these services, and start them; other services stay as they are."""
        argv = [str(self.program), "--project-name", self.project, "--file", str(self.file), "--progress", "quiet"]
        argv += ["up", "--detach", "--no-deps", "--no-build", "--pull", "never", *services]
        self.runner(argv, env={**WITHHELD.changes(), **ITSELF, **self.variables, **self.engine}, timeout_s=TIMEOUT_S)
