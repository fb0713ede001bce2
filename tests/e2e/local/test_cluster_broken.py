"""A cluster that does not answer, for a while or any more: it is waited for, its node is started, and what was in it is there."""

from __future__ import annotations

import re

from kit.adapters.docker.client import Docker
from tests.support.program import Program
from tests.support.reach import local_target

API_SERVER = "kube-apiserver"


def uid(program: Program) -> str:
    """Of the namespace that is made with the cluster: another one is another cluster."""
    found = local_target(program).kube.get("Namespace", "kube-system")
    assert found
    return str(found["metadata"]["uid"])


def test_an_api_that_is_slow_to_answer_keeps_its_cluster(whole: Program) -> None:
    before, docker, node = uid(whole), Docker(), f"{whole.stack}-control-plane"
    docker.exec(node, ["pkill", "-STOP", API_SERVER])
    assert "recover  cluster" in whole.must("up", "--local", "--plan").stdout
    process = whole.start("up", "--local")
    assert process.stderr is not None
    heard = [next(line for line in process.stderr if re.search(r"… .* recover +cluster", line))]  # it waits
    docker.exec(node, ["pkill", "-CONT", API_SERVER])
    heard += process.stderr.readlines()
    process.wait()
    assert process.returncode == 0, "".join(heard)
    assert not any("delete" in line for line in heard)
    assert uid(whole) == before
    assert whole.must("status", "-o", "json").json["ready"]


def test_a_node_that_was_stopped_is_started_with_all_that_is_in_it(whole: Program) -> None:
    before = uid(whole)
    Docker().api.kill(f"{whole.stack}-control-plane")
    status = whole("status", "-o", "json")
    cluster = next(component for component in status.json["components"] if component["name"] == "kubernetes")
    assert not status.json["ready"]
    assert (cluster["state"], cluster["reason"]) == ("failed", "its node is exited")
    plan = whole.must("up", "--local", "--plan").stdout
    assert re.search(r"recover +cluster +its node is exited", plan)
    assert "store/" not in plan
    whole.must("up", "--local")
    assert uid(whole) == before
    assert whole.must("status", "-o", "json").json["ready"]
    assert whole.must("up", "--local", "--plan").stdout == "nothing to do\n"


def test_a_lost_kubeconfig_is_written_again(whole: Program) -> None:
    before, kubeconfig = uid(whole), local_target(whole).workspace.kubeconfig
    kubeconfig.unlink()
    assert re.search(r"recover +cluster", whole.must("up", "--local", "--plan").stdout)
    whole.must("up", "--local")
    assert uid(whole) == before
