"""Size ha with all of Sentry's components, from nothing to an event through the door and back to nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.adapters.docker.client import Docker
from kit.adapters.kubernetes.api import KubeApi
from kit.sentry.objects import NAMESPACE
from kit.targets.cloud.rehearsal import backing_name
from tests.support.program import Program

NAME = f"ha{os.getpid()}"
CLOUD = ("--cloud", "--rehearse")
PATIENCE_S = 2400.0  # where images and tools are to be made first, or the machine is busy
KIT_YAML = """
cloud: {size: ha, ingress_cidrs: [0.0.0.0/0], bucket_force_destroy: true}
sentry: {size: full}
"""


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    home = tmp_path_factory.mktemp("ha")
    (home / "kit.yaml").write_text(KIT_YAML)
    program = Program(home, NAME)
    try:
        yield program
    finally:
        program("purge", *CLOUD, "--yes", timeout_s=PATIENCE_S)


def test_all_of_sentry_in_three_zones_receives_an_event_through_its_door(kit: Program) -> None:
    ran = kit.must("up", *CLOUD, "--yes", "-o", "json", timeout_s=PATIENCE_S)
    assert ran.json["ready"] is True, ran.stdout
    assert "demo                event" in ran.stderr, "an exception was raised and seen"
    (sentry,) = (each for each in kit.must("status", *CLOUD, "-o", "json").json["components"] if each["name"] == "sentry")
    assert (sentry["url"], sentry["tls"]["verified"]) == ("https://sentry.example.test", True)
    assert sentry["replicas"] == {"kit-front": "2 of 2"}
    # Profiling's certificate is what only this size has.
    api = KubeApi(kit.home / ".kit" / NAME / "rehearsal" / "kubeconfig")
    assert api.get("Secret", "kit-vroom-client", NAMESPACE) is not None


def test_what_is_promised_of_it_holds(kit: Program) -> None:
    claims = kit.must("verify", *CLOUD, "-o", "json", timeout_s=PATIENCE_S).json
    assert {"door", "network"} <= {claim["subject"] for claim in claims}
    assert [claim for claim in claims if not claim["holds"]] == []


def test_a_second_run_has_nothing_to_do(kit: Program) -> None:
    assert kit.must("up", *CLOUD, "--plan").stdout == "nothing to do\n"


def test_it_is_protected_until_somebody_says_otherwise_and_then_goes_whole(kit: Program, tmp_path: Path) -> None:
    refused = kit("down", *CLOUD, "--yes", "-o", "json")
    assert refused.json["error"]["code"] == "KIT-CLOUD-PROTECTED"
    assert "kit up --cloud --rehearse" in refused.json["error"]["fix"]
    (kit.home / "kit.yaml").write_text(KIT_YAML.replace("size: ha,", "size: ha, deletion_protection: false,"))
    kit.must("up", *CLOUD, "--yes", timeout_s=PATIENCE_S)
    kit.must("down", *CLOUD, "--yes", timeout_s=PATIENCE_S)
    docker, prefix = Docker(), backing_name(NAME)
    left = [each.name for each in (*docker.containers(), *docker.volumes(), *docker.networks()) if each.name.startswith(prefix)]
    assert left == []
