"""The values of a release, looked at: printed, compared with what runs, held against the rules.

Values need addresses and names, never a password, so they can be looked at before there is a stack. `StandInSite` then says
everything that only a stack has; which Secret is named can be checked all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.adapters.helm import Helm
from kit.adapters.kubernetes.api import KubeApi
from kit.adapters.terraform.program import Terraform
from kit.blueprint.stack import OwnValues, Stack
from kit.endpoints import Endpoints, KafkaEndpoint, Secret, Trust
from kit.errors import KitError
from kit.machine import Machine
from kit.sentry import credentials
from kit.sentry.chart import own_values, values
from kit.sentry.credentials import Certificate, GivenSecrets, TrustTexts
from kit.sentry.installed import RECORD
from kit.sentry.lines import profiles
from kit.sentry.lines.profiles import Profile
from kit.sentry.objects import KUBERNETES, NAMESPACE, RELEASE, Document
from kit.sentry.release import SentryRelease
from kit.sentry.site import ModuleValues, Note

if TYPE_CHECKING:
    from kit.sentry.check.check import Looked
    from kit.sentry.installation import Installation

ADMIN_EMAIL = "admin@sentry.local"
STAND_IN = "kit-stands-in-here"  # for every secret where only its name matters
NOBODY = Secret(STAND_IN)


class NoRelease(KitError):
    """There is no running release to compare the values with."""

    code = "KIT-NO-RELEASE"
    exit_code = 4
    what = "there is no running release to compare with"
    fix = "{command}"


@dataclass(frozen=True)
class Preview:
    release: SentryRelease
    text: Callable[[], str]  # the module's values, as YAML with its comments
    command: str  # that would install it

    @property
    def _own(self) -> OwnValues:
        return self.release.site.stack.sentry.values

    @cached_property
    def installation(self) -> Installation:
        """What `kit up` would install."""
        return self.release.installation()

    @property
    def written(self) -> str:
        """YAML; with values of the user's own over the module's, these are marked."""
        return own_values.shown(values.text(self.data), self._own) if self._own.document else self.text()

    @property
    def data(self) -> dict[str, Any]:
        return own_values.merged(values.parse(self.text()), self._own)

    def difference(self) -> str:
        """What an upgrade would change in the running release; empty: nothing. Raises `NoRelease`."""
        site = self.release.site
        if not site.kubeconfig.exists():
            raise NoRelease(why="the stack has no cluster", command=self.command)
        if site.api.get("ConfigMap", RECORD, NAMESPACE) is None:  # the API says better than Helm that it is out of reach
            raise NoRelease(why="the cluster has none", command=self.command)
        running = site.helm.values(RELEASE, NAMESPACE)
        if not running:
            raise NoRelease(why="what runs was installed without leaving its values", command=self.command)
        return values.difference(running, self.installation.values)

    def look(self) -> Looked:
        """The chart rendered with the values, wired, and held against every rule."""
        return self.installation.look()


@dataclass(frozen=True)
class StandInSite:
    """`kit.sentry.site.Site` of a chart's release on stores that are known by their addresses alone."""

    machine: Machine
    stack: Stack
    variables: Mapping[str, Any]  # of the module, but for the chart's version
    endpoints: Endpoints  # with stand-ins for passwords
    kubeconfig: Path
    api: KubeApi
    markers: Path
    ca_file: Path
    given: Iterable[str] = ()  # names of the secrets that the user gave

    @cached_property
    def helm(self) -> Helm:
        self.machine.supply.ensure(["tool/helm"])
        return Helm(self.machine.supply.tool("helm"), self.kubeconfig, kubernetes=KUBERNETES)

    @property
    def profile(self) -> Profile:
        return profiles.load(self.stack.sentry.profile)

    @property
    def size(self) -> str:
        return self.stack.sentry.size

    @property
    def trust_texts(self) -> TrustTexts:
        return TrustTexts(STAND_IN, STAND_IN)

    @property
    def secrets(self) -> Mapping[str, Secret]:
        return dict.fromkeys(credentials.makers(), NOBODY)

    @property
    def given_secrets(self) -> GivenSecrets:
        return GivenSecrets(NOBODY, dict.fromkeys(self.given, NOBODY))

    def values(self, chart_version: Callable[[], str]) -> ModuleValues:
        def text() -> str:
            self.machine.supply.ensure(["tool/terraform"])
            terraform = Terraform(self.machine.supply.tool("terraform"))
            inputs = {**self.variables, "chart_version": chart_version()}
            return values.written(terraform, self.machine.assets / profiles.MODULE, inputs)

        return ModuleValues("", text)

    @property
    def probe_image(self) -> str:
        return ""

    def vroom_certificate(self) -> Certificate:
        return Certificate(STAND_IN, NOBODY)

    def load_chart_images(self, documents: Iterable[Document], note: Note) -> None:
        """Nothing is installed from here."""

    @property
    def url(self) -> str:
        return str(self.variables["url"])

    @property
    def admin(self) -> str:
        return ADMIN_EMAIL

    @property
    def trust(self) -> Trust:
        return Trust(self.ca_file)

    def front_certificate(self) -> None:
        return None

    @property
    def kafka(self) -> KafkaEndpoint | None:
        return None
