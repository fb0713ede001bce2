"""The figures of the documents, measured here: python -m bench [--write] [--rounds N] [local] [connected] [cloud] [capacity]

Whole processes, as a user runs them, under stacks of their own; medians, because machines are shared. What can be counted is
counted. With --write the table replaces docs/numbers.md. Nothing here passes or fails: targets stand beside the figures.
With --rounds 1 each is taken once, which is no measurement but shows that all of them can be taken.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench import capacity, cloud, connected, local
from bench.figures import Figure, Rounds
from kit import __version__
from kit.adapters.docker.client import Docker
from tests.support.program import ROOT, Program

DOCUMENT = ROOT / "docs" / "numbers.md"
PARTS = {"local": local.measure, "connected": connected.measure, "cloud": cloud.measure, "capacity": capacity.measure}


def main() -> None:
    # As in a user's shell: Python keeps what it has compiled. Some build machines switch that off, and every start pays for it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    asked = argparse.ArgumentParser(prog="python -m bench")
    asked.add_argument("--write", action="store_true", help="replace docs/numbers.md")
    asked.add_argument("--rounds", type=int, metavar="N", help="take every figure N times, not as often as it needs")
    asked.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all of them by default")
    chosen = asked.parse_args()
    if unknown := set(chosen.parts) - set(PARTS):
        asked.error(f"no such part: {', '.join(sorted(unknown))}")
    rounds = Rounds(chosen.rounds)
    figures: list[Figure] = []
    for name in chosen.parts or PARTS:
        with tempfile.TemporaryDirectory() as home:
            program = Program(Path(home), f"bench-{os.getpid()}")
            try:
                figures += PARTS[name](program, rounds)
            finally:
                program("purge", "--yes")
    text = page(figures)
    print(text)
    if chosen.write:
        DOCUMENT.write_text(text)


def page(figures: list[Figure]) -> str:
    engine = Docker().version()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3
    rows = "".join(f"| {figure.what} | {figure.measured} | {figure.target} | {figure.method} |\n" for figure in figures)
    machine = f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} {platform.release()}"
    versions = f"Python {platform.python_version()}, Docker Engine {engine.version}, kit {__version__}"
    return f"""# Numbers

Measured by `make bench` on {datetime.now(UTC):%Y-%m-%d}: {machine}; {versions}.
The machine is shared: read medians and ratios, not single times.

| what | measured | target | how |
|---|---|---|---|
{rows}
Not part of this table, since it takes the engine and the cache away first: `time make up` on this kind of machine with no engine
installed, nothing cached and no container registry took 13 min 18 s on 2026-11-28, of which 11 min 45 s were building and half a
minute, once, the node image with the cluster's images in it (at most 20 minutes are promised); the cloud's provider, and OpenTofu
where no terraform is installed, take some five minutes each. Since then the node brings kube-router (built in 1 min 43 s
by itself on 2026-11-29); the whole was not measured again. `kit images prune --build-cache` gives most of the cache back.
"""


main()
