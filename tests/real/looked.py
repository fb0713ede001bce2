"""Every mistake of a line, made at once: what is said of it before, and what Relay makes of it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from kit.sentry.rollout import failures
from kit.sentry.rollout.failures import Match
from tests.real.rig import Mistake, Rig, Variant, has_ended, is_ready, until

SILENCE_S = 25.0  # for how long a Relay that runs on without being ready is looked at
OVER_S = 150.0
APART_S = 0.7  # Relays that are started in one moment, on two cores, keep each other from what they have a second for
BUSY, STARTS = "creating a new object: timed out", 3  # redis 1.3 gives a new connection one second
ARRIVES_S, LOST_S = 15.0, 5.0


@dataclass(frozen=True)
class Outcome:
    """Of one mistake."""

    state: str  # ended, ready, unready
    log: str
    failure: Match | None
    rules: frozenset[str]  # of `kit values check`
    causes: frozenset[str]  # of the preflight
    event: str  # arrives, lost; "" where none was sent


def outcomes(rig: Rig, known: dict[str, Mistake]) -> dict[str, Outcome]:
    variants = {name: rig.variant(mistake) for name, mistake in known.items()}
    everything = [*variants.values(), rig.right()]
    assert not (named := rig.findings(rig.right())), named
    with ThreadPoolExecutor(max_workers=8) as pool:
        for variant in variants.values():
            rig.start(variant)
            time.sleep(APART_S)
        said = pool.submit(rig.preflight, everything)
        found = dict(zip(known, pool.map(rig.findings, variants.values()), strict=True))
        list(pool.map(lambda name: _to_its_end(rig, known[name], variants[name]), known))
        events = dict(pool.map(lambda name: (name, event(rig, known[name], variants[name])), known))
        probes = said.result().probes
    wrong = {(member, probe.cause) for probe in probes if not probe.holds for member in probe.members}
    made = {}
    for name, variant in variants.items():
        pod, log = rig.pod(variant.object), rig.log(variant.object)
        state = "ready" if is_ready(pod) else "ended" if has_ended(pod) else "unready"
        rules = frozenset(finding.rule for finding in found[name])
        causes = frozenset(cause for member, cause in wrong if member == f"Deployment/{variant.object}")
        made[name] = Outcome(state, log, failures.find("log", log), rules, causes, events[name])
    return made


def _to_its_end(rig: Rig, mistake: Mistake, variant: Variant) -> None:
    """Until it has ended or is ready. One that ends for want of a second is started again, as Kubernetes would."""
    for _ in range(STARTS):
        began = time.monotonic()

        def is_over(began: float = began) -> bool:
            pod = rig.pod(variant.object)
            silent = mistake.relay == "unready" and time.monotonic() - began > SILENCE_S
            return has_ended(pod) or is_ready(pod) or silent

        until(is_over, OVER_S)
        if BUSY not in rig.log(variant.object):
            return
        rig.again(variant)


def event(rig: Rig, mistake: Mistake, variant: Variant) -> str:
    if not mistake.event or not is_ready(rig.pod(variant.object)):
        return ""
    with rig.tail("ingest-events") as tail:
        sent = rig.send(variant.object)
        return "arrives" if tail.find(sent.encode(), LOST_S if mistake.event == "lost" else ARRIVES_S) else "lost"
