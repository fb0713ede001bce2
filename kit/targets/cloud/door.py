"""What leads to Sentry in the cloud: the front's certificate from Certificate Manager, its image, and the way there from here.

Certificate and key are fetched when a release is made from them, and lie in a Kubernetes Secret afterwards: Terraform never asks
for them, so its state has none. As a release is what it is made from, a renewed certificate makes another: `kit up` brings it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kit import cancel, verify
from kit.adapters import proxies
from kit.adapters.proxies import Proxy
from kit.endpoints import HTTPS, Trust
from kit.host.trust import bundle
from kit.sentry.credentials import Certificate
from kit.sentry.demo import tunnel
from kit.sentry.flavours import FRONT_IMAGE
from kit.sentry.site import Balanced, Note
from kit.status import Check, Component
from kit.stores.refusals import Server
from kit.targets.cloud import rehearsal
from kit.targets.cloud.errors import CertificatePending, DoorMissing

if TYPE_CHECKING:
    from kit.adapters.yandex.client import ManagedCertificate
    from kit.plan.steps import Plan
    from kit.sentry.release import SentryRelease
    from kit.supply.supply import Supply
    from kit.targets.cloud.target import CloudTarget

FRONT = "front"
PUBLIC_ZONE = "yandex_dns_zone.public"  # in terraform/ip-dns.tf
IMAGE = "KIT_FRONT_IMAGE"  # the front's image in a registry that the cloud's nodes reach, in the place of the public one
READY = ("ISSUED", "RENEWING", "RENEWAL_FAILED")  # what has content: a renewal leaves the certificate in use as it is
# The service looks once in half an hour: yandex-cloud/docs, certificate-manager/concepts/managed-certificate.md, read 2026-11-28.
PATIENCE_S, POLL_S = 2400.0, 5.0
RENEWED_DAYS = 30  # how long before its end the service renews a certificate: the same document
DELEGATION = "delegate {domain} to {servers} at its registrar, or in the zone above"
RECORD = "see that the Internet is answered {name} CNAME {value}"


def said(cloud: CloudTarget) -> Mapping[str, Any]:
    """The output `door`; what was applied before there was one had none."""
    found: Mapping[str, Any] = cloud.outputs.document.get("door") or {"kind": "none"}
    return found


def is_front(cloud: CloudTarget) -> bool:
    return str(said(cloud)["kind"]) == FRONT


def balanced(cloud: CloudTarget) -> Balanced | None:
    """Raises `CertificatePending`."""
    if not is_front(cloud):
        return None
    return Balanced(str(said(cloud)["address"]), _image(cloud), _certificate(cloud))


def _image(cloud: CloudTarget) -> str:
    """What the rehearsal's node has; in the cloud the public image, by its digest, or the one that the user names."""
    supply = cloud.clients.supply
    if cloud.place.rehearses:
        return supply.image(FRONT_IMAGE).reference
    return os.environ.get(IMAGE) or public_image(supply) or ""


def public_image(supply: Supply) -> str | None:
    """As the lock pins it, in the registry that it comes from."""
    found = supply.lock.find(f"image/{FRONT_IMAGE}")
    pinned = [image for image in (found.pulled_images if found else ()) if image.digest]
    return f"{pinned[0].reference}@{pinned[0].digest}" if pinned else None


# -- before anything is paid for


def check(cloud: CloudTarget) -> None:
    """Whether anybody would reach Sentry at the end of it. Raises `DoorMissing`."""
    clients = cloud.clients
    image = os.environ.get(IMAGE) or cloud.place.rehearses or public_image(clients.supply)
    require(clients.setting("door") or FRONT, clients.setting("domain") or "", clients.given, has_image=bool(image))


def require(kind: str, domain: str, given: Callable[[str], Any], *, has_image: bool) -> None:
    """`given` is a variable of the configuration, None where it is not set. Pure. Raises `DoorMissing`."""
    why = fix = ""
    if kind == "none":
        why = "door is none, so nothing is put before Sentry, and kit would wait for an address that nobody answers at"
        fix = "cloud: {door: front}; or leave Sentry out: kit up --cloud --only cluster"
    elif kind in ("ingress", "gateway") and not given(kind):
        why = f"door is {kind}, and no {kind} is named"
        wanted = {
            "ingress": "ingress: {class_name: nginx, tls_secret: sentry-tls}",
            "gateway": "gateway: {name: …, namespace: …}",
        }
        fix = f"cloud: {{{wanted[kind]}}} in kit.yaml; or door: front, which needs no controller"
    elif not given("ingress_cidrs"):
        why = "ingress_cidrs is empty, so the security groups let nobody in"
        fix = 'say who may call: cloud: {ingress_cidrs: ["203.0.113.0/24"]} in kit.yaml, ["0.0.0.0/0"] for everybody'
    elif kind == FRONT and not has_image:
        why = "the cluster's nodes have nowhere to pull the front's image from"
        fix = f"push it to a registry that they reach, and name it: export {IMAGE}=cr.yandex/<registry>/front"
    if why:
        raise DoorMissing(domain=domain, why=why, fix=fix)


