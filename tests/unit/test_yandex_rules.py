"""What the cloud refuses, the emulator refuses: a table of requests that are right but for one thing, by the cloud's own SDK."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from kit import yaml_file
from kit.yandex.engine import ids
from kit.yandex.engine.state import Options
from kit.yandex.rules import catalog, data, quotas, roles
from kit.yandex.rules.data import GB
from tests.support import yandex
from tests.support.yandex import BROKERS, FOLDER, RESOURCES, VALKEY, Cloud, account, cluster_account, emulated, grant

INVALID, PRECONDITION = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION
EXHAUSTED, NOT_FOUND = grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.NOT_FOUND
KAFKA, POSTGRES = "mdb.kafka.v1.ClusterService", "mdb.postgresql.v1.ClusterService"
CLICKHOUSE, VALKEYS = "mdb.clickhouse.v1.ClusterService", "mdb.redis.v1.ClusterService"
CLUSTERS, GROUPS = "k8s.v1.ClusterService", "k8s.v1.NodeGroupService"
FOLDERS = "resourcemanager.v1.FolderService"
ZONES = [f"ru-central1-{letter}" for letter in "abd"]
Fields = dict[str, Any]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, bytes]:
    return yandex.certificate_of(tmp_path_factory.mktemp("certs"))


@dataclass
class World:
    """A network with a subnet in each zone, an account with the role of a cluster, and one cluster of Kubernetes."""

    cloud: Cloud
    network: str
    subnets: list[str]
    account: str
    kubernetes: str

    def right(self, service: str) -> Fields:
        """A create request that is taken."""
        return {**RIGHT[service], **self.places(service)}

    def places(self, service: str) -> Fields:
        if service == GROUPS:
            locations = [{"zone_id": ZONES[0], "subnet_id": self.subnets[0]}]
            return {"cluster_id": self.kubernetes, "allocation_policy": {"locations": locations}}
        accounts = {"service_account_id": self.account, "node_service_account_id": self.account}
        return {"folder_id": FOLDER, "network_id": self.network, **(accounts if service == CLUSTERS else {"environment": 1})}


def built(cloud: Cloud) -> World:
    network = yandex.network(cloud)
    subnets = [yandex.subnet(cloud, network, f"10.{n}.0.0/24", f"s{n}", zone) for n, zone in enumerate(ZONES)]
    owner = cluster_account(cloud)
    return World(cloud, network, subnets, owner, yandex.kubernetes(cloud, network, owner, "standing"))


@pytest.fixture(scope="module")
def world(certificate: tuple[bytes, bytes, bytes]) -> Iterator[World]:
    with emulated(certificate) as cloud:
        yield built(cloud)


POSTGRES_CONFIG = {"version": "17", "resources": RESOURCES}
CLICKHOUSE_CONFIG = {"version": "25.8", "clickhouse": {"resources": RESOURCES}, "zookeeper": {"resources": {**RESOURCES}}}
VALKEY_CONFIG = {"version": "8.1-valkey", "resources": VALKEY, "redis": {"password": "a-Password_of-the-test-1"}}
TEMPLATE = {
    "platform_id": "standard-v3",
    "resources_spec": {"cores": 4, "memory": 16 * GB},
    "boot_disk_spec": {"disk_type_id": "network-ssd", "disk_size": 64 * GB},
}
RIGHT: Mapping[str, Fields] = {
    KAFKA: {"name": "k", "config_spec": BROKERS},
    POSTGRES: {"name": "p", "config_spec": POSTGRES_CONFIG, "host_specs": [{"zone_id": ZONES[0]}]},
    CLICKHOUSE: {"name": "c", "config_spec": CLICKHOUSE_CONFIG, "host_specs": [{"zone_id": ZONES[0], "type": 1}]},
    VALKEYS: {"name": "v", "config_spec": VALKEY_CONFIG, "host_specs": [{"zone_id": ZONES[0]}]},
    CLUSTERS: {"name": "kube", "master_spec": {"zonal_master_spec": {"zone_id": ZONES[0]}, "version": "1.33"}},
    GROUPS: {"name": "nodes", "node_template": TEMPLATE, "scale_policy": {"fixed_scale": {"size": 1}}},
}


@dataclass(frozen=True)
class Case:
    """`change`: path in the request (dots) → value. `says`: a part of what is answered."""

    service: str
    change: Mapping[str, Any]
    code: grpc.StatusCode
    says: str
    named: str = ""  # for the test's own name

    def request(self, world: World) -> Fields:
        found = copy.deepcopy(world.right(self.service))
        for path, value in self.change.items():
            *parents, last = path.split(".")
            place = found
            for name in parents:
                place = place.setdefault(name, {})
            place[last] = value
        return found


def hosts(number: int, kind: int = 0, **more: Any) -> list[Fields]:
    return [{"zone_id": ZONES[index % 3], **({"type": kind} if kind else {}), **more} for index in range(number)]


def brokers(zones: int, in_each: int) -> Fields:
    return {"config_spec.zone_id": ZONES[:zones], "config_spec.brokers_count": {"value": in_each}}


def disk(path: str, kind: str, size_gb: float, **more: Any) -> Fields:
    return {f"{path}.disk_type_id": kind, f"{path}.disk_size": int(size_gb * GB), **more}


def nodes(cores: int, memory_gb: float, fraction: int = 100) -> Fields:
    wanted = {"cores": cores, "memory": int(memory_gb * GB), "core_fraction": fraction}
    return {"node_template.resources_spec": wanted}


def growing(least: int, first: int, most: int, zones: int = 1) -> Fields:
    scale = {"auto_scale": {"min_size": least, "initial_size": first, "max_size": most}}
    places = [{"zone_id": zone} for zone in ZONES[:zones]]
    return {"scale_policy": scale, "allocation_policy": {"locations": places}}


K, P, C, V = "config_spec.kafka.resources", "config_spec.resources", "config_spec.clickhouse.resources", "config_spec.resources"
Z = "config_spec.zookeeper.resources"
KEEPER, ZOOKEEPER = 3, 2
SCALING = {"disk_size_limit": 64 * GB, "planned_usage_threshold": 80}
WEEKLY = {"maintenance_window": {"weekly_maintenance_window": {"day": 1, "hour": 3}}}
WRONG = [
    # hosts
    Case(KAFKA, brokers(1, 1), INVALID, "combined mode has 3 brokers", "one broker"),
    Case(KAFKA, brokers(1, 2), INVALID, "combined mode has 3 brokers", "two brokers"),
    Case(KAFKA, brokers(1, 5), INVALID, "combined mode has 3 brokers", "five brokers"),
    Case(KAFKA, brokers(2, 2), INVALID, "one zone or in three", "two zones"),
    Case(KAFKA, brokers(3, 3), INVALID, "combined mode has 3 brokers", "three in each of three zones"),
    Case(KAFKA, {"config_spec.zone_id": []}, INVALID, "at least one zone", "no zone"),
    Case(POSTGRES, {"host_specs": hosts(17)}, INVALID, "between 1 and 16", "seventeen hosts of PostgreSQL"),
    Case(CLICKHOUSE, {"host_specs": hosts(8, 1)}, INVALID, "between 1 and 7", "eight hosts in a shard"),
    Case(CLICKHOUSE, {"host_specs": [*hosts(2, 1), *hosts(1, KEEPER)]}, INVALID, "3 or 5 hosts of Keeper", "one Keeper"),
    Case(CLICKHOUSE, {"host_specs": [*hosts(2, 1), *hosts(4, KEEPER)]}, INVALID, "3 or 5 hosts of Keeper", "four Keepers"),
    Case(
        CLICKHOUSE,
        {"host_specs": [*hosts(2, 1), *hosts(2, KEEPER), *hosts(1, ZOOKEEPER)]},
        INVALID,
        "exclude each other",
        "Keeper and ZooKeeper",
    ),
    Case(
        CLICKHOUSE,
        {"host_specs": hosts(2, 1), "config_spec.embedded_keeper": {"value": True}},
        INVALID,
        "at least 3 hosts",
        "embedded Keeper on two hosts",
    ),
    Case(
        CLICKHOUSE,
        {"host_specs": [*hosts(3, 1), *hosts(3, KEEPER)], "config_spec.embedded_keeper": {"value": True}},
        INVALID,
        "exclude each other",
        "embedded and separate Keeper",
    ),
    Case(
        CLICKHOUSE,
        {"host_specs": [*hosts(1, 1), *hosts(3, KEEPER)], f"{C}.resource_preset_id": "s3-c48-m192"},
        INVALID,
        "each coordinator needs 4",
        "small Keepers of a large cluster",
    ),
    Case(VALKEYS, {"host_specs": hosts(8)}, INVALID, "between 1 and 7", "eight hosts of Valkey"),
    Case(
        VALKEYS,
        {"host_specs": [{"zone_id": ZONES[0], "shard_name": f"s{n}"} for n in range(11)], "sharded": True},
        INVALID,
        "between 1 and 10",
        "eleven shards",
    ),
    # host classes
    Case(KAFKA, {f"{K}.resource_preset_id": "zz9-c3-m7"}, INVALID, "are not available", "a class that looks like one"),
    Case(KAFKA, {f"{K}.resource_preset_id": "s3-c2-m16"}, INVALID, "are not available", "a size that s3 does not have"),
    Case(KAFKA, {f"{K}.resource_preset_id": "hm3-c2-m8"}, INVALID, "are not available", "Valkey's class for Kafka"),
    Case(VALKEYS, {f"{V}.resource_preset_id": "s3-c2-m8"}, INVALID, "are not available", "s3 for Valkey"),
    Case(POSTGRES, {f"{P}.resource_preset_id": "s2-c2-m8"}, INVALID, "are not available", "an older class, spelled as a newer"),
    Case(
        CLICKHOUSE,
        {"host_specs": [*hosts(2, 1), *hosts(3, KEEPER)], f"{Z}.resource_preset_id": "tiny"},
        INVALID,
        "are not available",
        "an unknown class for Keeper",
    ),
    # disks
    Case(KAFKA, disk(K, "floppy", 100), INVALID, "are not available", "an unknown type"),
    Case(VALKEYS, disk(V, "network-hdd", 100), INVALID, "are not available", "a hard disk for Valkey"),
    Case(KAFKA, {f"{K}.disk_size": 1}, PRECONDITION, "Invalid disk_size", "one byte"),
    Case(KAFKA, disk(K, "network-ssd", 9), PRECONDITION, "Invalid disk_size", "9 GB"),
    Case(KAFKA, disk(K, "network-ssd", 4097), PRECONDITION, "Invalid disk_size", "more than 4096 GB for Kafka"),
    Case(POSTGRES, disk(P, "network-hdd", 2049), PRECONDITION, "Invalid disk_size", "a hard disk of more than 2048 GB"),
    Case(
        KAFKA,
        disk(K, "network-ssd-nonreplicated", 100),
        PRECONDITION,
        "use one of [99857989632, 199715979264",
        "no step of 93 GB",
    ),
    Case(KAFKA, disk(K, "network-ssd-io-m3", 94), PRECONDITION, "steps of 93 GB", "no step of 93 GB, three replicas"),
    Case(KAFKA, disk(K, "local-ssd", 400), PRECONDITION, "steps of 368 GB", "no step of a local disk"),
    Case(
        KAFKA,
        disk(K, "local-ssd", 368, **{f"{K}.resource_preset_id": "s2.micro"}),
        PRECONDITION,
        "steps of 100 GB",
        "no step of a local disk on an older platform",
    ),
    Case(VALKEYS, disk(V, "network-ssd", 15), PRECONDITION, "Invalid disk_size", "less than twice Valkey's memory"),
    Case(POSTGRES, disk(P, "network-ssd-nonreplicated", 93), INVALID, "at least 3 hosts", "non-replicated on one host"),
    Case(POSTGRES, disk(P, "local-ssd", 368), INVALID, "at least 3 hosts", "a local disk on one host"),
    Case(CLICKHOUSE, disk(C, "local-ssd", 368), INVALID, "at least 2 hosts", "a local disk on one ClickHouse"),
    Case(
        KAFKA,
        disk(K, "network-ssd", 513, **{f"{K}.resource_preset_id": "b3-c1-m4"}),
        PRECONDITION,
        "Invalid disk_size",
        "more than 512 GB for a shared core",
    ),
    Case(
        KAFKA, {"config_spec.disk_size_autoscaling": SCALING}, INVALID, "maintenance window must be", "planned without a window"
    ),
    Case(
        KAFKA,
        {"config_spec.disk_size_autoscaling": {**SCALING, "disk_size_limit": 10 * GB}, **WEEKLY},
        INVALID,
        "must not be below disk_size",
        "a limit below the disk",
    ),
    Case(
        POSTGRES,
        {"config_spec.disk_size_autoscaling": {**SCALING, "emergency_usage_threshold": 70}, **WEEKLY},
        INVALID,
        "must not be below planned",
        "emergency before planned",
    ),
    Case(
        VALKEYS,
        {"config_spec.disk_size_autoscaling": {"disk_size_limit": {"value": 9999 * GB}}},
        INVALID,
        "at most 4096 GB",
        "a limit that no disk has",
    ),
    # versions
    Case(KAFKA, {"config_spec.version": "3.9"}, INVALID, "closed for new clusters", "a closed Kafka"),
    Case(POSTGRES, {"config_spec.version": "14"}, INVALID, "closed for new clusters", "a closed PostgreSQL"),
    Case(VALKEYS, {"config_spec.version": "7.2"}, INVALID, "closed for new clusters", "Redis"),
    Case(CLUSTERS, {"master_spec.version": "1.30"}, INVALID, "closed for new clusters", "a closed Kubernetes"),
    # nodes
    Case(GROUPS, {"node_template.platform_id": "standard-v9"}, INVALID, "platform standard-v9", "an unknown platform"),
    Case(GROUPS, nodes(3, 12), INVALID, "3 cores", "three cores"),
    Case(GROUPS, nodes(4, 17), INVALID, "17 GB do not go with 4 cores", "memory that does not go with the cores"),
    Case(GROUPS, nodes(4, 68), INVALID, "68 GB do not go", "too much memory"),
    Case(GROUPS, nodes(24, 24 * 14), INVALID, "do not go with 24 cores", "memory that other cores may have"),
    Case(GROUPS, nodes(8, 16, 50), INVALID, "8 cores", "eight cores at half their time"),
    Case(GROUPS, nodes(4, 16, 5), INVALID, "5 % is not available", "a share that the platform does not have"),
    Case(GROUPS, disk("node_template.boot_disk_spec", "network-ssd", 63), INVALID, "64 to", "a small disk of a node"),
    Case(
        GROUPS,
        disk("node_template.boot_disk_spec", "floppy", 64),
        INVALID,
        "network-ssd-io-m3",
        "an unknown disk of a node",
    ),
    Case(
        GROUPS,
        disk("node_template.boot_disk_spec", "network-ssd-nonreplicated", 100),
        INVALID,
        "steps of 93 GB",
        "no step of a node's disk",
    ),
    Case(GROUPS, growing(1, 1, 3, zones=3), INVALID, "stands in one zone", "autoscaling over three zones"),
    Case(GROUPS, growing(2, 1, 3), INVALID, "must not fall", "fewer at first than at least"),
    Case(GROUPS, growing(1, 4, 3), INVALID, "must not fall", "more at first than at most"),
    Case(GROUPS, growing(0, 0, 0), INVALID, "must not fall", "no node at most"),
    Case(GROUPS, growing(1, 1, 33), PRECONDITION, "at most 32 nodes", "more nodes than a cluster has"),
    # names: at most 63
    *(
        Case(service, {"name": "n" * 64}, INVALID, "name", f"a name of 64 characters, {service}")
        for service in (KAFKA, POSTGRES, CLICKHOUSE, VALKEYS, CLUSTERS, GROUPS)
    ),
    # roles first
    Case(
        CLUSTERS,
        {"master_spec.master_logging": {"enabled": True}},
        PRECONDITION,
        "'logging.writer' role",
        "logs without the role",
    ),
    Case(
        CLUSTERS,
        {"master_spec.zonal_master_spec.external_v4_address_spec": {}},
        PRECONDITION,
        "'vpc.publicAdmin' role",
        "a public API without the role",
    ),
    # quotas of a new cloud
    Case(GROUPS, growing(1, 1, 4), EXHAUSTED, "compute.ssdDisks.size", "disks of the most nodes there may be"),
    Case(GROUPS, nodes(36, 36), EXHAUSTED, "compute.instanceCores.count", "more cores than a cloud has"),
    Case(POSTGRES, {f"{P}.resource_preset_id": "s3-c80-m320"}, EXHAUSTED, "mdb.cpu.count", "more cores of databases"),
    Case(POSTGRES, disk(P, "network-ssd", 4000, host_specs=hosts(2)), EXHAUSTED, "mdb.ssd.size", "more disk of databases"),
]
TAKEN = [
    *(Case(service, {}, grpc.StatusCode.OK, "", "as it is") for service in RIGHT),
    Case(KAFKA, brokers(3, 1), grpc.StatusCode.OK, "", "one broker in each of three zones"),
    Case(KAFKA, disk(K, "network-ssd-nonreplicated", 186), grpc.StatusCode.OK, "", "two steps of 93 GB"),
    Case(KAFKA, {"config_spec.disk_size_autoscaling": SCALING, **WEEKLY}, grpc.StatusCode.OK, "", "a disk that grows"),
    Case(CLICKHOUSE, {"host_specs": [*hosts(2, 1), *hosts(3, KEEPER)]}, grpc.StatusCode.OK, "", "three Keepers"),
    Case(CLICKHOUSE, {"host_specs": [*hosts(2, 1), *hosts(5, KEEPER)]}, grpc.StatusCode.OK, "", "five Keepers"),
    Case(
        CLICKHOUSE,
        {"host_specs": hosts(3, 1), "config_spec.embedded_keeper": {"value": True}},
        grpc.StatusCode.OK,
        "",
        "embedded Keeper on three hosts",
    ),
    Case(VALKEYS, disk(V, "network-ssd", 16), grpc.StatusCode.OK, "", "twice Valkey's memory"),
    Case(POSTGRES, disk(P, "local-ssd", 368, host_specs=hosts(3)), grpc.StatusCode.OK, "", "local disks on three hosts"),
    Case(GROUPS, nodes(4, 2, 50), grpc.StatusCode.OK, "", "half a GB for each core"),
    Case(GROUPS, growing(0, 1, 3), grpc.StatusCode.OK, "", "from none to three"),
    Case(GROUPS, {"name": "n" * 63}, grpc.StatusCode.OK, "", "a name of 63 characters"),
]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.named)
def test_what_the_cloud_refuses_is_refused(world: World, case: Case) -> None:
    refused = world.cloud.refused(f"{case.service}/Create", **case.request(world))
    assert (refused.code(), case.says in refused.details()) == (case.code, True), refused.details()


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: f"{case.service} {case.named}")
def test_what_the_cloud_takes_is_taken_and_can_be_left(world: World, case: Case) -> None:
    made = world.cloud.done(f"{case.service}/Create", **case.request(world))
    key = "node_group_id" if case.service == GROUPS else "cluster_id"
    world.cloud.done(f"{case.service}/Delete", **{key: made.id})


# -- at a change


@pytest.fixture
def standing(certificate: tuple[bytes, bytes, bytes]) -> Iterator[World]:
    """A world of its own: what is changed in it is nobody else's."""
    with emulated(certificate) as cloud:
        yield built(cloud)


