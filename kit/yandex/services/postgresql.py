"""Managed PostgreSQL: master and replicas, settings under the field of the version, users and databases, passwords in Lockbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kit.endpoints import Secret
from kit.yandex import contract
from kit.yandex.contract import Engine
from kit.yandex.engine import descriptors, refusal
from kit.yandex.engine.journal import Record
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import Scene
from kit.yandex.engine.transfer import settle, transfer
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


def _configure(scene: Scene) -> None:
    """What the cloud always answers: the provider dereferences all of it."""
    config = scene.message.config
    if _field(config.version) not in config.DESCRIPTOR.fields_by_name:
        raise refusal.invalid("config_spec.version", f"there are no settings for version {config.version}")
    which = config.WhichOneof("postgresql_config")
    if which not in (None, _field(config.version)):
        if not scene.touches("config_spec.version"):
            raise refusal.invalid(f"config_spec.{which}", f"these are not the settings of version {config.version}")
        before = getattr(config, which).user_config
        user = type(getattr(config, _field(config.version)).user_config)()
        transfer(before, user)  # an upgrade keeps what was set
        getattr(config, _field(config.version)).user_config.CopyFrom(user)
    settings = getattr(config, _field(config.version))
    if "password_encryption" in settings.user_config.DESCRIPTOR.fields_by_name:
        settings.user_config.password_encryption = settings.user_config.password_encryption or MD5
    settle(settings)
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


def _hosts(scene: Scene) -> list[Any]:
    if not scene.request.host_specs:
        raise refusal.invalid("host_specs", "at least one host must be given")
    hosts = []
    for index, spec in enumerate(scene.request.host_specs):
        host = place_host(scene, PRODUCT, spec.zone_id, spec.subnet_id)
        transfer(spec, host)
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


def _inline(scene: Scene) -> None:
    """Users and databases in the cluster's own request: the deprecated way."""
    hosts = [record.message for (kind, _), record in scene.change.puts.items() if kind == PRODUCT.host]
    shape = databases.cluster_of(scene.world, PRODUCT, scene.message, scene.extra, hosts)
    backing = scene.world.backing
    for spec in scene.request.user_specs:
        user = descriptors.message(USERS.message)(cluster_id=scene.message.id)
        transfer(spec, user)
        extra: dict[str, Any] = {}
        _complete_user(scene, user, extra, scene.message, password_of(scene, spec))
        scene.change.put(Record(f"{scene.message.id}/{user.name}", scene.message.id, user, extra))
        shaped = user_of(user, extra)
        scene.work.deeds.append(lambda shaped=shaped: backing.put_user(shape, shaped))  # type: ignore[misc]
    for spec in scene.request.database_specs:
        database = descriptors.message(DATABASES.message)(cluster_id=scene.message.id)
        transfer(spec, database)
        _complete_database(database)
        scene.change.put(Record(f"{scene.message.id}/{database.name}", scene.message.id, database))
        made = database_of(database)
        scene.work.deeds.append(lambda made=made: backing.put_database(shape, made))  # type: ignore[misc]


def _failover(scene: Scene) -> None:
    hosts = scene.world.journal.children(PRODUCT.host, scene.message.id)
    replicas = [record for record in hosts if record.message.role == REPLICA]
    chosen = next((record for record in replicas if record.key == scene.request.host_name or not scene.request.host_name), None)
    if chosen is None:
        raise refusal.precondition(f"cluster {scene.message.id} has no such replica")
    for record in hosts:
        fresh = record.copy()
        fresh.role = MASTER if record.key == chosen.key else REPLICA
        scene.change.put(Record(record.key, record.parent, fresh))


PRODUCT = Product(
    engine=Engine.POSTGRESQL,
    configure=_configure,
    hosts=_hosts,
    settings=_settings,
    resources=lambda message: message.config.resources,
    inline=_inline,
)
CLUSTERS = clusters(PRODUCT)


def _user(scene: Scene) -> None:
    owner, _ = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
    password = password_of(scene, scene.request.user_spec)
    _check_permissions(scene, scene.request.user_spec.permissions, "user_spec.permissions")
    _complete_user(scene, scene.message, scene.extra, owner, password)
    _put_user(scene)


