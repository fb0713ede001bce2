"""Shows the values of a release: printed, compared with what runs, held against the rules.

Values need addresses and names, never a password, so they can be looked at before there is a stack. `stand_in_site` then says
all that only a stack has; which Secret is named can be checked all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from kit.adapters.terraform.program import Terraform
from kit.blueprint.stack import OwnValues
from kit.endpoints import Secret
from kit.errors import KitError
from kit.sentry import credentials
from kit.sentry.chart import own_values, values
from kit.sentry.credentials import Certificate, GivenSecrets, TrustTexts
from kit.sentry.installed import RECORD
from kit.sentry.lines import profiles
from kit.sentry.objects import NAMESPACE, RELEASE
from kit.sentry.release import SentryRelease
from kit.sentry.site import ModuleValues, Site

if TYPE_CHECKING:
    from kit.adapters.helm import Helm
    from kit.blueprint.stack import Stack
    from kit.endpoints import Endpoints
    from kit.machine import Machine
    from kit.sentry.check.check import Inspection
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
        running = site.helm().values(RELEASE, NAMESPACE)
        if not running:
            raise NoRelease(why="what runs was installed without leaving its values", command=self.command)
        return values.difference(running, self.installation.values)

    def inspect(self) -> Inspection:
        """The chart rendered with the values, wired, and held against every rule."""
        return self.installation.inspect()


def stand_in_site(
    machine: Machine, stack: Stack, variables: Mapping[str, Any], endpoints: Endpoints, there: Site, given: Iterable[str]
) -> Site:
    """Of a chart's release on stores that are known by their addresses alone. `variables` are the module's, but for the chart's
    version, `endpoints` have stand-ins for passwords; cluster and files are those of `there`; `given` are names of secrets."""
    supply = machine.supply

    @cache
    def helm() -> Helm:
        supply.ensure(["tool/helm"])
        return there.helm()

    def text(chart_version: str) -> str:
        supply.ensure(["tool/terraform"])
        inputs = {**variables, "chart_version": chart_version}
        return values.written(Terraform(supply.tool("terraform")), machine.assets / profiles.MODULE, inputs)

    return replace(
        there,
        stack=stack,
        helm=helm,
        profile=cache(lambda: profiles.load(stack.sentry.profile)),
        size=lambda: stack.sentry.local_size,
        endpoints=lambda: endpoints,
        trust_texts=lambda: TrustTexts(STAND_IN, STAND_IN),
        secrets=lambda: dict.fromkeys(credentials.makers(), NOBODY),
        given_secrets=lambda: GivenSecrets(NOBODY, dict.fromkeys(given, NOBODY)),
        values=lambda version: ModuleValues("", lambda: text(version())),
        probe_image=lambda: "",
        vroom_certificate=lambda: Certificate(STAND_IN, NOBODY),
        url=lambda: str(variables["url"]),
        admin=lambda: ADMIN_EMAIL,
        front_certificate=lambda: None,
        proxy=lambda: None,
        balanced=lambda: None,
        kafka=lambda: None,
    )
