"""Certificate Manager: managed certificates, their challenges, and content that is real.

A managed certificate is issued once the record of its challenge stands in a public zone, and renewed thirty days before its end
while the record is there. Both happen when somebody looks: nothing else could tell. The authority is one of the emulator's own,
in the place of a public one (`run/public_authority.py`).
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from kit.pki import content as contents
from kit.pki.content import Content
from kit.yandex import refusal
from kit.yandex.engine import bindings, descriptors, ids
from kit.yandex.engine.journal import Change, Record
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import MutationContext, Resource, operation
from kit.yandex.engine.state import Call, EmulatorState, now
from kit.yandex.services import dns

CERTIFICATE, VERSION = "certificatemanager.v1.Certificate", "certificatemanager.v1.Version"
SERVICE, CONTENT = "certificatemanager.v1.CertificateService", "certificatemanager.v1.CertificateContentService"
IMPORTED, MANAGED = 1, 2
VALIDATING, ISSUED, RENEWING = 1, 3, 5
PENDING, VALID = 1, 3  # of a challenge
DNS = 1
FULL = 1  # of a view
PKCS1 = 1
# "_acme-challenge.example.com CNAME <certificate_ID>.cm.yandexcloud.net.": yandex-cloud/docs, en/certificate-manager/concepts/
# challenges.md; thirty days: concepts/managed-certificate.md; read 2026-11-28.
CHALLENGE, VALIDATION_DOMAIN = "_acme-challenge", "cm.yandexcloud.net."
RENEWED_BEFORE = timedelta(days=30)


def register(registry: Registry) -> None:
    CERTIFICATES.register(registry)
    bindings.register(registry, CERTIFICATES)
    registry.add(SERVICE, "RequestNew", operation(dataclasses.replace(CERTIFICATES, build=_request).plan_create))
    registry.add(SERVICE, "Get", get_certificate)
    registry.add(SERVICE, "List", list_certificates)
    registry.add(SERVICE, "ListVersions", CERTIFICATES.lister(VERSION))
    registry.add(CONTENT, "Get", get_content)
    registry.add(CONTENT, "GetEx", get_content_ex)


def _request(context: MutationContext) -> None:
    certificate, request = context.message, context.request
    if not request.domains:
        raise refusal.invalid("domains", "Field is required")
    if request.challenge_type != DNS:
        raise refusal.invalid("challenge_type", "this emulator checks DNS challenges only")
    certificate.type, certificate.status = MANAGED, VALIDATING
    certificate.updated_at.CopyFrom(now())
    for domain in request.domains:
        values = {"CNAME": f"{certificate.id}.{VALIDATION_DOMAIN}", "TXT": secrets.token_urlsafe(32)}
        for kind, value in values.items():
            challenge = certificate.challenges.add(domain=domain, type=DNS, status=PENDING, message="Create a record in your DNS")
            challenge.created_at.CopyFrom(now())
            challenge.updated_at.CopyFrom(now())
            challenge.dns_challenge.name = f"{CHALLENGE}.{domain.removeprefix('*.')}."
            challenge.dns_challenge.type, challenge.dns_challenge.value = kind, value


def _import(context: MutationContext) -> None:
    context.message.type = IMPORTED
    _take_over(context)


def _change(context: MutationContext) -> None:
    if context.touches("certificate", "chain", "private_key"):
        if context.message.type == MANAGED:
            raise refusal.precondition(f"Certificate {context.message.id} is managed: its content is not the user's to change")
        _take_over(context)
    context.message.updated_at.CopyFrom(now())


def _take_over(context: MutationContext) -> None:
    """The user's own certificate, which must be one, with its key."""
    request = context.request
    try:
        content = contents.given(f"{request.certificate}\n{request.chain}", request.private_key)
    except ValueError as error:
        raise refusal.invalid("certificate", str(error)) from None
    del context.message.domains[:]
    context.message.domains.extend(contents.leaf(content).names)
    context.extra.update(_kept(context.change, context.message, content, context.extra))


CERTIFICATES = Resource(SERVICE, CERTIFICATE, "Certificate", "fpq", build=_import, change=_change)


def get_certificate(state: EmulatorState, call: Call) -> Any:
    settle(state)
    return _shown(CERTIFICATES.get(state, call), call.request.view)


def list_certificates(state: EmulatorState, call: Call) -> Any:
    settle(state)
    answer = CERTIFICATES.list(state, call)
    shown = [_shown(found, call.request.view) for found in answer.certificates]
    del answer.certificates[:]
    answer.certificates.extend(shown)
    return answer


