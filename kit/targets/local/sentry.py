"""Sentry as a part of the local target: the rooms of `kit.sentry`, given this stack's endpoints, images and secrets."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kit import files
from kit.endpoints import Endpoints, Secret, Trust
from kit.errors import KitError
from kit.sentry import installation, probes
from kit.sentry.chart import chart as charts
from kit.sentry.chart import values
from kit.sentry.check import sandbox
from kit.sentry.credentials import Certificate, Logins, TrustTexts
from kit.sentry.demo import demo as demonstration
from kit.sentry.demo import relay_delivery
from kit.sentry.demo.demo import DemoResult
from kit.sentry.demo.receiver import Receiver
from kit.sentry.installation import Flavour, Installation, Site
from kit.sentry.lines import clickhouse_range, profiles, upgrade_path
from kit.sentry.preflight import preflight
from kit.sentry.probes_job import AUTHORITY
from kit.sentry.stand_in import lite
from kit.state import markers, secrets
from kit.state.ports import LOOPBACK
from kit.status import Check, Component, State, TlsSeen
from kit.stores.contract import NotYet
from kit.targets.local import chart_images, layout
from kit.targets.local.errors import NoStack

if TYPE_CHECKING:
    from kit.adapters.helm import Helm
    from kit.adapters.terraform.program import Terraform
    from kit.plan.execute import Note
    from kit.sentry.preflight.verdict import Preflight
    from kit.targets.local.observe import EngineSeen
    from kit.targets.local.target import LocalTarget

ADMIN = "admin@sentry.local"
STAND_IN = "a stand-in: Bugsink, which speaks Sentry's protocol; the chart itself: kit up --local --sentry chart"
MIGRATED = layout.migrated_marker("postgres")


@dataclass(frozen=True, slots=True)
class SentrySeen:
    """What the cluster and the markers say of the release."""

    fingerprint: str | None = None
    complaint: str | None = None
    values: str | None = None  # fingerprint of the release whose manifests were checked
    preflight: str | None = None  # fingerprint of the last one that passed
    demo: str | None = None


def secret_makers() -> Mapping[str, Callable[[], str]]:
    """Name in the stack's secrets → how it is made."""
    return {
        "sentry_django_key": lambda: secrets.hexadecimal(64),
        "sentry_admin_password": secrets.password,
        "sentry_dsn_key": lambda: secrets.hexadecimal(32),
        "sentry_api_token": lambda: secrets.hexadecimal(40),
    }


