"""Managed PostgreSQL: master and replicas, settings under the field of the version, users and databases, passwords in Lockbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kit.endpoints import Secret
from kit.yandex import contract
from kit.yandex.contract import Engine
from kit.yandex.engine import descriptors, refusal
from kit.yandex.engine.fields import add_user_config_layer, copy_fields
from kit.yandex.engine.journal import Record
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import MutationContext
from kit.yandex.managed import connections, databases
from kit.yandex.managed.databases import Product, child, clusters, flat, grants, owner_of, password_of, place_host

MASTER, REPLICA = 1, 2
MD5 = 1  # the provider takes anything else for a setting that somebody made
DEFAULT_RETENTION_DAYS = 7
DEFAULT_CONNECTIONS = 50
LOCALE = "C"
# `deletion_protection` of users and databases stays unset unless somebody sets it: the provider tells "unspecified" from "false".


def register(registry: Registry) -> None:
    databases.register(registry, PRODUCT, CLUSTERS)
    USERS.register(registry)
    DATABASES.register(registry)
    registry.add(USERS.service, "GrantPermission", USERS.act(_grant), backed=USERS.backed)
    registry.add(USERS.service, "RevokePermission", USERS.act(_revoke), backed=USERS.backed)
    registry.add(PRODUCT.service, "StartFailover", CLUSTERS.act(_failover))


def _configure(context: MutationContext) -> None:
    """What the cloud always answers: the provider dereferences all of it."""
    config = context.message.config
    if _field(config.version) not in config.DESCRIPTOR.fields_by_name:
        raise refusal.invalid("config_spec.version", f"there are no settings for version {config.version}")
    which = config.WhichOneof("postgresql_config")
    if which not in (None, _field(config.version)):
        if not context.touches("config_spec.version"):
            raise refusal.invalid(f"config_spec.{which}", f"these are not the settings of version {config.version}")
        before = getattr(config, which).user_config
        user = type(getattr(config, _field(config.version)).user_config)()
        copy_fields(before, user)  # an upgrade keeps what was set
        getattr(config, _field(config.version)).user_config.CopyFrom(user)
    settings = getattr(config, _field(config.version))
    if "password_encryption" in settings.user_config.DESCRIPTOR.fields_by_name:
        settings.user_config.password_encryption = settings.user_config.password_encryption or MD5
    add_user_config_layer(settings)
    if not config.pooler_config.ListFields():
        config.ClearField("pooler_config")  # the provider sends an empty one, and expects none back
    config.access.SetInParent()
    config.performance_diagnostics.SetInParent()
    config.disk_size_autoscaling.SetInParent()
    config.connection_manager.enabled.value = True
    config.backup_window_start.SetInParent()
    if not config.HasField("autofailover"):
        config.autofailover.value = True
    if not config.HasField("backup_retain_period_days"):
        config.backup_retain_period_days.value = DEFAULT_RETENTION_DAYS


def _hosts(context: MutationContext) -> list[Any]:
    if not context.request.host_specs:
        raise refusal.invalid("host_specs", "at least one host must be given")
    hosts = []
    for index, spec in enumerate(context.request.host_specs):
        host = place_host(context, PRODUCT, spec.zone_id, spec.subnet_id)
        copy_fields(spec, host)
        host.subnet_id = spec.subnet_id or host.subnet_id
        host.role = MASTER if index == 0 else REPLICA
        if not host.HasField("priority"):
            host.priority.value = 0
        for service in (1, 2):  # POSTGRESQL, POOLER
            host.services.add(type=service, health=1)
        hosts.append(host)
    return hosts


def _settings(message: Any) -> Mapping[str, Any]:
    which = message.config.WhichOneof("postgresql_config")
    return flat(getattr(message.config, which).user_config) if which else {}


def _inline(context: MutationContext) -> None:
    """Users and databases in the cluster's own request: the deprecated way."""
    hosts = [record.message for (kind, _), record in context.change.puts.items() if kind == PRODUCT.host]
    shape = databases.cluster_of(context.state, PRODUCT, context.message, context.extra, hosts)
    backing = context.state.backing
    for spec in context.request.user_specs:
        user = descriptors.message(USERS.message)(cluster_id=context.message.id)
        copy_fields(spec, user)
        extra: dict[str, Any] = {}
        _complete_user(context, user, extra, context.message, password_of(context, spec))
        context.change.put(Record(f"{context.message.id}/{user.name}", context.message.id, user, extra))
        shaped = user_of(user, extra)
        context.plan.side_effects.append(lambda shaped=shaped: backing.put_user(shape, shaped))  # type: ignore[misc]
    for spec in context.request.database_specs:
        database = descriptors.message(DATABASES.message)(cluster_id=context.message.id)
        copy_fields(spec, database)
        _complete_database(database)
        context.change.put(Record(f"{context.message.id}/{database.name}", context.message.id, database))
        made = database_of(database)
        context.plan.side_effects.append(lambda made=made: backing.put_database(shape, made))  # type: ignore[misc]


def _failover(context: MutationContext) -> None:
    hosts = context.state.journal.children(PRODUCT.host, context.message.id)
    replicas = [record for record in hosts if record.message.role == REPLICA]
    chosen = next(
        (record for record in replicas if record.key == context.request.host_name or not context.request.host_name), None
    )
    if chosen is None:
        raise refusal.precondition(f"cluster {context.message.id} has no such replica")
    for record in hosts:
        fresh = record.copy()
        fresh.role = MASTER if record.key == chosen.key else REPLICA
        context.change.put(Record(record.key, record.parent, fresh))


