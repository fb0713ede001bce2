"""What is seen of the cluster where kit's own mark of it is lost."""

from __future__ import annotations

import pytest

from kit.adapters.docker.observed import Container
from kit.adapters.kind import node_name
from kit.plan import cluster as plan
from kit.plan.cluster import ClusterSeen, ClusterWanted
from kit.targets.local import observe
from kit.targets.local.observe import EngineSeen


def seen(marks: dict[str, str], record: str = "", state: str = "running") -> ClusterSeen:
    node = Container("n1", node_name("kit"), "kind-node", state, {}, (), {})
    found = observe.cluster(EngineSeen((node,), (), ()), "kit", marks, lambda: None, record=lambda: record)
    assert found
    return found


def test_a_cluster_whose_mark_is_lost_is_known_by_its_own_record_and_not_made_again() -> None:
    found = seen({}, record="n1 c1")
    assert (found.config, found.complaint) == ("c1", None)
    assert plan.steps(ClusterWanted("c1"), found) == []


@pytest.mark.parametrize(("record", "state"), [("", "running"), ("n0 c1", "running"), ("n1 c1", "exited")])
def test_where_nobody_knows_what_it_was_made_from_it_is_made_again_only_with_leave(record: str, state: str) -> None:
    found = seen({}, record, state)
    assert found.complaint
    assert "its mark in markers.json is lost" in found.complaint
    delete, create = plan.steps(ClusterWanted("c1"), found)
    assert (delete.kind, delete.destructive) == ("delete cluster", True)
    assert create.kind == "create cluster"


def test_a_cluster_that_was_not_finished_is_made_again_without_a_question() -> None:
    delete, _ = plan.steps(ClusterWanted("c1"), seen({"cluster": "unfinished"}, record="n1 c1"))
    assert (delete.cause, delete.destructive) == ("it was not finished when it was made", False)
