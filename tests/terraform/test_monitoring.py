"""Monitoring by one variable: what Terraform makes of it against the emulator, and whether the data names its sources."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import yaml

from tests.terraform.planning import ROOT
from tests.terraform.test_rehearsal import Rehearsal, rehearsal

DATA: dict[str, Any] = yaml.safe_load((ROOT / "terraform" / "alerts.yaml").read_text())
MONITORING = {"channels": ["mail-to-the-team"]}
WATCHED = ("-target=yandex_monitoring_dashboard.sentry", "-target=yandex_kubernetes_cluster.sentry")
ASKED = (  # what an installation dies of, by the name of its alert
    *("kafka-lag", "kafka-disk", "clickhouse-parts", "clickhouse-disk", "postgres-connections", "postgres-disk"),
    *("valkey-memory", "certificate-days", "nodes-at-maximum"),
)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    with rehearsal(tmp_path_factory.mktemp("watched")) as it:
        it.terraform("apply", "-auto-approve", "-input=false", "-no-color", *WATCHED, monitoring=MONITORING)
        yield it


def records(it: Rehearsal, kind: str) -> list[Any]:
    return [record.message for record in it.running.state.journal.all(kind)]


def test_a_second_plan_is_empty(watched: Rehearsal) -> None:
    words = ("plan", "-detailed-exitcode", "-input=false", "-no-color", *WATCHED)
    ran = watched.terraform(*words, expect=(0, 2), monitoring=MONITORING)
    assert ran.returncode == 0, ran.stdout


def test_the_dashboard_has_a_chart_for_each_alert_with_this_installations_clusters(watched: Rehearsal) -> None:
    (dashboard,) = records(watched, "monitoring.v3.Dashboard")
    charts = {widget.chart.id: widget.chart for widget in dashboard.widgets}
    assert set(charts) == set(DATA["alerts"]) - {"nodes-at-maximum"}  # in this size they do not grow
    (kafka,) = records(watched, "mdb.kafka.v1.Cluster")
    (target,) = charts["kafka-lag"].queries.targets
    assert f'resource_id="{kafka.id}"' in target.query
    places = [(widget.position.x, widget.position.y) for widget in dashboard.widgets]
    assert len(set(places)) == len(places)


def test_the_master_writes_its_logs_into_a_group_of_its_own(watched: Rehearsal) -> None:
    (group,) = records(watched, "logging.v1.LogGroup")
    (cluster,) = records(watched, "k8s.v1.Cluster")
    logging = cluster.master.master_logging
    assert (logging.enabled, logging.log_group_id, logging.audit_enabled) == (True, group.id, True)
    assert group.retention_period.seconds == 7 * 24 * 3600


def test_the_output_says_what_to_enter_in_the_console(watched: Rehearsal) -> None:
    document = json.loads(watched.terraform("output", "-json", "alerts").stdout)
    assert set(document) == set(DATA["alerts"]) - {"nodes-at-maximum"}
    for alert in document.values():
        assert alert["channels"] == MONITORING["channels"]
        assert set(alert) == {"title", "why", "query", "condition", "warn", "alarm", "window", "channels"}
        assert 'folderId="' in alert["query"]
        assert "<" not in alert["query"]


def test_nodes_that_grow_have_an_alert_at_their_maximum(watched: Rehearsal) -> None:
    growing = {"nodes": {"min": 2, "initial": 2, "max": 5}}
    ran = watched.terraform("plan", "-input=false", "-no-color", *WATCHED, monitoring=MONITORING, resources=growing)
    assert "nodes-at-maximum" in ran.stdout
    assert "Warn at 20, alarm at 20." in ran.stdout  # one zone, five nodes of four vCPU


def test_without_the_variable_there_is_none_of_it(watched: Rehearsal) -> None:
    watched.terraform("apply", "-auto-approve", "-input=false", "-no-color", *WATCHED, "-target=yandex_logging_group.kubernetes")
    assert records(watched, "monitoring.v3.Dashboard") == records(watched, "logging.v1.LogGroup") == []
    assert not records(watched, "k8s.v1.Cluster")[0].master.master_logging.enabled


def test_alerts_that_reach_nobody_are_refused(watched: Rehearsal) -> None:
    ran = watched.terraform("plan", "-input=false", "-no-color", expect=(1,), monitoring={"channels": []})
    assert "at least one notification channel" in ran.stderr


# -- the data


def test_what_an_installation_dies_of_has_an_alert() -> None:
    assert set(ASKED) <= set(DATA["alerts"])


@pytest.mark.parametrize("name", DATA["alerts"])
def test_every_metric_of_an_alert_is_one_that_its_service_documents(name: str) -> None:
    alert = DATA["alerts"][name]
    used = re.findall(r'"([^"]+)"<labels>', alert["query"])
    assert used
    assert alert["query"].count("<labels>") == len(used)
    for metric in used:
        assert alert["service"] in DATA["metrics"][metric]["services"], metric
    assert ("above" in alert) != ("below" in alert)
    bounds = alert.get("above") or alert["below"]
    assert bounds["warn"] == bounds["alarm"] or (bounds["warn"] < bounds["alarm"]) == ("above" in alert)


def test_every_metric_has_a_source_and_is_used() -> None:
    for metric, row in DATA["metrics"].items():
        assert re.fullmatch(r"en/[\w/.-]+\.md", row["source"]), metric
        assert isinstance(row["read"], date), metric
        assert any(f'"{metric}"' in alert["query"] for alert in DATA["alerts"].values()), f"{metric} is used by none"
