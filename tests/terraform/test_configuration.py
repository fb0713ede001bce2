"""The configuration for Yandex Cloud, planned by the real provider: what it would make, and what it refuses.

The first table holds the defects of the configuration this one took over from: each has its answer here, in both sizes, and none
may come back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.adapters.terraform.errors import TerraformFailed
from kit.adapters.terraform.program import Terraform
from kit.sentry.lines import profiles, topics
from kit.stores import kafka_topics
from tests.support.terraform import opentofu, program
from tests.terraform.planning import KAFKA_PASSWORD, REDIS_PASSWORD, TERRAFORM, Planned, Planner, PlanRefused, copied, planner

DOMAIN = "sentry.example.com"
SIZES: Mapping[str, Any] = yaml.safe_load((TERRAFORM / "sizes.yaml").read_text())
STORES = {
    "kafka": "yandex_mdb_kafka_cluster",
    "clickhouse": "yandex_mdb_clickhouse_cluster_v2",
    "postgres": "yandex_mdb_postgresql_cluster_v2",
    "redis": "yandex_mdb_redis_cluster_v2",
}
TLS_PORTS = {"kafka": {9091}, "clickhouse": {8443, 9440}, "postgres": {6432}, "redis": {6380}}


@pytest.fixture(scope="session")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planner]:
    with planner(tmp_path_factory.mktemp("planned"), program()) as made:
        yield made


@pytest.fixture(scope="session")
def demo(plans: Planner) -> Planned:
    return plans({"domain": DOMAIN})


@pytest.fixture(scope="session")
def ha(plans: Planner) -> Planned:
    return plans({"domain": DOMAIN, "size": "ha"})


@pytest.fixture(params=["demo", "ha"])
def planned(request: pytest.FixtureRequest) -> Planned:
    made: Planned = request.getfixturevalue(request.param)
    return made


# ── the tools' own opinion ──


def test_every_file_is_formatted(plans: Planner) -> None:
    ran = plans.terraform("fmt", "-check", "-recursive", "-diff", str(TERRAFORM))
    assert ran.returncode == 0, ran.stdout


def test_the_configuration_is_valid_and_uses_nothing_deprecated(plans: Planner) -> None:
    ran = plans.terraform("validate", "-json")
    verdict = json.loads(ran.stdout)
    assert (verdict["valid"], verdict["warning_count"]) == (True, 0), ran.stdout


def test_a_plan_from_nothing_warns_of_nothing_and_reads_nothing(planned: Planned) -> None:
    assert planned.warnings == ()
    # The provider looks at a record's zone while it plans it, and takes no for an answer.
    assert set(planned.other_calls) <= {"/yandex.cloud.dns.v1.DnsZoneService/Get"}


@pytest.mark.parametrize("example", sorted(path.name for path in (TERRAFORM / "examples").glob("*.tfvars")))
def test_every_example_can_be_planned(plans: Planner, example: str) -> None:
    expected = ("Check block assertion failed",) if example == "seed.tfvars" else ()
    assert plans({}, example).warnings == expected


def test_a_sentry_that_cannot_log_in_to_this_kafka_is_warned_of(plans: Planner) -> None:
    document = plans({"domain": DOMAIN, "profile": "seed"}).document
    (problem,) = (
        problem["message"]
        for check in document["checks"]
        for each in check.get("instances", [])
        for problem in each.get("problems", [])
    )
    assert problem.startswith("Sentry of the profile seed logs in to Kafka up to 3.9 only")


def test_opentofu_plans_the_same(ha: Planned, tmp_path: Path) -> None:
    with planner(tmp_path, opentofu()) as with_opentofu:
        planned = with_opentofu({"domain": DOMAIN, "size": "ha"})
    assert planned.warnings == ()
    assert planned.resources == ha.resources


def test_no_other_provider_is_needed(plans: Planner) -> None:
    said = json.loads(plans.terraform("version", "-json").stdout)
    assert list(said["provider_selections"]) == ["registry.terraform.io/yandex-cloud/yandex"] or list(
        said["provider_selections"]
    ) == ["registry.opentofu.org/yandex-cloud/yandex"]


# ── defect → what stands here ──


def configs(planned: Planned, store: str) -> dict[str, Any]:
    values = planned.one(STORES[store])
    config: Any = values.get("config", values)
    return dict(config[0] if isinstance(config, list) else config)


def versions_can_be_created(planned: Planned) -> bool:
    return (
        configs(planned, "kafka")["version"].startswith("4.")
        and planned.one(STORES["clickhouse"])["version"] == "25.8"
        and configs(planned, "postgres")["version"] == "17"
        and configs(planned, "redis")["version"].endswith("-valkey")
        and not planned.one("yandex_kubernetes_cluster")["master"][0].get("version")
    )


def two_secrets_and_no_more(planned: Planned) -> bool:
    text = json.dumps(planned.document["planned_values"])
    return text.count(KAFKA_PASSWORD) == 1 and text.count(REDIS_PASSWORD) == 1


def databases_make_their_own_passwords(planned: Planned) -> bool:
    users = [planned.one("yandex_mdb_postgresql_user"), planned.one("yandex_mdb_clickhouse_user")]
    return all(user["generate_password"] and not user.get("password") for user in users)


def keys_go_to_lockbox(planned: Planned) -> bool:
    keys = planned.of_type("yandex_iam_service_account_static_access_key")
    return len(keys) == 2 and all(key["output_to_lockbox"] for key in keys.values())


def stores_let_in_tls_ports_alone(planned: Planned) -> bool:
    groups = planned.of_type("yandex_vpc_security_group")
    for store, ports in TLS_PORTS.items():
        rules = groups[f'yandex_vpc_security_group.stores["{store}"]']["ingress"]
        from_others = [rule for rule in rules if rule["predefined_target"] != "self_security_group"]
        if {rule["port"] for rule in from_others} != ports or any(rule["protocol"] != "TCP" for rule in from_others):
            return False
        # From the node's group, which is known only after apply, or from the pods' range: from nowhere else.
        if any(rule["v4_cidr_blocks"] not in ([], ["10.112.0.0/16"]) for rule in from_others):
            return False
    return True


def every_store_has_its_group(planned: Planned) -> bool:
    return all(
        f'yandex_vpc_security_group.stores["{store}"].id' in planned.references(f"{kind}.sentry", "security_group_ids")
        for store, kind in STORES.items()
    )


def nothing_has_a_public_address(planned: Planned) -> bool:
    hosts = [host for store in ("clickhouse", "postgres", "redis") for host in planned.one(STORES[store])["hosts"].values()]
    groups = planned.of_type("yandex_kubernetes_node_group").values()
    kafka = configs(planned, "kafka")["assign_public_ip"]
    nat = any(interface["nat"] for group in groups for interface in group["instance_template"][0]["network_interface"])
    return not kafka and not nat and not any(host["assign_public_ip"] for host in hosts)


def nodes_leave_through_nat(planned: Planned) -> bool:
    nodes = "yandex_vpc_route_table.nodes.id" in planned.references("yandex_vpc_subnet.nodes", "route_table_id")
    stores = planned.references("yandex_vpc_subnet.stores", "route_table_id")
    routes = planned.one("yandex_vpc_route_table")["static_route"]
    return nodes and not stores and [route["destination_prefix"] for route in routes] == ["0.0.0.0/0"]


def api_is_closed_until_somebody_is_named(planned: Planned) -> bool:
    group = planned.of_type("yandex_vpc_security_group")["yandex_vpc_security_group.kubernetes_api"]
    from_others = [rule for rule in group["ingress"] if rule["predefined_target"] != "loadbalancer_healthchecks"]
    return planned.one("yandex_kubernetes_cluster")["master"][0]["public_ip"] is False and not from_others


def two_zones_of_names(planned: Planned) -> bool:
    zones = planned.of_type("yandex_dns_zone")
    public, private = zones["yandex_dns_zone.public[0]"], zones["yandex_dns_zone.private"]
    attached = planned.references("yandex_dns_zone.public", "private_networks")
    return public["public"] is True and private["public"] is False and not attached


def no_broad_role_in_the_folder(planned: Planned) -> bool:
    roles = {each["role"] for each in planned.of_type("yandex_resourcemanager_folder_iam_member").values()}
    return roles == {"k8s.clusters.agent", "load-balancer.admin", "container-registry.images.puller"}


def each_bucket_has_its_own_account(planned: Planned) -> bool:
    bindings = planned.of_type("yandex_storage_bucket_iam_binding")
    keyed = "each.key" in planned.references("yandex_storage_bucket_iam_binding.editors", "members")
    return len(bindings) == 2 and {each["role"] for each in bindings.values()} == {"storage.editor"} and keyed


def cluster_and_nodes_are_two_accounts(planned: Planned) -> bool:
    names = {each["name"] for each in planned.of_type("yandex_iam_service_account").values()}
    return names == {"sentry-k8s-cluster", "sentry-k8s-nodes", "sentry-filestore", "sentry-nodestore"}


def expirations(bucket: Mapping[str, Any]) -> list[int]:
    return [each["days"] for rule in bucket["lifecycle_rule"] for each in rule["expiration"] if each["days"]]


def filestore_never_expires(planned: Planned) -> bool:
    return expirations(planned.resources["yandex_storage_bucket.filestore"]) == []


def nodestore_lives_as_long_as_the_events(planned: Planned) -> bool:
    bucket = planned.resources["yandex_storage_bucket.nodestore"]
    return expirations(bucket) == [90] == [planned.output("profile")["retention"]]


def buckets_are_encrypted_and_private(planned: Planned) -> bool:
    return all(
        bucket["server_side_encryption_configuration"][0]["rule"][0]["apply_server_side_encryption_by_default"][0][
            "sse_algorithm"
        ]
        == "aws:kms"
        and bucket["anonymous_access_flags"] == [{"read": False, "list": False, "config_read": False}]
        and any(rule["abort_incomplete_multipart_upload_days"] for rule in bucket["lifecycle_rule"])
        and not bucket.get("acl")
        for bucket in planned.of_type("yandex_storage_bucket").values()
    )


def deleted_files_can_be_brought_back(planned: Planned) -> bool:
    """And go in the end, with the marks that they leave. What is written once needs no versions."""
    filestore, nodestore = (planned.resources[f"yandex_storage_bucket.{name}"] for name in ("filestore", "nodestore"))
    forgotten = [each["days"] for rule in filestore["lifecycle_rule"] for each in rule["noncurrent_version_expiration"]]
    marks = [each["expired_object_delete_marker"] for rule in filestore["lifecycle_rule"] for each in rule["expiration"]]
    return (
        filestore["versioning"] == [{"enabled": True}]
        and (forgotten, marks) == ([30], [True])
        and nodestore["versioning"] == [{"enabled": False}]
        and not any(rule["noncurrent_version_expiration"] for rule in nodestore["lifecycle_rule"])
    )


def every_store_s_disk_grows_by_itself(planned: Planned) -> bool:
    sized = [planned.one(STORES["clickhouse"])["clickhouse"], configs(planned, "postgres"), planned.one(STORES["redis"])]
    found = [(each["disk_size_autoscaling"], each["resources"]["disk_size"]) for each in sized]
    kafka = configs(planned, "kafka")
    found.append((kafka["disk_size_autoscaling"][0], kafka["kafka"][0]["resources"][0]["disk_size"]))
    return all(
        growth == {"disk_size_limit": 2 * size, "planned_usage_threshold": 80, "emergency_usage_threshold": 90}
        for growth, size in found
    )


def buckets_are_this_folders_own(planned: Planned) -> bool:
    names = {bucket["bucket"] for bucket in planned.of_type("yandex_storage_bucket").values()}
    return len(names) == 2 and all(re.fullmatch(r"sentry-(file|node)store-[0-9a-f]{8}", name) for name in names)


def large_messages_pass_broker_and_topic(planned: Planned) -> bool:
    broker = configs(planned, "kafka")["kafka"][0]["kafka_config"][0]
    topics = planned.of_type("yandex_mdb_kafka_topic").values()
    largest = max(int(topic["topic_config"][0]["max_message_bytes"] or 0) for topic in topics)
    return largest == 52428800 == int(broker["message_max_bytes"]) == int(broker["replica_fetch_max_bytes"])


def two_permissions_for_all_topics(planned: Planned) -> bool:
    permissions = planned.one("yandex_mdb_kafka_user")["permission"]
    return {(each["topic_name"], each["role"]) for each in permissions} == {
        ("*", "ACCESS_ROLE_TOPIC_CONSUMER"),
        ("*", "ACCESS_ROLE_TOPIC_PRODUCER"),
    }


def valkey_evicts_nothing_and_says_its_name(planned: Planned) -> bool:
    redis = planned.one(STORES["redis"])
    return redis["config"]["maxmemory_policy"] == "NOEVICTION" and redis["announce_hostnames"] and redis["tls_enabled"]


def zookeeper_is_nowhere(planned: Planned) -> bool:
    kinds = [host["type"] for host in planned.one(STORES["clickhouse"])["hosts"].values()]
    several = kinds.count("CLICKHOUSE") > 1
    return set(kinds) == ({"CLICKHOUSE", "KEEPER"} if several else {"CLICKHOUSE"})


def clickhouse_is_reached_by_tls_at_a_data_host(planned: Planned) -> bool:
    values = (TERRAFORM / "values.tf").read_text()
    return (
        "https_port   = 8443" in values and "native_port  = 9440" in values and "clickhouse_cluster_v2.sentry.id}.rw." in values
    )


def pooler_and_extension_are_explicit(planned: Planned) -> bool:
    user, database = planned.one("yandex_mdb_postgresql_user"), planned.one("yandex_mdb_postgresql_database")
    pooler = configs(planned, "postgres")["pooler_config"]
    limits = user["conn_limit"] < int(configs(planned, "postgres")["postgresql_config"]["max_connections"])
    return pooler["pooling_mode"] == "SESSION" and limits and [each["name"] for each in database["extension"]] == ["citext"]


def every_cluster_has_windows_and_labels(planned: Planned) -> bool:
    for kind in STORES.values():
        values = planned.one(kind)
        window = values["maintenance_window"]
        window = window[0] if isinstance(window, list) else window
        if window["type"] != "WEEKLY" or values["labels"]["managed-by"] != "terraform":
            return False
    backups = [planned.one(STORES["clickhouse"]), configs(planned, "postgres"), configs(planned, "redis")]
    return all(each["backup_window_start"]["hours"] == 1 and each["backup_retain_period_days"] >= 7 for each in backups)


def protection_follows_the_size(planned: Planned) -> bool:
    wanted = planned.output("cost_inputs")["kubernetes_master"] == "regional"
    protected = [*STORES.values(), "yandex_lockbox_secret", "yandex_kms_symmetric_key", "yandex_dns_zone", "yandex_vpc_address"]
    return all(values["deletion_protection"] is wanted for kind in protected for values in planned.of_type(kind).values())


def master_and_nodes_share_zones(planned: Planned) -> bool:
    master = planned.one("yandex_kubernetes_cluster")["master"][0]
    zones = (
        [each["zone"] for each in master["regional"][0]["location"]] if master.get("regional") else [master["zonal"][0]["zone"]]
    )
    groups = planned.of_type("yandex_kubernetes_node_group").values()
    of_groups = [[each["zone"] for each in group["allocation_policy"][0]["location"]] for group in groups]
    platforms = {group["instance_template"][0]["platform_id"] for group in groups}
    return of_groups == [[zone] for zone in zones] and platforms == {"standard-v3"}


def secrets_of_kubernetes_are_encrypted(planned: Planned) -> bool:
    return "yandex_kms_symmetric_key.kubernetes.id" in planned.references("yandex_kubernetes_cluster.sentry", "kms_provider")


def no_helm_and_no_shell(planned: Planned) -> bool:
    text = "\n".join(path.read_text() for path in TERRAFORM.glob("*.tf"))
    return not re.search(r"helm_release|local-exec|null_resource|random_password|provider \"(helm|kubernetes)\"", text)


DEFECTS: Mapping[str, Callable[[Planned], bool]] = {
    "versions that are closed for new clusters": versions_can_be_created,
    "random passwords in state and outputs": two_secrets_and_no_more,
    "passwords made by terraform": databases_make_their_own_passwords,
    "static keys in the state": keys_go_to_lockbox,
    "plain-text ports open, default security group": stores_let_in_tls_ports_alone,
    "clusters without security groups": every_store_has_its_group,
    "public nodes and stores": nothing_has_a_public_address,
    "no NAT gateway, no route table": nodes_leave_through_nat,
    "API server open to everybody": api_is_closed_until_somebody_is_named,
    "one zone, public and attached to the network": two_zones_of_names,
    "folder-wide editor and storage.admin": no_broad_role_in_the_folder,
    "one key for all buckets": each_bucket_has_its_own_account,
    "one account for control plane and nodes": cluster_and_nodes_are_two_accounts,
    "the file store deleted after 30 days": filestore_never_expires,
    "event bodies gone before their events": nodestore_lives_as_long_as_the_events,
    "buckets without encryption and explicit privacy": buckets_are_encrypted_and_private,
    "no versions of files": deleted_files_can_be_brought_back,
    "disks that fill": every_store_s_disk_grows_by_itself,
    "bucket names hard-coded": buckets_are_this_folders_own,
    "message sizes listed and never passed on": large_messages_pass_broker_and_topic,
    "two permission blocks per topic": two_permissions_for_all_topics,
    "ALLKEYS_LRU, addresses that no certificate holds": valkey_evicts_nothing_and_says_its_name,
    "three ZooKeepers for one host": zookeeper_is_nowhere,
    "host[0] of a list with ZooKeepers, plain-text ClickHouse": clickhouse_is_reached_by_tls_at_a_data_host,
    "no pooler settings": pooler_and_extension_are_explicit,
    "no maintenance, no backup, no labels": every_cluster_has_windows_and_labels,
    "no deletion protection": protection_follows_the_size,
    "zonal master, nodes in three zones, old platform": master_and_nodes_share_zones,
    "Kubernetes Secrets in plain text in etcd": secrets_of_kubernetes_are_encrypted,
    "Helm, shell and random passwords in the root": no_helm_and_no_shell,
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_no_defect_of_the_reference_configuration_is_left(planned: Planned, defect: str) -> None:
    assert DEFECTS[defect](planned), defect


# ── sizes and topics ──


def test_demo_is_one_host_of_each_database_in_one_zone(demo: Planned) -> None:
    services = demo.output("cost_inputs")["services"]
    assert {name: each["hosts"] for name, each in services.items()} == {
        "kafka": 3, "clickhouse": 1, "clickhouse_keeper": 0, "postgres": 1, "redis": 1, "kubernetes_nodes": 2,
    }  # fmt: skip
    assert len(demo.of_type("yandex_vpc_subnet")) == 2


def test_ha_survives_the_loss_of_a_zone(ha: Planned) -> None:
    assert configs(ha, "kafka")["zones"] == ["ru-central1-a", "ru-central1-b", "ru-central1-d"]
    for store, hosts, zones in (("postgres", 3, 3), ("redis", 2, 2)):
        found = ha.one(STORES[store])["hosts"].values()
        assert (len(found), len({host["zone"] for host in found})) == (hosts, zones)
    clickhouse = ha.one(STORES["clickhouse"])["hosts"].values()
    # One host, as Snuba needs it: search is away with its zone, and events wait in Kafka.
    assert [host["type"] for host in clickhouse] == ["CLICKHOUSE"]
    assert len(ha.one("yandex_kubernetes_cluster")["master"][0]["regional"][0]["location"]) == 3


def test_kafka_has_three_brokers_and_each_topic_is_on_all_of_them(planned: Planned) -> None:
    kafka = configs(planned, "kafka")
    assert len(kafka["zones"]) * kafka["brokers_count"] == 3
    for topic in planned.of_type("yandex_mdb_kafka_topic").values():
        assert (topic["replication_factor"], topic["topic_config"][0]["min_insync_replicas"]) == (3, "2")


def test_how_much_of_sentry_runs_follows_the_size_until_somebody_says_it(plans: Planner, demo: Planned, ha: Planned) -> None:
    assert (demo.output("profile")["size"], ha.output("profile")["size"]) == ("errors-only", "full")
    assert plans({"domain": DOMAIN, "size": "ha", "sentry_size": "errors-only"}).output("profile")["size"] == "errors-only"


def test_every_size_has_as_many_zones_as_three_brokers_can_share() -> None:
    assert {name: size["zones"] in (1, 3) for name, size in SIZES.items()} == dict.fromkeys(SIZES, True)


def test_a_size_is_a_name_in_the_file_of_sizes(plans: Planner) -> None:
    with pytest.raises(PlanRefused, match=f"a name in sizes.yaml: {', '.join(sorted(SIZES))}"):
        plans({"domain": DOMAIN, "size": "medium"})


def test_nodes_that_may_grow_are_a_group_in_each_zone_with_bounds_of_its_own(plans: Planner) -> None:
    planned = plans({"domain": DOMAIN, "size": "ha", "resources": {"nodes": {"min": 1, "initial": 2, "max": 4}}})
    groups = planned.of_type("yandex_kubernetes_node_group").values()
    assert [group["name"] for group in groups] == [f"sentry-ru-central1-{zone}-growing" for zone in "abd"]  # beside a fixed one
    assert [group["scale_policy"][0]["auto_scale"] for group in groups] == [[{"min": 1, "initial": 2, "max": 4}]] * 3
    assert planned.output("cost_inputs")["nodes"] == {"min": 3, "initial": 6, "max": 12}
    assert planned.output("cost_inputs")["services"]["kubernetes_nodes"]["hosts"] == 6


def test_the_sums_are_those_of_the_planned_hosts(planned: Planned) -> None:
    """Counted a second time, from the resources themselves."""
    vcpu = memory = disk = hosts = 0
    for store in ("postgres", "redis"):
        values = planned.one(STORES[store])
        resources = (configs(planned, "postgres") if store == "postgres" else values)["resources"]
        sized = [(resources, len(values["hosts"]))]
        vcpu, memory, disk, hosts = _added((vcpu, memory, disk, hosts), sized)
    clickhouse = planned.one(STORES["clickhouse"])
    kinds = [host["type"] for host in clickhouse["hosts"].values()]
    sized = [(clickhouse["clickhouse"]["resources"], kinds.count("CLICKHOUSE"))]
    sized += [(clickhouse["zookeeper"]["resources"], kinds.count("KEEPER"))] if "KEEPER" in kinds else []
    kafka = configs(planned, "kafka")
    sized += [(kafka["kafka"][0]["resources"][0], len(kafka["zones"]) * kafka["brokers_count"])]
    vcpu, memory, disk, hosts = _added((vcpu, memory, disk, hosts), sized)
    for group in planned.of_type("yandex_kubernetes_node_group").values():
        template, count = group["instance_template"][0], group["scale_policy"][0]["fixed_scale"][0]["size"]
        hosts += count
        vcpu += count * template["resources"][0]["cores"]
        memory += count * template["resources"][0]["memory"]
        disk += count * template["boot_disk"][0]["size"]
    total = planned.output("cost_inputs")["total"]
    assert total == {"hosts": hosts, "vcpu": vcpu, "memory_gb": memory, "disk_gb": disk}


def _added(sums: tuple[int, int, int, int], sized: list[tuple[Mapping[str, Any], int]]) -> tuple[int, int, int, int]:
    vcpu, memory, disk, hosts = sums
    for resources, count in sized:
        numbers = re.fullmatch(r".*-c(\d+)-m(\d+)", resources["resource_preset_id"])
        assert numbers
        vcpu, memory = vcpu + count * int(numbers[1]), memory + count * int(numbers[2])
        disk, hosts = disk + count * resources["disk_size"], hosts + count
    return vcpu, memory, disk, hosts


ARGUMENTS = {
    "cleanup.policy": lambda value: "CLEANUP_POLICY_" + "_AND_".join(value.upper().split(",")),
    "compression.type": lambda value: f"COMPRESSION_TYPE_{value.upper()}",
    "message.timestamp.type": lambda value: {"LogAppendTime": "MESSAGE_TIMESTAMP_TYPE_LOG_APPEND_TIME"}[value],
}


@pytest.mark.parametrize("profile", ["current", "seed"])
def test_every_topic_has_all_the_settings_that_the_service_can_carry(plans: Planner, profile: str) -> None:
    planned = plans({"domain": DOMAIN, "profile": profile})
    described = topics.wanted(profiles.load(profile), TERRAFORM.parent, {})
    wanted = {topic.name: {"config": topic.settings} for topic in described}
    made = {topic["name"]: topic for topic in planned.of_type("yandex_mdb_kafka_topic").values()}
    smoke = made.pop(kafka_topics.SMOKE.name)["topic_config"][0]  # where the preflight tries a record of the largest size
    assert smoke["max_message_bytes"] == "52428800"
    assert set(made) == set(wanted)
    left_out: dict[str, dict[str, str]] = {}
    for name, topic in wanted.items():
        settings = made[name]["topic_config"][0]
        for key, value in topic["config"].items():
            argument = key.replace(".", "_")
            if argument not in settings:
                left_out.setdefault(name, {})[key] = value
                continue
            assert settings[argument] == ARGUMENTS.get(key, str)(value), (name, key)
    assert planned.output("topic_settings_left_out") == left_out
    assert {key for settings in left_out.values() for key in settings} == {"segment.ms"}, "say it in docs/terraform.md"


def test_prescribed_numbers_of_partitions_are_kept_and_others_can_be_raised(plans: Planner) -> None:
    planned = plans({"domain": DOMAIN, "size": "ha", "topic_partitions": {"events": 12}})
    partitions = {topic["name"]: topic["partitions"] for topic in planned.of_type("yandex_mdb_kafka_topic").values()}
    assert (partitions["events"], partitions["ingest-events"], partitions["snuba-commit-log"]) == (12, 3, 1)


def several_clickhouse_hosts(plans: Planner, **clickhouse: Any) -> list[tuple[str, str]]:
    """Of a profile whose Snuba can use them: kind and zone of each."""
    given = {"domain": DOMAIN, "size": "ha", "profile": "seed", "resources": {"clickhouse": clickhouse}}
    planned = plans(given).one(STORES["clickhouse"])
    assert planned["embedded_keeper"] is (clickhouse["keeper"] == "embedded")
    return sorted((host["type"], host["zone"][-1]) for host in planned["hosts"].values())


def test_embedded_keeper_is_three_data_hosts_and_no_other(plans: Planner) -> None:
    hosts = several_clickhouse_hosts(plans, hosts=3, keeper="embedded")
    assert hosts == [("CLICKHOUSE", "a"), ("CLICKHOUSE", "b"), ("CLICKHOUSE", "d")]


def test_separate_keeper_is_three_hosts_beside_the_data(plans: Planner) -> None:
    assert several_clickhouse_hosts(plans, hosts=2, keeper="separate") == [
        ("CLICKHOUSE", "a"), ("CLICKHOUSE", "b"), ("KEEPER", "a"), ("KEEPER", "b"), ("KEEPER", "d"),
    ]  # fmt: skip


def test_opening_the_doors_opens_these_and_no_others(plans: Planner) -> None:
    planned = plans(
        {
            "domain": DOMAIN,
            "kubernetes_api": {"public": True, "cidrs": ["203.0.113.7/32"]},
            "ingress_cidrs": ["0.0.0.0/0"],
            "egress_ports": [443, 587],
        }
    )
    groups = planned.of_type("yandex_vpc_security_group")
    assert api_ports(planned) == [(443, ["203.0.113.7/32"]), (6443, ["203.0.113.7/32"])]
    web = groups["yandex_vpc_security_group.ingress"]["ingress"]
    callers, checks = ([rule for rule in web if bool(rule["predefined_target"]) is checks] for checks in (False, True))
    assert sorted((rule["port"], rule["v4_cidr_blocks"]) for rule in callers) == [(30080, ["0.0.0.0/0"]), (30443, ["0.0.0.0/0"])]
    assert sorted((rule["port"], rule["predefined_target"]) for rule in checks) == [
        (10256, "loadbalancer_healthchecks"),
        (30256, "loadbalancer_healthchecks"),
    ]
    assert {rule["predefined_target"] for rule in groups["yandex_vpc_security_group.kubernetes"]["ingress"]} == {
        "self_security_group",
        "",
    }
    to_everywhere = [
        rule for rule in groups["yandex_vpc_security_group.kubernetes"]["egress"] if "0.0.0.0/0" in rule["v4_cidr_blocks"]
    ]
    assert sorted((rule["protocol"], rule["port"]) for rule in to_everywhere) == [("TCP", 443), ("TCP", 587), ("UDP", 123)]
    assert planned.one("yandex_kubernetes_cluster")["master"][0]["public_ip"] is True
    roles = {each["role"] for each in planned.of_type("yandex_resourcemanager_folder_iam_member").values()}
    assert "vpc.publicAdmin" in roles


def api_ports(planned: Planned) -> list[tuple[int, list[str]]]:
    group = planned.of_type("yandex_vpc_security_group")["yandex_vpc_security_group.kubernetes_api"]
    return sorted((rule["port"], rule["v4_cidr_blocks"]) for rule in group["ingress"] if not rule["predefined_target"])


def test_a_private_api_is_called_from_the_ranges_that_are_named(plans: Planner) -> None:
    planned = plans({"domain": DOMAIN, "kubernetes_api": {"cidrs": ["10.200.0.0/16"]}})
    assert planned.one("yandex_kubernetes_cluster")["master"][0]["public_ip"] is False
    assert api_ports(planned) == [(443, ["10.200.0.0/16"]), (6443, ["10.200.0.0/16"])]
    roles = {each["role"] for each in planned.of_type("yandex_resourcemanager_folder_iam_member").values()}
    assert "vpc.publicAdmin" not in roles
    assert planned.output("cost_inputs")["public_addresses"] == 1


def test_nodes_may_be_made_cheaper_and_labelled(plans: Planner) -> None:
    cheap = {"disk_type": "network-hdd", "core_fraction": 50, "preemptible": True}
    planned = plans({"domain": DOMAIN, "node_labels": {"team": "a"}, "resources": {"nodes": cheap}})
    (group,) = planned.of_type("yandex_kubernetes_node_group").values()
    template = group["instance_template"][0]
    assert (template["boot_disk"][0]["type"], template["resources"][0]["core_fraction"]) == ("network-hdd", 50)
    assert template["scheduling_policy"] == [{"preemptible": True}]
    assert group["node_labels"] == {"team": "a"}


def test_disks_may_be_kept_from_growing_and_objects_kept_colder(plans: Planner) -> None:
    planned = plans({"domain": DOMAIN, "disk_growth": None, "storage_class": {"nodestore": "COLD"}})
    assert not configs(planned, "kafka").get("disk_size_autoscaling")
    assert not configs(planned, "postgres").get("disk_size_autoscaling")
    classes = {name: bucket["default_storage_class"] for name, bucket in planned.of_type("yandex_storage_bucket").items()}
    assert classes == {"yandex_storage_bucket.filestore": "STANDARD", "yandex_storage_bucket.nodestore": "COLD"}


def test_every_address_follows_the_region(plans: Planner) -> None:
    planned = plans({"domain": DOMAIN, "region": "kz1", "api_endpoint": plans.server.environment["YC_ENDPOINT"]})
    assert configs(planned, "kafka")["zones"] == ["kz1-a"]
    assert planned.output("trust")["stores"]["authority_url"] == "https://storage.yandexcloud.kz/cloud-certs/CA.pem"
    assert "yandexcloud.net" not in json.dumps(planned.document["planned_values"])


def test_mail_opens_its_port_and_reaches_the_values(plans: Planner) -> None:
    mail = {"host": "smtp.example.com", "port": 465, "user": "me", "from": "sentry@example.com", "tls": "tls"}
    planned = plans({"domain": DOMAIN, "mail": mail})
    rules = planned.of_type("yandex_vpc_security_group")["yandex_vpc_security_group.kubernetes"]["egress"]
    assert (465, ["0.0.0.0/0"]) in [(rule["port"], rule["v4_cidr_blocks"]) for rule in rules]


# ── secrets ──


def test_the_two_secrets_are_where_they_are_said_to_be(planned: Planned) -> None:
    assert planned.one("yandex_mdb_kafka_user")["password"] == KAFKA_PASSWORD
    assert configs(planned, "redis")["password"] == REDIS_PASSWORD
    elsewhere = [
        address
        for address, values in planned.resources.items()
        if address not in ("yandex_mdb_kafka_user.sentry", "yandex_mdb_redis_cluster_v2.sentry")
        and (KAFKA_PASSWORD in json.dumps(values) or REDIS_PASSWORD in json.dumps(values))
    ]
    assert elsewhere == []


def test_outputs_say_where_each_secret_is_and_hold_none(planned: Planned) -> None:
    text = json.dumps(planned.document["planned_values"]["outputs"])
    assert KAFKA_PASSWORD not in text
    assert REDIS_PASSWORD not in text
    changes = planned.document["output_changes"]["secrets"]["after"]
    in_state = {name for name, place in changes.items() if place.get("in_state")}
    assert in_state == {"kafka_password", "redis_password"}
    assert len(changes) == 8
    assert all(place["kind"] in ("lockbox", "variable") for place in changes.values())


def test_what_is_printed_holds_no_secret(plans: Planner) -> None:
    said = plans.terraform("show", "-no-color", "of-the-test.tfplan")
    assert len(said.stdout) > 10_000, said.stderr
    assert KAFKA_PASSWORD not in said.stdout
    assert REDIS_PASSWORD not in said.stdout


def test_an_override_for_newer_providers_changes_one_argument(plans: Planner, tmp_path: Path) -> None:
    """0.213 does not know the argument: its complaint, the only one, shows that the file is read and replaces what it should."""
    override = (TERRAFORM / "overrides/redis_password_override.tf.example").read_text().replace(">= 0.222", ">= 0.213")
    placed = plans.folder / "redis_password_override.tf"
    placed.write_text(override)
    try:
        verdict = json.loads(plans.terraform("validate", "-json").stdout)
    finally:
        placed.unlink()
    assert verdict["error_count"] == 1
    assert "redis_password_override.tf" in verdict["diagnostics"][0]["range"]["filename"]
    assert 'attribute "password" is required' in verdict["diagnostics"][0]["detail"]


# ── bad input ──

REFUSED: Mapping[str, tuple[dict[str, Any], str]] = {
    "a folder's name": ({"folder_id": "default"}, "folder_id is an id"),
    "a cloud's name": ({"cloud_id": "my-cloud"}, "cloud_id is an id"),
    "a region that is not known": ({"region": "mars1"}, "region is a name in regions.yaml (kz1, ru-central1)"),
    "no zone": ({"zones": []}, "at least one zone"),
    "a zone twice": ({"zones": ["ru-central1-a", "ru-central1-a"]}, "no zone twice"),
    "a zone that is none": ({"zones": ["a"]}, "A zone is one of the region"),
    "a zone of another region": ({"zones": ["kz1-a"]}, "A zone is one of the region"),
    "a URL as the API's address": ({"api_endpoint": "https://api.example.com"}, "host and port without a scheme"),
    "a path in the storage's address": ({"storage_endpoint": "https://s3.example.com/x"}, "storage_endpoint is a host"),
    "a prefix with capitals": ({"name_prefix": "Sentry"}, "name_prefix"),
    "a prefix that makes bucket names too long": ({"name_prefix": "s" * 25}, "name_prefix"),
    "a size that is none": ({"size": "medium"}, "size is a name in sizes.yaml: "),
    "a profile that is none": ({"profile": "next"}, "profile is the name of a file"),
    "a path as profile": ({"profile": "../current"}, "profile is the name of a file"),
    "a size of Sentry that is none": ({"sentry_size": "tiny"}, "errors-only or full"),
    "a domain without a dot": ({"domain": "localhost"}, "domain is a full name"),
    "a domain with a final dot": ({"domain": "sentry.example.com."}, "domain is a full name"),
    "a URL as domain": ({"domain": "https://sentry.example.com"}, "domain is a full name"),
    "no retention": ({"retention_days": 0}, "retention_days"),
    "half a day": ({"retention_days": 1.5}, "retention_days"),
    "a preset that does not tell its size": ({"resources": {"kafka": {"preset": "s2.micro"}}}, "A preset looks like"),
    "a disk too small": ({"resources": {"postgres": {"disk_size": 1}}}, "at least 10"),
    "a node's disk too small": ({"resources": {"nodes": {"disk_size": 10}}}, "at least 64 GB"),
    "a disk that is none": ({"resources": {"nodes": {"disk_type": "floppy"}}}, "nodes.disk_type is"),
    "a third of a core": ({"resources": {"nodes": {"core_fraction": 33}}}, "20, 50 or 100 percent"),
    "a node label with a blank": ({"node_labels": {"team": "a b"}}, "A node label's key and value"),
    "disks that grow to their own size": ({"disk_growth": {"limit": 1}}, "disk_growth.limit"),
    "an emergency before its time": ({"disk_growth": {"emergency": 80}}, "disk_growth: planned is a percentage"),
    "a storage class that is none": ({"storage_class": {"nodestore": "GLACIER"}}, "STANDARD, COLD or ICE"),
    "ZooKeeper": ({"resources": {"clickhouse": {"keeper": "zookeeper"}}}, "clickhouse.keeper is"),
    "no hosts": ({"resources": {"redis": {"hosts": 0}}}, "at least 1"),
    "no partitions": ({"topic_partitions": {"events": 0}}, "number of partitions"),
    "a label in capitals": ({"labels": {"Team": "x"}}, "A label's key"),
    "Kafka 3": ({"kafka_version": "3.9"}, "3.x can no longer be created"),
    "ClickHouse 24": ({"clickhouse_version": "24.8"}, "at least 25.x"),
    "PostgreSQL 14": ({"postgres_version": "14"}, "postgres_version is"),
    "Redis without its suffix": ({"redis_version": "7.2"}, "8.1-valkey"),
    "Kubernetes with a patch": ({"kubernetes_version": "1.33.1"}, "1.33"),
    "a network too small": ({"network_cidr": "10.0.0.0/28"}, "network_cidr"),
    "pods without a range": ({"pod_cidr": "10.112.0.0"}, "pod_cidr"),
    "services without a range": ({"service_cidr": "many"}, "service_cidr"),
    "the API for the whole Internet": ({"kubernetes_api": {"cidrs": ["0.0.0.0/0"]}}, "is not a restriction"),
    "an address without a mask": ({"kubernetes_api": {"cidrs": ["203.0.113.7"]}}, "are IPv4 ranges"),
    "IPv6 for the API": ({"kubernetes_api": {"cidrs": ["2001:db8::7/32"]}}, "are IPv4 ranges"),
    "a range of the API with bits of a host": ({"kubernetes_api": {"cidrs": ["10.0.0.7/8"]}}, "10.0.0.0/8, not 10.0.0.7/8"),
    "a public API for nobody": ({"kubernetes_api": {"public": True}}, "an address that nobody may call"),
    "the API's ranges as they were said before": (
        {"kubernetes_api_cidrs": ["203.0.113.7/32"]},
        'kubernetes_api_cidrs is now kubernetes_api = { public = true, cidrs = ["203.0.113.7/32"] }',
    ),
    "an unknown door": ({"door": "window"}, "door is front, gateway, ingress or none"),
    "an ingress of no class": ({"door": "ingress"}, 'door = "ingress" needs `ingress`'),
    "an ingress behind another door": ({"ingress": {"class_name": "nginx", "tls_secret": "tls"}}, "no other door takes it"),
    "a gateway of no name": ({"door": "gateway"}, 'door = "gateway" needs `gateway`'),
    "ingress from nowhere": ({"ingress_cidrs": ["everywhere"]}, "ingress_cidrs are IPv4 ranges"),
    "IPv6 for Sentry": ({"ingress_cidrs": ["::/0"]}, "ingress_cidrs are IPv4 ranges"),
    "a range of Sentry with bits of a host": ({"ingress_cidrs": ["10.0.0.7/8"]}, "ingress_cidrs are IPv4 ranges"),
    "a mask with a needless nought": ({"ingress_cidrs": ["0.0.0.0/00"]}, "ingress_cidrs are IPv4 ranges"),
    "a network in IPv6": ({"network_cidr": "fd00::/16"}, "network_cidr is an IPv4 range"),
    "a network with bits of a host": ({"network_cidr": "10.130.0.1/16"}, "network_cidr is an IPv4 range"),
    "pods in IPv6": ({"pod_cidr": "fd00::/16"}, "pod_cidr is an IPv4 range"),
    "services with bits of a host": ({"service_cidr": "10.96.0.9/16"}, "service_cidr is an IPv4 range"),
    "no way out": ({"egress_ports": [587]}, "include 443"),
    "a zone's name for its id": ({"public_dns_zone_id": "example.com"}, "public_dns_zone_id"),
    "a day in full": ({"maintenance": {"day": "Sunday", "hour": 3}}, "maintenance.day"),
    "hour 0": ({"maintenance": {"day": "SUN", "hour": 0}}, "maintenance.hour"),
    "hour 24 of a backup": ({"backup": {"hours": 24, "minutes": 0, "retain_days": 7}}, "backup.hours"),
    "backups kept for a day": ({"backup": {"hours": 1, "minutes": 0, "retain_days": 1}}, "retain_days"),
    "no password": ({"kafka_password": ""}, "kafka_password: 16 to 128"),
    "a short password": ({"redis_password": "short"}, "redis_password: 16 to 128"),
    "a password with a quote": ({"kafka_password": 'sixteen-and-a-"-more'}, "kafka_password: 16 to 128"),
    "a password with a dollar": ({"redis_password": "sixteen-and-a-$HOME"}, "redis_password: 16 to 128"),
    "a chart without its patch number": ({"chart_version": "33.8"}, "chart_version is three numbers"),
    "no address of the administrator": ({"admin_email": "admin"}, "admin_email"),
    "a pause without end": ({"iam_pause_s": 3600}, "iam_pause_s"),
    "no version of the password": ({"redis_password_version": 0}, "redis_password_version"),
}


@pytest.fixture(scope="session")
def variables_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Variables need no provider: an evaluation of them takes 0.1 s."""
    folder = copied(tmp_path_factory.mktemp("variables") / "terraform")  # variables.tf reads sizes.yaml and the profiles
    for path in folder.glob("*.tf"):
        if path.name != "variables.tf":
            path.unlink()
    return folder


