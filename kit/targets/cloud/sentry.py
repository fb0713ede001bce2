"""Sentry in the cloud's cluster: the common road, given what terraform put out and what Lockbox keeps."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kit import files
from kit.endpoints import Secret, Trust
from kit.errors import KitError
from kit.host.trust import bundle, client_variables
from kit.plan.execute import Note
from kit.plan.steps import Step
from kit.sentry.chart import values
from kit.sentry.check import sandbox
from kit.sentry.credentials import Logins, TrustTexts
from kit.sentry.demo import demo as demonstration
from kit.sentry.demo import relay_delivery
from kit.sentry.demo.demo import DemoResult
from kit.sentry.demo.receiver import Receiver
from kit.sentry.installation import Flavour, Installation, Site
from kit.sentry.lines import profiles, topics
from kit.sentry.preflight import preflight
from kit.sentry.stand_in import lite
from kit.state import markers, secrets
from kit.status import Check
from kit.targets import kubectl
from kit.targets.cloud import rehearsal
from kit.targets.cloud.clients import Surroundings

if TYPE_CHECKING:
    from kit.sentry.preflight.verdict import Preflight, Probe
    from kit.targets.cloud.outputs import Outputs

PROBE_IMAGE = "KIT_PROBE_IMAGE"  # the preflight's image in a registry that the cloud's nodes reach
# How the preflight says what came of the attempt with a foreign authority.
REFUSED, NOT_NEEDED = "refused", "not needed"


def secret_makers() -> Mapping[str, Callable[[], str]]:
    """What kit itself makes and keeps: the two passwords that terraform has to be given, and Sentry's own."""
    return {
        "kafka_password": secrets.password,
        "redis_password": secrets.password,
        "sentry_django_key": lambda: secrets.hexadecimal(64),
        "sentry_admin_password": secrets.password,
        "sentry_dsn_key": lambda: secrets.hexadecimal(32),
        "sentry_api_token": lambda: secrets.hexadecimal(40),
    }