class LocalSentry:
    def __init__(self, local: LocalTarget) -> None:
        self._local = local

    # -- what it is made from

    @property
    def _found(self) -> Mapping[str, Secret]:
        """The stack's secrets. Raises `NoStack`."""
        found = self._local.secrets()
        if not set(secret_makers()) <= set(found):
            raise NoStack(name=self._local.stack.name)
        return found

    @property
    def _url(self) -> str:
        known = self._local.ports()
        if layout.SENTRY_KEY not in known:
            raise NoStack(name=self._local.stack.name)
        return f"https://{LOOPBACK}:{known[layout.SENTRY_KEY]}"

    @property
    def _dsn(self) -> Secret:
        return lite.dsn(self._url, self._found["sentry_dsn_key"])

    @property
    def _endpoints(self) -> Endpoints:
        return layout.endpoints_from_cluster(self._local.credentials())

    @functools.cached_property
    def _helm(self) -> Helm:
        from kit.adapters.helm import Helm

        return Helm(self._local.supply.tool("helm"), self._local.workspace.kubeconfig, kubernetes=layout.KUBERNETES)

    @functools.cached_property
    def _terraform(self) -> Terraform:
        from kit.adapters.terraform.program import Terraform

        return Terraform(self._local.supply.tool("terraform"))

    @property
    def profile(self) -> profiles.Profile:
        return profiles.load(self._local.stack.sentry.profile)

    def installation(self) -> Installation:
        """The release as it is wanted now."""
        return Installation(self._site(), self._flavour(), self._local.kube, self._helm)

    def _site(self) -> Site:
        local, wanted, found = self._local, self._local.stack.sentry, self._found
        module = local.workspace.assets / profiles.MODULE
        place = values.Place(self._url, ADMIN, wanted.retention_days, mail=local.stack.mail)
        version = self._flavour().chart().version if wanted.flavour == "chart" else ""
        inputs = values.inputs(self._endpoints, self.profile, wanted.size, place, chart_version=version)
        return Site(
            stack=local.stack.name,
            profile=self.profile,
            size=wanted.size,
            endpoints=self._endpoints,
            trust=TrustTexts(local.workspace.ca_file.read_text(), local.workspace.bundle_file.read_text()),
            logins=Logins(found["sentry_django_key"], found["sentry_admin_password"]),
            values=lambda: values.render(self._terraform, module, inputs),
            values_made_from=files.digest({"module": files.folder_digest(module), "inputs": json.dumps(inputs, sort_keys=True)}),
            probe_image=local.supply.image(profiles.probe_image(wanted.profile)).reference,
            topics=local.wanted_topics(),
            sandboxes=sandbox.of_profile(local.machine, wanted.profile, trusted=local.stack.trusts_chart),
            assets=local.workspace.assets,
            vroom=self._vroom() if wanted.size == "full" else None,
            own=wanted.values,
            given_secrets=local.given_secrets(),
            migrated=markers.load(local.markers_file).get(MIGRATED, ""),
        )

    def _vroom(self) -> Certificate:
        leaf = self._local.workspace.certs / layout.VROOM_HOLDER / "current"
        return Certificate((leaf / "tls.crt").read_text(), Secret((leaf / "tls.key").read_text()))

    def _flavour(self) -> Flavour:
        return self._stand_in() if self._local.stack.sentry.flavour == "lite" else self._chart()

    def _stand_in(self) -> Flavour:
        from kit.sentry.flavours import StandIn

        local, found, leaf = self._local, self._found, self._leaf
        made = lite.Lite(
            stack=local.stack.name,
            sentry_version=self.profile.app_version,
            url=self._url,
            hosts=layout.SENTRY_NAMES,
            bugsink_image=local.supply.image("bugsink").reference,
            probe_image=local.supply.image("probe").reference,
            dsn_key=found["sentry_dsn_key"],
            api_token=found["sentry_api_token"],
            certificate=(leaf / "tls.crt").read_text(),
            key=Secret((leaf / "tls.key").read_text()),
        )
        return StandIn(made, local.workspace.assets, local.trust())

    def _chart(self) -> Flavour:
        from kit.sentry.flavours import Door, FullChart

        local, found, leaf = self._local, self._found, self._leaf
        key = Secret((leaf / "tls.key").read_text())
        return FullChart(
            stack=local.stack.name,
            source=local.stack.sentry.chart,
            profile=self.profile,
            cache=local.workspace.cache,
            assets=local.workspace.assets,
            helm=self._helm,
            url=self._url,
            admin_email=ADMIN,
            dsn_key=found["sentry_dsn_key"],
            api_token=found["sentry_api_token"],
            trust=local.trust(),
            door=Door(local.supply.image("front").reference, (leaf / "tls.crt").read_text(), key),
        )

    @property
    def _leaf(self) -> Path:
        return self._local.workspace.certs / layout.SENTRY_HOLDER / "current"

    def receiver(self) -> Receiver:
        """Whoever answers at the stack's Sentry port."""
        from kit.sentry.demo.bugsink import Bugsink
        from kit.sentry.demo.sentry_api import SentryApi

        token, trust = self._found["sentry_api_token"], Trust(self._local.workspace.ca_file)
        if self._local.stack.sentry.flavour == "lite":
            return Bugsink(self._url, token, trust, lite.PROJECT_ID)
        return SentryApi(self._url, token, trust)

    def fingerprint(self) -> str:
        return self.installation().fingerprint

    def preflight_fingerprint(self) -> str:
        return self.installation().preflight_fingerprint

    def check_upgrade(self) -> None:
        """Whether the chart that is wanted may follow the one that the data has been through. Raises `UpgradePath`."""
        migrated = markers.load(self._local.markers_file).get(MIGRATED, "")
        if migrated and self._local.stack.sentry.flavour == "chart":
            upgrade_path.check(migrated, self._chart().chart().version)

    def check_clickhouse(self, version: str) -> None:
        """Whether the chart works with that ClickHouse. Raises `ClickHouseUnfit`."""
        wanted = self._local.stack.sentry
        if wanted.flavour == "chart" and "stores" in self._local.stack.parts:
            # Not by the flavour: it needs the stack's secrets, which a new stack has not yet.
            chart = charts.find(wanted.chart, self.profile, self._local.workspace.cache, self._helm)
            clickhouse_range.check(version, self.profile, chart)

    # -- the steps of the plan

    def check_values(self, note: Note) -> str:
        made = self.installation()
        looked = made.check()
        markers.record(self._local.markers_file, "values", made.fingerprint)
        return looked.outcome

    def preflight(self, note: Note) -> str:
        outcome = self.run_preflight(note)
        if not outcome.passed:
            raise preflight.ReleaseUnfit(outcome)
        components = len({probe.component for probe in outcome.probes})
        return f"{len(outcome.probes)} connections of {components} components, each verified, each refused to a foreign authority"

    def run_preflight(self, note: Note = lambda said: None) -> Preflight:
        made = self.installation()
        outcome = made.preflight(note)
        markers.record(self._local.markers_file, "preflight", made.preflight_fingerprint if outcome.passed else "failed")
        return outcome

    def install(self, note: Note) -> str:
        local, wanted = self._local, self.installation()
        markers.forget(local.markers_file, "demo")  # whatever the one before has received
        if not wanted.flavour.is_stand_in:
            wanted.check_upgrade(wanted.site.migrated, wanted.installed_version())
            note("bringing the chart's images into the cluster, those that are here")
            chart_images.load(local, wanted.wired(), note)
            # Before Helm: one that was killed has migrated all the same.
            markers.record(local.markers_file, MIGRATED, wanted.chart.version)
        made = wanted.install(note)
        return f"{made.chart} {made.version}, revision {made.revision}"

    def wait(self, note: Note) -> str:
        return self.installation().wait(note)

    def prove(self, note: Note) -> str:
        outcome = self._send(note)
        return f"event {outcome.event_id} seen after {outcome.seconds:.1f} s"

    def demo(self) -> DemoResult:
        return self._send(lambda reason: None)

    def _send(self, note: Note) -> DemoResult:
        local = self._local
        outcome = demonstration.prove(local.workspace.assets / demonstration.SCRIPT, self._dsn, self.receiver(), note=note)
        markers.record(local.markers_file, "demo", self.fingerprint())
        return outcome

    # -- what is seen

    def seen(self) -> SentrySeen:
        """Nothing where the cluster cannot be asked: the plan makes it again then, and everything in it."""
        local = self._local
        marks = markers.load(local.markers_file)
        if not local.workspace.kubeconfig.exists():
            return SentrySeen(values=marks.get("values"))
        try:
            found = installation.installed(local.kube)
        except KitError:
            return SentrySeen(values=marks.get("values"))
        return SentrySeen(
            fingerprint=found.fingerprint if found else None,
            complaint=found.complaint if found else None,
            values=marks.get("values"),
            preflight=marks.get("preflight"),
            demo=marks.get("demo"),
        )

    def component(self, seen: EngineSeen) -> Component:
        local = self._local
        node = seen.node(local.stack.name)
        if node is None or node.state != "running" or not local.workspace.kubeconfig.exists():
            return Component("sentry", "application", "absent", reason="no cluster to run in")
        try:
            found, checked = installation.installed(local.kube), preflight.last(local.kube)
        except KitError as error:
            return Component("sentry", "application", "degraded", reason=error.why)
        if found is None:
            return Component("sentry", "application", "absent", reason="not installed")
        shown = Component(
            "sentry",
            "application",
            "starting",
            url=self._url,
            image=self._image(found.chart),
            release={"chart": found.chart, "version": found.version, "profile": found.profile, "size": found.size},
            preflight={"passed": checked.passed, "finished_at": f"{checked.finished_at:%Y-%m-%dT%H:%M:%SZ}"} if checked else None,
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
        reason = (STAND_IN if found.chart == "sentry-lite" else None) if passed else "the preflight has not passed"
        return replace(shown, state=state, tls=tls, latency_ms=round(answer.latency_ms, 1), reason=reason)

    def _image(self, chart: str) -> Mapping[str, str | None] | None:
        """Of the stand-in; the chart's release has many."""
        if chart != lite.CHART.name:
            return None
        image = self._local.supply.image("bugsink")
        return {"reference": image.reference, "source": image.source}

    def probe_checks(self) -> Iterator[Check]:
        """The claims about the connections from inside the cluster, tried now."""
        local = self._local
        if not local.workspace.kubeconfig.exists():
            return
        image = local.supply.image("probe").reference
        authority = local.workspace.ca_file.read_text()
        subject = probes.Subject(local.stack.name, self._endpoints, authority, image, local.workspace.assets)
        for probe in probes.run(subject, local.kube, self._helm):
            claim = "is reached over verified TLS" if probe.trust == AUTHORITY else "is refused without the authority"
            yield Check(f"cluster/{probe.store}", claim, probe.holds, probe.words)

    def delivery_checks(self) -> Iterator[Check]:
        """An event through Relay into Kafka, where a Relay runs."""
        local = self._local
        if not local.workspace.kubeconfig.exists() or not relay_delivery.runs(local.kube):
            return
        script = local.workspace.assets / demonstration.SCRIPT
        try:
            seen = relay_delivery.deliver(
                lambda: demonstration.send(script, self._dsn, local.trust()), local.endpoints().kafka, local.trust()
            )
        except KitError as error:
            yield Check("relay", relay_delivery.CLAIM, False, f"{error.what}: {error.why}")
            return
        yield Check("relay", relay_delivery.CLAIM, seen.record is not None, seen.words)

    def client_env(self) -> Mapping[str, str]:
        local = self._local
        if "sentry" not in local.stack.parts or not local.workspace.kubeconfig.exists():
            return {}
        return {
            "SENTRY_DSN": self._dsn.reveal(),
            "SENTRY_URL": self._url,
            "SENTRY_USER": ADMIN,
            "SENTRY_PASSWORD": self._found["sentry_admin_password"].reveal(),
        }

    def login(self) -> layout.Login | None:
        if "sentry" not in self._local.stack.parts:
            return None
        return layout.Login(self._url, ADMIN, self._found["sentry_admin_password"])
