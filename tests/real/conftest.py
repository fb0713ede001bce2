"""Two stages, one for each line, made side by side: a stack of stores and a cluster, with Sentry's real Relay in it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.real.rig import Rig
from tests.support.program import ROOT, Program
from tests.support.reach import local_target

CHARTS = ROOT / "tests" / "charts"
# Line → its chart's shape and the entry of the lock that is its Relay.
LINES = {"current": (CHARTS / "line-33", "relay"), "seed": (CHARTS / "relay-26", "relay-seed")}
BUILD_S, UP_S = 7200, 1800


@pytest.fixture(scope="session")
def rigs(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Rig]]:
    """Both, up; the programs are built first where they are not there yet."""
    programs = {line: Program(tmp_path_factory.mktemp(line), f"real-{line}-{os.getpid()}") for line in LINES}
    with ThreadPoolExecutor(max_workers=len(LINES)) as pool:
        try:
            relays = [relay for _, relay in LINES.values()]
            wanted = [
                *relays,
                *(f"probe-{line}" for line in LINES),
                "probe",
                "front",
                "debian-trixie",
                "terraform",
                "helm",
                "kind",
            ]
            programs["current"].must("images", "build", *wanted, timeout_s=BUILD_S)
            yield dict(pool.map(lambda line: (line, _up(line, programs[line])), LINES))
        finally:
            list(pool.map(lambda program: program.must("purge", "--yes"), programs.values()))


def _up(line: str, program: Program) -> Rig:
    (program.home / "kit.yaml").write_text(f"sentry: {{profile: {line}}}\n")
    program.must("up", "--local", "--only", "stores", timeout_s=UP_S)
    program.must("up", "--local", "--only", "cluster", timeout_s=UP_S)
    chart, relay = LINES[line]
    rig = Rig(local_target(program), line, Path(chart), relay)
    rig.prepare()
    rig.apply(rig.right())
    return rig
