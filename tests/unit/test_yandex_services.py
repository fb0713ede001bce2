"""What differs from resource to resource: the traps into which the real provider falls, and the rules of the cloud."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from kit.yandex import contract
from kit.yandex.engine import descriptors, ids
from kit.yandex.rules import catalog
from kit.yandex.rules.data import GB
from kit.yandex.s3.bucket_state import BucketState
from kit.yandex.services.kafka import topic_of
from tests.support import yandex
from tests.support.yandex import FOLDER, RESOURCES, Cloud, emulated, violations

PASSWORD = "another-Password_1"
KAFKA, POSTGRES = "mdb.kafka.v1.ClusterService", "mdb.postgresql.v1.ClusterService"
CLICKHOUSE, REDIS = "mdb.clickhouse.v1.ClusterService", "mdb.redis.v1.ClusterService"
SECRET, PAYLOAD = "lockbox.v1.SecretService", "lockbox.v1.PayloadService"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, bytes]:
    return yandex.certificate_of(tmp_path_factory.mktemp("certs"))


@pytest.fixture
def cloud(certificate: tuple[bytes, bytes, bytes]) -> Iterator[Cloud]:
    with emulated(certificate) as made:
        yield made


@pytest.fixture
def network(cloud: Cloud) -> str:
    made = yandex.network(cloud)
    yandex.subnet(cloud, made)
    return made


def _unset_wrappers(message: Message, path: str = "") -> list[str]:
    found = []
    for field in message.DESCRIPTOR.fields:
        if field.message_type is None or field.is_repeated or field.containing_oneof is not None:
            continue
        if not message.HasField(field.name):
            found.append(f"{path}{field.name}")
        elif not field.message_type.full_name.startswith("google."):
            found += _unset_wrappers(getattr(message, field.name), f"{path}{field.name}.")
    return found


# -- PostgreSQL


def test_postgres_answers_every_setting_in_effect(cloud: Cloud, network: str) -> None:
    config = cloud(f"{POSTGRES}/Get", cluster_id=yandex.postgres(cloud, network)).config
    assert _unset_wrappers(config.postgresql_config_17.effective_config) == []
    assert config.postgresql_config_17.user_config.max_connections.value == 200
    assert config.postgresql_config_17.effective_config.max_connections.value == 200
    assert config.connection_manager.enabled.value
    assert not config.HasField("pooler_config")


def test_postgres_settings_are_changed_by_the_mask_of_the_request(cloud: Cloud, network: str) -> None:
    cluster = yandex.postgres(cloud, network)
    changed = cloud.done(
        f"{POSTGRES}/Update",
        cluster_id=cluster,
        update_mask={"paths": ["config_spec.postgresql_config_17.max_connections", "config_spec.resources.disk_size"]},
        config_spec={"postgresql_config_17": {"max_connections": {"value": 321}}, "resources": {"disk_size": 1 << 36}},
    ).config
    settings = changed.postgresql_config_17
    assert (settings.user_config.max_connections.value, settings.effective_config.max_connections.value) == (321, 321)
    assert (changed.resources.disk_size, changed.resources.resource_preset_id) == (1 << 36, "s3-c2-m8")
    cleared = cloud.done(
        f"{POSTGRES}/Update", cluster_id=cluster, update_mask={"paths": ["config_spec.postgresql_config_17.max_connections"]}
    ).config.postgresql_config_17
    assert not cleared.user_config.HasField("max_connections")
    assert cleared.effective_config.max_connections == cleared.default_config.max_connections


def test_an_upgrade_of_postgres_keeps_its_settings(cloud: Cloud, network: str) -> None:
    cluster = yandex.postgres(cloud, network)
    fields: dict[str, Any] = {"update_mask": {"paths": ["config_spec.version"]}, "config_spec": {"version": "18"}}
    config = cloud.done(f"{POSTGRES}/Update", cluster_id=cluster, **fields).config
    assert config.WhichOneof("postgresql_config") == "postgresql_config_18"
    assert config.postgresql_config_18.effective_config.max_connections.value == 200


def test_the_first_host_is_master_and_hosts_come_and_go(cloud: Cloud, network: str) -> None:
    cluster = yandex.postgres(cloud, network)
    cloud.done(f"{POSTGRES}/AddHosts", cluster_id=cluster, host_specs=[{"zone_id": "ru-central1-a"}])
    first, second = cloud(f"{POSTGRES}/ListHosts", cluster_id=cluster).hosts
    assert (first.role, second.role) == (1, 2)
    assert first.name.startswith("rc1a-")
    assert first.name.endswith(".mdb.yandexcloud.net")
    update = {"host_name": second.name, "priority": {"value": 5}, "update_mask": {"paths": ["priority"]}}
    cloud.done(f"{POSTGRES}/UpdateHosts", cluster_id=cluster, update_host_specs=[update])
    cloud.done(f"{POSTGRES}/DeleteHosts", cluster_id=cluster, host_names=[first.name])
    (left,) = cloud(f"{POSTGRES}/ListHosts", cluster_id=cluster).hosts
    assert (left.name, left.role, left.priority.value) == (second.name, 1, 5)
    assert cloud.refused(f"{POSTGRES}/DeleteHosts", cluster_id=cluster, host_names=[left.name]).code() is (
        grpc.StatusCode.FAILED_PRECONDITION
    )


def test_a_conn_limit_is_a_wrapper_in_the_request_and_a_number_in_the_answer(cloud: Cloud, network: str) -> None:
    spec = {"name": "u", "password": PASSWORD, "conn_limit": {"value": 12}}
    assert (
        cloud.done("mdb.postgresql.v1.UserService/Create", cluster_id=yandex.postgres(cloud, network), user_spec=spec).conn_limit
        == 12
    )


def test_a_generated_password_is_in_lockbox_and_nowhere_else(cloud: Cloud, network: str) -> None:
    cluster = yandex.postgres(cloud, network)
    spec = {"name": "sentry", "generate_password": {"value": True}}
    user = cloud.done("mdb.postgresql.v1.UserService/Create", cluster_id=cluster, user_spec=spec)
    connection = cloud("connectionmanager.v1.ConnectionService/Get", connection_id=user.connection_manager.connection_id)
    assert connection.params.postgresql.managed_cluster_id == cluster
    assert connection.params.postgresql.auth.user_password.user == "sentry"
    payload = cloud(f"{PAYLOAD}/Get", secret_id=connection.lockbox_secret.id)
    (entry,) = payload.entries
    assert (entry.key, len(entry.text_value)) == ("postgresql_password", 20)
    assert entry.text_value not in str(user) + str(connection)
    listed = cloud("connectionmanager.v1.ConnectionService/List", folder_id=FOLDER, mdb_cluster_id=cluster)
    assert [found.id for found in getattr(listed, listed.DESCRIPTOR.fields[0].name)] == [connection.id]
    cloud.done("mdb.postgresql.v1.UserService/Delete", cluster_id=cluster, user_name="sentry")
    assert cloud.refused(f"{SECRET}/Get", secret_id=connection.lockbox_secret.id).code() is grpc.StatusCode.NOT_FOUND


def test_a_changed_password_is_the_next_version_of_the_same_secret(cloud: Cloud, network: str) -> None:
    cluster = yandex.clickhouse(cloud, network)
    spec = {"name": "sentry", "password": PASSWORD}
    user = cloud.done("mdb.clickhouse.v1.UserService/Create", cluster_id=cluster, user_spec=spec)
    where = {"connection_id": user.connection_manager.connection_id}
    before = cloud("connectionmanager.v1.ConnectionService/Get", **where).lockbox_secret
    mask = {"paths": ["password"]}
    cloud.done(
        "mdb.clickhouse.v1.UserService/Update", cluster_id=cluster, user_name="sentry", password="newer-Pass_1", update_mask=mask
    )
    after = cloud("connectionmanager.v1.ConnectionService/Get", **where).lockbox_secret
    assert (after.id, after.version != before.version) == (before.id, True)
    assert cloud(f"{PAYLOAD}/Get", secret_id=after.id).entries[0].text_value == "newer-Pass_1"


def test_a_password_is_given_or_generated_but_not_both_or_neither(cloud: Cloud, network: str) -> None:
    cluster = yandex.postgres(cloud, network)
    for spec in ({"name": "u"}, {"name": "u", "password": PASSWORD, "generate_password": {"value": True}}):
        refused = cloud.refused("mdb.postgresql.v1.UserService/Create", cluster_id=cluster, user_spec=spec)
        assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_database_needs_its_owner_and_a_grant_its_database(cloud: Cloud, network: str) -> None:
    cluster = yandex.postgres(cloud, network)
    database = {"name": "d", "owner": "nobody"}
    refused = cloud.refused("mdb.postgresql.v1.DatabaseService/Create", cluster_id=cluster, database_spec=database)
    assert refused.code() is grpc.StatusCode.NOT_FOUND
    user = {"name": "u", "password": PASSWORD, "permissions": [{"database_name": "none"}]}
    refused = cloud.refused("mdb.postgresql.v1.UserService/Create", cluster_id=cluster, user_spec=user)
    assert refused.code() is grpc.StatusCode.NOT_FOUND


# -- ClickHouse


def test_clickhouse_answers_every_setting_in_effect_but_those_the_provider_takes_for_unset(cloud: Cloud, network: str) -> None:
    from kit.yandex.services.clickhouse import ABSENT_UNLESS_SET, ABSENT_UNLESS_SET_OF_MERGE_TREE

    config = cloud(f"{CLICKHOUSE}/Get", cluster_id=yandex.clickhouse(cloud, network)).config
    absent = {*ABSENT_UNLESS_SET, *(f"merge_tree.{name}" for name in ABSENT_UNLESS_SET_OF_MERGE_TREE)}
    assert set(_unset_wrappers(config.clickhouse.config.effective_config)) == absent
    assert config.clickhouse.config.effective_config.max_connections.value == 500
    for name in ("embedded_keeper", "sql_user_management", "sql_database_management"):
        assert config.HasField(name)
        assert not getattr(config, name).value


def test_every_shard_shows_a_configuration(cloud: Cloud, network: str) -> None:
    (shard,) = cloud(f"{CLICKHOUSE}/ListShards", cluster_id=yandex.clickhouse(cloud, network)).shards
    assert shard.name == "shard1"
    assert shard.config.clickhouse.config.effective_config.max_connections.value == 500
    assert shard.config.clickhouse.resources.resource_preset_id == "s3-c2-m8"


def test_replicas_without_a_coordinator_get_one(cloud: Cloud, network: str) -> None:
    hosts = [{"zone_id": "ru-central1-a", "type": 1}] * 2
    request = {"folder_id": FOLDER, "name": "c", "network_id": network, "environment": 1, "host_specs": hosts}
    config = {"version": "25.8", "clickhouse": {"resources": RESOURCES}}
    assert violations(cloud.refused(f"{CLICKHOUSE}/Create", **request, config_spec=config)) == ["host_specs"], (
        "one zone has a subnet"
    )
    for letter in "bd":
        yandex.subnet(cloud, network, f"10.{ord(letter)}.0.0/24", letter, f"ru-central1-{letter}")
    cluster = yandex.clickhouse(cloud, network, host_specs=hosts)
    assert [host.type for host in cloud(f"{CLICKHOUSE}/ListHosts", cluster_id=cluster).hosts] == [1, 1, 2, 2, 2]


# -- Valkey


def test_valkeys_password_is_never_shown_and_tls_is_a_bool(cloud: Cloud, network: str) -> None:
    cluster = cloud(f"{REDIS}/Get", cluster_id=yandex.redis(cloud, network, tls_enabled={"value": True}))
    assert cluster.tls_enabled is True
    assert "Password" not in str(cluster)
    (host,) = cloud(f"{REDIS}/ListHosts", cluster_id=cluster.id).hosts
    assert (host.replica_priority.value, host.role, host.shard_name) == (100, 1, "shard1")
    assert cluster.maintenance_window.WhichOneof("policy") == "anytime"


# -- Kafka


@pytest.mark.parametrize("version", ["3.6", "3.9", "2.8", "nonsense"])
def test_a_version_that_is_closed_or_unknown_is_refused(cloud: Cloud, network: str, version: str) -> None:
    config = {**yandex.BROKERS, "version": version}
    refused = cloud.refused(f"{KAFKA}/Create", folder_id=FOLDER, name="k", network_id=network, environment=1, config_spec=config)
    assert violations(refused) == ["config_spec.version"]
    assert "4.0" in refused.details()


def test_brokers_stand_in_every_zone_and_topics_fit_on_them(cloud: Cloud, network: str) -> None:
    for letter in "bd":
        yandex.subnet(cloud, network, f"10.{ord(letter)}.0.0/24", letter, f"ru-central1-{letter}")
    zones = {"zone_id": [f"ru-central1-{letter}" for letter in "abd"], "brokers_count": {"value": 1}}
    cluster = yandex.kafka(cloud, network, config_spec={**yandex.BROKERS, **zones})
    hosts = cloud(f"{KAFKA}/ListHosts", cluster_id=cluster).hosts
    assert [host.name[:4] for host in hosts] == ["rc1a", "rc1b", "rc1d"]
    spec = {"name": "t", "partitions": {"value": 1}, "replication_factor": {"value": 4}}
    refused = cloud.refused("mdb.kafka.v1.TopicService/Create", cluster_id=cluster, topic_spec=spec)
    assert violations(refused) == ["topic_spec.replication_factor"]


def test_partitions_only_grow(cloud: Cloud, network: str) -> None:
    cluster = yandex.kafka(cloud, network)
    cloud.done("mdb.kafka.v1.TopicService/Create", cluster_id=cluster, topic_spec={"name": "t", "partitions": {"value": 3}})
    fewer = {"topic_spec": {"partitions": {"value": 2}}, "update_mask": {"paths": ["topic_spec.partitions"]}}
    refused = cloud.refused("mdb.kafka.v1.TopicService/Update", cluster_id=cluster, topic_name="t", **fewer)
    assert violations(refused) == ["topic_spec.partitions"]


def test_a_topic_reaches_the_backing_in_kafkas_own_words() -> None:
    message = descriptors.message("mdb.kafka.v1.Topic")(
        name="t",
        partitions={"value": 2},
        replication_factor={"value": 3},
        topic_config_4={
            "cleanup_policy": 3,
            "compression_type": 3,
            "retention_ms": {"value": 5},
            "min_insync_replicas": {"value": 2},
            "message_timestamp_type": 2,
            "preallocate": {"value": True},
        },
    )
    assert topic_of(message, {}) == contract.Topic(
        "t",
        2,
        3,
        {
            "cleanup.policy": "compact,delete",
            "compression.type": "lz4",
            "retention.ms": "5",
            "min.insync.replicas": "2",
            "message.timestamp.type": "LogAppendTime",
            "preallocate": "true",
        },
    )


def test_a_grant_is_given_and_taken(cloud: Cloud, network: str) -> None:
    key = {"cluster_id": yandex.kafka(cloud, network), "user_name": "u"}
    cloud.done("mdb.kafka.v1.UserService/Create", cluster_id=key["cluster_id"], user_spec={"name": "u", "password": PASSWORD})
    permission = {"topic_name": "*", "role": 3}
    assert len(cloud.done("mdb.kafka.v1.UserService/GrantPermission", **key, permission=permission).permissions) == 1
    assert len(cloud.done("mdb.kafka.v1.UserService/RevokePermission", **key, permission=permission).permissions) == 0


# -- Kubernetes


def test_a_master_is_complete(cloud: Cloud, network: str) -> None:
    cluster = cloud("k8s.v1.ClusterService/Get", cluster_id=yandex.kubernetes(cloud, network, yandex.cluster_account(cloud)))
    master = cluster.master
    assert master.WhichOneof("master_type") == "zonal_master"
    assert master.version_info.current_version == "1.33"
    assert master.maintenance_policy.maintenance_window.WhichOneof("policy") == "anytime"
    assert master.endpoints.internal_v4_endpoint
    assert not master.endpoints.external_v4_endpoint  # nobody asked for one
    assert [location.zone_id for location in master.locations] == ["ru-central1-a"]


def test_versions_of_kubernetes_come_by_channel_and_closed_ones_do_not(cloud: Cloud) -> None:
    found = {item.release_channel: list(item.versions) for item in cloud("k8s.v1.VersionService/List").available_versions}
    assert set(found) == {1, 2, 3}
    assert "1.34" in found[1]
    assert "1.34" not in found[3]
    assert not any("1.30" in versions for versions in found.values())


# -- networks


def test_a_network_in_use_stays(cloud: Cloud, network: str) -> None:
    refused = cloud.refused("vpc.v1.NetworkService/Delete", network_id=network)
    assert refused.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "Subnet" in refused.details()


def test_a_network_brings_a_group_and_takes_it_along(cloud: Cloud) -> None:
    network = yandex.network(cloud)
    group = cloud("vpc.v1.NetworkService/Get", network_id=network).default_security_group_id
    assert cloud("vpc.v1.SecurityGroupService/Get", security_group_id=group).default_for_network
    cloud.done("vpc.v1.NetworkService/Delete", network_id=network)
    assert cloud.refused("vpc.v1.SecurityGroupService/Get", security_group_id=group).code() is grpc.StatusCode.NOT_FOUND


def test_overlapping_blocks_are_refused(cloud: Cloud, network: str) -> None:
    block = {"zone_id": "ru-central1-b", "v4_cidr_blocks": ["10.1.0.128/25"]}
    refused = cloud.refused("vpc.v1.SubnetService/Create", folder_id=FOLDER, network_id=network, name="x", **block)
    assert refused.code() is grpc.StatusCode.FAILED_PRECONDITION


def test_what_a_request_names_must_be_there(cloud: Cloud) -> None:
    absent = {"folder_id": "b1gemuabsent00000000", "network_id": "enpemuabsent00000000"}
    refused = cloud.refused("vpc.v1.NetworkService/Create", folder_id=absent["folder_id"], name="n")
    assert (refused.code(), "Folder" in refused.details()) == (grpc.StatusCode.NOT_FOUND, True)
    block = {"zone_id": "ru-central1-a", "v4_cidr_blocks": ["10.0.0.0/24"]}
    refused = cloud.refused("vpc.v1.SubnetService/Create", folder_id=FOLDER, network_id=absent["network_id"], **block)
    assert (refused.code(), "Network" in refused.details()) == (grpc.StatusCode.NOT_FOUND, True)


def test_rules_have_ids_and_an_unchanged_rule_keeps_its_own(cloud: Cloud, network: str) -> None:
    def rule(port: int) -> dict[str, Any]:
        where = {"cidr_blocks": {"v4_cidr_blocks": ["10.0.0.0/8"]}}
        return {"direction": 1, "protocol_name": "TCP", "ports": {"from_port": port, "to_port": port}, **where}

    fields = {"folder_id": FOLDER, "network_id": network, "name": "sg"}
    made = cloud.done("vpc.v1.SecurityGroupService/Create", **fields, rule_specs=[rule(1), rule(2)])
    key = {"security_group_id": made.id}
    changed = cloud.done(
        "vpc.v1.SecurityGroupService/Update", **key, update_mask={"paths": ["rule_specs"]}, rule_specs=[rule(2), rule(3)]
    )
    assert changed.rules[0].id == made.rules[1].id
    assert changed.rules[1].id not in {found.id for found in made.rules}
    operation = cloud(
        "vpc.v1.SecurityGroupService/UpdateRules", **key, addition_rule_specs=[rule(4)], deletion_rule_ids=[changed.rules[0].id]
    )
    metadata = descriptors.message("vpc.v1.UpdateSecurityGroupMetadata")()
    operation.metadata.Unpack(metadata)
    now = cloud("vpc.v1.SecurityGroupService/Get", **key).rules
    assert [found.id for found in now] == [changed.rules[1].id, *metadata.added_rule_ids]


def test_a_gateway_shows_its_kind_and_an_address_its_ip(cloud: Cloud) -> None:
    assert cloud.done("vpc.v1.GatewayService/Create", folder_id=FOLDER, name="g").HasField("shared_egress_gateway")
    fields: dict[str, Any] = {"folder_id": FOLDER, "external_ipv4_address_spec": {"zone_id": "ru-central1-a"}}
    address = cloud.done("vpc.v1.AddressService/Create", name="a", **fields).external_ipv4_address.address
    assert address.startswith("203.0.113.")


# -- deletion protection


def test_what_is_protected_is_not_deleted_until_it_is_released(cloud: Cloud, network: str) -> None:
    cluster = yandex.kafka(cloud, network, deletion_protection=True)
    assert cloud.refused(f"{KAFKA}/Delete", cluster_id=cluster).code() is grpc.StatusCode.FAILED_PRECONDITION
    cloud.done(f"{KAFKA}/Update", cluster_id=cluster, update_mask={"paths": ["deletion_protection"]})
    cloud.done(f"{KAFKA}/Delete", cluster_id=cluster)


def test_both_spellings_of_protection_are_honoured(cloud: Cloud, network: str) -> None:
    postgres, clickhouse = yandex.postgres(cloud, network), yandex.clickhouse(cloud, network)
    user = {"name": "u", "password": PASSWORD, "deletion_protection": {"value": True}}
    cloud.done("mdb.postgresql.v1.UserService/Create", cluster_id=postgres, user_spec=user)
    database = {"name": "d", "deletion_protection_mode": 2}
    cloud.done("mdb.clickhouse.v1.DatabaseService/Create", cluster_id=clickhouse, database_spec=database)
    refused = cloud.refused("mdb.postgresql.v1.UserService/Delete", cluster_id=postgres, user_name="u")
    assert refused.code() is grpc.StatusCode.FAILED_PRECONDITION
    refused = cloud.refused("mdb.clickhouse.v1.DatabaseService/Delete", cluster_id=clickhouse, database_name="d")
    assert refused.code() is grpc.StatusCode.FAILED_PRECONDITION


def test_a_cluster_takes_everything_in_it_along(cloud: Cloud, network: str) -> None:
    cluster = yandex.postgres(cloud, network)
    user = {"name": "u", "generate_password": {"value": True}}
    cloud.done("mdb.postgresql.v1.UserService/Create", cluster_id=cluster, user_spec=user)
    cloud.done(f"{POSTGRES}/Delete", cluster_id=cluster)
    kinds = {kind for kind in cloud.emulator.state.journal.kinds() if cloud.emulator.state.journal.count(kind)}
    assert not {kind for kind in kinds if kind.startswith(("mdb.", "connection", "lockbox"))}


# -- Lockbox, IAM, storage, DNS


def test_a_secrets_versions_hold_exactly_what_was_put_in(cloud: Cloud) -> None:
    awkward = 'it\'s "quoted" and costs $5 \\ \n ü'
    made = cloud.done(
        f"{SECRET}/Create", folder_id=FOLDER, name="s", version_payload_entries=[{"key": "a", "text_value": awkward}]
    )
    assert cloud(f"{PAYLOAD}/Get", secret_id=made.id).entries[0].text_value == awkward
    entries = [{"key": "b", "binary_value": b"\x00\xff"}, {"key": "a"}]
    current = cloud(f"{SECRET}/Get", secret_id=made.id).current_version.id
    added = cloud.done(f"{SECRET}/AddVersion", secret_id=made.id, base_version_id=current, payload_entries=entries)
    assert list(added.payload_entry_keys) == ["b"]  # an entry without a value takes the key away
    assert cloud(f"{PAYLOAD}/Get", secret_id=made.id).entries[0].binary_value == b"\x00\xff"
    assert cloud(f"{PAYLOAD}/Get", secret_id=made.id, version_id=current).entries[0].text_value == awkward


def test_a_version_scheduled_for_destruction_is_not_read(cloud: Cloud) -> None:
    made = cloud.done(f"{SECRET}/Create", folder_id=FOLDER, name="s", version_payload_entries=[{"key": "a", "text_value": "x"}])
    version = cloud(f"{SECRET}/Get", secret_id=made.id).current_version.id
    cloud.done(f"{SECRET}/ScheduleVersionDestruction", secret_id=made.id, version_id=version, pending_period={"seconds": 86400})
    assert cloud(f"{SECRET}/Get", secret_id=made.id).current_version.status == 2
    assert cloud.refused(f"{PAYLOAD}/Get", secret_id=made.id).code() is grpc.StatusCode.FAILED_PRECONDITION


def test_a_static_key_opens_what_its_account_may(cloud: Cloud) -> None:
    account = yandex.account(cloud)
    made = cloud("iam.v1.awscompatibility.AccessKeyService/Create", service_account_id=account)
    buckets = BucketState(cloud.emulator.state)
    found = buckets.access_key(made.access_key.key_id)
    assert found is not None
    assert found.secret.reveal() == made.secret
    cloud.done("storage.v1.BucketService/Create", name="bucket-of-a-test", folder_id=FOLDER)
    assert not buckets.may(account, "bucket-of-a-test", write=False)
    binding = {"role_id": "storage.viewer", "subject": {"id": account, "type": "serviceAccount"}}
    resource = cloud("storage.v1.BucketService/Get", name="bucket-of-a-test").resource_id
    cloud("storage.v1.BucketService/SetAccessBindings", resource_id=resource, access_bindings=[binding])
    assert buckets.may(account, "bucket-of-a-test", write=False)
    assert not buckets.may(account, "bucket-of-a-test", write=True)
    delta = {"action": 1, "access_binding": {**binding, "role_id": "storage.editor"}}
    cloud("resourcemanager.v1.FolderService/UpdateAccessBindings", resource_id=FOLDER, access_binding_deltas=[delta])
    assert buckets.may(account, "bucket-of-a-test", write=True)
    cloud("iam.v1.awscompatibility.AccessKeyService/Delete", access_key_id=made.access_key.id)
    assert buckets.access_key(made.access_key.key_id) is None


def test_a_static_key_is_found_without_reading_all_of_them(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    account = yandex.account(cloud)
    keys = [cloud("iam.v1.awscompatibility.AccessKeyService/Create", service_account_id=account) for _ in range(3)]
    buckets, journal = BucketState(cloud.emulator.state), cloud.emulator.state.journal
    assert buckets.access_key(keys[0].access_key.key_id) is not None
    monkeypatch.setattr(journal, "all", lambda kind: pytest.fail(f"all {kind} were read"))
    for made in keys:
        found = buckets.access_key(made.access_key.key_id)
        assert found is not None
        assert found.secret.reveal() == made.secret


def test_a_binding_for_an_account_that_is_not_there_is_refused(cloud: Cloud) -> None:
    binding = {"role_id": "viewer", "subject": {"id": "ajeemuabsent00000000", "type": "serviceAccount"}}
    delta = {"action": 1, "access_binding": binding}
    refused = cloud.refused(
        "resourcemanager.v1.FolderService/UpdateAccessBindings", resource_id=FOLDER, access_binding_deltas=[delta]
    )
    assert refused.code() is grpc.StatusCode.NOT_FOUND


def test_a_bucket_is_the_same_by_s3_and_grpc(cloud: Cloud) -> None:
    buckets = BucketState(cloud.emulator.state)
    buckets.create("made-through-s3", FOLDER)
    assert cloud("storage.v1.BucketService/Get", name="made-through-s3").folder_id == FOLDER
    buckets.set_document("made-through-s3", "versioning", "<V><Status>Enabled</Status></V>")
    assert cloud("storage.v1.BucketService/Get", name="made-through-s3").versioning == 2
    made = cloud.done("storage.v1.BucketService/Create", name="made-by-grpc", folder_id=FOLDER, versioning=2)
    assert made.anonymous_access_flags.HasField("read")
    seen = buckets.get("made-by-grpc")
    assert seen is not None
    assert "Enabled" in seen.documents["versioning"]
    assert cloud.refused("storage.v1.BucketService/Create", name="made-through-s3", folder_id=FOLDER).code() is (
        grpc.StatusCode.ALREADY_EXISTS
    )
    with pytest.raises(contract.S3Refused, match="taken"):
        buckets.create("made-by-grpc", FOLDER)
    cloud.done("storage.v1.BucketService/Delete", name="made-through-s3")
    assert buckets.get("made-through-s3") is None


def test_a_setting_that_only_s3_can_say_is_refused_by_name(cloud: Cloud) -> None:
    refused = cloud.refused(
        "storage.v1.BucketService/Create", name="a-bucket", folder_id=FOLDER, lifecycle_rules=[{"enabled": True}]
    )
    assert violations(refused) == ["lifecycle_rules"]


def test_record_sets_are_added_replaced_and_removed(cloud: Cloud, network: str) -> None:
    told: list[tuple[contract.Record, ...]] = []
    cloud.emulator.state.backing.put_records = told.append  # type: ignore[method-assign]
    visible = {"private_visibility": {"network_ids": [network]}}
    zone = cloud.done("dns.v1.DnsZoneService/Create", folder_id=FOLDER, name="z", zone="example.com.", **visible).id
    record = {"name": "sentry", "type": "A", "ttl": 60, "data": ["203.0.113.9"]}
    cloud("dns.v1.DnsZoneService/UpdateRecordSets", dns_zone_id=zone, additions=[record])
    assert told[-1] == (contract.Record("sentry.example.com.", "A", 60, ("203.0.113.9",)),)
    same = {"dns_zone_id": zone, "name": "sentry.example.com.", "type": "A"}
    assert cloud("dns.v1.DnsZoneService/GetRecordSet", **same).data == ["203.0.113.9"]
    refused = cloud.refused("dns.v1.DnsZoneService/UpdateRecordSets", dns_zone_id=zone, additions=[record])
    assert refused.code() is grpc.StatusCode.ALREADY_EXISTS
    replaced = {**record, "ttl": 90}
    cloud("dns.v1.DnsZoneService/UpdateRecordSets", dns_zone_id=zone, deletions=[record], additions=[replaced])
    assert told[-1][0].ttl_s == 90
    refused = cloud.refused("dns.v1.DnsZoneService/UpdateRecordSets", dns_zone_id=zone, deletions=[record])
    assert refused.code() is grpc.StatusCode.FAILED_PRECONDITION
    cloud("dns.v1.DnsZoneService/UpdateRecordSets", dns_zone_id=zone, deletions=[replaced])
    assert told[-1] == ()


# -- data


@pytest.mark.parametrize(
    ("name", "cores", "gb"), [("s3-c2-m8", 2, 8), ("s2.micro", 2, 8), ("s2.medium", 8, 32), ("m2.small", 4, 32)]
)
def test_a_preset_tells_its_size(name: str, cores: int, gb: int) -> None:
    assert catalog.preset(name) == catalog.Preset(name, cores, gb * GB)


def test_an_unknown_preset_is_refused(cloud: Cloud, network: str) -> None:
    config = {**yandex.BROKERS, "kafka": {"resources": {**RESOURCES, "resource_preset_id": "huge"}}}
    refused = cloud.refused(f"{KAFKA}/Create", folder_id=FOLDER, name="k", network_id=network, environment=1, config_spec=config)
    assert violations(refused) == ["config_spec.kafka.resources.resource_preset_id"]


def test_every_engine_offers_an_actual_version() -> None:
    for engine in contract.Engine:
        assert any(version.status == "ACTUAL" for version in catalog.open_versions(engine.value))


# -- what all four databases do alike


@pytest.mark.parametrize("engine", ["kafka", "postgres", "clickhouse", "redis"])
def test_a_cluster_stops_starts_moves_and_keeps_backups(cloud: Cloud, network: str, engine: str) -> None:
    package = {"postgres": "postgresql"}.get(engine, engine)
    service = f"mdb.{package}.v1.ClusterService"
    cluster = getattr(yandex, engine)(cloud, network)
    assert cloud.done(f"{service}/Stop", cluster_id=cluster).status == 6  # STOPPED
    assert cloud.refused(f"{service}/Stop", cluster_id=cluster).code() is grpc.StatusCode.FAILED_PRECONDITION
    assert cloud.done(f"{service}/Start", cluster_id=cluster).status == 2  # RUNNING
    folder = cloud.done("resourcemanager.v1.FolderService/Create", cloud_id=ids.CLOUD, name="other").id
    assert cloud.done(f"{service}/Move", cluster_id=cluster, destination_folder_id=folder).folder_id == folder
    assert not cloud(f"{service}/List", folder_id=FOLDER).clusters
    assert [found.id for found in cloud(f"{service}/List", folder_id=folder).clusters] == [cluster]
    assert "4.0" in [version.id for version in cloud("mdb.kafka.v1.VersionsService/List").version]
    name = "hm3-c2-m8" if engine == "redis" else "s3-c2-m8"
    preset = cloud(f"mdb.{package}.v1.ResourcePresetService/Get", resource_preset_id=name)
    assert (preset.cores, preset.memory) == (2, 8 * GB)
    if engine == "kafka":
        return  # its service has no backups
    cloud.done(f"{service}/Backup", cluster_id=cluster)
    (backup,) = cloud(f"mdb.{package}.v1.BackupService/List", folder_id=folder).backups
    assert backup.source_cluster_id == cluster
    assert cloud(f"mdb.{package}.v1.BackupService/Get", backup_id=backup.id) == backup
    cloud.done(f"mdb.{package}.v1.BackupService/Delete", backup_id=backup.id)
    assert not cloud(f"{service}/ListBackups", cluster_id=cluster).backups


def test_a_folder_with_something_in_it_stays(cloud: Cloud) -> None:
    yandex.network(cloud)
    refused = cloud.refused("resourcemanager.v1.FolderService/Delete", folder_id=FOLDER)
    assert refused.code() is grpc.StatusCode.FAILED_PRECONDITION


def test_a_failover_makes_a_replica_the_master(cloud: Cloud, network: str) -> None:
    cluster = yandex.postgres(cloud, network, host_specs=[{"zone_id": "ru-central1-a"}, {"zone_id": "ru-central1-a"}])
    replica = cloud(f"{POSTGRES}/ListHosts", cluster_id=cluster).hosts[1].name
    cloud.done(f"{POSTGRES}/StartFailover", cluster_id=cluster, host_name=replica)
    roles = {host.name: host.role for host in cloud(f"{POSTGRES}/ListHosts", cluster_id=cluster).hosts}
    assert (roles[replica], sorted(roles.values())) == (1, [1, 2])


def test_a_key_is_rotated(cloud: Cloud) -> None:
    key = cloud.done("kms.v1.SymmetricKeyService/Create", folder_id=FOLDER, name="k", default_algorithm=1)
    rotated = cloud.done("kms.v1.SymmetricKeyService/Rotate", key_id=key.id)
    versions = cloud("kms.v1.SymmetricKeyService/ListVersions", key_id=key.id).key_versions
    assert [version.primary for version in versions] == [False, True]
    assert rotated.primary_version.id == versions[1].id != key.primary_version.id


class Recording(contract.NoBacking):
    """Keeps what is put into clusters, in order."""

    def __init__(self) -> None:
        self.parts: list[contract.ClusterPart] = []

    def put_part(self, cluster: contract.Cluster, part: contract.ClusterPart) -> None:
        assert cluster.hosts, "it is told of the cluster as it is made"
        self.parts.append(part)


LISTED = {  # engine → what its create request lists besides one user
    "kafka": ({"topic_specs": [{"name": "events", "partitions": {"value": 2}}]}, "events"),
    "postgres": ({"database_specs": [{"name": "events", "owner": "me"}]}, "events"),
    "clickhouse": ({"database_specs": [{"name": "events"}]}, "events"),
    "redis": ({}, ""),
}


@pytest.mark.parametrize("engine", LISTED)
def test_what_the_create_request_of_a_cluster_lists_is_made_with_it(certificate: tuple[bytes, bytes, bytes], engine: str) -> None:
    backing = Recording()
    fields, other = LISTED[engine]
    package = {"postgres": "postgresql"}.get(engine, engine)
    user = {"name": "me", **({"passwords": [PASSWORD]} if engine == "redis" else {"password": PASSWORD})}
    with emulated(certificate, backing=backing) as cloud:
        yandex.subnet(cloud, network := yandex.network(cloud))
        cluster = getattr(yandex, engine)(cloud, network, user_specs=[user], **fields)
        users = cloud(f"mdb.{package}.v1.UserService/List", cluster_id=cluster).users
    assert {found.name for found in users} == {"me", *(["default"] if engine == "redis" else [])}
    assert {part.name for part in backing.parts} == {"me", other} - {""}
    (made,) = (part for part in backing.parts if isinstance(part, contract.User))
    assert made.password.reveal() == PASSWORD