GOOD = {"domain": DOMAIN, "kafka_password": KAFKA_PASSWORD, "redis_password": REDIS_PASSWORD}


def test_good_variables_are_taken(variables_alone: Path) -> None:
    assert Terraform(program()).outputs(variables_alone, GOOD) == {}


@pytest.mark.parametrize("mistake", REFUSED)
def test_bad_input_is_refused_and_the_refusal_says_why(variables_alone: Path, mistake: str) -> None:
    given, why = REFUSED[mistake]
    with pytest.raises(TerraformFailed) as refused:
        Terraform(program()).outputs(variables_alone, {**GOOD, **given})
    assert why in " ".join(f"{refused.value.what} {refused.value.why} {refused.value.detail}".split())


@pytest.mark.parametrize("variable", ["kafka_password", "redis_password"])
def test_a_refused_password_is_not_repeated(variables_alone: Path, variable: str) -> None:
    wrong = "a password, with-blanks-and-a-comma"
    with pytest.raises(TerraformFailed) as refused:
        Terraform(program()).outputs(variables_alone, {**GOOD, variable: wrong})
    assert wrong not in f"{refused.value.what} {refused.value.why} {refused.value.detail}"


def test_every_variable_says_what_it_is() -> None:
    text = (TERRAFORM / "variables.tf").read_text()
    blocks = re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 30
    for name, block in blocks:
        assert re.search(r"^  description = \"\S", block, re.MULTILINE), name
        assert re.search(r"^  type\s+= \S", block, re.MULTILINE), name
        # A bool has no wrong value; Ingress and mail are validated by the module they go to.
        needs_none = re.search(r"^  type\s+= bool", block, re.MULTILINE) or name in ("ingress", "gateway", "mail")
        assert needs_none or "validation {" in block, name


