"""`kit values` as a user types it: no stack is needed, and no engine."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.elsewhere import ENDPOINTS
from tests.support.program import ROOT, Program
from tests.support.terraform import program

# A chart of the seed's line with one container, as careless as charts are.
CARELESS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: sentry-web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: getsentry/sentry:latest
          env: [{name: DATABASE_URL, value: "postgres://postgres:6432/sentry?sslmode=require"}]
"""

# The same with settings, so that there is something to execute.
WITH_SETTINGS = (
    CARELESS
    + """
          volumeMounts: [{name: config, mountPath: /etc/sentry}]
      volumes: [{name: config, configMap: {name: sentry}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: sentry}
data: {sentry.conf.py: "from sentry.conf.server import *"}
"""
)


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Program:
    program()  # terraform is there from here on
    return Program(tmp_path_factory.mktemp("values"), "values")


def chart(folder: Path, version: str, template: str) -> Path:
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text(f"apiVersion: v2\nname: sentry\nversion: {version}\nappVersion: 25.2.0\n")
    (folder / "values.yaml").write_text("{}\n")
    (folder / "templates" / "all.yaml").write_text(template)
    return folder


def test_values_are_shown_before_there_is_a_stack(kit: Program) -> None:
    shown = yaml.safe_load(kit.must("values", "show", "--profile", "seed").stdout)
    assert shown["externalPostgresql"]["host"] == "postgres"
    assert shown["system"]["url"].startswith("https://127.0.0.1:")
    assert kit.must("values", "show", "--profile", "seed", "-o", "json").json == shown


def test_the_same_command_prints_the_same_bytes(kit: Program) -> None:
    words = ("values", "show", "--size", "full")
    assert kit.must(*words).stdout == kit.must(*words).stdout


def test_kit_yaml_says_which_sentry(kit: Program) -> None:
    (kit.home / "kit.yaml").write_text("sentry: {profile: seed, size: full, retention_days: 14}\n")
    try:
        shown = yaml.safe_load(kit.must("values", "show").stdout)
    finally:
        (kit.home / "kit.yaml").unlink()
    assert shown["sentry"]["cleanup"]["days"] == 14
    assert "vroom" in shown
    assert "profiles" not in shown


def test_stores_elsewhere_come_from_a_file(kit: Program) -> None:
    file = kit.home / "endpoints.json"
    file.write_text(json.dumps(ENDPOINTS))
    shown = yaml.safe_load(kit.must("values", "show", "--endpoints", str(file), "--url", "https://sentry.example.net").stdout)
    assert [entry["host"] for entry in shown["externalKafka"]["cluster"]] == ["a.example.net", "b.example.net"]
    assert shown["externalRedis"]["db"] == 3
    assert shown["externalClickhouse"]["clusterName"] == "main"
    assert shown["filestore"]["s3"]["addressing_style"] == "virtual"
    assert shown["system"]["url"] == "https://sentry.example.net"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        (json.dumps({**ENDPOINTS, "kafka": {"username": "sentry"}}), "brokers"),
        (json.dumps({**ENDPOINTS, "kafka": {"username": "sentry", "brokers": []}}), "ValueError"),
    ],
)
def test_a_file_without_endpoints_is_refused(kit: Program, content: str, said: str) -> None:
    file = kit.home / "broken.json"
    file.write_text(content)
    ran = kit("values", "show", "--endpoints", str(file), "--url", "https://sentry.example.net")
    assert (ran.exit_code, ran.stdout) == (10, "")
    assert "KIT-ENDPOINTS" in ran.stderr
    assert said in ran.stderr


def test_what_the_module_refuses_is_said_in_its_words(kit: Program) -> None:
    wrong: Any = {**ENDPOINTS, "s3": {**ENDPOINTS["s3"], "endpoint": "http://storage.example.net"}}
    file = kit.home / "wrong.json"
    file.write_text(json.dumps(wrong))
    ran = kit("values", "show", "--endpoints", str(file), "--url", "https://sentry.example.net")
    assert (ran.exit_code, ran.stdout) == (14, "")
    assert "endpoints.s3.endpoint must be https://" in " ".join(ran.stderr.split())


def test_without_a_cluster_there_is_nothing_to_compare_with(kit: Program) -> None:
    ran = kit("values", "diff")
    assert (ran.exit_code, ran.stdout) == (4, "")
    assert "KIT-NO-RELEASE" in ran.stderr


def test_the_cloud_is_not_guessed(kit: Program) -> None:
    ran = kit("values", "show", "--cloud")
    assert (ran.exit_code, ran.stdout) == (4, "")
    assert "KIT-NO-CLOUD-STACK" in ran.stderr
    assert (kit("values", "show", "--cloud", "--local").exit_code, ran.stdout) == (10, "")


