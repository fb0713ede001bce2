"""Users of the four databases: password, Connection Manager, and permissions on databases or topics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kit.endpoints import Secret
from kit.yandex import contract, refusal
from kit.yandex.engine import ids
from kit.yandex.engine.resource import Hook, MutationContext
from kit.yandex.managed import connections
from kit.yandex.managed.parts import NewPart, Parts, nothing
from kit.yandex.managed.product import Product, owner_of

DATABASE = "database_name"


def users(
    product: Product,
    *,
    settings: Callable[[Any], Mapping[str, str]],
    grants: Callable[[Any], tuple[contract.Grant, ...]] = lambda message: (),
    defaults: Callable[[Any, Any], None] = lambda message, spec: None,
    permission: tuple[str, ...] = (),
    remove: Hook = nothing,
) -> Parts:
    """The users of a product's clusters.

    `defaults` fills in what the service adds to a new one (message, specification). `permission`: the fields by which two
    permissions are the same, () where users have no list of them. `remove` refuses what cannot go.
    """

    def shape(message: Any, extra: Mapping[str, Any]) -> contract.User:
        return contract.User(message.name, Secret(extra.get("password", "")), grants(message), settings(message))

    def check_permissions(context: MutationContext, permissions: Iterable[Any], path: str) -> None:
        for index, found in enumerate(permissions if DATABASE in permission else ()):
            name = found.database_name
            if context.journal.get(f"{product.package}.Database", f"{context.message.cluster_id}/{name}") is None:
                raise refusal.not_found("Database", f"{name} ({path}[{index}].{DATABASE})")

    def check(new: NewPart) -> None:
        check_permissions(new.context, new.spec.permissions if permission else (), f"{new.path}.permissions")

    def complete(new: NewPart) -> None:
        defaults(new.message, new.spec)
        keep_password(new.context, product, new.owner, password_of(new.spec))

    def change(context: MutationContext) -> None:
        if _changes_password(context):
            owner, _ = owner_of(context.state, product, context.message.cluster_id)
            keep_password(context, product, owner, password_of(context.request))
        if permission and context.touches("permissions"):
            check_permissions(context, context.request.permissions, "permissions")

    def grant(context: MutationContext) -> None:
        wanted = context.request.permission
        check_permissions(context, [wanted], "permission")
        if wanted not in context.message.permissions:
            context.message.permissions.append(wanted)

    def revoke(context: MutationContext) -> None:
        wanted = getattr(context.request, "permission", context.request)
        kept = [each for each in context.message.permissions if any(getattr(each, f) != getattr(wanted, f) for f in permission)]
        del context.message.permissions[:]
        context.message.permissions.extend(kept)

    def removed(context: MutationContext) -> None:
        remove(context)
        if "connection_manager" in context.message.DESCRIPTOR.fields_by_name:
            connections.remove(context.state, context.change, context.message.connection_manager.connection_id)

    actions = {"GrantPermission": grant, "RevokePermission": revoke} if permission else {}
    return Parts(product, contract.User, shape, complete, check, change, removed, actions)


def password_of(spec: Any) -> str:
    """The password given, or a generated one where that was asked for; exactly one of the two."""
    fields = spec.DESCRIPTOR.fields_by_name
    given = spec.password if "password" in fields else next(iter(spec.passwords), "")
    can_generate = "generate_password" in fields
    wants = can_generate and spec.generate_password.value
    if given and wants:
        raise refusal.invalid("generate_password", "password and generate_password exclude each other")
    if not given and not wants:
        what = "one of password and generate_password" if can_generate else "a password"
        raise refusal.invalid("password", f"{what} must be given")
    return str(given or ids.password())


def database_grants(message: Any) -> tuple[contract.Grant, ...]:
    """The databases that a user may enter."""
    return tuple(contract.Grant(permission.database_name) for permission in message.permissions)


def _changes_password(context: MutationContext) -> bool:
    request = context.request
    given = getattr(request, "password", "") or getattr(request, "passwords", ())
    wants = context.touches("generate_password") and request.generate_password.value
    return bool((context.touches("password") and given) or wants)  # "password" begins "passwords" too


def keep_password(context: MutationContext, product: Product, owner: Any, password: str) -> None:
    """In the record, and where the product has it in a connection, whose Lockbox secret gets a new version."""
    user = context.message
    context.extra["password"] = password
    fields = user.DESCRIPTOR.fields_by_name
    if "connection_manager" not in fields:
        return
    known = user.connection_manager.connection_id
    connection = connections.put(context.state, context.change, product.engine.value, owner, user.name, password, known)
    user.connection_manager.connection_id = connection
    if "user_connection_manager" in fields:
        user.user_connection_manager.connection_id = connection
