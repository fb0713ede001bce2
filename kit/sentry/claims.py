"""What `kit verify` claims of a release's connections, each tried now: from inside the cluster, and an event through Relay."""

from __future__ import annotations

from collections.abc import Iterator

from kit.errors import KitError
from kit.sentry import probes
from kit.sentry.demo import demo, relay_delivery
from kit.sentry.demo.relay_delivery import Delivery
from kit.sentry.preflight.verdict import Probe
from kit.sentry.probes_job import AUTHORITY
from kit.sentry.release import SentryRelease, quiet
from kit.sentry.site import Note
from kit.status import Check

# How the preflight says what came of the attempt with a foreign authority.
REFUSED, NOT_NEEDED = "refused", "not needed"


def from_cluster(release: SentryRelease) -> Iterator[Check]:
    """kit's own probes of the five stores, as a Job. None where there is no cluster."""
    site = release.site
    if not site.kubeconfig.exists():
        return
    image = site.machine.supply.image("probe").reference
    subject = probes.Subject(site.stack.name, site.endpoints(), site.trust_texts().authority, image, site.machine.assets)
    for probe in probes.run(subject, site.api, site.helm()):
        claim = "is reached over verified TLS" if probe.trust == AUTHORITY else "is refused without the authority"
        yield Check(f"cluster/{probe.store}", claim, probe.holds, probe.words)


def of_preflight(release: SentryRelease, note: Note = quiet) -> Iterator[Check]:
    """The preflight, run now: every component's connections, by its own client libraries."""
    for probe in release.preflight(note).probes:
        yield from of_probe(probe)


def of_probe(probe: Probe) -> Iterator[Check]:
    subject = f"{probe.component} → {probe.store}" if probe.store else probe.component
    said = probe.said if probe.holds else f"{probe.what}: {probe.said}"
    yield Check(subject, "is reached over verified TLS, as it is configured", probe.holds, said)
    if probe.foreign not in ("", NOT_NEEDED):
        yield Check(subject, "is refused to a foreign authority", probe.foreign.startswith(REFUSED), probe.foreign)


def of_delivery(release: SentryRelease) -> Iterator[Check]:
    """An event through Relay into Kafka, where a Relay runs."""
    site = release.site
    if not site.kubeconfig.exists() or not relay_delivery.runs(site.api):
        return
    try:
        seen = _delivered(release)
    except KitError as error:
        yield Check("relay", relay_delivery.CLAIM, False, f"{error.what}: {error.why}")
        return
    yield Check("relay", relay_delivery.CLAIM, seen.record is not None, seen.words)


def _delivered(release: SentryRelease) -> Delivery:
    site = release.site

    def send() -> str:
        return demo.send(site.machine.assets / demo.SCRIPT, release.dsn, site.trust(), site.proxy())

    if (kafka := site.kafka()) is not None:
        return relay_delivery.deliver(send, kafka, site.trust())
    return relay_delivery.deliver_and_look_in_cluster(send, site.endpoints().kafka, site.api, site.stack.name, site.probe_image())
