"""What a cloud stack knows of its Sentry: Terraform's outputs, passwords in Lockbox, and the stack behind a rehearsal."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from kit import files
from kit.endpoints import Endpoints
from kit.pki import folder
from kit.sentry import credentials
from kit.sentry.credentials import Certificate, TrustTexts
from kit.sentry.limits import Limits
from kit.sentry.lines import profiles
from kit.sentry.release import SentryRelease
from kit.sentry.site import ModuleValues, Site
from kit.sentry.stand_in.lite import CERTIFICATE_SECRET, HOSTS
from kit.state import lock, secrets
from kit.stores import s3
from kit.targets.cloud import door, in_cluster, rehearsal
from kit.targets.local import layout

if TYPE_CHECKING:
    from kit.targets.cloud.target import CloudTarget

LOCK_S = 90.0  # of the stack, where a certificate is due and somebody works on it
PROBE_IMAGE = "KIT_PROBE_IMAGE"  # the preflight's image in a registry that the cloud's nodes reach


def secret_makers() -> Mapping[str, Callable[[], str]]:
    """What kit itself makes and keeps: the two passwords that Terraform has to be given, and Sentry's own."""
    return {"kafka_password": secrets.password, "redis_password": secrets.password, **credentials.makers()}


def release(cloud: CloudTarget) -> SentryRelease:
    return SentryRelease(site(cloud))


def site(cloud: CloudTarget) -> Site:
    """Whatever Terraform puts out raises `NoCloudStack` where nothing was applied. The cloud's nodes pull the chart's images."""
    clients, place, is_lite = cloud.clients, cloud.place, cloud.stack.sentry.flavour == "lite"
    # The stand-in behind no front has the node's port to itself, in a rehearsal, where no controller leads to it either.
    is_at_the_node = cache(lambda: is_lite and not door.is_front(cloud))

    def said(output: str, name: str) -> str:
        return str(cloud.outputs.document[output][name])

    def endpoints() -> Endpoints:
        return cloud.outputs.endpoints()

    def trust_texts() -> TrustTexts:
        authority = place.ca_file.read_text()
        return in_cluster.trust_texts(cloud, TrustTexts(authority, folder.public_roots().decode() + authority))

    def values(chart_version: Callable[[], str]) -> ModuleValues:
        """An output of the configuration: they are made with the stores that they name."""
        text = str(cloud.outputs.document["values"])
        return ModuleValues(files.digest({"values": text}), lambda: text)

    def probe_image() -> str:
        """In the cloud from a registry that the nodes reach; `checks.before_the_cloud` has seen that it is named."""
        if place.rehearses:
            return clients.supply.image(profiles.probe_image(cloud.stack.sentry.profile)).reference
        return os.environ.get(PROBE_IMAGE, "")

    def limits() -> Limits:
        """An output of the configuration; a stack that was applied before there was one says nothing."""
        known = cloud.outputs.document.get("limits") or {}
        connections = known.get("postgres_connections")
        return Limits(known.get("topic_partitions") or {}, None if connections is None else int(connections))

    return Site(
        stack=cloud.stack,
        machine=clients.machine,
        kubeconfig=place.kubeconfig,
        api=clients.kube,
        helm=lambda: clients.helm,
        markers=place.markers,
        profile=cache(lambda: profiles.load(said("profile", "name"))),
        size=lambda: said("profile", "size"),
        endpoints=endpoints,
        trust_texts=trust_texts,
        secrets=lambda: clients.own,
        given_secrets=clients.given_secrets,
        values=values,
        probe_image=probe_image,
        # Managed Kafka asks for no client certificate; vroom only wants to have one.
        vroom_certificate=lambda: _certificate(cloud, layout.VROOM_HOLDER, (layout.VROOM_HOLDER,), credentials.VROOM_CLIENT),
        limits=limits,
        url=lambda: rehearsal.url(clients.backing) if is_at_the_node() else f"https://{said('ingress', 'domain')}",
        admin=lambda: clients.setting("admin_email") or f"admin@{said('ingress', 'domain')}",
        trust=lambda: clients.backing.trust() if is_at_the_node() else door.trust(cloud),
        front_certificate=lambda: _certificate(cloud, layout.SENTRY_HOLDER, HOSTS, CERTIFICATE_SECRET) if is_lite else None,
        proxy=lambda: None if is_at_the_node() else door.proxy(cloud),
        balanced=cache(lambda: door.balanced(cloud)),
        # The rehearsal's storage answers at 443 by a Service, and its container at another port.
        ports_behind={s3.NAME: s3.PORTS[0].container} if place.rehearses else {},
    )


def _certificate(cloud: CloudTarget, holder: str, names: tuple[str, ...], secret: str) -> Certificate:
    """Of the authority of the stack behind a rehearsal, else of one that no server knows; among the files of the cloud stack:
    the emulator writes those of the stack behind. Where several people work on the stack it is the one that they have already,
    in this Secret of the cluster."""
    if (theirs := in_cluster.certificate(cloud, secret, names)) is not None:
        return theirs
    place, now = cloud.place, datetime.now(UTC)
    space, authorities = place.workspace, cloud.clients.backing.workspace.certs if place.rehearses else place.certs
    authority = folder.load_authority(authorities, now)
    if authority is None or folder.leaf_complaint(place.certs, holder, authority, names, now):
        with lock.held(space.lock_file, space.stack, f"up --cloud{cloud.option}", wait_s=LOCK_S):
            authority = authority or folder.make_authority(authorities, space.stack, now)
            folder.make_leaf(place.certs, space.stack, holder, authority, names, now)
    return Certificate.read(place.certs / holder / "current")
