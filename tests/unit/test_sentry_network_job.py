"""The program that tells which addresses a pod can connect to."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.sentry import network_job


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def shut() -> Iterator[int]:
    with socket.socket() as bound:  # nobody listens there, and nobody else can have it
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def printed(places: list[tuple[str, int]], until: str, within_s: float) -> list[str]:
    """As it runs in a pod: its text as a command, without kit."""
    asked = json.dumps({"places": places, "until": until, "within_s": within_s})
    argv = [sys.executable, "-I", "-c", Path(network_job.__file__).read_text()]
    ran = subprocess.run(argv, env={network_job.ASKED: asked}, capture_output=True, text=True, check=True)
    found: list[str] = json.loads(ran.stdout)
    return found


def test_what_answers_is_told_by_its_address_and_what_does_not_by_nothing(port: int, shut: int) -> None:
    assert printed([("localhost", port), ("127.0.0.1", shut), ("nowhere.invalid", 1)], "open", 0) == ["127.0.0.1", "", ""]


def test_it_ends_as_soon_as_it_is_as_was_waited_for(port: int, shut: int) -> None:
    assert printed([("127.0.0.1", port)], "open", 3600) == ["127.0.0.1"]
    assert printed([("127.0.0.1", shut)], "shut", 3600) == [""]


def test_what_stays_open_is_told_when_the_time_is_over(port: int) -> None:
    assert printed([("127.0.0.1", port)], "shut", 0) == ["127.0.0.1"]
