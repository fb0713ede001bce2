"""Service accounts and their keys. A secret is shown once, when it is made."""

from __future__ import annotations

from typing import Any

from kit.yandex import refusal
from kit.yandex.engine import bindings, descriptors, ids, pagination
from kit.yandex.engine.fields import copy_fields
from kit.yandex.engine.journal import Record
from kit.yandex.engine.references import ACCOUNT
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import Resource, operation
from kit.yandex.engine.state import Call, EmulatorState, now
from kit.yandex.rules import roles

ACCESS_KEY = "iam.v1.awscompatibility.AccessKey"
ROLE = "iam.v1.Role"


def register(registry: Registry) -> None:
    ACCOUNTS.register(registry)
    bindings.register(registry, ACCOUNTS)
    ACCESS_KEYS.register(registry)
    service = ACCESS_KEYS.service
    registry.add(service, "Create", create_access_key, backed="S3 takes the key")
    registry.add(service, "List", ACCOUNTS.lister(ACCESS_KEY))
    registry.add(service, "Delete", operation(ACCESS_KEYS.plan_delete), backed="S3 refuses the key")
    KEYS.register(registry)
    registry.add(KEYS.service, "Create", create_key)
    registry.add(KEYS.service, "List", ACCOUNTS.lister("iam.v1.Key"))
    registry.add("iam.v1.RoleService", "Get", get_role)
    registry.add("iam.v1.RoleService", "List", list_roles)


ACCOUNTS = Resource("iam.v1.ServiceAccountService", ACCOUNT, "Service account", "aje", default_status="ACTIVE")
ACCESS_KEYS = Resource(
    "iam.v1.awscompatibility.AccessKeyService", ACCESS_KEY, "Access key", "aje", scope="service_account_id", parent=ACCOUNT
)
KEYS = Resource("iam.v1.KeyService", "iam.v1.Key", "Key", "aje", scope="service_account_id", parent=ACCOUNT)


def create_access_key(state: EmulatorState, call: Call) -> Any:
    """Make a static key. No operation: the answer holds the key and, this once, its secret."""
    request = call.request
    state.find(ACCOUNT, request.service_account_id, "Service account")
    fresh = descriptors.message(ACCESS_KEY)(id=ids.new("aje"), created_at=now())
    copy_fields(request, fresh)
    fresh.key_id, secret = ids.access_key()
    with state.journal.transaction() as change:
        change.put(Record(fresh.id, request.service_account_id, fresh, {"secret": secret}))
    state.publish_keys()
    return call.method.answer(access_key=fresh, secret=secret)


def create_key(state: EmulatorState, call: Call) -> Any:
    """Make an authorized key: its private half leaves once, its public half proves the JWTs that are exchanged for tokens."""
    from kit.pki import rsa

    request = call.request
    state.find(ACCOUNT, request.service_account_id, "Service account")
    private, public = rsa.pair()
    fresh = descriptors.message("iam.v1.Key")(id=ids.new("aje"), created_at=now(), public_key=public)
    copy_fields(request, fresh)
    with state.journal.transaction() as change:
        change.put(Record(fresh.id, request.service_account_id, fresh))
    return call.method.answer(key=fresh, private_key=private)


def get_role(state: EmulatorState, call: Call) -> Any:
    if call.request.role_id not in roles.known():
        raise refusal.not_found("Role", call.request.role_id)
    return call.method.answer(id=call.request.role_id)


def list_roles(state: EmulatorState, call: Call) -> Any:
    return pagination.page([descriptors.message(ROLE)(id=name) for name in roles.known()], call.request, call.method.answer())