def mask(*paths: str) -> Fields:
    return {"update_mask": {"paths": list(paths)}}


def resized(**resources: Any) -> Fields:
    return {"resources": resources}


P_CLASS, P_DISK = "config_spec.resources.resource_preset_id", "config_spec.resources.disk_size"
CHANGES = {
    "a broker more": (KAFKA, "config_spec.brokers_count", {"brokers_count": {"value": 4}}, INVALID),
    "an unknown class": (KAFKA, f"{K}.resource_preset_id", {"kafka": resized(resource_preset_id="x")}, INVALID),
    "a smaller disk": (POSTGRES, P_DISK, resized(disk_size=16 * GB), PRECONDITION),
    "a disk below twice the memory": (VALKEYS, P_CLASS, resized(resource_preset_id="hm3-c4-m24"), PRECONDITION),
    "over quota": (POSTGRES, P_CLASS, resized(resource_preset_id="s3-c80-m320"), EXHAUSTED),
    "a disk over quota": (CLICKHOUSE, f"{C}.disk_size", {"clickhouse": resized(disk_size=5000 * GB)}, EXHAUSTED),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_held_against_the_same_rules(standing: World, name: str) -> None:
    service, path, wanted, code = CHANGES[name]
    cluster = standing.cloud.done(f"{service}/Create", **standing.right(service)).id
    before = standing.cloud(f"{service}/Get", cluster_id=cluster)
    refused = standing.cloud.refused(f"{service}/Update", cluster_id=cluster, config_spec=wanted, **mask(path))
    assert refused.code() is code, refused.details()
    assert standing.cloud(f"{service}/Get", cluster_id=cluster) == before


def test_hosts_are_added_and_removed_by_the_same_rules(standing: World) -> None:
    request = standing.right(POSTGRES) | {"host_specs": hosts(3)}
    request["config_spec"] = {**POSTGRES_CONFIG, "resources": {**RESOURCES, "disk_type_id": "local-ssd", "disk_size": 368 * GB}}
    cluster = standing.cloud.done(f"{POSTGRES}/Create", **request).id
    names = [host.name for host in standing.cloud(f"{POSTGRES}/ListHosts", cluster_id=cluster).hosts]
    refused = standing.cloud.refused(f"{POSTGRES}/DeleteHosts", cluster_id=cluster, host_names=names[:1])
    assert "at least 3 hosts" in refused.details()
    refused = standing.cloud.refused(f"{POSTGRES}/AddHosts", cluster_id=cluster, host_specs=hosts(14))
    assert "between 1 and 16" in refused.details()


def test_a_node_group_keeps_its_kind_of_scaling_and_grows_within_its_quota(standing: World) -> None:
    request = standing.right(GROUPS) | growing(1, 1, 2)
    group = standing.cloud.done(f"{GROUPS}/Create", **request)
    scale = group.scale_policy.auto_scale
    assert (scale.min_size, scale.initial_size, scale.max_size) == (1, 1, 2)
    wider = {"scale_policy": {"auto_scale": {"min_size": 1, "initial_size": 1, "max_size": 3}}}
    path = mask("scale_policy.auto_scale.max_size")
    assert standing.cloud.done(f"{GROUPS}/Update", node_group_id=group.id, **wider, **path).scale_policy.auto_scale.max_size == 3
    fixed = standing.cloud.refused(
        f"{GROUPS}/Update", node_group_id=group.id, scale_policy={"fixed_scale": {"size": 1}}, **mask("scale_policy")
    )
    assert "kind of scaling" in fixed.details()
    wider["scale_policy"]["auto_scale"]["max_size"] = 4
    assert standing.cloud.refused(f"{GROUPS}/Update", node_group_id=group.id, **wider, **path).code() is EXHAUSTED


def test_a_subnet_of_another_zone_is_refused(world: World) -> None:
    request = world.right(GROUPS)
    request["allocation_policy"] = {"locations": [{"zone_id": ZONES[1], "subnet_id": world.subnets[0]}]}
    assert "not in ru-central1-b" in world.cloud.refused(f"{GROUPS}/Create", **request).details()


# -- names of what is no cluster


LONG = "n" * 64
NAMED = {
    "vpc.v1.NetworkService": ({}, (LONG, "1n", "n_", "n.n")),
    "vpc.v1.SecurityGroupService": ({"network_id": "network"}, (LONG, "1n", "n_", "n.n")),
    "iam.v1.ServiceAccountService": ({}, (LONG, "1n", "n_", "N", "")),
    "dns.v1.DnsZoneService": ({"zone": "example.com."}, (LONG, "1n", "n_", "N")),
    "kms.v1.SymmetricKeyService": ({"default_algorithm": 1}, ("n" * 101,)),
    "lockbox.v1.SecretService": ({}, ("n" * 101,)),
    "storage.v1.BucketService": ({}, (LONG, "n_", "nn", "N-n-n", "-nn")),
}
SECRET = {"password": "a-Password_1"}
PARTS = {
    "mdb.kafka.v1.TopicService": (KAFKA, "topic_spec", {"partitions": {"value": 1}}, ("n" * 250, "a b", "..", ".", "_of-kafka")),
    "mdb.kafka.v1.UserService": (KAFKA, "user_spec", SECRET, ("1n", "n.n", "имя")),
    "mdb.postgresql.v1.UserService": (
        POSTGRES,
        "user_spec",
        {"password": "a-Password_1"},
        (LONG, "postgres", "admin", "pg_n", "-n"),
    ),
    "mdb.postgresql.v1.DatabaseService": (POSTGRES, "database_spec", {"owner": "owner"}, (LONG,)),
    "mdb.clickhouse.v1.DatabaseService": (CLICKHOUSE, "database_spec", {}, (LONG, "n.n")),
}


@pytest.mark.parametrize("service", NAMED)
def test_a_name_that_the_service_does_not_take_is_refused(world: World, service: str) -> None:
    fields, names = NAMED[service]
    fields = {key: world.network if value == "network" else value for key, value in fields.items()}
    for name in names:
        refused = world.cloud.refused(f"{service}/Create", folder_id=FOLDER, name=name, **fields)
        assert refused.code() is INVALID, f"{name}: {refused.details()}"


@pytest.mark.parametrize("service", PARTS)
def test_a_name_inside_a_cluster_is_held_against_its_service(world: World, service: str) -> None:
    cluster, spec, fields, names = PARTS[service]
    made = world.cloud.done(f"{cluster}/Create", **world.right(cluster)).id
    for name in names:
        refused = world.cloud.refused(f"{service}/Create", cluster_id=made, **{spec: {"name": name, **fields}})
        assert refused.code() is INVALID, f"{name}: {refused.details()}"
    if "Kafka" in service or spec == "user_spec":
        world.cloud.done(f"{service}/Create", cluster_id=made, **{spec: {"name": "n-1", **fields}})
    world.cloud.done(f"{cluster}/Delete", cluster_id=made)


# -- roles


@pytest.mark.parametrize("role", ["no.such.role", "storage.god", "k8s.clusters.agents", "Editor", "owner", ""])
@pytest.mark.parametrize("verb", ["UpdateAccessBindings", "SetAccessBindings"])
def test_a_role_that_is_none_is_not_bound(world: World, role: str, verb: str) -> None:
    key = world.cloud.done("kms.v1.SymmetricKeyService/Create", folder_id=FOLDER, name="k", default_algorithm=1).id
    binding = {"role_id": role, "subject": {"id": world.account, "type": "serviceAccount"}}
    deltas, all_of_them = {"access_binding_deltas": [{"action": 1, "access_binding": binding}]}, {"access_bindings": [binding]}
    given = deltas if verb == "UpdateAccessBindings" else all_of_them
    for service, resource in ((FOLDERS, FOLDER), ("kms.v1.SymmetricKeyService", key)):
        refused = world.cloud.refused(f"{service}/{verb}", resource_id=resource, **given)
        assert refused.code() is (NOT_FOUND if role else INVALID), refused.details()


def test_roles_are_listed_and_those_of_other_services_are_taken(world: World) -> None:
    assert world.cloud("iam.v1.RoleService/Get", role_id="k8s.clusters.agent").id == "k8s.clusters.agent"
    assert world.cloud.refused("iam.v1.RoleService/Get", role_id="no.such.role").code() is NOT_FOUND
    grant(world.cloud, world.account, "serverless.functions.invoker", "editor")
    assert {"storage.editor", "certificate-manager.certificates.downloader", "vpc.publicAdmin"} <= set(roles.known())


def test_every_role_of_the_configuration_is_known() -> None:
    terraform = Path(__file__).parents[2] / "terraform"
    text = "\n".join(path.read_text() for path in terraform.glob("*.tf"))
    services = "k8s|load-balancer|vpc|container-registry|kms|storage|logging|monitoring|lockbox|certificate-manager"
    found = set(re.findall(rf'"((?:{services})\.[a-zA-Z.-]+)"', text)) - {"storage.yandexcloud.net"}
    assert {"k8s.clusters.agent", "storage.editor"} <= found
    for role in found:
        roles.check(role)


# -- order


def test_a_cluster_before_its_accounts_role_is_refused_in_the_clouds_words(world: World) -> None:
    request = world.right(CLUSTERS) | {"service_account_id": account(world.cloud, "without")}
    refused = world.cloud.refused(f"{CLUSTERS}/Create", **request)
    assert refused.code() is PRECONDITION
    assert "serviceAccount permission for Cluster" in refused.details()
    assert "'k8s.clusters.agent' role" in refused.details()


def test_a_role_counts_when_it_has_arrived_and_goes_with_its_binding(certificate: tuple[bytes, bytes, bytes]) -> None:
    hour = [0.0]
    options = Options(iam_delay_s=3600, clock=lambda: 1_000_000 + 3600 * hour[0])
    with emulated(certificate, options=options) as cloud:
        network, owner = yandex.network(cloud), account(cloud)
        yandex.subnet(cloud, network)
        grant(cloud, owner, "k8s.clusters.agent")
        fields = RIGHT[CLUSTERS] | {"folder_id": FOLDER, "network_id": network}
        fields |= {"service_account_id": owner, "node_service_account_id": owner}
        assert cloud.refused(f"{CLUSTERS}/Create", **fields).code() is PRECONDITION, "IAM does not know of it yet"
        hour[0] = 0.99
        grant(cloud, owner, "viewer")  # another one does not make the first one new
        assert cloud.refused(f"{CLUSTERS}/Create", **fields).code() is PRECONDITION
        hour[0] = 1.0
        cloud.done(f"{CLUSTERS}/Create", **fields)
        subject = {"id": owner, "type": "serviceAccount"}
        gone = [{"action": 2, "access_binding": {"role_id": "k8s.clusters.agent", "subject": subject}}]
        cloud.done(f"{FOLDERS}/UpdateAccessBindings", resource_id=FOLDER, access_binding_deltas=gone)
        assert cloud.refused(f"{CLUSTERS}/Create", **fields | {"name": "other"}).code() is PRECONDITION


# -- quotas


def limit(cloud: Cloud, name: str) -> tuple[float, float]:
    where: Fields = {"resource": {"id": ids.CLOUD, "type": "resource-manager.cloud"}}
    found = cloud("quotamanager.v1.QuotaLimitService/Get", quota_id=name, **where)
    return found.limit.value, found.usage.value


def test_usage_is_in_cores_and_bytes_and_goes_with_what_used_it(standing: World) -> None:
    cloud = standing.cloud
    cluster = cloud.done(f"{KAFKA}/Create", **standing.right(KAFKA)).id
    group = cloud.done(f"{GROUPS}/Create", **standing.right(GROUPS) | growing(1, 1, 2)).id
    assert limit(cloud, "mdb.cpu.count") == (64, 6)
    assert limit(cloud, "mdb.memory.size") == (512 * GB, 24 * GB)
    assert limit(cloud, "mdb.ssd.size") == (4096 * GB, 96 * GB)
    assert limit(cloud, "compute.instanceCores.count") == (32, 8)
    assert limit(cloud, "compute.ssdDisks.size") == (200 * GB, 128 * GB)
    assert limit(cloud, "storage.volume.size") == (1024 * GB, 0)
    larger = {"kafka": {"resources": {"resource_preset_id": "s3-c4-m16"}}}
    path = mask("config_spec.kafka.resources.resource_preset_id")
    cloud.done(f"{KAFKA}/Update", cluster_id=cluster, config_spec=larger, **path)
    assert limit(cloud, "mdb.cpu.count") == (64, 12)
    assert {host.resources.resource_preset_id for host in cloud(f"{KAFKA}/ListHosts", cluster_id=cluster).hosts} == {"s3-c4-m16"}
    cloud.done(f"{KAFKA}/Delete", cluster_id=cluster)
    cloud.done(f"{GROUPS}/Delete", node_group_id=group)
    assert [limit(cloud, name)[1] for name in ("mdb.cpu.count", "mdb.ssd.size", "compute.instances.count")] == [0, 0, 0]


def test_what_becomes_less_is_never_refused(certificate: tuple[bytes, bytes, bytes]) -> None:
    """A limit may have been lowered below what is there."""
    with emulated(certificate, options=Options(quotas={"mdb.cpu.count": 12.0})) as cloud:
        world = built(cloud)
        cluster = cloud.done(f"{POSTGRES}/Create", **world.right(POSTGRES) | {"host_specs": hosts(6)}).id
        cloud.emulator.state.options.quotas["mdb.cpu.count"] = 2.0  # type: ignore[index]
        names = [host.name for host in cloud(f"{POSTGRES}/ListHosts", cluster_id=cluster).hosts]
        cloud.done(f"{POSTGRES}/DeleteHosts", cluster_id=cluster, host_names=names[:2])
        assert cloud.refused(f"{POSTGRES}/AddHosts", cluster_id=cluster, host_specs=hosts(1)).code() is EXHAUSTED


def test_more_is_granted_on_request_kept_and_not_where_it_was_fixed(
    certificate: tuple[bytes, bytes, bytes], tmp_path: Path
) -> None:
    where: Fields = {"resource": {"id": ids.CLOUD, "type": "resource-manager.cloud"}}
    wanted = [{"quota_id": name, "desired_limit": 7} for name in ("vpc.networks.count", "vpc.subnets.count")]
    with emulated(certificate, tmp_path, options=Options(quotas={"vpc.subnets.count": 1.0})) as cloud:
        made = cloud.done("quotamanager.v1.QuotaRequestService/Create", desired_quota_limits=wanted, **where)
        assert [(each.quota_id, each.status) for each in made.quota_limits] == [
            ("vpc.networks.count", 4),
            ("vpc.subnets.count", 5),
        ]
        assert cloud("quotamanager.v1.QuotaRequestService/Get", quota_request_id=made.id) == made
        unknown = [{"quota_id": "no.such", "desired_limit": 7}]
        refused = cloud.refused("quotamanager.v1.QuotaRequestService/Create", desired_quota_limits=unknown, **where)
        assert refused.code() is NOT_FOUND
    with emulated(certificate, tmp_path) as cloud:
        assert [limit(cloud, name)[0] for name in ("vpc.networks.count", "vpc.subnets.count")] == [7, 12]
        for number in range(7):
            yandex.network(cloud, f"n{number}")


def test_a_bucket_counts_whoever_makes_it(certificate: tuple[bytes, bytes, bytes]) -> None:
    from kit.yandex.contract import S3Refused
    from kit.yandex.s3.bucket_state import BucketState

    with emulated(certificate, options=Options(quotas={"storage.buckets.count": 1.0})) as cloud:
        buckets = BucketState(cloud.emulator.state)
        buckets.create("by-s3-the-first", "")
        with pytest.raises(S3Refused, match=r"storage\.buckets\.count"):
            buckets.create("by-s3-the-second", "")
        refused = cloud.refused("storage.v1.BucketService/Create", name="by-grpc-the-second", folder_id=FOLDER)
        assert refused.code() is EXHAUSTED


# -- the data


def lines(node: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The mappings that name a source, and those that should: all that hold a fact."""
    if isinstance(node, Mapping):
        if set(node) & {"source", "pattern", "status", "value", "minimum", "limit", "fraction", "families", "roles", "prefixes"}:
            yield path, node
            return
        for name, value in node.items():
            yield from lines(value, f"{path}.{name}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from lines(value, f"{path}[{index}]")


FILES = {path.name for path in data.FOLDER.glob("*.yaml")}


def test_data_lies_in_the_package() -> None:
    assert {
        *("presets.yaml", "versions.yaml", "disks.yaml", "hosts.yaml", "nodes.yaml"),
        *("quotas.yaml", "roles.yaml", "upgrades.yaml", "names.yaml"),
    } == FILES


@pytest.mark.parametrize("name", sorted(FILES - {"upgrades.yaml"}))
def test_every_line_has_a_source_and_every_source_a_day(name: str) -> None:
    document = yaml_file.read(data.FOLDER / name).plain()
    sources = document.pop("sources")
    assert all(set(source) == {"at", "read"} and str(source["read"]).startswith("2026-") for source in sources.values())
    if name == "presets.yaml":
        named = {row["source"] for part in document.values() for row in part.values()}
    else:
        found = list(lines(document))
        assert found
        assert [path for path, line in found if "source" not in line] == []
        named = {line["source"] for _, line in found}
    assert named == set(sources), "each is used, and each is there"


def test_every_preset_of_a_service_has_a_disk() -> None:
    rows = data.read("disks.yaml")
    for engine in ("kafka", "clickhouse", "postgresql", "redis"):
        for preset in catalog.presets(engine):
            fitting = [
                row
                for row in rows[engine]
                if preset.family in row.get("families", [preset.family]) and preset.family not in row.get("except", ())
            ]
            assert fitting, f"{engine}: {preset.id}"


def test_what_a_preset_is_called_is_what_it_has() -> None:
    for engine in ("kafka", "clickhouse", "postgresql", "redis"):
        for preset in catalog.presets(engine):
            said = re.fullmatch(r"[a-z0-9]+-c([0-9]+)-m([0-9]+)", preset.id)
            if said and preset.id != "b3-c1-m4":  # two cores at half their time
                assert (preset.cores, preset.memory_bytes) == (int(said[1]), int(said[2]) * GB)


def test_quotas_have_the_names_that_kit_asks_for() -> None:
    from kit.targets.cloud import checks

    asked = {name for table in (checks.COUNTS, checks.SUMS) for row in table.values() for name in row}
    assert asked <= set(quotas.known())
    for table in (checks.COUNTS, checks.SUMS):
        for service, row in table.items():
            assert {quotas.known()[name].service for name in row} == {service}
