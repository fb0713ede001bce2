"""The two kinds of Sentry that are installed the same way: the stand-in, and the chart itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kit import files
from kit.errors import KitError
from kit.sentry import jobs
from kit.sentry.chart import chart as charts
from kit.sentry.chart.chart import Chart
from kit.sentry.demo.bugsink import Bugsink
from kit.sentry.demo.receiver import Receiver
from kit.sentry.demo.sentry_api import SentryApi
from kit.sentry.objects import Document, secret
from kit.sentry.site import Note, Site
from kit.sentry.stand_in import first_run, front, lite
from kit.sentry.stand_in.lite import Lite

LOG_LINES = 20
FRONT_IMAGE = "front"  # the supply's name


class FirstRunFailed(KitError):
    """Sentry is up, and the Job that makes its project key known did not succeed."""

    code = "KIT-FIRST-RUN"
    exit_code = 53
    what = "Sentry's project key could not be set"
    fix = "the same command again tries once more"


class Flavour(Protocol):
    """Which Sentry: its chart, and what kit brings along for it."""

    @property
    def is_stand_in(self) -> bool: ...

    def chart(self) -> Chart: ...

    def values(self, given: Mapping[str, Any], secrets: Mapping[str, str]) -> Mapping[str, Any]:
        """The module's values with what the chart needs besides. `secrets` are texts whose change must roll the pods."""

    def applied(self) -> tuple[Document, ...]:
        """Objects of its own that must be there before Helm runs. Hold secrets in clear."""

    def added(self) -> tuple[Document, ...]:
        """Objects of its own that belong to the release."""

    def made_from(self) -> Mapping[str, str]:
        """What `values` and `added` are made from, for the fingerprint."""

    def notes(self) -> tuple[str, ...]:
        """What a check of the release should say of its chart."""

    def finish(self, wired: Callable[[], tuple[Document, ...]], note: Note) -> None:
        """Whatever is to be done once the pods are up. `wired` gives the chart's objects as they were applied."""

    def receiver(self) -> Receiver: ...


def of(site: Site) -> Flavour:
    return StandIn(site) if site.stack.sentry.flavour == "lite" else FullChart(site)


@dataclass(frozen=True, slots=True)
class StandIn:
    """Bugsink, by kit's own chart."""

    site: Site

    @property
    def is_stand_in(self) -> bool:
        return True

    @property
    def _lite(self) -> Lite:
        site, image = self.site, self.site.machine.supply.image
        certificate = site.front_certificate()
        assert certificate is not None  # no Ingress leads to the stand-in, wherever it runs
        return Lite(
            stack=site.stack.name,
            sentry_version=site.profile().app_version,
            url=site.url(),
            bugsink_image=image("bugsink").reference,
            probe_image=image("probe").reference,
            dsn_key=site.secrets()["sentry_dsn_key"],
            api_token=site.secrets()["sentry_api_token"],
            certificate=certificate,
            is_behind_front=site.balanced() is not None,
        )

    def chart(self) -> Chart:
        return charts.read(self.site.machine.assets / lite.CHART)

    def values(self, given: Mapping[str, Any], secrets: Mapping[str, str]) -> Mapping[str, Any]:
        """A renewed certificate of the front rolls the front alone."""
        own = {name: text for name, text in secrets.items() if name != front.SECRET}
        return {**given, "lite": lite.section(self._lite, own)}

    def applied(self) -> tuple[Document, ...]:
        return (*lite.documents(self._lite), *_balanced_secret(self.site))

    def added(self) -> tuple[Document, ...]:
        return _balanced(self.site, is_stand_in=True)

    def made_from(self) -> Mapping[str, str]:
        section = json.dumps(lite.section(self._lite, {}), sort_keys=True)
        added = self.added()
        return {"section": section, **({"added": json.dumps(added, sort_keys=True)} if added else {})}

    def notes(self) -> tuple[str, ...]:
        return ()

    def finish(self, wired: Callable[[], tuple[Document, ...]], note: Note) -> None:
        """Its own preparation has done everything."""

    def receiver(self) -> Receiver:
        site = self.site
        return Bugsink(site.url(), site.secrets()["sentry_api_token"], site.trust(), lite.PROJECT_ID, site.proxy())


