"""The local stack: stores, cluster, the small Sentry, and the way back."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, Rounds, median, milliseconds, say, seconds, timed
from kit.adapters.docker.client import Docker
from kit.blueprint.stack import STORES
from tests.support import engine_proxy
from tests.support.program import Program
from tests.support.reach import local_target


def measure(program: Program, rounds: Rounds) -> Iterator[Figure]:
    docker = Docker()

    say("help")
    few, some, many = rounds.of(3), rounds.of(5), rounds.of(9)
    yield Figure(
        "kit --help", milliseconds(median(many, lambda: program.must("--help"))), "≤ 150 ms", f"median of {many} processes"
    )

    say("authority")
    code = """
import pathlib, tempfile, time
from kit.blueprint.stack import Stack
from kit.pki import folder
from kit.targets.local import layout
began = time.perf_counter()
folder.ensure(pathlib.Path(tempfile.mkdtemp()), 'kit', layout.holders(Stack()))
print(time.perf_counter() - began)
"""
    runs = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
        for _ in range(some)
    ]
    yield Figure(
        "authority and all leaf certificates",
        milliseconds(statistics.median(runs)),
        "≤ 300 ms",
        f"median of {some}, imports excluded",
    )

    stores = ("up", "--local", "--only", "stores")
    say("stores, cold and warm")
    cold, warm, topics = [], [], []
    for _ in range(few):
        began = time.monotonic()
        said = program.must(*stores).stderr
        cold.append(time.monotonic() - began)
        topics.append(topic_seconds(program))
        program.must("down")
        warm.append(timed(lambda: program.must(*stores)))
        assert "set-up" in said
        program.must("purge", "--yes")
    yield Figure(
        "five stores from empty volumes", seconds(statistics.median(cold)), "≤ 12 s", f"median of {few} `up --only stores`"
    )
    yield Figure("five stores, warm", seconds(statistics.median(warm)), "≤ 6 s", f"median of {few}, after `down`")
    yield Figure(
        "the topics of the profile, created",
        seconds(statistics.median(topics), 2),
        "≤ 1 s",
        f"one request; median of {few}, all topics deleted before",
    )

    yield from whole(program, few)

    say("idle")
    memory = idle_memory_mb(docker, program.stack)
    yield Figure(
        "five stores idle",
        f"{sum(memory.values()) / 1000:.2f} GB",
        "≤ 1.5 GB",
        ", ".join(f"{k} {v:.0f} MB" for k, v in memory.items()),
    )
    yield Figure(
        "kit status", milliseconds(median(many, lambda: program.must("status"))), "≤ 500 ms", f"median of {many} processes"
    )
    yield Figure(
        "kit up, nothing to do",
        seconds(median(some, lambda: program.must("up", "--local")), 2),
        "≤ 1.5 s",
        f"median of {some} processes",
    )
    with tempfile.TemporaryDirectory() as folder, engine_proxy.recording(Path(folder) / "engine.sock") as requests:
        Program(program.home, program.stack, {"DOCKER_HOST": f"unix://{folder}/engine.sock"}).must("up", "--local")
        yield Figure(
            "… its writes to the engine",
            f"{len(engine_proxy.writes(requests))}",
            "0",
            f"of {len(requests)} requests, counted by a proxy",
        )
    yield Figure("kit preflight", seconds(median(few, lambda: program.must("preflight"))), "≤ 15 s", f"median of {few} processes")
    visible = [program.must("demo", "-o", "json").json["seconds"] for _ in range(some)]
    yield Figure(
        "exception → visible",
        seconds(statistics.median(visible)),
        "≤ 5 s",
        f"median of {some} `demo`, the sender's start included",
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


def whole(program: Program, times: int) -> Iterator[Figure]:
    """Everything from empty volumes; it is up when this ends."""
    say("node image")
    yield Figure(
        "the node image with the cluster's images",
        seconds(node_image_seconds(program)),
        "–",
        "one run; made once for all clusters",
    )

    say("everything")
    wholes, steps = [], []
    for number in range(times):
        if number:
            program.must("purge", "--yes")
        began = time.monotonic()
        said = program.must("up", "--local").stderr
        wholes.append(time.monotonic() - began)
        steps.append(said)
    yield Figure(
        "everything, from empty volumes", seconds(statistics.median(wholes)), "≤ 28 s", f"median of {times} `up --local`"
    )
    for what, target, parts in (
        ("of it, the cluster and its images (beside the stores)", "≤ 18 s", (("create", "cluster"), ("load", "cluster/images"))),
        ("of it, the preflight: all components × stores, twice", "≤ 20 s", (("check", "preflight"),)),
        ("of it, Helm, migrations and start of the small Sentry", "–", (("install", "sentry"),)),
    ):
        taken = statistics.median(sum(step_seconds(said, *part) for part in parts) for said in steps)
        yield Figure(what, seconds(taken), target, f"median of {times}, the steps' own time")


def topic_seconds(program: Program) -> float:
    from kit.stores import kafka_admin, kafka_topics
    from kit.stores.kafka import admin_endpoint
    from kit.targets.local import topics

    local = local_target(program)
    admin = kafka_admin.connect(admin_endpoint(local.endpoints().kafka, local.credentials()), local.trust())
    wanted = topics.wanted(local)
    kafka_admin.finish("deleting topics", admin.delete_topics([topic.name for topic in wanted]).values())
    while len(admin.list_topics(timeout=10).topics) > 1:
        time.sleep(0.2)
    return timed(lambda: kafka_topics.create(admin, wanted))


def node_image_seconds(program: Program) -> float:
    """Made anew under a name of its own; and for good if it is not there, so that each `up` after this finds it."""
    from kit.adapters.containerd import node
    from kit.targets.local import node_image

    local = local_target(program)
    local.supply.ensure(local.supply_names())
    base, tag = local.supply.image("kind-node").reference, f"kit.local/{program.stack}:1"
    script = local.supply.assets / node_image.SCRIPT
    taken = timed(
        lambda: node.make_image(
            local.docker, base, local.cluster_images(), tag, script=script, labels={}, container=f"{program.stack}-node"
        )
    )
    local.docker.images.untag(tag)
    node_image.make(local)
    return taken


def step_seconds(said: str, verb: str, subject: str) -> float:
    """A step that was not needed took no time; one that began and did not end has none that could be told."""
    found = re.search(rf"✓ +([\d.]+) s +{verb} +{subject}(?!\S)", said)
    began = re.search(rf"· +{verb} +{subject}(?!\S)", said)
    return float(found.group(1)) if found else float("nan") if began else 0.0


def idle_memory_mb(docker: Docker, stack: str) -> dict[str, float]:
    time.sleep(5)
    found = {}
    for store in STORES:
        usage = docker.api.stats(f"{stack}-{store}", stream=False)["memory_stats"]
        inactive = usage["stats"].get("total_inactive_file", usage["stats"].get("inactive_file", 0))
        found[store] = (usage["usage"] - inactive) / 1e6
    return found