def _shown(certificate: Any, view: int) -> Any:
    """Challenges are told where they are asked for."""
    if view == FULL:
        return certificate
    fresh = type(certificate)()
    fresh.CopyFrom(certificate)
    fresh.ClearField("challenges")
    return fresh


def get_content(state: EmulatorState, call: Call) -> Any:
    settle(state)
    record = CERTIFICATES.find(state, call.request.certificate_id)
    content = _readable(record, call.request.version_id)
    return call.method.answer(certificate_id=record.key, **_worded(content, call.request.private_key_format))


def get_content_ex(state: EmulatorState, call: Call) -> Any:
    settle(state)
    request = call.request
    if request.WhichOneof("identifier") == "folder_and_name":
        wanted = request.folder_and_name
        records = state.journal.children(CERTIFICATE, wanted.folder_id)
        record = next((each for each in records if each.message.name == wanted.certificate_name), None)
        if record is None:
            raise refusal.not_found("Certificate", wanted.certificate_name)
    else:
        record = CERTIFICATES.find(state, request.certificate_id)
    content = _readable(record, request.version_id)
    worded = _worded(content, request.private_key_format)
    return call.method.answer(certificate_id=record.key, version_id=content["version"], **worded)


def _readable(record: Record, version: str) -> Any:
    kept = record.extra.get("contents", {})
    wanted = version or record.extra.get("current", "")
    if not kept:
        raise refusal.precondition(f"Certificate {record.key} is not issued yet")
    if wanted not in kept:
        raise refusal.not_found("Version", wanted)
    return {**kept[wanted], "version": wanted}


def _worded(content: Any, key_format: int) -> dict[str, Any]:
    key = content["key"]
    return {"certificate_chain": content["chain"], "private_key": contents.in_pkcs1(key) if key_format == PKCS1 else key}


def settle(state: EmulatorState, today: datetime | None = None) -> None:
    """Issue and renew what is due: every managed certificate whose record can be seen."""
    today = today or datetime.now(UTC)
    with state.journal.lock:
        for record in state.journal.all(CERTIFICATE):
            certificate = record.message
            if certificate.type != MANAGED or record.is_pending:
                continue
            is_new = certificate.status == VALIDATING
            if is_new or today >= certificate.not_after.ToDatetime(tzinfo=UTC) - RENEWED_BEFORE:
                _issue(state, record, today, is_new=is_new)


def _issue(state: EmulatorState, record: Record, today: datetime, *, is_new: bool) -> None:
    fresh = record.copy()
    unseen = [domain for domain in fresh.domains if not _is_proven(state, fresh, domain)]
    for challenge in fresh.challenges:
        challenge.status = PENDING if challenge.domain in unseen else VALID
    if unseen and (is_new or fresh.status == RENEWING):
        return
    extra = dict(record.extra)
    with state.journal.transaction() as change:
        if unseen:
            fresh.status = RENEWING
        else:
            extra |= _kept(change, fresh, state.issue(tuple(fresh.domains), today), extra)
        fresh.updated_at.CopyFrom(now())
        change.put(Record(record.key, record.parent, fresh, extra))


def _is_proven(state: EmulatorState, certificate: Any, domain: str) -> bool:
    """Whether the record of one of the domain's challenges is what a resolver out there would find."""
    asked = [each.dns_challenge for each in certificate.challenges if each.domain == domain]
    return any(_plain(each.value) in map(_plain, dns.public(state, each.name, each.type)) for each in asked)


def _plain(value: str) -> str:
    """Without the quotes of a text and the last dot of a name."""
    return value.strip('"').rstrip(".")


def _kept(change: Change, certificate: Any, content: Content, before: Mapping[str, Any]) -> dict[str, Any]:
    """The content as the certificate's newest version, told in its message; what is kept of it beside."""
    leaf = contents.leaf(content)
    certificate.status = ISSUED
    certificate.issued_at.CopyFrom(now())
    certificate.updated_at.CopyFrom(now())
    certificate.not_before.FromDatetime(leaf.not_before)
    certificate.not_after.FromDatetime(leaf.not_after)
    certificate.serial, certificate.issuer, certificate.subject = leaf.serial, leaf.issuer, leaf.subject
    version = descriptors.message(VERSION)(id=ids.new("fpq"), certificate_id=certificate.id, created_at=now())
    change.put(Record(version.id, certificate.id, version))
    made = {"chain": list(content.chain), "key": content.key}
    return {"contents": {**before.get("contents", {}), version.id: made}, "current": version.id}
