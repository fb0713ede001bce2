"""The connected road: a computer with Docker, Python and a network, and nothing else, before servers on loopback."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, Rounds, say, seconds, timed
from kit.adapters.docker.client import Docker
from tests.connected.laptop import fresh, published
from tests.support.program import Program


def measure(program: Program, rounds: Rounds) -> Iterator[Figure]:
    docker = Docker()
    say("what upstream publishes")
    with tempfile.TemporaryDirectory() as served, published(docker, Path(served)) as upstream:
        say("fresh, connected")
        with tempfile.TemporaryDirectory() as home, fresh(docker, upstream, Path(home)) as laptop:
            yield from figures(laptop)


def figures(laptop: Program) -> Iterator[Figure]:
    """Of its first `up`, whose cache lies in its home."""
    took_s = timed(lambda: laptop.must("up", "--local", timeout_s=1800))
    compiled = sum((laptop.home / "cache" / name).exists() for name in ("go", "maven", "cargo", "artifacts"))
    yield Figure(
        "fresh, connected: all pulled, to the demo event", seconds(took_s), "≤ 180 s", "one run; test servers on this computer"
    )
    yield Figure("… compiled", f"{compiled}", "0", "folders of compilers in kit's cache, counted")
