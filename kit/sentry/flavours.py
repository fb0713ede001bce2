"""The two kinds of Sentry that go the one road: the stand-in, and the chart itself."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kit import cancel, files
from kit.adapters.helm import Helm
from kit.endpoints import Secret, Trust
from kit.errors import KitError
from kit.sentry.chart import chart as charts
from kit.sentry.chart.chart import Chart
from kit.sentry.chart.manifests import Document
from kit.sentry.demo.bugsink import Bugsink
from kit.sentry.demo.receiver import Receiver
from kit.sentry.demo.sentry_api import SentryApi
from kit.sentry.installation import Installation, Note
from kit.sentry.lines.profiles import Profile
from kit.sentry.objects import NAMESPACE, RELEASE, secret
from kit.sentry.rollout.pods import newest, pod_trouble
from kit.sentry.stand_in import first_run, front, lite
from kit.sentry.stand_in.lite import Lite

POLL_S = 1.0


class FirstRunFailed(KitError):
    """Sentry is up, and the Job that makes its project key known did not succeed."""

    code = "KIT-FIRST-RUN"
    exit_code = 53

    def __init__(self, why: str, log: str) -> None:
        super().__init__(
            what="Sentry's project key could not be set", why=why, fix="the same command again tries once more", detail=log
        )


@dataclass(frozen=True, slots=True)
class StandIn:
    """Bugsink, by kit's own chart."""

    lite: Lite
    assets: Path
    trust: Trust

    @property
    def is_stand_in(self) -> bool:
        return True

    def chart(self) -> Chart:
        return charts.read(self.assets / lite.CHART)

    def values(self, given: Mapping[str, Any], secrets: Mapping[str, str]) -> Mapping[str, Any]:
        return {**given, "lite": lite.section(self.lite, secrets)}

    def applied(self) -> tuple[Document, ...]:
        return lite.documents(self.lite)

    def added(self) -> tuple[Document, ...]:
        return ()

    def made_from(self) -> Mapping[str, str]:
        return {"section": json.dumps(lite.section(self.lite, {}), sort_keys=True)}

    def notes(self) -> tuple[str, ...]:
        return ()

    def finish(self, installation: Installation, note: Note) -> None:
        """Its own preparation has done everything."""

    def receiver(self) -> Receiver:
        return Bugsink(self.lite.url, self.lite.api_token, self.trust, lite.PROJECT_ID)


@dataclass(frozen=True, slots=True)
class Door:
    """HTTPS in front of the chart on this computer: nginx, with the stack's own leaf."""

    image: str
    chain: str  # PEM
    key: Secret  # PEM


@dataclass(frozen=True, slots=True)
class FullChart:
    """Sentry's own chart, from where the user or the profile says."""

    stack: str
    source: str | None
    profile: Profile
    cache: Path
    assets: Path
    helm: Helm
    url: str
    admin_email: str
    dsn_key: Secret
    api_token: Secret
    trust: Trust
    door: Door | None  # None: an Ingress is there

    @property
    def is_stand_in(self) -> bool:
        return False

    def chart(self) -> Chart:
        return charts.find(self.source, self.profile, self.cache, self.helm)

    def values(self, given: Mapping[str, Any], secrets: Mapping[str, str]) -> Mapping[str, Any]:
        return given

    def applied(self) -> tuple[Document, ...]:
        known = {"dsn-key": self.dsn_key.reveal(), "api-token": self.api_token.reveal(), "admin": self.admin_email}
        made = (secret(self.stack, first_run.SECRET, known),)
        return (*made, lite.certificate(self.stack, self.door.chain, self.door.key)) if self.door else made

    def added(self) -> tuple[Document, ...]:
        if self.door is None:
            return ()
        template, start = ((self.assets / file).read_text() for file in (front.TEMPLATE, front.START))
        revision = files.digest({"chain": self.door.chain, "template": template, "start": start})
        return front.documents(template, start, self.door.image, NAMESPACE, RELEASE, revision=revision)

    def made_from(self) -> Mapping[str, str]:
        door = replace(self.door, key=Secret("")) if self.door else None
        return {
            "door": json.dumps(asdict(door)) if door else "",
            "template": (self.assets / front.TEMPLATE).read_text(),
            "start": (self.assets / front.START).read_text(),
            "first run": (self.assets / first_run.SCRIPT).read_text(),
        }

    def notes(self) -> tuple[str, ...]:
        said = charts.unpinned(self.chart(), self.source, self.profile)
        return (said,) if said else ()

    def finish(self, installation: Installation, note: Note) -> None:
        """The Job that makes key and token known, to its end."""
        api = installation.api
        script = (self.assets / first_run.SCRIPT).read_text()
        config_map, job = first_run.documents(installation.wired(), RELEASE, NAMESPACE, script)
        api.apply(config_map)
        name = api.create(job)["metadata"]["name"]
        started = time.monotonic()
        while True:
            pod = newest(api.list("Pod", NAMESPACE, f"batch.kubernetes.io/job-name={name}"))
            status = (api.get("Job", name, NAMESPACE) or {}).get("status", {})
            if status.get("succeeded"):
                return
            late = time.monotonic() - started > first_run.DEADLINE_S
            if late or any(each["type"] == "Failed" and each["status"] == "True" for each in status.get("conditions", ())):
                log = api.logs(pod["metadata"]["name"], NAMESPACE, pod["spec"]["containers"][0]["name"], 20) if pod else ""
                raise FirstRunFailed(pod_trouble(pod).reason if pod else "its Job has no pod", log)
            note("making the project key known")
            cancel.wait(POLL_S)

    def receiver(self) -> Receiver:
        return SentryApi(self.url, self.api_token, self.trust)