def delegation_unasked(plan: Plan, domain: str, name_servers: Iterable[str]) -> tuple[str, ...]:
    """What kit cannot ask while there is no zone, in words, where the plan makes one. Pure."""
    if all(step.verb != "create" or not step.subject.startswith(PUBLIC_ZONE) for step in plan):
        return ()
    servers = " and ".join(server.rstrip(".") for server in name_servers)
    return (f"whether {domain} is delegated to {servers} was not checked: its certificate is issued only then",)


# -- the certificate


def is_awaited(cloud: CloudTarget) -> bool:
    return is_front(cloud) and _seen(cloud).status not in READY


def await_certificate(cloud: CloudTarget, note: Note) -> str:
    """Until it is issued; its end, in words. Raises `CertificatePending`."""
    started = time.monotonic()
    while (seen := _seen(cloud)).status not in READY:
        if time.monotonic() - started > PATIENCE_S:
            raise _pending(cloud, seen)
        note(f"{seen.status.lower()}; needs {_remedy(cloud)}")
        cancel.wait(POLL_S)
    return days_left(seen.not_after)


def days_left(not_after: datetime | None) -> str:
    return "no end known" if not_after is None else f"{(not_after - datetime.now(UTC)).days} days left"


def _certificate(cloud: CloudTarget) -> Certificate:
    seen = _seen(cloud)
    if seen.status not in READY:
        raise _pending(cloud, seen)
    chain, key = cloud.clients.yandex.certificate_content(str(said(cloud)["certificate_id"]))
    return Certificate(chain, key)


def _seen(cloud: CloudTarget) -> ManagedCertificate:
    return cloud.clients.yandex.certificate(str(said(cloud)["certificate_id"]))


def _pending(cloud: CloudTarget, seen: ManagedCertificate) -> CertificatePending:
    words = f" ({seen.message})" if seen.message else ""
    return CertificatePending(domain=said(cloud)["domain"], status=seen.status, said=words, remedy=_remedy(cloud))


def _remedy(cloud: CloudTarget) -> str:
    servers = cloud.outputs.document["ingress"]["name_servers"]
    if servers:  # of the zone that was made for it
        return DELEGATION.format(domain=said(cloud)["domain"], servers=" and ".join(each.rstrip(".") for each in servers))
    return RECORD.format(**said(cloud)["challenge"])


# -- the way from this computer


def trust(cloud: CloudTarget) -> Trust:
    """Whom this computer trusts; of a rehearsal the authority that stands in for public ones, and no other."""
    return Trust(authority(cloud) if cloud.place.rehearses else bundle({}))


def authority(cloud: CloudTarget) -> Path:
    return rehearsal.public_authority(cloud.place)


def proxy(cloud: CloudTarget) -> Proxy | None:
    """A rehearsal's name leads nowhere but through the emulator; otherwise it is as the shell says."""
    if cloud.place.rehearses:
        return proxies.named("the rehearsal", str(cloud.clients.changes["HTTP_PROXY"]))
    found = proxies.of_shell(str(said(cloud)["domain"]), HTTPS)
    return found if found and found.is_spoken else None


def claims(release: SentryRelease) -> Iterator[Check]:
    """What is promised of Sentry's address, tried from here."""
    site = release.site
    address = urlsplit(site.url())
    name = address.hostname or ""
    way = tunnel.way(name, address.port or HTTPS, site.proxy())
    yield from verify.of_door(name, Server(way.host, way.port, site.trust(), way.preamble, name), site.stack.name)


def with_days(component: Component, option: str, now: datetime) -> Component:
    """Sentry as its status shows it, with how long its certificate still serves. Pure."""
    if component.tls is None:
        return component
    days = (component.tls.not_after - now).days
    said = f"its certificate ends in {days} days"
    if days < RENEWED_DAYS:
        said += f": the cloud has a newer one by now, kit up --cloud{option} brings it in"
    return replace(component, reason=f"{component.reason}; {said}" if component.reason else said)