CONTRADICTIONS: Mapping[str, tuple[dict[str, Any], str]] = {
    "ranges that overlap": ({"pod_cidr": "10.130.0.0/16"}, "These address ranges overlap: network_cidr and pod_cidr"),
    "a range inside another": ({"service_cidr": "10.112.4.0/24"}, "These address ranges overlap: pod_cidr and service_cidr"),
    "ha in one zone": ({"size": "ha", "zones": ["ru-central1-a"]}, "Size ha needs 3 zones"),
    "disks in steps that there are not": (
        {"resources": {"nodes": {"disk_type": "network-ssd-io-m3"}}},
        "come in steps of 93 GB: nodes.disk_size 96 is none of them",
    ),
    "more nodes to begin with than there may be": (
        {"resources": {"nodes": {"initial": 5}}},
        "min (2) is at most initial (5), and that at most max (2)",
    ),
    "partitions of a topic that is none": ({"topic_partitions": {"evnets": 3}}, "topic_partitions may name topics"),
    "partitions of a prescribed topic": ({"topic_partitions": {"snuba-commit-log": 3}}, "topic_partitions may name topics"),
    "ClickHouse hosts that Snuba cannot reach": (
        {"size": "ha", "resources": {"clickhouse": {"hosts": 2, "keeper": "separate"}}},
        "works with 1 ClickHouse host, and resources.clickhouse.hosts is 2",
    ),
    "replicas without Keeper": ({"profile": "seed", "resources": {"clickhouse": {"hosts": 2}}}, "replicate through Keeper"),
    "embedded Keeper on two hosts": (
        {"profile": "seed", "resources": {"clickhouse": {"hosts": 2, "keeper": "embedded"}}},
        "at least three",
    ),
    "mail in clear": (
        {"mail": {"host": "smtp.example.com", "from": "sentry@example.com", "tls": "none"}},
        "mail.tls must be starttls or tls",
    ),
    "ClickHouse newer than Sentry's migrations": ({"clickhouse_version": "26.7"}, "works with ClickHouse from 24.8 to 26.5"),
}


@pytest.mark.parametrize("contradiction", CONTRADICTIONS)
def test_what_does_not_fit_together_is_refused_before_anything_is_made(plans: Planner, contradiction: str) -> None:
    given, why = CONTRADICTIONS[contradiction]
    with pytest.raises(PlanRefused, match=re.escape(why)):
        plans({"domain": DOMAIN, **given})
