"""What belongs to a configuration that is executed: the command where it chooses topics, and the files that settings name."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kit.sentry.chart.manifests import Container
from kit.sentry.check.connections import Executed
from kit.sentry.check.executed import execute_all
from kit.sentry.check.pods import Files
from kit.sentry.check.sandbox import PlainChild

SNUBA = {"metadata": {"name": "snuba"}, "data": {"settings.py": "from snuba.settings import *"}}
FILES = Files({"snuba": SNUBA}, {}, {})


def container(name: str, image: str, mounts: dict[str, dict[str, Any]], **spec: Any) -> Container:
    """With a volume for each mount, path → volume source."""
    volumes = [{"name": f"v{number}", **source} for number, source in enumerate(mounts.values())]
    mounted = [{"name": f"v{number}", "mountPath": path} for number, path in enumerate(mounts)]
    made = {"name": name, "image": image, "volumeMounts": mounted, **spec}
    return Container("Deployment", name, "main", made, {"containers": [made], "volumes": volumes}, {})


def snuba(name: str, **spec: Any) -> Container:
    return container(name, "getsentry/snuba:26.8.0", {"/etc/snuba": {"configMap": {"name": "snuba"}}}, **spec)


def topics(executed: Executed) -> dict[str, list[str]]:
    return {topic.role: [each.name for each in executed.topics if each.role == topic.role] for topic in executed.topics}


@pytest.mark.parametrize(
    "words",
    [
        {"command": ["snuba", "rust-consumer", "--storage", "errors"]},
        {"args": ["rust-consumer", "--storage=errors"]},
        {"command": ["/bin/sh", "-c"], "args": ["exec snuba rust-consumer --storage errors # it's the one of errors"]},
        {"command": ["/bin/sh", "-c", "snuba rust-consumer --storage errors --note don't"]},
    ],
)
def test_a_command_is_read_in_whatever_form_the_chart_writes_it(words: dict[str, list[str]]) -> None:
    (found,) = execute_all([snuba("consumer", **words)], FILES, [PlainChild()])
    assert topics(found) == {"consumed": ["events"], "produced": ["snuba-commit-log", "event-replacements"]}


def test_what_chooses_no_topics_does_not_tell_configurations_apart() -> None:
    alike = [snuba("api", args=["api"]), snuba("init", args=["migrations", "migrate"]), snuba("bare")]
    found = execute_all([*alike, snuba("consumer", args=["consumer", "--storage", "replays"])], FILES, [PlainChild()])
    assert [[each.object for each in one.containers] for one in found] == [["api", "init", "bare"], ["consumer"]]


RELAY = """
processing:
  kafka_config: [{name: sasl.password, value: "${file:/run/secrets/kafka/password}"}]
  redis: "rediss://redis:6380/0"
"""
SECRET = {"metadata": {"name": "kit-kafka"}, "data": {"password": base64.b64encode(b"hunter2").decode()}}


def relay(secrets: dict[str, Any] | None) -> Executed:
    mounts = {"/work/.relay": {"configMap": {"name": "relay"}}}
    mounts |= {"/run/secrets/kafka": secrets} if secrets else {}
    config = {"metadata": {"name": "relay"}, "data": {"config.yml": RELAY}}
    files = Files({"relay": config}, {}, {"kit-kafka": SECRET})
    (found,) = execute_all([container("relay", "getsentry/relay:26.8.0", mounts)], files, [PlainChild()])
    return found


def test_a_file_of_kits_secret_gives_the_word_that_stands_for_it() -> None:
    found = relay({"secret": {"secretName": "kit-kafka"}})
    assert found.error is None
    assert [each.password for each in found.connections if each.store == "kafka"] == ["SECRET.kit-kafka.password"]
    assert "hunter2" not in str(found)


def test_a_file_of_a_volume_that_nobody_can_look_into_is_said_not_to_be_known() -> None:
    found = relay({"persistentVolumeClaim": {"claimName": "theirs"}})
    assert found.error is None
    assert "cannot be told before the pod runs" in found.settings["untold"][0]


def test_a_file_that_nothing_is_mounted_for_ends_relay() -> None:
    assert "no such file is mounted: Relay does not start" in (relay(None).error or "")
