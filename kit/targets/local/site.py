"""What the stack on this computer knows of its Sentry: names of the stores in the cluster, certificates and passwords."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kit import files
from kit.adapters.helm import Helm
from kit.adapters.kubernetes.api import KubeApi
from kit.adapters.terraform.program import Terraform
from kit.blueprint.stack import Stack
from kit.endpoints import Endpoints, KafkaEndpoint, Secret, Trust
from kit.machine import Machine
from kit.sentry import credentials
from kit.sentry.chart import values
from kit.sentry.credentials import Certificate, GivenSecrets, TrustTexts
from kit.sentry.lines import profiles
from kit.sentry.lines.profiles import Profile
from kit.sentry.objects import KUBERNETES, Document
from kit.sentry.release import SentryRelease
from kit.sentry.site import ModuleValues, Note
from kit.state.ports import LOOPBACK
from kit.targets.local import chart_images, layout
from kit.targets.local.errors import NoStack

if TYPE_CHECKING:
    from kit.targets.local.target import LocalTarget

ADMIN = "admin@sentry.local"


def release(local: LocalTarget) -> SentryRelease:
    return SentryRelease(LocalSite(local))


@dataclass(frozen=True, slots=True)
class LocalSite:
    """`kit.sentry.site.Site`. Raises `NoStack` for what a stack that was never brought up does not have."""

    local: LocalTarget

    @property
    def stack(self) -> Stack:
        return self.local.stack

    @property
    def machine(self) -> Machine:
        return self.local.machine

    @property
    def kubeconfig(self) -> Path:
        return self.local.workspace.kubeconfig

    @property
    def api(self) -> KubeApi:
        return self.local.kube

    @property
    def helm(self) -> Helm:
        return Helm(self.machine.supply.tool("helm"), self.kubeconfig, kubernetes=KUBERNETES)

    @property
    def markers(self) -> Path:
        return self.local.markers_file

    @property
    def profile(self) -> Profile:
        return profiles.load(self.stack.sentry.profile)

    @property
    def size(self) -> str:
        return self.stack.sentry.size

    @property
    def endpoints(self) -> Endpoints:
        return layout.endpoints_from_cluster(self.local.credentials())

    @property
    def trust_texts(self) -> TrustTexts:
        return TrustTexts(self.local.workspace.ca_file.read_text(), self.local.workspace.bundle_file.read_text())

    @property
    def secrets(self) -> Mapping[str, Secret]:
        found = self.local.secrets()
        if not credentials.makers().keys() <= found.keys():
            raise NoStack(name=self.stack.name)
        return found

    @property
    def given_secrets(self) -> GivenSecrets:
        return self.local.given_secrets()

    def values(self, chart_version: Callable[[], str]) -> ModuleValues:
        module = self.machine.assets / profiles.MODULE
        place = values.Place(self.url, self.admin, self.stack.sentry.retention_days, mail=self.stack.mail)
        inputs = values.inputs(self.endpoints, self.profile, self.size, place, chart_version=chart_version())
        made_from = files.digest({"module": files.folder_digest(module), "inputs": json.dumps(inputs, sort_keys=True)})
        return ModuleValues(made_from, lambda: values.written(Terraform(self.machine.supply.tool("terraform")), module, inputs))

    @property
    def probe_image(self) -> str:
        return self.machine.supply.image(profiles.probe_image(self.stack.sentry.profile)).reference

    def vroom_certificate(self) -> Certificate:
        return self._leaf(layout.VROOM_HOLDER)

    def front_certificate(self) -> Certificate:
        return self._leaf(layout.SENTRY_HOLDER)

    def _leaf(self, holder: str) -> Certificate:
        return Certificate.read(self.local.workspace.certs / holder / "current")

    def load_chart_images(self, documents: Iterable[Document], note: Note) -> None:
        note("bringing the chart's images into the cluster, those that are here")
        chart_images.load(self.local, documents, note)

    @property
    def url(self) -> str:
        known = self.local.ports()
        if layout.SENTRY_KEY not in known:
            raise NoStack(name=self.stack.name)
        return f"https://{LOOPBACK}:{known[layout.SENTRY_KEY]}"

    @property
    def admin(self) -> str:
        return ADMIN

    @property
    def trust(self) -> Trust:
        return self.local.trust()

    @property
    def kafka(self) -> KafkaEndpoint:
        return self.local.endpoints().kafka
