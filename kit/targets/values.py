"""The values of a stack's Sentry, for stores here or elsewhere: made, compared with what runs, held against the rules.

Values need addresses and names, never a password, so they can be looked at before there is a stack: the local stores' names and
ports are fixed, and those of the cloud are an output of its configuration. What is looked at is an `Installation`, as `kit up`
makes one: the stack's own where there is one, else one with stand-ins for secrets; which Secret is named can be checked all the
same.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.blueprint.stack import SentryWanted
from kit.endpoints import (
    Bucket,
    ClickHouseEndpoint,
    Endpoints,
    KafkaEndpoint,
    PostgresEndpoint,
    RedisEndpoint,
    S3Endpoint,
    Secret,
    Trust,
)
from kit.errors import KitError
from kit.sentry import credentials
from kit.sentry.chart import own_values, values
from kit.sentry.chart.values import Place
from kit.sentry.check import sandbox
from kit.sentry.installation import RECORD
from kit.sentry.lines import profiles, topics
from kit.sentry.lines.profiles import Profile
from kit.sentry.objects import NAMESPACE, RELEASE
from kit.state import given
from kit.state.ports import LOOPBACK
from kit.stores.contract import Credentials
from kit.targets.local import layout
from kit.targets.local.target import LocalTarget

if TYPE_CHECKING:
    from kit.adapters.helm import Helm
    from kit.adapters.terraform.program import Terraform
    from kit.sentry.chart.chart import Chart
    from kit.sentry.check.check import Looked
    from kit.sentry.installation import Installation

ADMIN_EMAIL = "admin@sentry.local"
STAND_IN = "kit-stands-in-here"  # for every secret where only its name matters


class EndpointsUnreadable(KitError):
    """A file of endpoints is not what `terraform output -json endpoints` prints."""

    code = "KIT-ENDPOINTS"
    exit_code = 10
    what = "{path} holds no endpoints"
    fix = "terraform output -json endpoints > FILE"


class NoRelease(KitError):
    """There is nothing running to compare with."""

    code = "KIT-NO-RELEASE"
    exit_code = 4
    what = "there is no running release to compare with"
    fix = "kit up --local"


@dataclass(frozen=True)
class SentryValues:
    """One Sentry wanted on one set of stores. Programs are opened when they are asked for."""

    local: LocalTarget  # lends its programs, its cluster and its folder
    wanted: SentryWanted
    variables: Mapping[str, Any]  # of the module, but for the chart's version
    endpoints: Endpoints  # with stand-ins for passwords
    of_stack: bool = False  # whether these are the stores of the stack itself

    @property
    def profile(self) -> Profile:
        return profiles.load(self.wanted.profile)

    @cached_property
    def helm(self) -> Helm:
        from kit.adapters.helm import Helm

        self.local.supply.ensure(["tool/helm"])
        return Helm(self.local.supply.tool("helm"), self.local.workspace.kubeconfig, kubernetes=layout.KUBERNETES)

    @cached_property
    def terraform(self) -> Terraform:
        from kit.adapters.terraform.program import Terraform

        self.local.supply.ensure(["tool/terraform"])
        return Terraform(self.local.supply.tool("terraform"))

    @cached_property
    def chart(self) -> Chart:
        """The chart at hand. Raises what `kit.sentry.chart.find` raises."""
        from kit.sentry.chart import chart

        return chart.find(self.wanted.chart, self.profile, self.local.workspace.cache, self.helm)

    @property
    def written(self) -> str:
        """YAML, for the chart that was named, else for the profile's own version; what is the user's is marked."""
        return own_values.shown(values.text(self.data), self.wanted.values) if self.wanted.values.document else self._made

    @cached_property
    def _made(self) -> str:
        """By the module, with its comments."""
        version = self.chart.version if self.wanted.chart else ""
        return values.written(self.terraform, self._module, {**self.variables, "chart_version": version})

    @property
    def data(self) -> dict[str, Any]:
        return own_values.merged(values.parse(self._made), self.wanted.values)

    def difference(self) -> str:
        """What an upgrade would change in the running release; empty: nothing. Raises `NoRelease`."""
        if not self.local.workspace.kubeconfig.exists():
            raise NoRelease(why="the stack has no cluster")
        if self.local.kube.get("ConfigMap", RECORD, NAMESPACE) is None:  # the API says better than Helm that it is out of reach
            raise NoRelease(why="the cluster has none")
        running = self.helm.values(RELEASE, NAMESPACE)
        if not running:
            raise NoRelease(why="what runs was installed without leaving its values")
        return values.difference(running, self.installation.values)

    def look(self) -> Looked:
        """The chart rendered with the values, wired, and held against every rule."""
        return self.installation.look()

    @cached_property
    def installation(self) -> Installation:
        """What `kit up` would install; without a stack, with stand-ins in place of what only a stack has."""
        stack = self.local.wanting(self.wanted)
        if self.of_stack and stack.is_made():
            return stack.sentry.installation()
        return self._rehearsed()

    def _rehearsed(self) -> Installation:
        from kit.sentry.flavours import FullChart
        from kit.sentry.installation import Installation, Site

        local, nobody = self.local, Secret(STAND_IN)
        made = {**self.variables, "chart_version": self.chart.version}  # named or not, it is this chart that is rendered
        site = Site(
            stack=local.stack.name,
            profile=self.profile,
            size=self.wanted.size,
            endpoints=self.endpoints,
            trust=credentials.TrustTexts(STAND_IN, STAND_IN),
            logins=credentials.Logins(nobody, nobody),
            values=lambda: values.render(self.terraform, self._module, made),
            values_made_from="",
            probe_image="",
            topics=topics.wanted(self.profile, local.workspace.assets, self.wanted.topics),
            sandboxes=sandbox.of_profile(local.machine, self.wanted.profile, trusted=local.stack.trusts_chart),
            assets=local.workspace.assets,
            vroom=credentials.Certificate(STAND_IN, nobody),
            own=self.wanted.values,
            given_secrets=credentials.GivenSecrets(nobody, dict.fromkeys(given.load(local.given_file), nobody)),
        )
        flavour = FullChart(
            stack=local.stack.name,
            source=self.wanted.chart,
            profile=self.profile,
            cache=local.workspace.cache,
            assets=local.workspace.assets,
            helm=self.helm,
            url=self.variables["url"],
            admin_email=ADMIN_EMAIL,
            dsn_key=nobody,
            api_token=nobody,
            trust=Trust(local.workspace.ca_file),
            door=None,
        )
        return Installation(site, flavour, local.kube, self.helm)

    @property
    def _module(self) -> Path:
        return self.local.workspace.assets / profiles.MODULE


def of_local(local: LocalTarget, wanted: SentryWanted) -> SentryValues:
    """For the stack's own stores, as pods see them; there need not be a stack yet."""
    fields = {field.name: Secret(STAND_IN) for field in dataclasses.fields(Credentials)}
    endpoints = layout.endpoints_from_cluster(Credentials(**fields))
    known = {**layout.usual_ports(), **local.stack.ports, **local.ports()}
    place = Place(f"https://{LOOPBACK}:{known[layout.SENTRY_KEY]}", ADMIN_EMAIL, wanted.retention_days, mail=local.stack.mail)
    made = values.inputs(endpoints, profiles.load(wanted.profile), wanted.size, place)
    return SentryValues(local, wanted, made, endpoints, of_stack=True)


