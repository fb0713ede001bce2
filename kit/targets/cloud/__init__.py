"""The cloud target: the stores and the cluster by Terraform in Yandex Cloud, Sentry in it by the common road.

`CloudTarget` is the face that the commands see. A rehearsal is the same target with other environment variables: the emulator
of the cloud's API runs beside the command, and everything below here asks whatever those variables name.
"""

from __future__ import annotations

import functools
import os
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit import files
from kit.blueprint.stack import Stack
from kit.endpoints import Secret, Trust
from kit.errors import KitError
from kit.plan import local as planning
from kit.plan.events import Listener
from kit.plan.execute import Note, execute
from kit.plan.steps import Plan, Step
from kit.report.status import Component, State, Status
from kit.sentry import demo as demonstration
from kit.sentry import installation as installations
from kit.sentry import lite, preflight_release, profiles
from kit.sentry.credentials import TrustTexts
from kit.sentry.demo import DemoResult
from kit.sentry.installation import Flavour, Installation
from kit.sentry.receiver import Receiver
from kit.state import choice, markers, secrets
from kit.targets.cloud import changes, checks, rehearsal
from kit.targets.cloud import sentry as clouds
from kit.targets.cloud.changes import Sums
from kit.targets.cloud.errors import ApplyStopped, AuthorityMissing, Kept, NoCloudStack
from kit.targets.cloud.place import BACKEND, Place, backend
from kit.targets.cloud.progress import Progress
from kit.targets.cloud.provider import initialised
from kit.targets.cloud.sentry import Outputs
from kit.targets.local import LocalTarget
from kit.workspace import Workspace

if TYPE_CHECKING:
    from kit.engines.helm import Helm
    from kit.engines.kube import KubeApi
    from kit.engines.terraform import Configuration
    from kit.engines.yandex import Yandex
    from kit.sentry.preflight_verdict import Preflight

AUTHORITY_URL = "https://storage.yandexcloud.net/cloud-certs/CA.pem"
DOWNLOAD_S = 20.0
STORES = {"kafka": "kafka", "postgres": "postgres", "redis": "redis", "clickhouse": "clickhouse", "s3": "s3"}


@dataclass(frozen=True, slots=True)
class CloudPlan:
    """What `kit up --cloud` would do: resources first, then Sentry."""

    resources: Plan
    sentry: Plan
    sums: Sums | None
    left_out: tuple[str, ...] = ()  # checks that could not be made, in words

    @property
    def steps(self) -> Plan:
        return (*self.resources, *self.sentry)


