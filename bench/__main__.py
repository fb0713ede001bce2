"""The figures of the documents, measured here: python -m bench [--write]

Whole processes, as a user runs them, under a stack of its own; medians, because machines are shared. What can be counted
is counted. With --write the table replaces docs/numbers.md. Nothing here passes or fails: targets stand beside the figures.
"""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kit import __version__
from kit.blueprint.stack import STORES
from kit.engines.docker import Docker
from tests.support import engine_proxy
from tests.support.program import ROOT, Program
from tests.support.reach import local_target

DOCUMENT = ROOT / "docs" / "numbers.md"


@dataclass(frozen=True)
class Figure:
    what: str
    measured: str
    target: str
    method: str


def main() -> None:
    # As in a user's shell: Python keeps what it has compiled. Some build machines switch that off, and every start pays for it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as home:
        program = Program(Path(home), f"bench-{os.getpid()}")
        try:
            figures = list(measure(program))
        finally:
            program("purge", "--yes")
    text = page(figures)
    print(text)
    if "--write" in sys.argv:
        DOCUMENT.write_text(text)


def measure(program: Program):  # type: ignore[no-untyped-def]
    say = lambda what: print(f"… {what}", file=sys.stderr, flush=True)  # noqa: E731
    docker = Docker()

    say("help")
    yield Figure("kit --help", milliseconds(median(9, lambda: program.must("--help"))), "≤ 150 ms", "median of 9 processes")

    say("authority")
    code = """
import pathlib, tempfile, time
from kit.pki import folder
from kit.targets.local import layout
began = time.perf_counter()
folder.ensure(pathlib.Path(tempfile.mkdtemp()), 'kit', layout.holders())
print(time.perf_counter() - began)
"""
    runs = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout) for _ in range(5)
    ]
    yield Figure("authority and six leafs", milliseconds(statistics.median(runs)), "≤ 300 ms", "median of 5, imports excluded")

    stores = ("up", "--local", "--only", "stores")
    say("stores, cold and warm")
    cold, warm, topics = [], [], []
    for _ in range(3):
        began = time.monotonic()
        said = program.must(*stores).stderr
        cold.append(time.monotonic() - began)
        topics.append(topic_seconds(program))
        program.must("down")
        warm.append(timed(lambda: program.must(*stores)))
        assert "set-up" in said
        program.must("purge", "--yes")
    yield Figure("five stores from empty volumes", seconds(statistics.median(cold)), "≤ 12 s", "median of 3 `up --only stores`")
    yield Figure("five stores, warm", seconds(statistics.median(warm)), "≤ 6 s", "median of 3, after `down`")
    yield Figure(
        "77 topics, created",
        seconds(statistics.median(topics), 2),
        "≤ 1 s",
        "one request; median of 3, all topics deleted before",
    )

    say("everything")
    began = time.monotonic()
    said = program.must("up", "--local").stderr
    whole = time.monotonic() - began
    yield Figure("everything, from empty volumes", seconds(whole), "≤ 60 s", "one `up --local`, images built")
    for verb, subject, what, target in (
        ("create", "cluster", "of it, the cluster (beside the stores)", "≤ 20 s"),
        ("load", "cluster/images", "of it, two images into the node", "–"),
        ("wait", "sentry", "of it, migrations and start of the small Sentry", "–"),
    ):
        yield Figure(what, f"{step_seconds(said, verb, subject):.1f} s", target, "the step's own time")

    say("idle")
    memory = idle_memory_mb(docker, program.stack)
    yield Figure(
        "five stores idle",
        f"{sum(memory.values()) / 1000:.2f} GB",
        "≤ 1.5 GB",
        ", ".join(f"{k} {v:.0f} MB" for k, v in memory.items()),
    )
    yield Figure("kit status", milliseconds(median(9, lambda: program.must("status"))), "≤ 500 ms", "median of 9 processes")
    yield Figure(
        "kit up, nothing to do", seconds(median(5, lambda: program.must("up", "--local")), 2), "≤ 1.5 s", "median of 5 processes"
    )
    with tempfile.TemporaryDirectory() as folder, engine_proxy.recording(Path(folder) / "engine.sock") as requests:
        Program(program.home, program.stack, {"DOCKER_HOST": f"unix://{folder}/engine.sock"}).must("up", "--local")
        yield Figure(
            "… its writes to the engine",
            f"{len(engine_proxy.writes(requests))}",
            "0",
            f"of {len(requests)} requests, counted by a proxy",
        )
    visible = [program.must("demo", "-o", "json").json["seconds"] for _ in range(5)]
    yield Figure(
        "exception → visible", seconds(statistics.median(visible)), "≤ 5 s", "median of 5 `demo`, the sender's start included"
    )

    say("down and purge")
    yield Figure("kit down", seconds(timed(lambda: program.must("down"))), "≤ 10 s", "one run")
    program.must("purge", "--yes")
    left = sum(
        len(found)
        for found in (
            [container for container in docker.containers() if program.stack in container.name],
            [volume for volume in docker.volumes() if program.stack in volume.name],
            [network for network in docker.networks() if program.stack in network.name],
            [path for path in program.home.rglob("*") if path.is_file() and path.suffix != ".lock"],
        )
    )
    yield Figure("left after purge", str(left), "0", "containers, volumes, networks and files, counted")


def median(times: int, action: Callable[[], object]) -> float:
    action()
    return statistics.median(timed(action) for _ in range(times))


def timed(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def topic_seconds(program: Program) -> float:
    from kit.stores import kafka_admin, kafka_topics
    from kit.stores.kafka import admin_endpoint

    local = local_target(program)
    admin = kafka_admin.connect(admin_endpoint(local.endpoints().kafka, local.credentials()), local.trust())
    wanted = kafka_topics.desired(local.schemas_file)
    kafka_admin.finish("deleting topics", admin.delete_topics([topic.name for topic in wanted]).values())
    while len(admin.list_topics(timeout=10).topics) > 1:
        time.sleep(0.2)
    return timed(lambda: kafka_topics.create(admin, wanted))


def step_seconds(said: str, verb: str, subject: str) -> float:
    found = re.search(rf"✓ +([\d.]+) s +{verb} +{subject}\b", said)
    return float(found.group(1)) if found else float("nan")


def idle_memory_mb(docker: Docker, stack: str) -> dict[str, float]:
    time.sleep(5)
    found = {}
    for store in STORES:
        usage = docker.api.stats(f"{stack}-{store}", stream=False)["memory_stats"]
        inactive = usage["stats"].get("total_inactive_file", usage["stats"].get("inactive_file", 0))
        found[store] = (usage["usage"] - inactive) / 1e6
    return found


def milliseconds(value: float) -> str:
    return f"{value * 1000:.0f} ms"


def seconds(value: float, digits: int = 1) -> str:
    return f"{value:.{digits}f} s"


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
installed, nothing cached and no container registry took 13 min 27 s on 2026-11-23, of which all but the last minute was
building (at most 20 minutes are promised). The cache is 12 GB afterwards; `kit images prune --build-cache` gives 11 of them back.
"""


main()
