"""What a cloud stack knows of its Sentry: Terraform's outputs, passwords in Lockbox, and the stack behind a rehearsal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kit import files
from kit.adapters.helm import Helm
from kit.adapters.kubernetes.api import KubeApi
from kit.blueprint.stack import Stack
from kit.endpoints import Endpoints, Secret, Trust
from kit.host.trust import bundle
from kit.machine import Machine
from kit.pki import folder
from kit.sentry import credentials
from kit.sentry.credentials import Certificate, GivenSecrets, TrustTexts
from kit.sentry.lines import profiles
from kit.sentry.lines.profiles import Profile
from kit.sentry.objects import Document
from kit.sentry.release import SentryRelease
from kit.sentry.site import ModuleValues, Note
from kit.sentry.stand_in.lite import HOSTS
from kit.state import lock, secrets
from kit.targets.cloud import rehearsal
from kit.targets.local import layout

if TYPE_CHECKING:
    from kit.targets.cloud.target import CloudTarget

LOCK_S = 90.0  # of the stack, where a certificate is due and somebody works on it
PROBE_IMAGE = "KIT_PROBE_IMAGE"  # the preflight's image in a registry that the cloud's nodes reach


def secret_makers() -> Mapping[str, Callable[[], str]]:
    """What kit itself makes and keeps: the two passwords that Terraform has to be given, and Sentry's own."""
    return {"kafka_password": secrets.password, "redis_password": secrets.password, **credentials.makers()}


def release(cloud: CloudTarget) -> SentryRelease:
    return SentryRelease(CloudSite(cloud))


@dataclass(frozen=True, slots=True)
class CloudSite:
    """`kit.sentry.site.Site`. Raises `NoCloudStack` where nothing was applied."""

    cloud: CloudTarget

    @property
    def stack(self) -> Stack:
        return self.cloud.stack

    @property
    def machine(self) -> Machine:
        return self.cloud.around.machine

    @property
    def kubeconfig(self) -> Path:
        return self.cloud.place.kubeconfig

    @property
    def api(self) -> KubeApi:
        return self.cloud.around.kube

    @property
    def helm(self) -> Helm:
        return self.cloud.around.helm

    @property
    def markers(self) -> Path:
        return self.cloud.place.markers

    @property
    def profile(self) -> Profile:
        return profiles.load(self.cloud.outputs.document["profile"]["name"])

    @property
    def size(self) -> str:
        return str(self.cloud.outputs.document["profile"]["size"])

    @property
    def endpoints(self) -> Endpoints:
        return self.cloud.outputs.endpoints()

    @property
    def trust_texts(self) -> TrustTexts:
        authority = self.cloud.place.ca_file.read_text()
        return TrustTexts(authority, folder.public_roots().decode() + authority)

    @property
    def secrets(self) -> Mapping[str, Secret]:
        return self.cloud.around.own

    @property
    def given_secrets(self) -> GivenSecrets:
        return self.cloud.around.given_secrets()

    def values(self, chart_version: Callable[[], str]) -> ModuleValues:
        """An output of the configuration: they are made with the stores that they name."""
        text = str(self.cloud.outputs.document["values"])
        return ModuleValues(files.digest({"values": text}), lambda: text)

    @property
    def probe_image(self) -> str:
        """In the cloud from a registry that the nodes reach; `checks.before_the_cloud` has seen that it is named."""
        if self.cloud.place.rehearses:
            return self.machine.supply.image(profiles.probe_image(self.stack.sentry.profile)).reference
        return os.environ.get(PROBE_IMAGE, "")

    def vroom_certificate(self) -> Certificate:
        """Managed Kafka asks for no client certificate; vroom only wants to have one."""
        return self._certificate(layout.VROOM_HOLDER, (layout.VROOM_HOLDER,))

    def front_certificate(self) -> Certificate | None:
        return None if self.stack.sentry.flavour == "chart" else self._certificate(layout.SENTRY_HOLDER, HOSTS)

    def _certificate(self, holder: str, names: tuple[str, ...]) -> Certificate:
        """Of the authority of the stack behind a rehearsal, else of one that no server knows; among the files of the cloud stack:
        the emulator writes those of the stack behind."""
        place, now = self.cloud.place, datetime.now(UTC)
        space = place.workspace
        authority = folder.load_authority(self._authority, now)
        if authority is None or folder.leaf_complaint(place.certs, holder, authority, names, now):
            with lock.held(space.lock_file, space.stack, f"up --cloud{self.cloud.option}", wait_s=LOCK_S):
                authority = authority or folder.make_authority(self._authority, space.stack, now)
                folder.make_leaf(place.certs, space.stack, holder, authority, names, now)
        return Certificate.read(place.certs / holder / "current")

    @property
    def _authority(self) -> Path:
        return self.cloud.around.backing.workspace.certs if self.cloud.place.rehearses else self.cloud.place.certs

    def load_chart_images(self, documents: Iterable[Document], note: Note) -> None:
        """The cloud's nodes pull them, and no chart is rehearsed."""

    @property
    def url(self) -> str:
        if self.stack.sentry.flavour == "lite":
            return rehearsal.url(self.cloud.around.backing)
        return f"https://{self._domain}"

    @property
    def admin(self) -> str:
        return self.cloud.around.setting("admin_email") or f"admin@{self._domain}"

    @property
    def _domain(self) -> str:
        return str(self.cloud.outputs.document["ingress"]["domain"])

    @property
    def trust(self) -> Trust:
        """The rehearsal's authority, or the public ones."""
        if self.stack.sentry.flavour == "lite":
            return self.cloud.around.backing.trust()
        return Trust(bundle({}))

    @property
    def kafka(self) -> None:
        return None
