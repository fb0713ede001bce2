"""KMS keys as references only: other resources may name one; data is never encrypted."""

from __future__ import annotations

from kit.yandex.engine import bindings, descriptors, ids
from kit.yandex.engine.journal import Record
from kit.yandex.engine.references import KEY
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import MutationContext, Resource
from kit.yandex.engine.state import now

VERSION = "kms.v1.SymmetricKeyVersion"
SERVICE = "kms.v1.SymmetricKeyService"
ACTIVE, VERSION_ACTIVE, AES_128 = 2, 1, 1


def register(registry: Registry) -> None:
    KEYS.register(registry)
    bindings.register(registry, KEYS)
    registry.add(SERVICE, "ListVersions", KEYS.lister(VERSION))
    registry.add(SERVICE, "Rotate", KEYS.action(_rotate))


def _build_key(context: MutationContext) -> None:
    context.message.status = ACTIVE
    context.message.default_algorithm = context.message.default_algorithm or AES_128
    _add_version(context)
    context.plan.names["primary_version_id"] = context.message.primary_version.id


def _rotate(context: MutationContext) -> None:
    for record in context.journal.children(VERSION, context.message.id):
        fresh = record.copy()
        fresh.primary = False
        context.change.put(record.with_message(fresh))
    _add_version(context)
    context.message.rotated_at.CopyFrom(now())
    context.plan.names["new_primary_version_id"] = context.message.primary_version.id


def _add_version(context: MutationContext) -> None:
    key = context.message
    version = descriptors.message(VERSION)(
        id=ids.new("abj"), key_id=key.id, status=VERSION_ACTIVE, created_at=now(), primary=True
    )
    version.algorithm = key.default_algorithm
    key.primary_version.CopyFrom(version)
    context.change.put(Record(version.id, key.id, version))


KEYS = Resource(SERVICE, KEY, "Symmetric key", "abj", is_unique=False, build=_build_key)
