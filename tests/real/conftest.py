"""Two stages, one for each line, made side by side: a stack of stores and a cluster, with Sentry's real Relay in it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.real.looked import Outcome, outcomes
from tests.real.rig import Rig, mistakes
from tests.support.program import ROOT, Program
from tests.support.reach import local_target

CHARTS = ROOT / "tests" / "charts"
# Line → its chart's shape, the entry of the lock that is its Relay, and the mistakes made with it.
LINES = {
    "current": (CHARTS / "line-33", "relay", mistakes("mistakes.yaml")),
    "seed": (CHARTS / "relay-26", "relay-seed", mistakes("mistakes-seed.yaml")),
}
SHARED = ("probe", "front", "debian-trixie", "terraform", "helm", "kind")
BUILD_S, UP_S = 7200, 1800


@dataclass(frozen=True)
class Stage:
    """One line, up, its right Relay applied; what becomes of the mistakes is found out meanwhile."""

    rig: Rig
    outcomes: Future[dict[str, Outcome]]


@pytest.fixture(scope="session")
def stages(
    request: pytest.FixtureRequest, engine: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Stage]]:
    """Those of the lines that tests were collected for; the programs are built first where they are not there yet."""
    lines = sorted({item.module.LINE for item in request.session.items if hasattr(item.module, "LINE")})  # type: ignore[attr-defined]
    programs = {line: Program(tmp_path_factory.mktemp(line), f"real-{line}-{os.getpid()}") for line in lines}
    with ThreadPoolExecutor(max_workers=2 * len(LINES)) as pool:
        try:
            own = [name for line in lines for name in (LINES[line][1], f"probe-{line}")]
            programs[lines[0]].must("images", "build", *own, *SHARED, timeout_s=BUILD_S)
            rigs = list(pool.map(lambda line: _up(line, programs[line]), lines))
            made = [pool.submit(outcomes, rig, LINES[line][2]) for line, rig in zip(lines, rigs, strict=True)]
            yield dict(zip(lines, map(Stage, rigs, made), strict=True))
        finally:
            list(pool.map(lambda program: program.must("purge", "--yes"), programs.values()))


def _up(line: str, program: Program) -> Rig:
    (program.home / "kit.yaml").write_text(f"sentry: {{profile: {line}}}\n")
    program.must("up", "--local", "--only", "stores", timeout_s=UP_S)
    program.must("up", "--local", "--only", "cluster", timeout_s=UP_S)
    chart, relay, _ = LINES[line]
    rig = Rig(local_target(program), line, chart, relay)
    rig.prepare()
    rig.apply(rig.right())
    return rig
