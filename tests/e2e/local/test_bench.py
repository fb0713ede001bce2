"""The bench runs: every figure of the local part is taken, once, by a process as `make bench` starts it."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from tests.support.program import ROOT

FIGURES = (
    "kit --help",
    "authority and all leaf certificates",
    "five stores from empty volumes",
    "five stores, warm",
    "the topics of the profile, created",
    "the node image with the cluster's images",
    "everything, from empty volumes",
    "of it, the cluster and its images (beside the stores)",
    "of it, the preflight: all components × stores, twice",
    "of it, Helm, migrations and start of the small Sentry",
    "five stores idle",
    "kit status",
    "kit up, nothing to do",
    "… its writes to the engine",
    "kit preflight",
    "exception → visible",
    "kit down",
    "left after purge",
)
ROW = re.compile(r"\| (?P<what>[^|]+) \| (?P<measured>[^|]+) \| (?P<target>[^|]+) \| (?P<how>[^|]+) \|")


def test_every_figure_can_be_taken(engine: None) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "bench", "--rounds", "1", "local"]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1800, check=False)
    assert ran.returncode == 0, ran.stderr
    rows = {found["what"]: found for line in ran.stdout.splitlines() if (found := ROW.fullmatch(line))}
    assert list(rows)[1:] == list(FIGURES)  # after the table's head
    for what in FIGURES:
        assert re.match(r"\d", rows[what]["measured"]), (what, rows[what]["measured"])
    assert rows["left after purge"]["measured"] == rows["… its writes to the engine"]["measured"] == "0"
    assert ran.stdout.startswith("# Numbers\n")


def test_an_unknown_part_is_refused() -> None:
    ran = subprocess.run([sys.executable, "-m", "bench", "lokal"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "no such part: lokal" in ran.stderr