def of_file(local: LocalTarget, wanted: SentryWanted, path: Path, url: str) -> SentryValues:
    """For stores that `terraform output -json endpoints` described. Raises `EndpointsUnreadable`."""
    try:
        document = json.loads(path.read_text())
        endpoints = _endpoints(document)
    except OSError as error:
        raise EndpointsUnreadable(path=path, why=error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise EndpointsUnreadable(path=path, why=f"{type(error).__name__}: {error}") from error
    place = Place(url, ADMIN_EMAIL, wanted.retention_days, mail=local.stack.mail)
    made = values.inputs(endpoints, profiles.load(wanted.profile), wanted.size, place)
    # The document is the module's own input, and says more than the endpoints keep (Redis' database, ClickHouse's cluster).
    return SentryValues(local, wanted, {**made, "endpoints": document}, endpoints)


def _endpoints(document: Mapping[str, Any]) -> Endpoints:
    from urllib.parse import urlsplit

    nobody = Secret(STAND_IN)
    kafka, s3 = document["kafka"], document["s3"]
    hosts, numbers = zip(*(broker.rsplit(":", 1) for broker in kafka["brokers"]), strict=True)
    address = urlsplit(s3["endpoint"])
    login = {name: document[name] for name in ("postgres", "clickhouse")}
    return Endpoints(
        kafka=KafkaEndpoint(hosts[0], int(numbers[0]), kafka["username"], nobody, tuple(hosts[1:])),
        postgres=PostgresEndpoint(**_fields(login["postgres"], "host port database username"), password=nobody),
        redis=RedisEndpoint(document["redis"]["host"], document["redis"]["port"], "default", nobody),
        clickhouse=ClickHouseEndpoint(
            **_fields(login["clickhouse"], "host https_port native_port database username"), password=nobody
        ),
        s3=S3Endpoint(
            address.hostname or "",
            address.port or values.HTTPS,
            s3["region"],
            Bucket(s3["filestore"]["bucket"], STAND_IN, nobody),
            Bucket(s3["nodestore"]["bucket"], STAND_IN, nobody),
        ),
    )


def _fields(entry: Mapping[str, Any], names: str) -> dict[str, Any]:
    return {name: entry[name] for name in names.split()}