class CloudTarget:
    """Used inside `opened()`, which brings the emulator of a rehearsal up and everything that is asked in place."""

    def __init__(self, stack: Stack, workspace: Workspace, *, rehearses: bool) -> None:
        self.stack = replace(stack, target="cloud")
        self.workspace = workspace
        self.place = Place(workspace, rehearses)
        self._environment: Mapping[str, str | None] = {}
        self._configuration: Configuration | None = None

    @property
    def option(self) -> str:
        """What a user adds to `--cloud` for this one."""
        return " --rehearse" if self.place.rehearses else ""

    @contextmanager
    def opened(self) -> Iterator[CloudTarget]:
        self.place.prepare()
        if not self.place.rehearses:
            self._environment = {"AWS_CA_BUNDLE": None}  # with it the provider does not configure
            yield self
            return
        with rehearsal.emulated(self.place) as environment:
            self._environment = environment
            yield self

    def only(self, part: str | None) -> CloudTarget:
        """Without Sentry, where something else is wanted alone: stores and cluster are one configuration."""
        if part in ("stores", "cluster"):
            self.stack = replace(self.stack, parts=("stores", "cluster"))
        return self

    # -- doors

    @functools.cached_property
    def _programs(self) -> LocalTarget:
        """Lends its supply; nothing of it is started."""
        return LocalTarget(self.stack, self.workspace)

    @property
    def environment(self) -> dict[str, str]:
        """As kit's own questions to the cloud see it."""
        return {name: value for name, value in {**os.environ, **self._environment}.items() if value is not None}

    @functools.cached_property
    def yandex(self) -> Yandex:
        from kit.engines.yandex import from_environment

        return from_environment(self.environment)

    @property
    def configuration(self) -> Configuration:
        """Initialised once a run."""
        if self._configuration is None:
            from kit.engines.terraform import Terraform

            supply = self._programs.supply
            supply.ensure(["tool/terraform"])
            own = [secret.reveal() for secret in self.own.values()]
            program = Terraform(supply.tool("terraform"), self._environment, secrets=own)
            found = program.at(self.place.configuration, self.place.data)
            self._configuration = initialised(found, supply, self.place.mirror)
        return self._configuration

    @functools.cached_property
    def kube(self) -> KubeApi:
        from kit.engines.kube import KubeApi

        return KubeApi(self.place.kubeconfig)

    @functools.cached_property
    def helm(self) -> Helm:
        from kit.engines.helm import Helm

        self._programs.supply.ensure(["tool/helm"])
        return Helm(self._programs.supply.tool("helm"), self.place.kubeconfig)

    # -- what it is made from

    @property
    def own(self) -> Mapping[str, Secret]:
        return secrets.load(self.place.secrets)

    def variables(self) -> dict[str, Any]:
        """Everything that the configuration is given; the two passwords among them."""
        public = checks.variables(self.place.configuration, self.stack.cloud, self.stack.sentry)
        own = self.own
        return {**public, **{name: own[name].reveal() for name in ("kafka_password", "redis_password")}}

    @property
    def is_applied(self) -> bool:
        return checks.MARK in markers.load(self.place.markers)

    # -- plan

    def plan(self) -> CloudPlan:
        """Everything is asked, nothing is made."""
        checks.profile(profiles.load(self.stack.sentry.profile))
        public = checks.variables(self.place.configuration, self.stack.cloud, self.stack.sentry)
        checks.state(self.place, self.is_applied)
        folder_id = str(self.stack.cloud.get("folder_id") or self.environment.get("YC_FOLDER_ID") or "")
        folder = checks.cloud(self.yandex, folder_id, public.get("kubernetes_version"))
        secrets.ensure(self.place.secrets, clouds.secret_makers())
        self.configuration.plan(self.place.plan, self.variables())
        document = self.configuration.show_plan(self.place.plan)
        resources = changes.steps(document)
        found = changes.sums(document)
        created = Counter(step.subject.partition(".")[0] for step in resources if step.verb == "create")
        left_out = checks.quotas(self.yandex, folder.cloud_id, created, None if self.is_applied else found)
        return CloudPlan(resources, self._sentry_plan(is_settled=not resources), found, left_out)

    def _sentry_plan(self, *, is_settled: bool) -> Plan:
        """Known only while the resources stay as they are; else all of it is to be done."""
        if "sentry" not in self.stack.parts:
            return ()
        wanted, marks = ("unknown", "unknown"), markers.load(self.place.markers)
        seen = planning.Observed(cluster=planning.ClusterSeen("cloud"))
        if is_settled and self.place.kubeconfig.exists() and self.place.ca_file.exists():
            made = self.installation()
            wanted = (made.fingerprint, made.preflight_fingerprint)
            try:
                found = installations.installed(self.kube)
            except KitError:
                found = None
            seen = replace(
                seen,
                values=marks.get("values"),
                preflight=marks.get("preflight"),
                demo=marks.get("demo"),
                release=found.fingerprint if found else None,
                release_complaint=found.complaint if found else None,
                cluster_images=self._images_there(),
            )
        images = self._images() if self.place.rehearses else ()
        desired = planning.Desired(cluster="cloud", cluster_images=images, release=wanted[0], preflight=wanted[1])
        return planning.plan(desired, seen)

    # -- deeds

    def up(self, planned: CloudPlan, listen: Listener) -> None:
        """Carry out what was planned and allowed."""
        choice.save(self.workspace.state, self.stack.sentry)
        if planned.resources:
            self._apply(planned.resources, listen)
        markers.record(self.place.markers, checks.MARK, "yes")
        self.write_kubeconfig()
        self._publish_trust()
        steps = self._sentry_plan(is_settled=True)
        if steps:
            execute(steps, self._actions(), listen)

    def _apply(self, steps: Plan, listen: Listener) -> None:
        progress = Progress(steps, listen)
        try:
            self.configuration.apply(self.place.plan, progress)
        except (KitError, KeyboardInterrupt) as error:
            standing = changes.existing(self.configuration.show_state())
            if standing:
                markers.record(self.place.markers, checks.MARK, "partly")
            if isinstance(error, KitError):
                raise ApplyStopped(error, standing, changes.costly(standing), self.option) from error
            raise
        finally:
            self.place.plan.unlink(missing_ok=True)
            if self.place.state.exists():
                self.place.state.chmod(files.PRIVATE)

    @functools.cached_property
    def outputs(self) -> Outputs:
        """Raises `NoCloudStack` where nothing was applied."""
        document = self.configuration.output()
        if "kubernetes" not in document:
            raise NoCloudStack(self.stack.name, self.place.rehearses)
        return Outputs(document, self.own, self.yandex)

    def write_kubeconfig(self) -> None:
        """For kit, kubectl and Helm: whoever runs them is known by a token that is minted when it is asked for."""
        from kit.engines.kubeconfig import write_exec_kubeconfig

        cluster = self.outputs.document["kubernetes"]
        options = ["--cloud", "--rehearse"] if self.place.rehearses else ["--cloud"]
        command = [*rehearsal.kit(self.place), *options, "kube-token"]
        kept = {"KIT_HOME": str(self.workspace.home)}
        write_exec_kubeconfig(
            self.place.kubeconfig, self.stack.name, cluster["endpoint"], cluster["cluster_ca_certificate"], command, kept
        )

    def _publish_trust(self) -> None:
        """The authority of the managed stores, once: from where the cloud publishes it, or from the file that was named."""
        named = self.environment.get(rehearsal.AUTHORITY_FILE)
        if named is None and self.place.ca_file.exists():
            return
        try:
            if named is not None:
                content = Path(named).read_bytes()
            else:
                with urllib.request.urlopen(AUTHORITY_URL, timeout=DOWNLOAD_S) as answer:
                    content = answer.read()
        except OSError as error:
            raise AuthorityMissing(named or AUTHORITY_URL, str(error)) from error
        if b"BEGIN CERTIFICATE" not in content:
            raise AuthorityMissing(named or AUTHORITY_URL, "what is there is no certificate")
        files.write(self.place.ca_file, content)

    # -- Sentry

    def installation(self) -> Installation:
        from kit.pki.folder import public_roots

        authority = self.place.ca_file.read_text()
        trust = TrustTexts(authority, public_roots().decode() + authority)
        images = self._programs.supply
        probe = images.image(f"probe-{self.stack.sentry.profile}").reference if self.place.rehearses else self._probe_image()
        return clouds.installation(self.workspace, self.outputs, trust, self._flavour(), probe, self.kube, self.helm)

    def _probe_image(self) -> str:
        """In the cloud the preflight's image comes from a registry that the nodes can reach."""
        return str(self.environment.get("KIT_PROBE_IMAGE") or "")

    def _flavour(self) -> Flavour:
        if self.stack.sentry.flavour == "lite":
            return self._stand_in()
        from kit.sentry.flavours import FullChart

        domain = self.outputs.document["ingress"]["domain"]
        return FullChart(
            stack=self.stack.name,
            source=self.stack.sentry.chart,
            profile=profiles.load(self.stack.sentry.profile),
            cache=self.workspace.cache,
            assets=self.workspace.assets,
            helm=self.helm,
            url=f"https://{domain}",
            admin_email=str(self.stack.cloud.get("admin_email") or f"admin@{domain}"),
            dsn_key=self.own["sentry_dsn_key"],
            api_token=self.own["sentry_api_token"],
            trust=Trust(self._public_bundle()),
            door=None,
        )

    def _public_bundle(self) -> Path:
        from kit.pki.folder import public_roots

        path = self.place.root / "public.crt"
        if not path.exists():
            files.write(path, public_roots())
        return path

    # -- what only a rehearsal has: a cluster on this computer, and so its images and its port

    @functools.cached_property
    def backing(self) -> LocalTarget:
        """The local stack behind the emulator."""
        return rehearsal.backing(self.place, self.stack)

    def _images(self) -> tuple[str, ...]:
        return self.backing.cluster_images()

    def _images_there(self) -> frozenset[str]:
        from kit.targets.local import observe

        return observe.cluster_images(observe.ask_engine(self.backing), self.backing) if self.place.rehearses else frozenset()

    def _stand_in(self) -> Flavour:
        return rehearsal.stand_in(self.place, self.backing, self.own, profiles.load(self.stack.sentry.profile))

    # -- steps

    def _actions(self) -> Mapping[str, Callable[[Step, Note], str | None]]:
        deeds: Mapping[str, Callable[[Note], str]] = {
            "load cluster/images": self._load,
            "check values": self._check_values,
            "check preflight": self._check_preflight,
            "install sentry": self._install,
            "wait sentry": lambda note: self.installation().wait(note),
            "prove demo": self._prove,
        }
        return {deed.partition(" ")[0]: lambda step, note: deeds[step.id](note) for deed in deeds}

    def _load(self, note: Note) -> str:
        from kit.targets.local.actions import actions

        step = Step("load", "cluster/images", "")
        return actions(self.backing)["load"](step, note) or ""

    def _check_values(self, note: Note) -> str:
        made = self.installation()
        looked = made.check()
        markers.record(self.place.markers, "values", made.fingerprint)
        return f"{looked.containers} containers, {looked.connections} executed connections: nothing to mend"

    def _check_preflight(self, note: Note) -> str:
        outcome = self.run_preflight(note)
        if not outcome.passed:
            raise preflight_release.ReleaseUnfit(outcome)
        return f"{len(outcome.probes)} connections, each verified, each refused to a foreign authority"

    def run_preflight(self, note: Note = lambda said: None) -> Preflight:
        made = self.installation()
        outcome = made.preflight(note)
        markers.record(self.place.markers, "preflight", made.preflight_fingerprint if outcome.passed else "failed")
        return outcome

    def _install(self, note: Note) -> str:
        made = self.installation().install(note)
        return f"{made.chart} {made.version}, revision {made.revision}"

    def _prove(self, note: Note) -> str:
        outcome = self.demo(note)
        return f"event {outcome.event_id} seen after {outcome.seconds:.1f} s"

    def demo(self, note: Note = lambda said: None) -> DemoResult:
        made = self.installation()
        receiver = self.receiver(made)
        dsn = lite.dsn(receiver.url, self.own["sentry_dsn_key"])
        outcome = demonstration.prove(self.workspace.assets / demonstration.SCRIPT, dsn, receiver, note=note)
        markers.record(self.place.markers, "demo", made.fingerprint)
        return outcome

    def receiver(self, made: Installation) -> Receiver:
        receiver = made.flavour.receiver()
        assert receiver is not None  # both flavours know theirs
        return receiver

    # -- the rest of the user's view

    def status(self) -> Status:
        """From what terraform knows, what the cluster says, and what the last preflight saw of the stores."""
        if not self.is_applied:
            return Status(self.stack.name, "cloud", (Component("cloud", "cluster", "absent", reason="nothing was applied"),))
        document = self.outputs.document
        seen = self._last_preflight()
        stores = tuple(self._store(name, document, seen) for name in STORES)
        return Status(self.stack.name, "cloud", (*stores, self._cluster(document), self._application(seen)))

    def _last_preflight(self) -> Preflight | None:
        try:
            return preflight_release.last(self.kube)
        except KitError:
            return None

    def _store(self, name: str, document: Mapping[str, Any], seen: Preflight | None) -> Component:
        said = document["endpoints"][name]
        address = said["brokers"][0] if name == "kafka" else said.get("host") or said.get("endpoint")
        probes = [probe for probe in seen.probes if probe.store == name] if seen else []
        wrong = next((probe for probe in probes if not probe.holds), None)
        if not probes or seen is None:
            return Component(name, "store", "starting", str(address), reason="no preflight has seen it yet")
        state: State = "degraded" if wrong else "ready"
        when = f"as the preflight of {seen.finished_at:%Y-%m-%d %H:%M} UTC saw it from the cluster"
        return Component(name, "store", state, str(address), reason=wrong.words if wrong else when)

    def _cluster(self, document: Mapping[str, Any]) -> Component:
        complaint = self.kube.complaint() if self.place.kubeconfig.exists() else "no kubeconfig yet"
        state: State = "degraded" if complaint else "ready"
        return Component("kubernetes", "cluster", state, document["kubernetes"]["endpoint"], reason=complaint)

    def _application(self, seen: Preflight | None) -> Component:
        try:
            found = installations.installed(self.kube)
        except KitError as error:
            return Component("sentry", "application", "degraded", reason=error.why)
        if found is None:
            return Component("sentry", "application", "absent", reason="not installed")
        state: State = "starting" if found.complaint else "ready" if seen and seen.passed else "degraded"
        reason = found.complaint or (None if seen and seen.passed else "the preflight has not passed")
        release = {"chart": found.chart, "version": found.version, "profile": found.profile, "size": found.size}
        url = self.receiver(self.installation()).url
        return Component("sentry", "application", state, url=url, release=release, reason=reason)

    def secret_places(self) -> Mapping[str, Mapping[str, Any]]:
        """Name → where it lies. Holds no secret."""
        ours = {name: {"kind": "file", "path": str(self.place.secrets), "in_state": False} for name in self.own}
        return {**ours, **self.outputs.document["secrets"]}

    def secret(self, name: str) -> Secret:
        return self.own[name] if name in self.own else self.outputs.secret(name)

    def move_state(self, bucket: str, key: str, endpoint: str, region: str) -> None:
        """Into a bucket; the state that lies here goes along and stays behind as a backup."""
        files.write(self.place.configuration / BACKEND, backend(bucket, key, endpoint, region))
        try:
            self.configuration.move_state()
        except KitError:
            (self.place.configuration / BACKEND).unlink()
            raise

    # -- down

    def plan_down(self) -> Plan:
        """What would be removed, and what of it holds data. Raises `NoCloudStack`."""
        if not changes.existing(self.configuration.show_state()):
            raise NoCloudStack(self.stack.name, self.place.rehearses)
        self.configuration.plan(self.place.plan, self.variables(), destroy=True)
        return changes.steps(self.configuration.show_plan(self.place.plan))

    def down(self, steps: Plan, listen: Listener) -> tuple[str, ...]:
        """Remove it all; what is left, which is nothing unless something failed. Raises `Kept`, `ApplyStopped`."""
        protected = changes.protected(self.configuration.show_state())
        if protected:
            raise Kept(protected)
        self._apply(steps, listen)
        left = changes.existing(self.configuration.show_state())
        if not left:
            self.place.forget()
        return left
