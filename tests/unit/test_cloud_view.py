"""What is shown of a cloud stack: stores as the preflight saw them, and the preflight as claims."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from kit.sentry.claims import of_probe
from kit.sentry.preflight.verdict import Preflight, Probe
from kit.targets.cloud.status import store

PROBE = Probe(
    component="sentry-web",
    members=("sentry-web",),
    store="kafka",
    client="rdkafka",
    use="kafka",
    address="a:9091",
    tls="TLSv1.3",
    latency_ms=12.0,
    cause="",
    said="76 topics seen",
    foreign="refused: certificate verify failed",
    options={},
)
DOCUMENT: dict[str, Any] = {
    "endpoints": {
        "kafka": {"brokers": ["a.mdb.yandexcloud.net:9091", "b.mdb.yandexcloud.net:9091"]},
        "s3": {"endpoint": "https://storage.yandexcloud.net"},
        "postgres": {"host": "c-x.rw.mdb.yandexcloud.net"},
    }
}
WHEN = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def seen(*probes: Probe) -> Preflight:
    return Preflight("f", WHEN, 3.0, probes)


def test_a_store_is_as_the_last_preflight_saw_it_and_says_when() -> None:
    ready = store("kafka", DOCUMENT, seen(PROBE, replace(PROBE, latency_ms=30.0)))
    assert (ready.state, ready.address, ready.latency_ms) == ("ready", "a.mdb.yandexcloud.net:9091", 30.0)
    assert "2026-11-23 15:00 UTC" in str(ready.reason)
    broken = store("kafka", DOCUMENT, seen(PROBE, replace(PROBE, cause="login", said="SASL authentication failed")))
    assert broken.state == "degraded"
    assert "SASL authentication failed" in str(broken.reason)


@pytest.mark.parametrize("preflight", [None, seen(), seen(PROBE)])
def test_a_store_that_no_preflight_has_seen_is_not_called_ready(preflight: Preflight | None) -> None:
    assert store("postgres", DOCUMENT, preflight).state == "starting"
    assert store("s3", DOCUMENT, preflight).address == "https://storage.yandexcloud.net"


def test_a_connection_is_two_claims_and_each_can_fail() -> None:
    assert [claim.holds for claim in of_probe(PROBE)] == [True, True]
    unreached = of_probe(replace(PROBE, cause="login", said="no", foreign="not needed"))
    assert [claim.holds for claim in unreached] == [False]
    careless = tuple(of_probe(replace(PROBE, cause="not-verifying", said="took it", foreign="accepted")))
    assert [claim.holds for claim in careless] == [False, False]
    assert careless[0].subject == "sentry-web → kafka"
