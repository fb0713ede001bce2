"""Installs a release: values, chart, wiring, rules, Secrets, preflight, `helm upgrade`, wait. Used for both targets, and for both
the real chart and the stand-in.

A target says where (`Site`), the flavour which chart and what goes with it. Whether there is something to do is decided without
rendering: the fingerprint is of what the release is made from.
"""

from __future__ import annotations

import functools
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from kit import cancel, files
from kit.adapters.helm import Release
from kit.blueprint.stack import OwnValues
from kit.endpoints import Secret, addresses
from kit.errors import KitError
from kit.sentry import credentials, network_policies, nodestore
from kit.sentry.archive import CLIENTS, archive
from kit.sentry.chart import chart as charts
from kit.sentry.chart import clickhouse_range, hooks, manifests, own_values, revisions, scale, values, wiring
from kit.sentry.chart.chart import Chart
from kit.sentry.check import check as rules
from kit.sentry.check import keys, sandbox
from kit.sentry.check.located import located
from kit.sentry.check.pods import secret_data
from kit.sentry.check.rule import Finding
from kit.sentry.flavours import Flavour
from kit.sentry.installed import FINISHED, RECORD, forget_interrupted, installed
from kit.sentry.lines import topics, upgrade_path
from kit.sentry.objects import NAMESPACE, RELEASE, Document, config_map, namespace
from kit.sentry.preflight import preflight
from kit.sentry.preflight.verdict import Preflight
from kit.sentry.rollout import rollout
from kit.sentry.site import ModuleValues, Note, Site
from kit.sentry.stand_in import front
from kit.state import markers
from kit.stores.contract import NotYet, Ready

MIGRATED = markers.migrated("postgres")  # told by what Sentry's own database has been through
# How the objects are made from all that the fingerprint is of. To be raised when the same inputs give other objects, for then
# every release is to be installed anew; tests/unit/test_sentry_recipe.py has a digest of what each number makes.
RECIPE = 3
HOOKS_TIMEOUT_S = 2400.0
ANSWER_TIMEOUT_S = 120.0
BALANCED_TIMEOUT_S = 600.0  # a load balancer takes minutes to come, and DNS to be asked anew
POLL_S = 0.2


class ValuesUnfit(KitError):
    """The rendered manifests break rules of `kit values check`."""

    code = "KIT-VALUES-UNFIT"
    exit_code = 14
    what = "{place}: {found}{more}"
    why = "{rule}: {reason}"
    fix = "{remedy}; kit values check shows all of it"

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        first = findings[0]
        super().__init__(
            place=first.place,
            found=first.found,
            more=f" (and {len(findings) - 1} more)" if len(findings) > 1 else "",
            rule=first.rule,
            reason=first.why,
            remedy=first.fix,
            detail="\n".join(f"{each.rule}  {each.place}: {each.found}" for each in findings),
        )


class SentrySilent(KitError):
    """Everything is rolled out, and Sentry's address does not answer."""

    code = "KIT-SENTRY-NOT-READY"
    exit_code = 53
    what = "Sentry at {url} did not answer within {waited_s:.0f} s"
    fix = "kit status, kit logs sentry"


