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
SHARED = ("probe", "front", "debian-trixie", "terraform", "helm", "kind")
BUILD_S, UP_S = 7200, 1800


@pytest.fixture(scope="session")
def rigs(request: pytest.FixtureRequest, engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Rig]]:
    """Those of the lines that tests were collected for, up; the programs are built first where they are not there yet."""
    lines = sorted({item.module.LINE for item in request.session.items if hasattr(item.module, "LINE")})  # type: ignore[attr-defined]
    programs = {line: Program(tmp_path_factory.mktemp(line), f"real-{line}-{os.getpid()}") for line in lines}
    with ThreadPoolExecutor(max_workers=len(LINES)) as pool:
        try:
            own = [name for line in lines for name in (LINES[line][1], f"probe-{line}")]
            programs[lines[0]].must("images", "build", *own, *SHARED, timeout_s=BUILD_S)
            yield dict(pool.map(lambda line: (line, _up(line, programs[line])), lines))
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
