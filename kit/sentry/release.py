"""The Sentry release of a stack, for both targets: check, install, wait, prove by an exception, and its status.

What a step came to is recorded in the markers of the site, so that a later plan knows what need not be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from kit.endpoints import Secret
from kit.errors import KitError
from kit.plan.release import ReleaseSeen, ReleaseWanted
from kit.plan.steps import Step
from kit.sentry import flavours, network_policies
from kit.sentry.chart import clickhouse_range
from kit.sentry.demo import demo
from kit.sentry.demo.demo import DemoResult
from kit.sentry.demo.receiver import Receiver
from kit.sentry.flavours import Flavour
from kit.sentry.installation import MIGRATED, Installation
from kit.sentry.installed import installed
from kit.sentry.preflight import preflight
from kit.sentry.preflight.verdict import Preflight
from kit.sentry.site import Note, Site
from kit.sentry.stand_in import lite
from kit.state import markers
from kit.status import Component, State, TlsSeen
from kit.stores.contract import NotYet
from kit.supply.errors import NotSupplied

STAND_IN = "a stand-in: Bugsink, which speaks Sentry's protocol; the chart itself: kit up --local --sentry chart"


def quiet(said: str) -> None:
    """For callers that show no progress."""


@dataclass(frozen=True, slots=True)
class Login:
    """Where a person opens Sentry, and as whom."""

    url: str
    username: str
    password: Secret


class SentryRelease:
    def __init__(self, site: Site) -> None:
        self.site = site

    @property
    def flavour(self) -> Flavour:
        return flavours.of(self.site)

    def installation(self) -> Installation:
        """The release as it is wanted now; what it is made from is read once."""
        return Installation(self.site, self.flavour)

    @property
    def dsn(self) -> Secret:
        return lite.dsn(self.site.url(), self.site.secrets()["sentry_dsn_key"])

    def receiver(self) -> Receiver:
        """Whoever answers at the release's URL."""
        return self.flavour.receiver()

    # -- asked before there is a plan

    def wanted(self) -> ReleaseWanted:
        made = self.installation()
        return ReleaseWanted(made.fingerprint, made.preflight_fingerprint)

    def check_upgrade(self) -> None:
        """Whether the chart that is wanted may follow the one that the data has been through. Raises `UpgradePath`."""
        made = self.installation()
        if made.migrated:
            made.check_upgrade(made.migrated)

    def check_clickhouse(self, version: str) -> None:
        """Whether the chart works with that ClickHouse. Raises `ClickHouseUnfit`."""
        if not self.flavour.is_stand_in:
            clickhouse_range.check(version, self.site.profile(), self.flavour.chart())

    def seen(self) -> ReleaseSeen:
        """Nothing but checked values where the cluster cannot be asked: the plan makes it again then, and everything in it."""
        marks = markers.load(self.site.markers)
        checked = ReleaseSeen(values=marks.get("values"))
        if not self.site.kubeconfig.exists():
            return checked
        try:
            found = installed(self.site.api)
            opened = network_policies.complaint(self.site.api) if found and self.site.stack.sentry.network_policies else None
        except KitError:
            return checked
        seen = replace(checked, preflight=marks.get("preflight"), demo=marks.get("demo"))
        return replace(seen, fingerprint=found.fingerprint, complaint=found.complaint or opened) if found else seen

    # -- the steps of a plan

    def check_values(self, note: Note = quiet) -> str:
        made = self.installation()
        found = made.check()
        markers.record(self.site.markers, "values", made.fingerprint)
        return found.outcome

    def check_preflight(self, note: Note) -> str:
        outcome = self.preflight(note)
        if not outcome.passed:
            raise preflight.ReleaseUnfit(outcome)
        components = len({probe.component for probe in outcome.probes})
        return f"{len(outcome.probes)} connections of {components} components, each verified, each refused to a foreign authority"

    def preflight(self, note: Note = quiet) -> Preflight:
        made = self.installation()
        outcome = made.preflight(note)
        markers.record(self.site.markers, "preflight", made.preflight_fingerprint if outcome.passed else "failed")
        return outcome

    def install(self, note: Note) -> str:
        wanted = self.installation()
        markers.forget(self.site.markers, "demo")  # whatever the one before has received
        if not wanted.flavour.is_stand_in:
            wanted.check_upgrade(wanted.migrated, wanted.installed_version())
            self.site.load_chart_images(wanted.wired(), note)
            # Before Helm: one that was killed has migrated all the same.
            markers.record(self.site.markers, MIGRATED, wanted.chart.version)
        made = wanted.install(note)
        return f"{made.chart} {made.version}, revision {made.revision}"

    def wait(self, note: Note) -> str:
        return self.installation().wait(note)

    def prove(self, note: Note) -> str:
        outcome = self.demo(note)
        return f"event {outcome.event_id} seen after {outcome.seconds:.1f} s"

    def demo(self, note: Note = quiet) -> DemoResult:
        """An exception of the example's, sent and seen."""
        outcome = demo.prove(self.site.machine.assets / demo.SCRIPT, self.dsn, self.receiver(), note=note)
        markers.record(self.site.markers, "demo", self.installation().fingerprint)
        return outcome

    # -- what a user sees

    def component(self) -> Component:
        site = self.site
        if not site.kubeconfig.exists():
            return absent("no cluster to run in")
        try:
            found, checked = installed(site.api), preflight.last(site.api)
        except KitError as error:
            return Component("sentry", "application", "degraded", reason=error.why)
        if found is None:
            return absent("not installed")
        is_stand_in = found.chart == lite.CHART.name
        shown = Component(
            "sentry",
            "application",
            "starting",
            url=site.url(),
            image=self._image() if is_stand_in else None,
            release={"chart": found.chart, "version": found.version, "profile": found.profile, "size": found.size},
            preflight={"passed": checked.passed, "finished_at": f"{checked.finished_at:%Y-%m-%dT%H:%M:%SZ}"} if checked else None,
            replicas=found.replicas,
            reason=found.complaint,
        )
        if found.complaint:
            return shown
        answer = self.receiver().probe()
        if isinstance(answer, NotYet):
            return replace(shown, state="degraded", reason=answer.reason)
        tls = TlsSeen(answer.tls.version, True, answer.tls.issuer, answer.tls.not_after)
        passed = checked is not None and checked.passed
        state: State = "ready" if passed else "degraded"
        reason = (STAND_IN if is_stand_in else None) if passed else "the preflight has not passed"
        return replace(shown, state=state, tls=tls, latency_ms=round(answer.latency_ms, 1), reason=reason)

    def _image(self) -> Mapping[str, str | None] | None:
        """Of the stand-in; the chart's release has many. None where it is here no more: the cluster has its own."""
        try:
            image = self.site.machine.supply.image("bugsink")
        except NotSupplied:
            return None
        return {"reference": image.reference, "source": image.source}

    def login(self) -> Login:
        return Login(self.site.url(), self.site.admin(), self.site.secrets()["sentry_admin_password"])

    def client_env(self) -> Mapping[str, str]:
        """The variables of Sentry's SDKs, and a person's login."""
        login = self.login()
        return {
            "SENTRY_DSN": self.dsn.reveal(),
            "SENTRY_URL": login.url,
            "SENTRY_USER": login.username,
            "SENTRY_PASSWORD": login.password.reveal(),
        }


STEPS: Mapping[str, Callable[[SentryRelease, Note], str]] = {
    "check values": SentryRelease.check_values,
    "check preflight": SentryRelease.check_preflight,
    "install sentry": SentryRelease.install,
    "wait sentry": SentryRelease.wait,
    "prove demo": SentryRelease.prove,
}


def actions(made: Callable[[], SentryRelease]) -> Mapping[str, Callable[[Step, Note], str]]:
    """Kind of step → what carries it out. `made` gives the release as it is when its step comes."""
    return dict.fromkeys(STEPS, lambda step, note: STEPS[step.kind](made(), note))


def absent(reason: str) -> Component:
    return Component("sentry", "application", "absent", reason=reason)