class Installation:
    def __init__(self, site: Site, flavour: Flavour) -> None:
        self.site = site
        self.flavour = flavour

    @property
    def _stack(self) -> str:
        return self.site.stack.name

    @property
    def _own(self) -> OwnValues:
        return self.site.stack.sentry.values

    # -- what the release is made from

    @functools.cached_property
    def wiring(self) -> wiring.Wiring:
        return wiring.from_document(self.site.profile().name, self.site.profile().wiring)

    @functools.cached_property
    def chart(self) -> Chart:
        return self.flavour.chart()

    @functools.cached_property
    def credentials(self) -> tuple[Document, ...]:
        """What does not depend on the manifests: trust, passwords, keys, code."""
        site = self.site
        vroom = site.vroom_certificate() if site.size() == "full" else None
        logins = credentials.Logins(site.secrets()["sentry_django_key"], site.secrets()["sentry_admin_password"])
        made = credentials.documents(self._stack, site.endpoints(), site.trust_texts(), logins, vroom, site.given_secrets())
        code = nodestore.document(self._stack, site.machine.assets)
        return (*made, code, *self.flavour.applied())

    @functools.cached_property
    def fingerprint(self) -> str:
        """Equal to the one in the cluster exactly when there is nothing to install. Renders nothing."""
        return files.digest(
            {
                "values": self._module_values.made_from,
                "own values": self._own.text,
                "chart": f"{self.chart.name} {self.chart.version} {self.chart.digest}",
                "wiring": json.dumps(dict(self.site.profile().wiring), sort_keys=True),
                **{f"credential {name}": text for name, text in self._secret_texts().items()},
                **{f"flavour {name}": text for name, text in self.flavour.made_from().items()},
                "network policies": str(self._has_policies),
                "recipe": str(RECIPE),
            }
        )

    @functools.cached_property
    def preflight_fingerprint(self) -> str:
        """Of what the preflight is run with; known without rendering, like the release's own."""
        parts = {"release": self.fingerprint, "image": self.site.probe_image(), "topics": json.dumps(self.topics, sort_keys=True)}
        return files.digest({**parts, "clickhouse": self._clickhouse, "driver": archive(modules=CLIENTS)})

    @property
    def _clickhouse(self) -> str:
        return clickhouse_range.wanted(self.site.profile(), self.chart)

    def _secret_texts(self) -> dict[str, str]:
        return {each["metadata"]["name"]: json.dumps(each, sort_keys=True) for each in self.credentials}

    @functools.cached_property
    def _module_values(self) -> ModuleValues:
        return self.site.values(lambda: "" if self.flavour.is_stand_in else self.chart.version)

    @functools.cached_property
    def values(self) -> Mapping[str, Any]:
        """The module's, what the flavour adds, and the user's over both. Raises `OwnValuesUnfit`."""
        if self._own.document:
            own_values.check_shape(self._own, keys.known_keys(self.chart.path))
        return own_values.merged(self._values_made, self._own)

    @functools.cached_property
    def _values_made(self) -> Mapping[str, Any]:
        return self.flavour.values(values.parse(self._module_values.text()), self._secret_texts())

    @functools.cached_property
    def rendered(self) -> tuple[Document, ...]:
        """As the chart made them. Raises `ChartInvalid`, or `OwnValuesUnrendered` where the user's values are why."""
        try:
            return charts.render(self.chart, RELEASE, NAMESPACE, self.values, self.site.helm())
        except charts.ChartInvalid as error:
            if not self._own.document:
                raise
            # Raises where the chart cannot be rendered without them either.
            charts.render(self.chart, RELEASE, NAMESPACE, self._values_made, self.site.helm())
            raise own_values.OwnValuesUnrendered(why=error.why) from error

    def wired(self) -> tuple[Document, ...]:
        """The chart's objects as they are applied."""
        return revisions.marked(network_policies.labelled(wiring.wire(self.rendered, self.wiring)), self.applied)

    def documents(self) -> tuple[Document, ...]:
        """The release to its last object, exactly as Helm is given it."""
        made = (*self.wired(), *network_policies.labelled(self.flavour.added()))
        return (*made, *scale.budgets(made), self._record())

    @property
    def _has_policies(self) -> bool:
        return self.site.stack.sentry.network_policies

    @functools.cached_property
    def policies(self) -> tuple[Document, ...]:
        """The network policies of the namespace; none where the user wants none."""
        if not self._has_policies:
            return ()
        exposed = (*self.rendered, *self.flavour.added())
        port, behind = values.mail_port(self.values), self.site.ports_behind
        return network_policies.documents(self._stack, self.site.endpoints(), port, exposed, behind)

    @functools.cached_property
    def applied(self) -> tuple[Document, ...]:
        """Everything that must be in the namespace before Helm runs. Holds secrets in clear."""
        known = {each["metadata"]["name"]: each for each in self.credentials if each["kind"] == "Secret"}

        def reveal(key: wiring.Key) -> Secret:
            return Secret(secret_data(known[key.secret])[key.key])

        return (*self.credentials, *wiring.filled_files(self.rendered, self.wiring, NAMESPACE, reveal))

    @functools.cached_property
    def topics(self) -> Mapping[str, Mapping[str, str]]:
        """The topics that kit makes for this release: name → settings."""
        wanted = topics.wanted(self.site.profile(), self.site.machine.assets, self.site.stack.sentry.topics)
        return {topic.name: topic.settings for topic in wanted}

    # -- what is said about it before anything runs

    def inspect(self) -> rules.Inspection:
        """Every container of every object against every rule, and the settings executed."""
        stand_ins = rules.stand_ins(self.rendered, self.wiring, self.credentials)
        looked = rules.inspect(
            self.wired(),
            self.site.profile(),
            values=self.values,
            chart_defaults=None if self.flavour.is_stand_in else keys.known_keys(self.chart.path),
            known_secrets=known_secrets(self.site),
            applied=(*self.credentials, *self.policies, *stand_ins),
            addresses=addresses(self.site.endpoints()),
            topics=self.topics,
            wiring=self.wiring,
            limits=self.site.limits(),
            size="" if self.flavour.is_stand_in else self.site.size(),
            sandboxes=sandbox.of_profile(self.site.machine, self.site.profile().name, trusted=self.site.stack.trusts_chart),
        )
        return located(replace(looked, notes=self.flavour.notes()), self._own)

    def check(self) -> rules.Inspection:
        """Raises `ValuesUnfit`, `UpgradePath`. Asks no cluster."""
        self.check_upgrade(self.migrated)
        found = self.inspect()
        if found.stopping:
            raise ValuesUnfit(found.stopping)
        return found

    def check_upgrade(self, *before: str) -> None:
        """Whether this chart may follow those versions of it ("" where there was none). Raises `UpgradePath`."""
        if not self.flavour.is_stand_in:
            for version in before:
                upgrade_path.check(version, self.chart.version)

    @property
    def migrated(self) -> str:
        """The version of the chart that the data in the stores has been brought to, as far as that is remembered."""
        return markers.load(self.site.markers).get(MIGRATED, "")

    def installed_version(self) -> str:
        """Of this chart in the cluster; "" where there is none of it."""
        there = installed(self.site.api)
        return there.version if there and there.chart == self.chart.name else ""

    # -- done in the cluster

    def prepare(self) -> None:
        """The namespace and what stands in it before Helm comes."""
        self.site.api.apply(namespace(self._stack, restricted=self.flavour.is_stand_in))
        for document in self.applied:
            self.site.api.apply(document)
        network_policies.apply(self.site.api, self.policies)

    def preflight(self, note: Note = lambda said: None) -> Preflight:
        """Every component's connections, tried in the cluster. What a failed one means the caller decides."""
        self.prepare()
        release = preflight.Candidate(
            stack=self._stack,
            documents=self.wired(),
            app_version=self.site.profile().app_version,
            probe_image=self.site.probe_image(),
            trust=self.wiring.mount,
            topics=self.topics,
            credentials=self.applied,
            clickhouse=self._clickhouse,
            is_stand_in=self.flavour.is_stand_in,
        )
        return preflight.run(release, self.site.api, note=note)

    def install(self, note: Note = lambda said: None) -> Release:
        """Helm, with the roll-out watched beside it; resumable after whatever happened to an earlier one.

        Raises `UpgradePath`, `RolloutFailed`, `RolloutSlow`, or what Helm ended with.
        """
        self.check_upgrade(self.migrated, self.installed_version())
        documents = self.documents()
        self._make_room(documents, note)
        self.prepare()
        forget_interrupted(self.site.api)
        rollout.restart_hopeless(self.site.api, documents, release=RELEASE, namespace=NAMESPACE)
        with tempfile.TemporaryDirectory(prefix="kit-release-") as folder:
            wrapper = charts.write_wrapper(Path(folder), self.chart, documents)

            def helm() -> Release:
                # The wrapper needs no values: they are left with the release for `kit values diff`, and hold no secret.
                return self.site.helm().upgrade(RELEASE, wrapper, NAMESPACE, self.values, hooks_timeout_s=HOOKS_TIMEOUT_S)

            def watching(running: Future[Release]) -> object:
                return rollout.watch(
                    self.site.api,
                    documents,
                    release=RELEASE,
                    namespace=NAMESPACE,
                    helm=running,
                    note=note,
                    secrets=[each.reveal() for each in known_secrets(self.site)],
                )

            return rollout.install(helm, watching)

    def _make_room(self, documents: tuple[Document, ...], note: Note) -> None:
        """Remove what stands in the way of these objects and Helm would leave there.

        A release of another chart, with all that it made: charts give objects of the same name other selectors, which Kubernetes
        never changes, and both want the node's one port. Of the same chart, what was a hook and is none any more: Helm does not
        know it, neither as something to delete nor as something of its own to change.
        """
        there = self.site.helm().release(RELEASE, NAMESPACE)
        if there is None:
            return
        if there.chart != self.chart.name:
            note(f"removing {there.chart} {there.version}, in whose place this comes")
            self.uninstall()
            return
        made_as_hooks = {(each["kind"], each["metadata"]["name"]) for each in documents if hooks.is_hook(each)}
        old = manifests.parse(self.site.helm().hooks(RELEASE, NAMESPACE))
        gone = [each for each in old if (each["kind"], each["metadata"]["name"]) not in made_as_hooks]
        hooks.remove_hooks(self.site.api, gone, NAMESPACE)

    def wait(self, note: Note = lambda said: None, sleep: Callable[[float], None] = cancel.wait) -> str:
        """Until Sentry's address answers; where it is. Then, and not before, the release counts as installed."""
        self.flavour.finish(self.wired, note)
        network_policies.close(self.site.api, self.policies)
        where = self._answering(note, sleep)
        metadata = {"name": RECORD, "namespace": NAMESPACE, "annotations": {FINISHED: self.fingerprint}}
        self.site.api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
        return where

    def _answering(self, note: Note, sleep: Callable[[float], None]) -> str:
        receiver = self.flavour.receiver()
        started = time.monotonic()
        while True:
            answer: Ready | NotYet = receiver.probe()
            if isinstance(answer, Ready):
                return receiver.url
            waited_s = time.monotonic() - started
            is_balanced = self.site.balanced() is not None
            reason = (front.complaint(self.site.api) if is_balanced else None) or answer.reason
            if waited_s > (BALANCED_TIMEOUT_S if is_balanced else ANSWER_TIMEOUT_S):
                raise SentrySilent(url=receiver.url, why=reason, waited_s=waited_s)
            note(reason)
            sleep(POLL_S)

    def uninstall(self) -> tuple[str, ...]:
        """Whatever release is there, and what Helm forgets of it; returns the names of the latter. Data in the stores stays."""
        if self.site.helm().release(RELEASE, NAMESPACE) is None:
            return ()
        made_as_hooks = manifests.parse(self.site.helm().hooks(RELEASE, NAMESPACE))
        self.site.helm().uninstall(RELEASE, NAMESPACE)
        return hooks.remove_hooks(self.site.api, made_as_hooks, NAMESPACE)

    def _record(self) -> Document:
        site = self.site
        made_from = {"fingerprint": self.fingerprint, "profile": site.profile().name, "size": site.size()}
        of_chart = {"chart": self.chart.name, "version": self.chart.version, "app_version": self.chart.app_version}
        return config_map(self._stack, RECORD, {**made_from, **of_chart})


def known_secrets(site: Site) -> tuple[Secret, ...]:
    """Every secret value that must appear in no manifest, log or error."""
    ends = site.endpoints()
    logins = (ends.kafka.password, ends.postgres.password, ends.redis.password, ends.clickhouse.password)
    keys_of_buckets = (ends.s3.filestore.secret_key, ends.s3.nodestore.secret_key)
    own = (site.secrets()["sentry_django_key"], site.secrets()["sentry_admin_password"], *site.given_secrets().every)
    return (*logins, *keys_of_buckets, *own)