PRODUCT = Product(
    engine=Engine.POSTGRESQL,
    configure=_configure,
    hosts=_hosts,
    settings=_settings,
    resources=lambda message: message.config.resources,
    inline=_inline,
)
CLUSTERS = clusters(PRODUCT)


def _user(context: MutationContext) -> None:
    owner, _ = owner_of(context.state, PRODUCT, context.message.cluster_id)
    password = password_of(context, context.request.user_spec)
    _check_permissions(context, context.request.user_spec.permissions, "user_spec.permissions")
    _complete_user(context, context.message, context.extra, owner, password)
    _put_user(context)


def _complete_user(context: MutationContext, user: Any, extra: dict[str, Any], owner: Any, password: str) -> None:
    extra["password"] = password
    if not user.HasField("login"):
        user.login.value = True
    user.conn_limit = user.conn_limit or DEFAULT_CONNECTIONS
    user.auth_method = user.auth_method or 1  # PASSWORD
    user.settings.SetInParent()
    connection = connections.put(context.state, context.change, "postgresql", owner, user.name, password)
    user.connection_manager.connection_id = user.user_connection_manager.connection_id = connection


def _user_changed(context: MutationContext) -> None:
    wants = context.touches("generate_password") and context.request.generate_password.value
    if (context.touches("password") and context.request.password) or wants:
        owner, _ = owner_of(context.state, PRODUCT, context.message.cluster_id)
        context.extra["password"] = password_of(context, context.request)
        connection = context.message.connection_manager.connection_id
        connections.put(
            context.state, context.change, "postgresql", owner, context.message.name, context.extra["password"], connection
        )
    if context.touches("permissions"):
        _check_permissions(context, context.request.permissions, "permissions")
    _put_user(context)


def _user_gone(context: MutationContext) -> None:
    cluster_id, name = context.message.cluster_id, context.message.name
    for record in context.state.journal.children(DATABASES.message, cluster_id):
        if record.message.owner == name:
            raise refusal.precondition(f"User {name} owns database {record.message.name}")
    connections.remove(context.state, context.change, context.message.connection_manager.connection_id)
    _, shape = owner_of(context.state, PRODUCT, cluster_id)
    context.plan.side_effects.append(lambda: context.state.backing.remove_user(shape, name))


def _grant(context: MutationContext) -> None:
    _check_permissions(context, [context.request.permission], "permission")
    if context.request.permission not in context.message.permissions:
        context.message.permissions.append(context.request.permission)
    _put_user(context)


def _revoke(context: MutationContext) -> None:
    kept = [found for found in context.message.permissions if found.database_name != context.request.database_name]
    del context.message.permissions[:]
    context.message.permissions.extend(kept)
    _put_user(context)


def _check_permissions(context: MutationContext, permissions: Any, path: str) -> None:
    for index, permission in enumerate(permissions):
        if context.state.journal.get(DATABASES.message, f"{context.message.cluster_id}/{permission.database_name}") is None:
            raise refusal.not_found("Database", f"{permission.database_name} ({path}[{index}].database_name)")


def _put_user(context: MutationContext) -> None:
    _, shape = owner_of(context.state, PRODUCT, context.message.cluster_id)
    user = user_of(context.message, context.extra)
    context.plan.side_effects.append(lambda: context.state.backing.put_user(shape, user))


USERS = child(PRODUCT, "UserService", "User", "User", "users", build=_user, change=_user_changed, remove=_user_gone)


def user_of(message: Any, extra: Mapping[str, Any]) -> contract.User:
    settings = {name: str(value) for name, value in flat(message.settings).items()}
    settings["conn_limit"] = str(message.conn_limit)
    return contract.User(message.name, Secret(extra.get("password", "")), grants(message.permissions), settings)


def _database(context: MutationContext) -> None:
    owner = context.message.owner
    if context.state.journal.get(USERS.message, f"{context.message.cluster_id}/{owner}") is None:
        raise refusal.not_found("User", f"{owner} (database_spec.owner)")
    _complete_database(context.message)
    _put_database(context)


def _complete_database(database: Any) -> None:
    database.lc_collate = database.lc_collate or LOCALE
    database.lc_ctype = database.lc_ctype or LOCALE


def _database_changed(context: MutationContext) -> None:
    if context.touches("new_database_name") and context.request.new_database_name not in ("", context.message.name):
        raise refusal.invalid("new_database_name", "this emulator does not rename databases")
    _put_database(context)


def _database_gone(context: MutationContext) -> None:
    _, shape = owner_of(context.state, PRODUCT, context.message.cluster_id)
    name = context.message.name
    for record in context.state.journal.children(USERS.message, context.message.cluster_id):
        kept = [found for found in record.message.permissions if found.database_name != name]
        if len(kept) != len(record.message.permissions):
            fresh = record.copy()
            del fresh.permissions[:]
            fresh.permissions.extend(kept)
            context.change.put(Record(record.key, record.parent, fresh, record.extra))
    context.plan.side_effects.append(lambda: context.state.backing.remove_database(shape, name))


def _put_database(context: MutationContext) -> None:
    _, shape = owner_of(context.state, PRODUCT, context.message.cluster_id)
    database = database_of(context.message)
    context.plan.side_effects.append(lambda: context.state.backing.put_database(shape, database))


DATABASES = child(
    PRODUCT,
    "DatabaseService",
    "Database",
    "Database",
    "databases",
    build=_database,
    change=_database_changed,
    remove=_database_gone,
)


def database_of(message: Any) -> contract.Database:
    return contract.Database(message.name, message.owner, tuple(extension.name for extension in message.extensions))


def _field(version: str) -> str:
    return f"postgresql_config_{version.replace('-', '_')}"
