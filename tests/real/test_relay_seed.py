"""Sentry's real Relay of the line `seed`, as the charts of line 26 run it: its file filled into a Secret by kit, on Kafka 3.9."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping

import pytest

from kit.sentry import claims
from kit.targets.local import site
from tests.real.conftest import LINES, Stage
from tests.real.looked import Outcome
from tests.real.rig import NAMESPACE, RELAY, Mistake, Rig, is_ready, until

LINE = "seed"
KNOWN = LINES[LINE][2]
WAY_S = 20.0


@pytest.fixture(scope="module")
def rig(stages: Mapping[str, Stage]) -> Rig:
    """The right Relay, ready."""
    found = stages[LINE].rig
    assert until(lambda: any(map(is_ready, found.local.kube.list("Pod", NAMESPACE, "role=relay"))), 90), said(found)
    return found


def said(rig: Rig) -> str:
    return "\n".join(rig.log(each["metadata"]["name"]) for each in rig.local.kube.list("Pod", NAMESPACE, "role=relay"))


def test_an_event_of_the_sdk_goes_through_relay_into_kafka(rig: Rig) -> None:
    with rig.tail("ingest-events") as tail:
        sent = rig.send(RELAY)
        record = tail.find(sent.encode(), WAY_S)
    assert record is not None, said(rig)
    assert b"OrderRejected" in record.value


def test_its_password_stands_in_the_secret_alone(rig: Rig) -> None:
    password = rig.local.secrets()["kafka_sentry"].reveal()
    filled = rig.local.kube.get("Secret", f"{RELAY}-filled", NAMESPACE)
    assert filled is not None
    assert password in b64decode(filled["data"]["config.yml"]).decode()
    assert rig.local.kube.get("ConfigMap", RELAY, NAMESPACE) is None


def test_verify_claims_the_delivery_through_relay_where_one_runs(rig: Rig) -> None:
    (claim,) = claims.of_delivery(site.release(rig.local))
    assert claim.holds, claim.said


@pytest.fixture(scope="module")
def made(stages: Mapping[str, Stage]) -> dict[str, Outcome]:
    return stages[LINE].outcomes.result()


@pytest.mark.parametrize("mistake", KNOWN.values(), ids=KNOWN)
def test_relay_makes_of_the_mistake_what_is_known(mistake: Mistake, made: dict[str, Outcome]) -> None:
    outcome = made[mistake.name]
    assert outcome.state == {"ends": "ended"}.get(mistake.relay, mistake.relay), outcome.log
    assert re.search(mistake.says, outcome.log), outcome.log
    if mistake.relay == "unready":
        assert " ERROR " not in outcome.log


@pytest.mark.parametrize("mistake", KNOWN.values(), ids=KNOWN)
def test_the_mistake_is_named_before_relay_meets_it(mistake: Mistake, made: dict[str, Outcome]) -> None:
    outcome = made[mistake.name]
    assert outcome.rules or outcome.causes, outcome.log
    assert not mistake.preflight or mistake.preflight in outcome.causes, outcome.causes


@pytest.mark.parametrize("mistake", [each for each in KNOWN.values() if each.failure], ids=lambda each: each.name)
def test_what_relay_says_of_it_is_a_known_failure(mistake: Mistake, made: dict[str, Outcome]) -> None:
    outcome = made[mistake.name]
    assert outcome.failure is not None, outcome.log
    assert outcome.failure.failure.id == mistake.failure, outcome.failure.line
