"""Keys of the Key Management Service, as far as others name them: buckets, secrets, clusters. Nothing is encrypted here."""

from __future__ import annotations

from typing import Any

from kit.yandex.engine import bindings, descriptors, ids, pages
from kit.yandex.engine.journal import Record
from kit.yandex.engine.references import KEY
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import Resource, Scene, drop
from kit.yandex.engine.world import Call, World, now

VERSION = "kms.v1.SymmetricKeyVersion"
SERVICE = "kms.v1.SymmetricKeyService"
ACTIVE, VERSION_ACTIVE, AES_128 = 2, 1, 1


def register(registry: Registry) -> None:
    KEYS.register(registry)
    bindings.register(registry, KEYS)
    registry.add(SERVICE, "ListVersions", list_versions)
    registry.add(SERVICE, "Rotate", KEYS.act(_rotate))


def _key(scene: Scene) -> None:
    scene.message.status = ACTIVE
    scene.message.default_algorithm = scene.message.default_algorithm or AES_128
    _add_version(scene)
    scene.work.names["primary_version_id"] = scene.message.primary_version.id


def _rotate(scene: Scene) -> None:
    for record in scene.world.journal.children(VERSION, scene.message.id):
        fresh = record.copy()
        fresh.primary = False
        scene.change.put(Record(record.key, record.parent, fresh))
    _add_version(scene)
    scene.message.rotated_at.CopyFrom(now())
    scene.work.names["new_primary_version_id"] = scene.message.primary_version.id


def _add_version(scene: Scene) -> None:
    key = scene.message
    version = descriptors.message(VERSION)(
        id=ids.new("abj"), key_id=key.id, status=VERSION_ACTIVE, created_at=now(), primary=True
    )
    version.algorithm = key.default_algorithm
    key.primary_version.CopyFrom(version)
    scene.change.put(Record(version.id, key.id, version))


def _key_gone(scene: Scene) -> None:
    drop(scene.world, scene.change, scene.world.find(KEY, scene.message.id, "Symmetric key"))


KEYS = Resource(SERVICE, KEY, "Symmetric key", "abj", is_unique=False, build=_key, remove=_key_gone)


def list_versions(world: World, call: Call) -> Any:
    KEYS.find(world, call.request.key_id)
    found = [record.message for record in world.journal.children(VERSION, call.request.key_id)]
    return pages.page(found, call.request, call.method.answer(), "key_versions")
