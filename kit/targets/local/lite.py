"""The light Sentry as a part of the local target: the rooms of `kit.sentry`, given this stack's endpoints, images and secrets."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kit.endpoints import Endpoints, Secret, Trust
from kit.errors import KitError
from kit.report.status import Component, State, TlsSeen
from kit.sentry import demo as demonstration
from kit.sentry import lite, manifests, preflight, release
from kit.sentry.demo import DemoResult
from kit.sentry.preflight_job import AUTHORITY
from kit.state import markers
from kit.stores.contract import NotYet
from kit.supply.resolve import source_of
from kit.targets.local import layout
from kit.targets.local.errors import NoStack
from kit.verify.checks import Check

if TYPE_CHECKING:
    from kit.engines.helm import Helm
    from kit.plan.execute import Note
    from kit.sentry.bugsink import Bugsink
    from kit.targets.local import LocalTarget
    from kit.targets.local.observe import EngineSeen

STAND_IN = "a stand-in: Bugsink, which speaks Sentry's protocol; the full chart follows"
FOLLOW_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class SentrySeen:
    """What the cluster and the markers say of the release."""

    fingerprint: str | None = None
    complaint: str | None = None
    preflight: str | None = None  # fingerprint of the last one that passed
    demo: str | None = None
    values: str | None = None  # fingerprint of the release whose manifests were checked


class LiteSentry:
    def __init__(self, local: LocalTarget) -> None:
        self._local = local

    # -- what it is made from

    @property
    def _wanted(self) -> lite.Lite:
        local, certs = self._local, self._local.workspace.certs
        leaf = certs / layout.SENTRY_HOLDER / "current"
        found = local.secrets()
        return lite.Lite(
            stack=local.stack.name,
            chart=local.workspace.assets / lite.CHART,
            host_port=local.ports()[layout.SENTRY_KEY],
            bugsink_image=local.supply.image("bugsink").reference,
            probe_image=local.supply.image("probe").reference,
            postgres=self._endpoints.postgres,
            logins=lite.logins(found),
            authority=(certs / "ca.crt").read_text(),
            certificate=(leaf / "tls.crt").read_text(),
            key=Secret((leaf / "tls.key").read_text()),
        )

    @property
    def _endpoints(self) -> Endpoints:
        return layout.endpoints_from_cluster(self._local.credentials())

    @functools.cached_property
    def _helm(self) -> Helm:
        from kit.engines.helm import Helm

        return Helm(self._local.supply.tool("helm"), self._local.workspace.kubeconfig)

    def server(self) -> Bugsink:
        from kit.sentry.bugsink import Bugsink

        local = self._local
        token = lite.logins(local.secrets()).api_token
        return Bugsink(lite.url(local.ports()[layout.SENTRY_KEY]), token, Trust(local.workspace.ca_file), lite.PROJECT_ID)

    def fingerprint(self) -> str:
        return lite.fingerprint(self._wanted)

    def preflight_fingerprint(self) -> str:
        return preflight.fingerprint(self._wanted, self._endpoints)

    # -- the steps of the plan

    def check_values(self, note: Note) -> str:
        """The chart renders with these values."""
        wanted = self._wanted
        rendered = self._helm.template(lite.RELEASE, wanted.chart, lite.NAMESPACE, lite.values(wanted))
        markers.record(self._local.markers_file, "values", self.fingerprint())
        return f"{len(manifests.parse(rendered))} objects"

    def install(self, note: Note) -> str:
        made = release.install(self._wanted, self._local.kube, self._helm)
        return f"{made.chart} {made.version}, revision {made.revision}"

    def wait(self, note: Note) -> str:
        release.wait(self._local.kube, self.server(), note=note)
        return lite.url(self._local.ports()[layout.SENTRY_KEY])

    def preflight(self, note: Note) -> str:
        outcome = preflight.run(self._wanted, self._endpoints, self._local.kube, self._helm, note=note)
        if not outcome.passed:
            raise preflight.PreflightFailed(outcome)
        return f"{len(outcome.probes)} probes inside the cluster as they must be"

    def prove(self, note: Note) -> str:
        outcome = self._send(note)
        return f"event {outcome.event_id} seen after {outcome.seconds:.1f} s"

    def demo(self) -> DemoResult:
        if not self._local.secrets():
            raise NoStack(self._local.stack.name)
        return self._send(lambda reason: None)

    def _send(self, note: Note) -> DemoResult:
        local = self._local
        dsn = lite.dsn(local.ports()[layout.SENTRY_KEY], lite.logins(local.secrets()).dsn_key)
        outcome = demonstration.prove(local.workspace.assets / demonstration.SCRIPT, dsn, self.server(), note=note)
        markers.record(local.markers_file, "demo", self.fingerprint())
        return outcome

    # -- what is seen

    def seen(self) -> SentrySeen:
        """Nothing where the cluster cannot be asked: the plan makes it again then, and everything in it."""
        local = self._local
        if not local.workspace.kubeconfig.exists():
            return SentrySeen()
        try:
            installed, checked = release.look(local.kube), preflight.last(local.kube)
        except KitError:
            return SentrySeen()
        return SentrySeen(
            fingerprint=installed.fingerprint if installed else None,
            complaint=installed.complaint if installed else None,
            preflight=checked.fingerprint if checked and checked.passed else None,
            demo=markers.load(local.markers_file).get("demo"),
            values=markers.load(local.markers_file).get("values"),
        )

    def component(self, seen: EngineSeen) -> Component:
        local = self._local
        node = seen.node(local.stack.name)
        if node is None or node.state != "running" or not local.workspace.kubeconfig.exists():
            return Component("sentry", "application", "absent", reason="no cluster to run in")
        try:
            installed, checked = release.look(local.kube), preflight.last(local.kube)
        except KitError as error:
            return Component("sentry", "application", "degraded", reason=error.why)
        if installed is None:
            return Component("sentry", "application", "absent", reason="not installed")
        passed = checked is not None and checked.passed
        shown = Component(
            "sentry",
            "application",
            "starting",
            url=lite.url(local.ports()[layout.SENTRY_KEY]),
            image={"reference": installed.image, "source": source_of(installed.image, {}) or "built"},
            release={"chart": installed.chart, "version": installed.version},
            preflight={"passed": checked.passed, "finished_at": f"{checked.finished_at:%Y-%m-%dT%H:%M:%SZ}"} if checked else None,
            reason=installed.complaint,
        )
        if installed.complaint:
            return shown
        answer = self.server().probe()
        if isinstance(answer, NotYet):
            return replace(shown, state="degraded", reason=answer.reason)
        tls = TlsSeen(answer.tls.version, True, answer.tls.issuer, answer.tls.not_after)
        state: State = "ready" if passed else "degraded"
        reason = STAND_IN if passed else "the preflight inside the cluster has not passed"
        return replace(shown, state=state, tls=tls, latency_ms=round(answer.latency_ms, 1), reason=reason)

    def preflight_checks(self) -> Iterator[Check]:
        """The claims about the connections from inside the cluster, tried now."""
        local = self._local
        if not local.workspace.kubeconfig.exists():
            return
        outcome = preflight.run(self._wanted, self._endpoints, local.kube, self._helm)
        for probe in outcome.probes:
            claim = "is reached over verified TLS" if probe.trust == AUTHORITY else "is refused without the authority"
            yield Check(f"cluster/{probe.store}", claim, probe.holds, probe.words)

    def client_env(self) -> Mapping[str, str]:
        local = self._local
        found, port = local.secrets(), local.ports()[layout.SENTRY_KEY]
        if "sentry" not in local.stack.parts or not local.workspace.kubeconfig.exists():
            return {}
        logins = lite.logins(found)
        return {
            "SENTRY_DSN": lite.dsn(port, logins.dsn_key).reveal(),
            "SENTRY_URL": lite.url(port),
            "SENTRY_USER": lite.ADMIN,
            "SENTRY_PASSWORD": logins.admin_password.reveal(),
        }

    def login(self) -> layout.Login | None:
        local = self._local
        if "sentry" not in local.stack.parts:
            return None
        url = lite.url(local.ports()[layout.SENTRY_KEY])
        return layout.Login(url, lite.ADMIN, lite.logins(local.secrets()).admin_password)

    def logs(self, component: str, tail: int, follow: bool) -> Iterator[str]:
        """The newest pod's log; with `follow`, what comes after it too."""
        local, api = self._local, self._local.kube
        if not local.workspace.kubeconfig.exists():
            raise NoStack(local.stack.name)
        shown = ""
        while True:
            text = release.log(api, tail) if component == "sentry" else preflight.log(api, tail)
            yield text.removeprefix(shown) if text.startswith(shown) else text
            shown = text
            if not follow:
                return
            time.sleep(FOLLOW_POLL_S)
