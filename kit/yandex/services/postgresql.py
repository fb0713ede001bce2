"""Managed PostgreSQL: master and replicas, settings under the field of the version, users and databases, passwords in Lockbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kit.yandex import contract, refusal
from kit.yandex.contract import Engine
from kit.yandex.engine.fields import add_user_config_layer, copy_fields, set_defaults
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import MutationContext
from kit.yandex.managed import clusters
from kit.yandex.managed.hosts import place_host
from kit.yandex.managed.parts import NewPart, Parts
from kit.yandex.managed.product import Product, set_values
from kit.yandex.managed.users import DATABASE, database_grants, users
from kit.yandex.rules import hosts as rules
from kit.yandex.rules.hosts import HostGroup

MASTER, REPLICA = 1, 2
MD5 = 1  # the provider takes anything else for a setting that somebody made
DEFAULT_RETENTION_DAYS = 7
DEFAULT_CONNECTIONS = 50
LOCALE = "C"
# `deletion_protection` of users and databases stays unset unless somebody sets it: the provider tells "unspecified" from "false".


def register(registry: Registry) -> None:
    clusters.register(registry, PRODUCT, CLUSTERS, USERS, DATABASES)
    USERS.register(registry)
    DATABASES.register(registry)
    registry.add(PRODUCT.service, "StartFailover", CLUSTERS.action(_failover))


def _configure(context: MutationContext) -> None:
    """Set every field that the provider reads."""
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
    set_defaults(config, autofailover=True, backup_retain_period_days=DEFAULT_RETENTION_DAYS)


def _hosts(context: MutationContext) -> list[Any]:
    hosts = []
    for index, spec in enumerate(context.request.host_specs):
        host = place_host(context, PRODUCT, spec.zone_id, spec.subnet_id)
        copy_fields(spec, host)
        host.subnet_id = spec.subnet_id or host.subnet_id
        host.role = MASTER if index == 0 else REPLICA
        set_defaults(host, priority=0)
        for service in (1, 2):  # POSTGRESQL, POOLER
            host.services.add(type=service, health=1)
        hosts.append(host)
    return hosts


def _settings(message: Any) -> Mapping[str, Any]:
    which = message.config.WhichOneof("postgresql_config")
    return set_values(getattr(message.config, which).user_config) if which else {}


def _failover(context: MutationContext) -> None:
    hosts = context.journal.children(PRODUCT.host, context.message.id)
    replicas = [record for record in hosts if record.message.role == REPLICA]
    chosen = next(
        (record for record in replicas if record.key == context.request.host_name or not context.request.host_name), None
    )
    if chosen is None:
        raise refusal.precondition(f"cluster {context.message.id} has no such replica")
    for record in hosts:
        fresh = record.copy()
        fresh.role = MASTER if record.key == chosen.key else REPLICA
        context.change.put(record.with_message(fresh))


PRODUCT = Product(
    engine=Engine.POSTGRESQL,
    configure=_configure,
    hosts=_hosts,
    settings=_settings,
    resources=lambda message: message.config.resources,
    groups=lambda message, hosts: [
        HostGroup("config_spec.resources", message.config.resources, hosts, message.config.disk_size_autoscaling)
    ],
    check=lambda message, hosts: rules.check_number("postgresql", "hosts", len(hosts)),
)


def _complete_user(user: Any, spec: Any) -> None:
    set_defaults(user, login=True)
    user.conn_limit = user.conn_limit or DEFAULT_CONNECTIONS
    user.auth_method = user.auth_method or 1  # PASSWORD
    user.settings.SetInParent()


def _refuse_to_remove_an_owner(context: MutationContext) -> None:
    for record in context.journal.children(DATABASES.message, context.message.cluster_id):
        if record.message.owner == context.message.name:
            raise refusal.precondition(f"User {context.message.name} owns database {record.message.name}")


USERS = users(
    PRODUCT,
    settings=lambda message: {
        **{name: str(value) for name, value in set_values(message.settings).items()},
        "conn_limit": str(message.conn_limit),
    },
    grants=database_grants,
    defaults=_complete_user,
    permission=(DATABASE,),
    remove=_refuse_to_remove_an_owner,
)


def _database_of(message: Any, extra: Mapping[str, Any]) -> contract.Database:
    return contract.Database(message.name, message.owner, tuple(extension.name for extension in message.extensions))


def _complete_database(new: NewPart) -> None:
    new.message.lc_collate = new.message.lc_collate or LOCALE
    new.message.lc_ctype = new.message.lc_ctype or LOCALE


def _check_owner(new: NewPart) -> None:
    owner = new.message.owner
    if new.context.journal.get(USERS.message, f"{new.message.cluster_id}/{owner}") is None:
        raise refusal.not_found("User", f"{owner} (database_spec.owner)")


def _refuse_to_rename(context: MutationContext) -> None:
    if context.touches("new_database_name") and context.request.new_database_name not in ("", context.message.name):
        raise refusal.invalid("new_database_name", "this emulator does not rename databases")


def _revoke_permissions(context: MutationContext) -> None:
    """With a database go the permissions on it."""
    for record in context.journal.children(USERS.message, context.message.cluster_id):
        kept = [found for found in record.message.permissions if found.database_name != context.message.name]
        if len(kept) != len(record.message.permissions):
            fresh = record.copy()
            del fresh.permissions[:]
            fresh.permissions.extend(kept)
            context.change.put(record.with_message(fresh))


DATABASES = Parts(
    PRODUCT,
    contract.Database,
    _database_of,
    _complete_database,
    check=_check_owner,
    change=_refuse_to_rename,
    remove=_revoke_permissions,
)
CLUSTERS = clusters.clusters(PRODUCT, USERS, DATABASES)


def _field(version: str) -> str:
    return f"postgresql_config_{version.replace('-', '_')}"
