"""A cluster that an engine restart has left behind: recognised, made again, and Sentry's data is still there."""

from __future__ import annotations

from kit.adapters.docker.client import Docker
from tests.support.program import Program


def test_a_dead_node_is_told_and_the_cluster_made_again(whole: Program) -> None:
    before = whole.must("demo", "-o", "json").json
    Docker().api.kill(f"{whole.stack}-control-plane")
    status = whole("status", "-o", "json")
    cluster = next(component for component in status.json["components"] if component["name"] == "kubernetes")
    assert status.exit_code == 3
    assert (cluster["state"], cluster["reason"]) == ("failed", "its node is exited")
    plan = whole.must("up", "--local", "--plan").stdout
    assert "delete" in plan
    assert "its node is exited" in plan
    assert "store/" not in plan
    whole.must("up", "--local")
    assert whole.must("status", "-o", "json").json["ready"]
    assert whole.must("up", "--local", "--plan").stdout == "nothing to do\n"
    after = whole.must("demo", "-o", "json").json
    # The same exception is grouped into the same issue: it is in Postgres, which nobody touched.
    assert after["url"].split("/event/")[0] == before["url"].split("/event/")[0]
