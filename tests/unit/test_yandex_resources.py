"""Whatever is created can be read back, listed, changed by mask and deleted: the same promise for every modelled resource."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest

from kit.yandex.engine import descriptors
from tests.support import yandex
from tests.support.yandex import FOLDER, Cloud, emulated


@dataclass(frozen=True)
class Case:
    """`fields`: of the create request, given the things below. `change`: path of the mask → (value in the request, reader)."""

    service: str
    fields: Callable[[dict[str, str]], dict[str, Any]]
    change: dict[str, Any]
    read: Callable[[Any], Any]
    wanted: Any
    named: str = ""  # the field of a name inside a cluster; "" where it has an id
    cluster: str = ""
    listed: str = "folder_id"
    extra: dict[str, Any] = field(default_factory=dict)


def _simple(name: str, **more: Any) -> Callable[[dict[str, str]], dict[str, Any]]:
    return lambda base: {"folder_id": FOLDER, "name": name, **{key: base.get(value, value) for key, value in more.items()}}


DESCRIBED = {"description": "changed"}


def _described(service: str, fields: Callable[[dict[str, str]], dict[str, Any]], **more: Any) -> Case:
    return Case(service, fields, DESCRIBED, lambda found: found.description, "changed", **more)


def _inside(service: str, cluster: str, spec: str, named: str, fields: dict[str, Any], **more: Any) -> Case:
    return Case(service, lambda base: {"cluster_id": base[cluster], spec: fields}, named=named, cluster=cluster, **more)


_BLOCK = {"zone_id": "ru-central1-a", "v4_cidr_blocks": ["10.99.0.0/24"]}
_GROUP = {"node_template": {}, "scale_policy": {"fixed_scale": {"size": 1}}}
SHARING = {"kms.v1.SymmetricKeyService", "lockbox.v1.SecretService"}  # several of one name, as in the cloud
PASSWORD = "another-Password_1"
CASES = [
    _described("vpc.v1.NetworkService", _simple("n")),
    _described("vpc.v1.SubnetService", lambda base: {**_simple("s", network_id="network")(base), **_BLOCK}),
    _described("vpc.v1.GatewayService", _simple("g")),
    _described("vpc.v1.RouteTableService", _simple("r", network_id="network")),
    _described("vpc.v1.SecurityGroupService", _simple("sg", network_id="network")),
    _described("vpc.v1.AddressService", lambda base: {**_simple("a")(base), "external_ipv4_address_spec": {"zone_id": "x"}}),
    _described("dns.v1.DnsZoneService", lambda base: {**_simple("z")(base), "zone": "example.com."}),
    _described("iam.v1.ServiceAccountService", _simple("account-two")),
    _described("kms.v1.SymmetricKeyService", _simple("key", default_algorithm=1)),
    _described("lockbox.v1.SecretService", _simple("secret")),
    _described("mdb.kafka.v1.ClusterService", lambda base: yandex_request("kafka", base)),
    _described("mdb.postgresql.v1.ClusterService", lambda base: yandex_request("postgres", base)),
    _described("mdb.clickhouse.v1.ClusterService", lambda base: yandex_request("clickhouse", base)),
    _described("mdb.redis.v1.ClusterService", lambda base: yandex_request("redis", base)),
    _described("k8s.v1.ClusterService", lambda base: yandex_request("kubernetes", base)),
    _described("k8s.v1.NodeGroupService", lambda base: {"cluster_id": base["kubernetes"], "name": "ng", **_GROUP}),
    _inside(
        "mdb.kafka.v1.TopicService", "kafka", "topic_spec", "topic_name", {"name": "made_here", "partitions": {"value": 1}},
        change={"topic_spec.partitions": {"topic_spec": {"partitions": {"value": 4}}}},
        read=lambda topic: topic.partitions.value, wanted=4,
    ),
    _inside(
        "mdb.kafka.v1.UserService", "kafka", "user_spec", "user_name", {"name": "made_here", "password": PASSWORD},
        change={"permissions": {"permissions": [{"topic_name": "*", "role": 1}]}},
        read=lambda user: [permission.topic_name for permission in user.permissions], wanted=["*"],
    ),
    _inside(
        "mdb.postgresql.v1.UserService", "postgres", "user_spec", "user_name", {"name": "made_here", "password": PASSWORD},
        change={"conn_limit": {"conn_limit": 77}}, read=lambda user: user.conn_limit, wanted=77,
    ),
    _inside(
        "mdb.postgresql.v1.DatabaseService", "postgres", "database_spec", "database_name",
        {"name": "made_here", "owner": "owner"},
        change={"extensions": {"extensions": [{"name": "citext"}]}},
        read=lambda database: [extension.name for extension in database.extensions], wanted=["citext"],
    ),
    _inside(
        "mdb.clickhouse.v1.DatabaseService", "clickhouse", "database_spec", "database_name", {"name": "made_here"},
        change={"deletion_protection_mode": {"deletion_protection_mode": 1}},
        read=lambda database: database.deletion_protection_mode, wanted=1,
    ),
    _inside(
        "mdb.clickhouse.v1.UserService", "clickhouse", "user_spec", "user_name", {"name": "made_here", "password": PASSWORD},
        change={"settings.readonly": {"settings": {"readonly": {"value": 1}}}},
        read=lambda user: user.settings.readonly.value, wanted=1,
    ),
    _inside(
        "mdb.redis.v1.UserService", "redis", "user_spec", "user_name", {"name": "made_here", "passwords": [PASSWORD]},
        change={"permissions.patterns": {"permissions": {"patterns": {"value": "~x*"}}}},
        read=lambda user: user.permissions.patterns.value, wanted="~x*",
    ),
    Case(
        "mdb.clickhouse.v1.FormatSchemaService",
        lambda base: {"cluster_id": base["clickhouse"], "format_schema_name": "made_here", "type": 1, "uri": "https://localhost/a"},
        {"uri": "https://localhost/b"}, lambda schema: schema.uri, "https://localhost/b",
        named="format_schema_name", cluster="clickhouse",
    ),
    Case(
        "mdb.clickhouse.v1.MlModelService",
        lambda base: {"cluster_id": base["clickhouse"], "ml_model_name": "made_here", "type": 1, "uri": "https://localhost/a"},
        {"uri": "https://localhost/b"}, lambda model: model.uri, "https://localhost/b",
        named="ml_model_name", cluster="clickhouse",
    ),
    Case(
        "storage.v1.BucketService", lambda base: {"name": "bucket-of-a-test", "folder_id": FOLDER}, {"max_size": 1 << 30},
        lambda bucket: bucket.max_size, 1 << 30, named="name",
    ),
]  # fmt: skip


def yandex_request(kind: str, base: dict[str, str]) -> dict[str, Any]:
    """What the maker of that kind would send, under another name."""
    seen: dict[str, Any] = {}

    class Catch:
        def done(self, label: str, **fields: Any) -> Any:
            seen.update(fields)
            return type("Made", (), {"id": ""})

    extra = [base["account"]] if kind == "kubernetes" else []
    getattr(yandex, kind)(Catch(), base["network"], *extra, name=f"{kind}-two")
    return seen


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    certificate = yandex.certificate_of(tmp_path_factory.mktemp("certs"))
    with emulated(certificate, tmp_path_factory.mktemp("state")) as made:
        yield made


@pytest.fixture(scope="module")
def base(cloud: Cloud) -> dict[str, str]:
    network = yandex.network(cloud)
    account = yandex.cluster_account(cloud)
    yandex.subnet(cloud, network)
    made = {"network": network, "account": account, "kubernetes": yandex.kubernetes(cloud, network, account)}
    for kind in ("kafka", "postgres", "clickhouse", "redis"):
        made[kind] = getattr(yandex, kind)(cloud, network)
    owner = {"name": "owner", "password": PASSWORD}
    cloud.done("mdb.postgresql.v1.UserService/Create", cluster_id=made["postgres"], user_spec=owner)
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.service)
def test_what_is_created_can_be_read_listed_changed_and_deleted(cloud: Cloud, base: dict[str, str], case: Case) -> None:
    methods = descriptors.methods(case.service)
    made = cloud.done(f"{case.service}/Create", **case.fields(base))
    key = _key(case, base, made)

    assert cloud(f"{case.service}/Get", **key) == made
    assert made in _listed(cloud, case, base)

    path, value = next(iter(case.change.items()))
    fields = value if isinstance(value, dict) and path.partition(".")[0] in value else {path: value}
    changed = cloud.done(f"{case.service}/Update", **key, update_mask={"paths": [path]}, **fields)
    assert case.read(changed) == case.wanted
    assert case.read(cloud(f"{case.service}/Get", **key)) == case.wanted
    _same_but_for_the_change(made, changed, case)

    cloud.done(f"{case.service}/Delete", **key)
    assert cloud.refused(f"{case.service}/Get", **key).code() is grpc.StatusCode.NOT_FOUND
    assert cloud.refused(f"{case.service}/Delete", **key).code() is grpc.StatusCode.NOT_FOUND
    assert key[list(key)[-1]] not in str(_listed(cloud, case, base))
    assert methods["Delete"].is_operation


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.service)
def test_an_unknown_field_in_a_mask_is_refused(cloud: Cloud, base: dict[str, str], case: Case) -> None:
    made = cloud.done(f"{case.service}/Create", **case.fields(base))
    key = _key(case, base, made)
    try:
        error = cloud.refused(f"{case.service}/Update", **key, update_mask={"paths": ["no_such_field"]})
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert yandex.violations(error) == ["update_mask"]
    finally:
        cloud.done(f"{case.service}/Delete", **key)


@pytest.mark.parametrize("case", [case for case in CASES if case.service not in SHARING], ids=lambda case: case.service)
def test_a_name_is_taken_once(cloud: Cloud, base: dict[str, str], case: Case) -> None:
    made = cloud.done(f"{case.service}/Create", **case.fields(base))
    try:
        assert cloud.refused(f"{case.service}/Create", **case.fields(base)).code() in (
            grpc.StatusCode.ALREADY_EXISTS,
            grpc.StatusCode.FAILED_PRECONDITION,  # a subnet's block overlaps before its name is looked at
        )
    finally:
        cloud.done(f"{case.service}/Delete", **_key(case, base, made))


def _key(case: Case, base: dict[str, str], made: Any) -> dict[str, Any]:
    fields = [found.name for found in descriptors.methods(case.service)["Get"].request.DESCRIPTOR.fields]
    if case.cluster:
        return {"cluster_id": base[case.cluster], case.named: made.name}
    return {fields[0]: made.name if case.named else made.id}


def _listed(cloud: Cloud, case: Case, base: dict[str, str]) -> list[Any]:
    request = descriptors.methods(case.service)["List"].request.DESCRIPTOR.fields_by_name
    parent = {"cluster_id": base[case.cluster]} if case.cluster else {"folder_id": FOLDER}
    if "folder_id" not in request and not case.cluster:
        parent = {"cluster_id": base["kubernetes"]}
    answer = cloud(f"{case.service}/List", **parent)
    name = next(found.name for found in answer.DESCRIPTOR.fields if found.is_repeated)
    return list(getattr(answer, name))


def _same_but_for_the_change(made: Any, changed: Any, case: Case) -> None:
    """A mask changes what it names, and nothing else."""
    name = next(iter(case.change)).split(".")
    field_name = name[-1] if name[0].endswith("_spec") else name[0]
    before, after = type(made)(), type(made)()
    before.CopyFrom(made)
    after.CopyFrom(changed)
    before.ClearField(field_name)
    after.ClearField(field_name)
    assert before == after
