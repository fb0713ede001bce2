"""What the stack on this computer knows of its Sentry: names of the stores in the cluster, certificates and passwords."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from kit import files
from kit.adapters.helm import Helm
from kit.adapters.terraform.program import Terraform
from kit.endpoints import Secret
from kit.sentry import credentials
from kit.sentry.chart import values
from kit.sentry.credentials import Certificate, TrustTexts
from kit.sentry.limits import Limits
from kit.sentry.lines import profiles, topics
from kit.sentry.objects import KUBERNETES, Document
from kit.sentry.release import SentryRelease
from kit.sentry.site import ModuleValues, Note, Site
from kit.state.ports import LOOPBACK
from kit.targets.local import chart_images, layout
from kit.targets.local.errors import NoStack

if TYPE_CHECKING:
    from kit.targets.local.target import LocalTarget

ADMIN = "admin@sentry.local"


def release(local: LocalTarget) -> SentryRelease:
    return SentryRelease(site(local))


def site(local: LocalTarget) -> Site:
    """Whatever a stack that was never brought up does not have raises `NoStack`."""
    wanted, supply, space = local.stack.sentry, local.supply, local.workspace
    profile = cache(lambda: profiles.load(wanted.profile))

    def secrets() -> Mapping[str, Secret]:
        found = local.secrets()
        if not credentials.makers().keys() <= found.keys():
            raise NoStack(name=local.stack.name)
        return found

    def made(chart_version: Callable[[], str]) -> ModuleValues:
        module = space.assets / profiles.MODULE
        place = values.Place(_url(local), ADMIN, wanted.retention_days, mail=local.stack.mail)
        endpoints = layout.endpoints_from_cluster(local.credentials())
        inputs = values.inputs(endpoints, profile(), wanted.local_size, place, chart_version=chart_version())
        made_from = files.digest({"module": files.folder_digest(module), "inputs": json.dumps(inputs, sort_keys=True)})
        return ModuleValues(made_from, lambda: values.written(Terraform(supply.tool("terraform")), module, inputs))

    def load_chart_images(documents: Iterable[Document], note: Note) -> None:
        note("bringing the chart's images into the cluster, those that are here")
        chart_images.load(local, documents, note)

    return Site(
        stack=local.stack,
        machine=local.machine,
        kubeconfig=space.kubeconfig,
        api=local.kube,
        helm=cache(lambda: Helm(supply.tool("helm"), space.kubeconfig, kubernetes=KUBERNETES)),
        markers=local.markers_file,
        profile=profile,
        size=lambda: wanted.local_size,
        endpoints=lambda: layout.endpoints_from_cluster(local.credentials()),
        trust_texts=lambda: TrustTexts(space.ca_file.read_text(), space.bundle_file.read_text()),
        secrets=secrets,
        given_secrets=local.given_secrets,
        values=made,
        probe_image=lambda: supply.image(profiles.probe_image(wanted.profile)).reference,
        vroom_certificate=lambda: Certificate.read(space.certs / layout.VROOM_HOLDER / "current"),
        url=lambda: _url(local),
        admin=lambda: ADMIN,
        trust=local.trust,
        front_certificate=lambda: Certificate.read(space.certs / layout.SENTRY_HOLDER / "current"),
        limits=lambda: Limits({topic.name: topic.partitions for topic in topics.wanted(profile(), space.assets, wanted.topics)}),
        kafka=lambda: local.endpoints().kafka,
        load_chart_images=load_chart_images,
    )


def _url(local: LocalTarget) -> str:
    known = local.ports()
    if layout.SENTRY_KEY not in known:
        raise NoStack(name=local.stack.name)
    return f"https://{LOOPBACK}:{known[layout.SENTRY_KEY]}"