@dataclass(frozen=True, slots=True)
class FullChart:
    """Sentry's own chart, from where the user or the profile says. Without an Ingress, with an nginx before it that ends TLS."""

    site: Site

    @property
    def is_stand_in(self) -> bool:
        return False

    def chart(self) -> Chart:
        site = self.site
        return charts.find(site.stack.sentry.chart, site.profile(), site.machine.cache, site.helm())

    def values(self, given: Mapping[str, Any], secrets: Mapping[str, str]) -> Mapping[str, Any]:
        return given

    def applied(self) -> tuple[Document, ...]:
        site, certificate = self.site, self.site.front_certificate()
        known = {name: site.secrets()[f"sentry_{name.replace('-', '_')}"].reveal() for name in ("dsn-key", "api-token")}
        made = secret(site.stack.name, first_run.SECRET, {**known, "admin": site.admin()})
        own = (lite.certificate(site.stack.name, certificate),) if certificate else ()
        return (made, *own, *_balanced_secret(site))

    def added(self) -> tuple[Document, ...]:
        certificate = self.site.front_certificate()
        if certificate is None:
            return _balanced(self.site, is_stand_in=False)
        template, start = self._asset(front.TEMPLATE), self._asset(front.START)
        revision = files.digest({"chain": certificate.chain, "template": template, "start": start})
        image = self.site.machine.supply.image(FRONT_IMAGE).reference
        return front.documents(self.site.stack.name, template, start, image, revision=revision)

    def made_from(self) -> Mapping[str, str]:
        return {"added": json.dumps(self.added(), sort_keys=True), "first run": self._asset(first_run.SCRIPT)}

    def _asset(self, path: Path) -> str:
        return (self.site.machine.assets / path).read_text()

    def notes(self) -> tuple[str, ...]:
        said = charts.unpinned(self.chart(), self.site.stack.sentry.chart, self.site.profile())
        return (said,) if said else ()

    def finish(self, wired: Callable[[], tuple[Document, ...]], note: Note) -> None:
        """The Job that makes key and token known, to its end."""
        api = self.site.api
        config_map, job = first_run.documents(self.site.stack.name, wired(), self._asset(first_run.SCRIPT))
        api.apply(config_map)
        run = jobs.finish(api, job, note, "making the project key known", {**jobs.LIMIT_S, "running": first_run.DEADLINE_S})
        if not run.has_succeeded:
            log = run.log(api, run.pod["spec"]["containers"][0]["name"], LOG_LINES) if run.pod else ""
            raise FirstRunFailed(why=run.why or run.trouble.reason, detail=log)

    def receiver(self) -> Receiver:
        site = self.site
        return SentryApi(site.url(), site.secrets()["sentry_api_token"], site.trust(), site.proxy())


def _balanced_secret(site: Site) -> tuple[Document, ...]:
    made = site.balanced()
    return (lite.certificate(site.stack.name, made.certificate, front.SECRET),) if made else ()


def _balanced(site: Site, *, is_stand_in: bool) -> tuple[Document, ...]:
    """The front behind a load balancer, where there is one."""
    made = site.balanced()
    if made is None:
        return ()
    paths = (front.TEMPLATE, front.START, front.REDIRECT, front.VERIFIED_UPSTREAM)
    sources = {path: (site.machine.assets / path).read_text() for path in paths}
    revision = files.digest({"chain": made.certificate.chain, **{path.name: text for path, text in sources.items()}})
    return front.balanced(site.stack.name, sources, made, revision=revision, is_stand_in=is_stand_in)
