"""Values and rules, the emulator of the cloud's API, the configuration against it, and a whole rehearsal."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, Rounds, median, milliseconds, say, seconds, timed
from tests.support import emulator
from tests.support import terraform as supplied
from tests.support.emulator import Running, Terraform
from tests.support.program import ROOT, Program
from tests.terraform.planning import copied

CHART = ROOT / "tests" / "charts" / "line-33"
PASSWORDS = ("-var=kafka_password=only-for-this-bench", "-var=redis_password=only-for-this-bench")
VARIABLES = ("-var=domain=sentry.example.com", "-var=size=ha", "-var=deletion_protection=false", "-var=iam_pause_s=0", *PASSWORDS)
DESCRIPTION = "cloud: {domain: sentry.example.com, size: demo}\n"


def measure(program: Program, rounds: Rounds) -> Iterator[Figure]:
    say("values")
    yield Figure(
        "kit values show",
        milliseconds(median(rounds.of(5), lambda: program.must("values", "show"))),
        "≤ 1 s",
        f"median of {rounds.of(5)} processes",
    )

    checked = ("values", "check", "--size", "full", "--chart", str(CHART))
    yield Figure(
        "kit values check, chart 33's shape, full",
        seconds(median(rounds.of(5), lambda: program.must(*checked)), 2),
        "≤ 2 s",
        f"median of {rounds.of(5)} processes, the settings executed in a container",
    )

    say("emulator")
    with tempfile.TemporaryDirectory() as folder:
        mirror = Path(folder, "mirror")
        supplied.provider_environment(mirror)
        yield from _emulator(Path(folder), mirror, rounds.of(3))
        yield from _configuration(Path(folder), mirror)

    say("rehearsal")
    (program.home / "kit.yaml").write_text(DESCRIPTION)
    rehearse = ("--cloud", "--rehearse", "up", "--yes")
    yield Figure(
        "rehearsal with real stores, to the event", seconds(timed(lambda: program.must(*rehearse))), "≤ 90 s", "one run, built"
    )
    yield Figure("… again, nothing to do", seconds(timed(lambda: program.must(*rehearse))), "–", "one run")
    yield Figure(
        "… down, to nothing", seconds(timed(lambda: program.must("--cloud", "--rehearse", "down", "--yes"))), "–", "one run"
    )


def _emulator(folder: Path, mirror: Path, times: int) -> Iterator[Figure]:
    starts, memory = [], []
    for number in range(times):
        running = Running(Program(folder / f"home{number}", f"bench-emulator-{number}"), mirror)
        running.program.home.mkdir()
        starts.append(timed(running.start))
        assert running.process is not None
        status = Path(f"/proc/{running.process.pid}/status").read_text()
        memory.append(int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1000)
        running.stop()
    yield Figure(
        "emulator, start to ready", seconds(statistics.median(starts), 2), "≤ 1.5 s", f"median of {times}, control plane only"
    )
    yield Figure("emulator's memory", f"{statistics.median(memory):.0f} MB", "≤ 150 MB", "resident, after the start")


def _configuration(folder: Path, mirror: Path) -> Iterator[Figure]:
    """The shipped configuration, size ha, by plain terraform."""
    (folder / "home").mkdir()
    quota = f"compute.ssdDisks.size={400 * 2**30}"  # the disks of three nodes are more than a new cloud has
    with emulator.running(folder / "home", mirror, "--quota", quota) as running:
        terraform = Terraform(copied(folder / "terraform"), running.environment(), supplied.program())
        terraform.must("init", "-input=false", "-no-color")
        apply_s = timed(lambda: terraform.apply(*VARIABLES))
        resources = len(json.loads(terraform.must("show", "-json").stdout)["values"]["root_module"]["resources"])
        again_s = timed(lambda: terraform.is_settled(*VARIABLES))
        destroy_s = timed(lambda: terraform.destroy(*VARIABLES))
    yield Figure(
        "apply, size ha, control plane only", seconds(apply_s), "≤ 12 s", f"{resources} resources and data sources, one run"
    )
    yield Figure("… second plan, empty", seconds(again_s), "≤ 5 s", "one run")
    yield Figure("… destroy", seconds(destroy_s), "–", "one run; the provider itself waits 10 s for each bucket")
