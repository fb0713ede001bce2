"""What the outcome of the probes inside the cluster means, and that it survives being printed and read."""

from __future__ import annotations

import json

import pytest

from kit.blueprint.stack import STORES
from kit.sentry import probes, probes_job
from kit.sentry.objects import network_labels
from kit.sentry.probes import Probe, ProbesBroken
from kit.stores.contract import NotYet

GOOD = Probe("kafka", "authority", "TLSv1.3", 12.5, "", "", "a record written and read back")
REFUSED = Probe("kafka", "foreign", "", None, "tls", "the certificate comes from an unknown authority", "")


@pytest.mark.parametrize(
    ("trust", "cause", "holds"),
    [
        ("authority", "", True),
        ("authority", "tls", False),
        ("authority", "roundtrip", False),
        ("foreign", "tls", True),
        ("foreign", "", False),  # it answered: verification is off somewhere
        ("foreign", "unreachable", False),  # it failed, but not over the certificate: nothing is proven
        ("empty", "tls", True),
        ("empty", "refused", False),
    ],
)
def test_a_probe_holds_only_for_the_right_reason(trust: str, cause: str, holds: bool) -> None:
    assert probes_job.holds(trust, cause) is holds


def test_the_last_line_of_the_log_is_the_result() -> None:
    log = "kafka  authority  TLSv1.3\n" + json.dumps({"probes": [vars_of(GOOD), vars_of(REFUSED)]}) + "\n"
    assert probes.parse(log) == (GOOD, REFUSED)


@pytest.mark.parametrize("log", ["", "Traceback (most recent call last):", '{"probes": [{"store": "kafka"}]}', "[]"])
def test_a_log_without_a_result_is_an_error_that_shows_it(log: str) -> None:
    with pytest.raises(ProbesBroken) as raised:
        probes.parse(log)
    assert raised.value.detail == log


def test_an_open_door_is_named_with_store_and_trust() -> None:
    open_door = Probe("redis", "foreign", "TLSv1.3", 1.0, "", "", "")
    assert (open_door.holds, open_door.words) == (False, "redis with a foreign authority: answered over TLSv1.3")


def test_the_job_waits_for_the_network_and_for_nothing_else() -> None:
    answers = iter([NotYet("unreachable", "no name"), NotYet("unreachable", "no name"), NotYet("tls", "expired")])
    pauses: list[float] = []
    assert probes_job.patiently(lambda: next(answers), pauses.append) == NotYet("tls", "expired")
    assert len(pauses) == 2


def test_a_job_is_made_from_the_suspended_cron_job_and_let_out_to_the_stores() -> None:
    pod = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": []}}
    rendered = json.dumps(
        {
            "kind": "CronJob",
            "metadata": {"name": "sentry-probes"},
            "spec": {"suspend": True, "jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"template": pod}}},
        }
    )
    let_out = {"metadata": {"labels": {"a": "b", **network_labels(*STORES)}}, "spec": {"containers": []}}
    assert probes.job_document(rendered) == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"labels": {"a": "b"}, "generateName": "sentry-probes-", "namespace": "sentry"},
        "spec": {"template": let_out},
    }


def vars_of(probe: Probe) -> dict[str, object]:
    return {name: getattr(probe, name) for name in Probe.__slots__}