class CloudSentry:
    def __init__(self, around: Surroundings, outputs: Callable[[], Outputs]) -> None:
        self._around = around
        self._place = around.place
        self._outputs = outputs

    @property
    def profile(self) -> profiles.Profile:
        return profiles.load(self._around.stack.sentry.profile)

    # -- what it is made from

    def installation(self) -> Installation:
        """The release as it is wanted now. Reads the passwords out of Lockbox."""
        return Installation(self._site(), self._flavour(), self._around.kube, self._around.helm)

    def _site(self) -> Site:
        from kit.pki.folder import public_roots

        outputs, workspace, own = self._outputs(), self._place.workspace, self._around.own
        profile, authority = profiles.load(outputs.document["profile"]["name"]), self._place.ca_file.read_text()
        text = str(outputs.document["values"])
        return Site(
            stack=workspace.stack,
            profile=profile,
            size=outputs.document["profile"]["size"],
            endpoints=outputs.endpoints(),
            trust=TrustTexts(authority, public_roots().decode() + authority),
            logins=Logins(own["sentry_django_key"], own["sentry_admin_password"]),
            values=lambda: values.parse(text),
            values_made_from=files.digest({"values": text}),
            probe_image=self._probe_image(),
            topics=topics.wanted(profile, workspace.assets, self._around.stack.sentry.topics),
            sandboxes=sandbox.of_profile(self._around.machine, profile.name, trusted=self._around.stack.trusts_chart),
            assets=workspace.assets,
            own=self._around.stack.sentry.values,
            given_secrets=self._around.given_secrets(),
        )

    def _probe_image(self) -> str:
        """In the cloud from a registry that the nodes reach; `checks.before_the_cloud` has seen that it is named."""
        if self._place.rehearses:
            return self._around.supply.image(f"probe-{self._around.stack.sentry.profile}").reference
        return os.environ.get(PROBE_IMAGE, "")

    def _flavour(self) -> Flavour:
        around = self._around
        if around.stack.sentry.flavour == "lite":
            return rehearsal.stand_in(self._place, around.backing, around.own, self.profile)
        from kit.sentry.flavours import FullChart

        return FullChart(
            stack=around.stack.name,
            source=around.stack.sentry.chart,
            profile=self.profile,
            cache=self._place.workspace.cache,
            assets=self._place.workspace.assets,
            helm=around.helm,
            url=self.url,
            admin_email=self.admin,
            dsn_key=around.own["sentry_dsn_key"],
            api_token=around.own["sentry_api_token"],
            trust=self._trust(),
            door=None,
        )

    @property
    def url(self) -> str:
        if self._around.stack.sentry.flavour == "lite":
            return rehearsal.url(self._around.backing)
        return f"https://{self._domain}"

    @property
    def admin(self) -> str:
        return self._around.setting("admin_email") or f"admin@{self._domain}"

    @property
    def _domain(self) -> str:
        return str(self._outputs().document["ingress"]["domain"])

    @property
    def _dsn(self) -> Secret:
        return lite.dsn(self.url, self._around.own["sentry_dsn_key"])

    def _trust(self) -> Trust:
        """Of Sentry's own address: the rehearsal's authority, or the public ones."""
        if self._around.stack.sentry.flavour == "lite":
            return self._around.backing.trust()
        return Trust(bundle({}))

    def receiver(self) -> Receiver:
        """Whoever answers at Sentry's address."""
        from kit.sentry.demo.bugsink import Bugsink
        from kit.sentry.demo.sentry_api import SentryApi

        token = self._around.own["sentry_api_token"]
        if self._around.stack.sentry.flavour == "lite":
            return Bugsink(self.url, token, self._trust(), lite.PROJECT_ID)
        return SentryApi(self.url, token, self._trust())

    # -- the steps of the plan

    def actions(self) -> Mapping[str, Callable[[Step, Note], str | None]]:
        """Kind of step → action."""
        return {
            "load cluster": lambda step, note: self.load_images(note),
            "check values": lambda step, note: self._check_values(note),
            "check preflight": lambda step, note: self._check_preflight(note),
            "install sentry": lambda step, note: self._install(note),
            "wait sentry": lambda step, note: self.installation().wait(note),
            "prove demo": lambda step, note: self._prove(note),
        }

    def load_images(self, note: Note) -> str | None:
        """Only a rehearsal's cluster takes its images from this computer."""
        from kit.targets.local.apply import load_images

        return load_images(self._around.backing, self._place.markers)

    def _check_values(self, note: Note) -> str:
        made = self.installation()
        looked = made.check()
        markers.record(self._place.markers, "values", made.fingerprint)
        return looked.outcome

    def _check_preflight(self, note: Note) -> str:
        outcome = self.run_preflight(note)
        if not outcome.passed:
            raise preflight.ReleaseUnfit(outcome)
        return f"{len(outcome.probes)} connections, each verified, each refused to a foreign authority"

    def run_preflight(self, note: Note = lambda said: None) -> Preflight:
        made = self.installation()
        outcome = made.preflight(note)
        markers.record(self._place.markers, "preflight", made.preflight_fingerprint if outcome.passed else "failed")
        return outcome

    def _install(self, note: Note) -> str:
        markers.forget(self._place.markers, "demo")  # whatever the one before has received
        made = self.installation().install(note)
        return f"{made.chart} {made.version}, revision {made.revision}"

    def _prove(self, note: Note) -> str:
        outcome = self.demo(note)
        return f"event {outcome.event_id} seen after {outcome.seconds:.1f} s"

    def demo(self, note: Note = lambda said: None) -> DemoResult:
        script = self._place.workspace.assets / demonstration.SCRIPT
        outcome = demonstration.prove(script, self._dsn, self.receiver(), note=note)
        markers.record(self._place.markers, "demo", self.installation().fingerprint)
        return outcome

    # -- the rest of the user's view

    def verify(self, note: Note) -> tuple[Check, ...]:
        """The preflight, run now, as claims, and an event's delivery where a Relay runs."""
        tried = tuple(claim for probe in self.run_preflight(note).probes for claim in claims(probe))
        return (*tried, *self._delivery())

    def _delivery(self) -> Iterator[Check]:
        around = self._around
        if not relay_delivery.runs(around.kube):
            return
        script = self._place.workspace.assets / demonstration.SCRIPT
        try:
            seen = relay_delivery.deliver_and_look_in_cluster(
                lambda: demonstration.send(script, self._dsn, self._trust()),
                self._outputs().endpoints().kafka,
                around.kube,
                self._place.workspace.stack,
                self._probe_image(),
            )
        except KitError as error:
            yield Check("relay", relay_delivery.CLAIM, False, f"{error.what}: {error.why}")
            return
        yield Check("relay", relay_delivery.CLAIM, seen.record is not None, seen.words)

    def client_env(self) -> Mapping[str, str]:
        """Of what is reached from here: the cluster and Sentry. The stores have names inside the cloud's network alone."""
        place, own = self._place, self._around.own
        found = {"KUBECONFIG": str(place.kubeconfig), "SENTRY_URL": self.url, "SENTRY_DSN": self._dsn.reveal()}
        found |= {"SENTRY_USER": self.admin, "SENTRY_PASSWORD": own["sentry_admin_password"].reveal()}
        if place.rehearses:
            found |= client_variables(self._bundle())
        return {**found, **kubectl.on_path(self._around.supply)}

    def _bundle(self) -> Path:
        return self._around.backing.workspace.bundle_file


def claims(probe: Probe) -> tuple[Check, ...]:
    """What one probe of the preflight says, as `kit verify` shows it. Pure."""
    subject = f"{probe.component} → {probe.store}" if probe.store else probe.component
    said = probe.said if probe.holds else f"{probe.what}: {probe.said}"
    reached = Check(subject, "is reached over verified TLS, as it is configured", probe.holds, said)
    if probe.foreign in ("", NOT_NEEDED):
        return (reached,)
    return (reached, Check(subject, "is refused to a foreign authority", probe.foreign.startswith(REFUSED), probe.foreign))
