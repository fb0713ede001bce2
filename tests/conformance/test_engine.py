"""What is read from an engine's own answers, asked of the engine that runs here."""

from __future__ import annotations

import os
import subprocess

import pytest

from kit.adapters.docker.client import Docker
from kit.adapters.docker.errors import EngineRefused
from kit.host import platform


def test_its_platform_is_what_the_client_of_docker_says(engine: None) -> None:
    argv = ["docker", "version", "--format", "{{.Server.Os}}-{{.Server.Arch}}"]
    told = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert platform.of_engine(Docker()) == told.stdout.strip()


def test_a_second_network_of_the_same_name_is_refused(engine: None) -> None:
    docker, name = Docker(), f"kit-twice-{os.getpid()}"
    docker.create_network(name, {})
    try:
        with pytest.raises(EngineRefused, match=name):
            docker.create_network(name, {})
        assert len([network for network in docker.networks() if network.name == name]) == 1
    finally:
        for network in docker.networks():
            if network.name == name:
                docker.remove_network(network.id)