def test_a_careless_chart_is_found_out(kit: Program, tmp_path: Path) -> None:
    given = chart(tmp_path / "sentry", "26.15.1", CARELESS)
    ran = kit("values", "check", "--profile", "seed", "--chart", str(given), "-o", "json")
    assert ran.exit_code == 3, ran.stderr
    findings = [finding for finding in ran.json["findings"] if finding["object"] == "Deployment/sentry-web"]
    said = " ".join(f"{finding['found']} {finding['fix']}" for finding in findings)
    assert "require" in said
    assert "latest" in said
    assert all(finding["rule"] and finding["why"] and finding["fix"] for finding in ran.json["findings"])
    table = kit("values", "check", "--profile", "seed", "--chart", str(given))
    assert table.exit_code == 3
    assert "1 containers" in table.stdout.splitlines()[-1]
    assert f"{len(ran.json['findings'])} findings" in table.stdout.splitlines()[-1]


def test_where_there_is_no_sandbox_a_charts_settings_run_only_when_they_are_trusted(kit: Program, tmp_path: Path) -> None:
    given = chart(tmp_path / "sentry", "26.15.1", WITH_SETTINGS)
    without_bwrap = [folder for folder in os.environ["PATH"].split(os.pathsep) if not (Path(folder) / "bwrap").exists()]
    bare = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock", "PATH": os.pathsep.join(without_bwrap)}
    nowhere = dataclasses.replace(kit, env=bare)
    words = ("values", "check", "--profile", "seed", "--chart", str(given))
    ran = nowhere(*words)
    assert (ran.exit_code, ran.stdout) == (14, "")
    assert "KIT-SETTINGS-SANDBOX" in ran.stderr
    said = " ".join(ran.stderr.split())
    assert "bwrap is not on PATH" in said
    assert "--trust-chart" in said
    trusted = nowhere(*words, "--trust-chart")
    assert trusted.exit_code == 3
    assert "1 configurations executed" in trusted.stdout


def test_a_chart_of_another_line_is_refused_before_it_is_rendered(kit: Program, tmp_path: Path) -> None:
    given = chart(tmp_path / "sentry", "33.8.0", CARELESS)
    ran = kit("values", "check", "--profile", "seed", "--chart", str(given))
    assert ran.exit_code == 15
    assert "33.8.0" in ran.stderr


def test_the_topics_are_those_of_the_profile_that_was_asked_for(kit: Program) -> None:
    """And not those of the stack's own: chart 33 needs some that no schemas of seed name."""
    ours = ROOT / "tests" / "charts" / "line-33"
    (kit.home / "kit.yaml").write_text("sentry: {profile: seed}\n")
    try:
        checked = kit("values", "check", "--chart", str(ours), "--profile", "current", "--trust-chart")
    finally:
        (kit.home / "kit.yaml").unlink()
    assert (checked.exit_code, "TOPIC-MADE" in checked.stdout) == (0, False), checked.stdout


def test_stores_elsewhere_another_line_and_a_chart_at_hand_go_together(kit: Program, tmp_path: Path) -> None:
    (tmp_path / "endpoints.json").write_text(json.dumps(ENDPOINTS))
    given = chart(tmp_path / "sentry", "26.15.1", CARELESS)
    words = ("--endpoints", str(tmp_path / "endpoints.json"), "--url", "https://sentry.example.net", "--size", "full")
    shown = yaml.safe_load(kit.must("values", "show", *words, "--profile", "seed", "--chart", str(given)).stdout)
    assert shown["system"]["url"] == "https://sentry.example.net"
    assert "vroom" in shown, "what only the full size has"
    checked = kit("values", "check", *words, "--profile", "seed", "--chart", str(given), "-o", "json")
    assert checked.exit_code == 3
    assert "latest" in checked.stdout
    compared = kit("values", "diff", *words, "--profile", "seed", "--chart", str(given), "-o", "json")
    assert (compared.exit_code, compared.json["error"]["code"]) == (4, "KIT-NO-RELEASE")
    lacking = kit("values", "show", "--endpoints", str(tmp_path / "endpoints.json"), "-o", "json")
    assert (lacking.exit_code, lacking.json["error"]["code"]) == (10, "KIT-USAGE")
    assert "--endpoints needs --url" in lacking.json["error"]["what"]


def test_a_chart_at_hand_is_rendered_as_it_would_be_applied(kit: Program, tmp_path: Path) -> None:
    given = chart(tmp_path / "sentry", "26.15.1", CARELESS)
    words = ("chart", "render", "--sentry", "chart", "--profile", "seed", "--size", "full", "--chart")
    printed = list(yaml.safe_load_all(kit.must(*words, str(given)).stdout))
    (web,) = [each for each in printed if each and each["kind"] == "Deployment"]
    assert web["metadata"]["name"] == "sentry-web"
    assert [each["kind"] for each in kit.must(*words, str(given), "-o", "json").json if each] == [
        each["kind"] for each in printed
    ]
    absent = kit(*words, str(tmp_path / "absent"), "-o", "json")
    assert (absent.exit_code, absent.json["error"]["code"]) == (15, "KIT-CHART-INVALID")