def _complete_user(scene: Scene, user: Any, extra: dict[str, Any], owner: Any, password: str) -> None:
    extra["password"] = password
    if not user.HasField("login"):
        user.login.value = True
    user.conn_limit = user.conn_limit or DEFAULT_CONNECTIONS
    user.auth_method = user.auth_method or 1  # PASSWORD
    user.settings.SetInParent()
    connection = connections.put(scene.world, scene.change, "postgresql", owner, user.name, password)
    user.connection_manager.connection_id = user.user_connection_manager.connection_id = connection


def _user_changed(scene: Scene) -> None:
    wants = scene.touches("generate_password") and scene.request.generate_password.value
    if (scene.touches("password") and scene.request.password) or wants:
        owner, _ = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
        scene.extra["password"] = password_of(scene, scene.request)
        connection = scene.message.connection_manager.connection_id
        connections.put(scene.world, scene.change, "postgresql", owner, scene.message.name, scene.extra["password"], connection)
    if scene.touches("permissions"):
        _check_permissions(scene, scene.request.permissions, "permissions")
    _put_user(scene)


def _user_gone(scene: Scene) -> None:
    cluster_id, name = scene.message.cluster_id, scene.message.name
    for record in scene.world.journal.children(DATABASES.message, cluster_id):
        if record.message.owner == name:
            raise refusal.precondition(f"User {name} owns database {record.message.name}")
    connections.remove(scene.world, scene.change, scene.message.connection_manager.connection_id)
    _, shape = owner_of(scene.world, PRODUCT, cluster_id)
    scene.work.deeds.append(lambda: scene.world.backing.remove_user(shape, name))


def _grant(scene: Scene) -> None:
    _check_permissions(scene, [scene.request.permission], "permission")
    if scene.request.permission not in scene.message.permissions:
        scene.message.permissions.append(scene.request.permission)
    _put_user(scene)


def _revoke(scene: Scene) -> None:
    kept = [found for found in scene.message.permissions if found.database_name != scene.request.database_name]
    del scene.message.permissions[:]
    scene.message.permissions.extend(kept)
    _put_user(scene)


def _check_permissions(scene: Scene, permissions: Any, path: str) -> None:
    for index, permission in enumerate(permissions):
        if scene.world.journal.get(DATABASES.message, f"{scene.message.cluster_id}/{permission.database_name}") is None:
            raise refusal.not_found("Database", f"{permission.database_name} ({path}[{index}].database_name)")


def _put_user(scene: Scene) -> None:
    _, shape = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
    user = user_of(scene.message, scene.extra)
    scene.work.deeds.append(lambda: scene.world.backing.put_user(shape, user))


USERS = child(PRODUCT, "UserService", "User", "User", "users", build=_user, change=_user_changed, remove=_user_gone)


def user_of(message: Any, extra: Mapping[str, Any]) -> contract.User:
    settings = {name: str(value) for name, value in flat(message.settings).items()}
    settings["conn_limit"] = str(message.conn_limit)
    return contract.User(message.name, Secret(extra.get("password", "")), grants(message.permissions), settings)


def _database(scene: Scene) -> None:
    owner = scene.message.owner
    if scene.world.journal.get(USERS.message, f"{scene.message.cluster_id}/{owner}") is None:
        raise refusal.not_found("User", f"{owner} (database_spec.owner)")
    _complete_database(scene.message)
    _put_database(scene)


def _complete_database(database: Any) -> None:
    database.lc_collate = database.lc_collate or LOCALE
    database.lc_ctype = database.lc_ctype or LOCALE


def _database_changed(scene: Scene) -> None:
    if scene.touches("new_database_name") and scene.request.new_database_name not in ("", scene.message.name):
        raise refusal.invalid("new_database_name", "this emulator does not rename databases")
    _put_database(scene)


def _database_gone(scene: Scene) -> None:
    _, shape = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
    name = scene.message.name
    for record in scene.world.journal.children(USERS.message, scene.message.cluster_id):
        kept = [found for found in record.message.permissions if found.database_name != name]
        if len(kept) != len(record.message.permissions):
            fresh = record.copy()
            del fresh.permissions[:]
            fresh.permissions.extend(kept)
            scene.change.put(Record(record.key, record.parent, fresh, record.extra))
    scene.work.deeds.append(lambda: scene.world.backing.remove_database(shape, name))


def _put_database(scene: Scene) -> None:
    _, shape = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
    database = database_of(scene.message)
    scene.work.deeds.append(lambda: scene.world.backing.put_database(shape, database))


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
