"""What is read from an engine's own answers, asked of the engine that runs here."""

from __future__ import annotations

import subprocess

from kit.adapters.docker.client import Docker
from kit.host import platform


def test_its_platform_is_what_the_client_of_docker_says(engine: None) -> None:
    argv = ["docker", "version", "--format", "{{.Server.Os}}-{{.Server.Arch}}"]
    told = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert platform.of_engine(Docker()) == told.stdout.strip()
