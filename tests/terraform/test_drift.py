"""What the cloud changes by itself is no diff: Kubernetes upgraded, disks grown. The real provider against the emulator.

Size ha is applied once; each test changes something behind Terraform's back and plans again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from kit.errors import KitError
from kit.targets.cloud import refusals
from kit.yandex.engine import descriptors
from kit.yandex.rules import catalog
from tests.support import terraform as supplied
from tests.support.emulator import Terraform, running
from tests.support.yandex import Cloud
from tests.terraform.planning import KAFKA_PASSWORD, REDIS_PASSWORD, copied

VARIABLES = {
    "domain": "sentry.example.com",
    "size": "ha",
    "kafka_password": KAFKA_PASSWORD,
    "redis_password": REDIS_PASSWORD,
    "kubernetes_version": "1.33",
    "iam_pause_s": "0",
}
NEWER = "1.34"
STORES = {  # service → where its clusters say how large their disks are, and how they grow
    "kafka": ("kafka.resources", "disk_size_autoscaling"),
    "postgresql": ("resources", "disk_size_autoscaling"),
    "redis": ("resources", "disk_size_autoscaling"),
    "clickhouse": ("clickhouse.resources", "clickhouse.disk_size_autoscaling"),
}


@dataclass(frozen=True)
class Standing:
    terraform: Terraform
    cloud: Cloud
    folder: str

    def ids(self, service: str) -> list[str]:
        answer = self.cloud(f"{service}/List", folder_id=self.folder)
        (field,) = (value for found, value in answer.ListFields() if found.name != "next_page_token")
        return [each.id for each in field]

    def cluster(self, service: str) -> Any:
        (key,) = self.ids(f"mdb.{service}.v1.ClusterService")
        return self.cloud(f"mdb.{service}.v1.ClusterService/Get", cluster_id=key)


@pytest.fixture(scope="module")
def ha(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    folder = tmp_path_factory.mktemp("drift")
    (folder / "mirror").mkdir()
    with running(folder, folder / "mirror", "--quota", f"compute.ssdDisks.size={400 * catalog.GB}") as emulator:
        environment = emulator.environment()
        variables = {f"TF_VAR_{name}": value for name, value in VARIABLES.items()}
        terraform = Terraform(copied(folder / "terraform"), {**environment, **variables}, supplied.program())
        terraform.must("init", "-no-color", "-input=false")
        terraform.apply()
        port = int(environment["YC_ENDPOINT"].rpartition(":")[2])
        trusted = Path(environment["SSL_CERT_FILE"]).read_bytes()
        cloud = Cloud(SimpleNamespace(port=port), trusted, environment["YC_TOKEN"])  # type: ignore[arg-type]
        yield Standing(terraform, cloud, environment["YC_FOLDER_ID"])


def inside(message: Any, path: str) -> Any:
    for name in path.split("."):
        message = getattr(message, name)
    return message


def test_what_was_applied_is_planned_empty(ha: Standing) -> None:
    assert ha.terraform.changes() == {}


@pytest.mark.parametrize("store", STORES)
def test_each_store_keeps_how_its_disk_may_grow(ha: Standing, store: str) -> None:
    """In the cloud's own record: a provider that keeps settings from its state would plan empty without it."""
    resources, growth = (inside(ha.cluster(store).config, path) for path in STORES[store])
    said = (growth.disk_size_limit, growth.planned_usage_threshold, growth.emergency_usage_threshold)
    plain = tuple(getattr(number, "value", number) for number in said)  # two of the services wrap their numbers
    assert plain == (2 * resources.disk_size, 80, 90)


def test_disks_that_have_grown_are_left_alone(ha: Standing) -> None:
    for store, (path, _) in STORES.items():
        service = f"mdb.{store}.v1.ClusterService"
        request = descriptors.methods(service)["Update"].request(cluster_id=ha.cluster(store).id)
        request.update_mask.CopyFrom(FieldMask(paths=[f"config_spec.{path}.disk_size"]))
        grown = inside(ha.cluster(store).config, path).disk_size + 10 * catalog.GB
        inside(request.config_spec, path).disk_size = grown
        ha.cloud.done(f"{service}/Update", request)
        assert inside(ha.cluster(store).config, path).disk_size == grown
    assert ha.terraform.changes() == {}


def test_an_upgrade_of_kubernetes_by_the_service_is_not_taken_back(ha: Standing) -> None:
    (key,) = ha.ids("k8s.v1.ClusterService")
    request = descriptors.methods("k8s.v1.ClusterService")["Update"].request(cluster_id=key)
    request.update_mask.CopyFrom(FieldMask(paths=["master_spec.version"]))
    request.master_spec.version.version = NEWER
    assert ha.cloud.done("k8s.v1.ClusterService/Update", request).master.version == NEWER
    groups = ha.ids("k8s.v1.NodeGroupService")
    assert len(groups) == 3
    for group in groups:
        update = descriptors.methods("k8s.v1.NodeGroupService")["Update"].request(node_group_id=group)
        update.update_mask.CopyFrom(FieldMask(paths=["version"]))
        update.version.version = NEWER
        assert ha.cloud.done("k8s.v1.NodeGroupService/Update", update).node_version == NEWER
    assert ha.terraform.changes() == {}


def test_a_bucket_that_the_state_lost_is_brought_back_by_import(ha: Standing) -> None:
    """As an apply leaves it that was killed between making the bucket and writing it down."""
    name = ha.terraform.state()["yandex_storage_bucket.nodestore"]["bucket"]
    ha.terraform.must("state", "rm", "yandex_storage_bucket.nodestore")
    refused = ha.terraform("apply", "-auto-approve", "-no-color", "-input=false", "-target=yandex_storage_bucket.nodestore")
    assert refused.exit_code != 0
    found = refusals.meaning(KitError(what="", why="", fix="-", detail=refused.stderr))
    assert found is not None
    assert found.name == "bucket-ours"
    assert "terraform import yandex_storage_bucket.nodestore NAME" in found.fix
    ha.terraform.must("import", "-no-color", "-input=false", "yandex_storage_bucket.nodestore", name)
    ha.terraform.apply()
    assert ha.terraform.changes() == {}
