"""The emulator's own promises: tokens, operations, what survives a kill, what it refuses. Its client is the cloud's SDK."""

from __future__ import annotations

import errno
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from kit.yandex import coverage
from kit.yandex.contract import BackingFailed, Cluster, ClusterPart, Inventory, NoBacking, PortTaken
from kit.yandex.engine import descriptors, ids, operations
from kit.yandex.engine.journal import Journal, JournalDamaged, Record
from kit.yandex.engine.state import Options
from kit.yandex.rules import quotas
from kit.yandex.rules.quotas import QuotaUnknown
from kit.yandex.run import faults
from kit.yandex.run.emulator import AlreadyRuns
from kit.yandex.run.faults import Fault, Faults, FaultUnknown
from tests.support import yandex
from tests.support.yandex import FOLDER, Cloud, emulated, violations

ROOT = Path(__file__).parents[2]
NETWORK = "vpc.v1.NetworkService"
KAFKA = "mdb.kafka.v1.ClusterService"
TOPIC = "mdb.kafka.v1.TopicService"

Certificate = tuple[bytes, bytes, bytes]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return yandex.certificate_of(tmp_path_factory.mktemp("certs"))


@pytest.fixture
def cloud(certificate: Certificate, tmp_path: Path) -> Iterator[Cloud]:
    with emulated(certificate, tmp_path / "state") as made:
        yield made


class Slow(NoBacking):
    """A backing that takes its time, and can be made to fail or to lose things."""

    is_quick = False

    def __init__(self) -> None:
        self.release = threading.Event()
        self.release.set()
        self.topic_release = threading.Event()
        self.topic_release.set()
        self.failure: Exception | None = None
        self.inventory = Inventory(exists=True)
        self.removed: list[str] = []

    def put_cluster(self, cluster: Cluster) -> None:
        self.release.wait(20)
        if self.failure is not None:
            raise self.failure

    def remove_cluster(self, cluster: Cluster) -> None:
        self.removed.append(cluster.id)

    def put_part(self, cluster: Cluster, part: ClusterPart) -> None:
        self.topic_release.wait(20)
        if self.failure is not None:
            raise self.failure

    def observe_cluster(self, cluster: Cluster) -> Inventory:
        return self.inventory


# -- tokens, faults, ports


def test_a_service_accounts_key_is_exchanged_for_a_token(cloud: Cloud) -> None:
    import jwt

    account = yandex.account(cloud)
    made = cloud("iam.v1.KeyService/Create", service_account_id=account)
    now = int(time.time())
    claims = {"iss": account, "iat": now, "exp": now + 60, "aud": "https://iam.api.cloud.yandex.net/iam/v1/tokens"}
    signed = jwt.encode(claims, made.private_key, algorithm="PS256", headers={"kid": made.key.id})
    token = cloud("iam.v1.IamTokenService/Create", jwt=signed).iam_token
    assert Cloud(cloud.emulator, cloud.ca, token)(f"{NETWORK}/List", folder_id=FOLDER) is not None
    forged = jwt.encode({**claims, "iss": "aje"}, made.private_key, algorithm="PS256", headers={"kid": made.key.id})
    assert cloud.refused("iam.v1.IamTokenService/Create", jwt=forged).code() is grpc.StatusCode.UNAUTHENTICATED


def test_every_endpoint_is_this_server(cloud: Cloud) -> None:
    found = {item.id: item.address for item in cloud("endpoint.ApiEndpointService/List").endpoints}
    assert {"iam", "operation", "vpc", "lockbox-payload", "managed-kafka", "storage-api", "managed-kubernetes"} <= set(found)
    assert set(found.values()) == {f"localhost:{cloud.emulator.port}"}


def test_what_nobody_modelled_says_its_name(cloud: Cloud) -> None:
    refused = cloud.refused("mdb.kafka.v1.ConnectorService/List", cluster_id="x")
    assert refused.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "mdb.kafka.v1.ConnectorService/List" in refused.details()


def test_a_service_that_the_sdk_does_not_know_says_its_name(cloud: Cloud, certificate: Certificate) -> None:
    channel = grpc.secure_channel(f"localhost:{cloud.emulator.port}", grpc.ssl_channel_credentials(certificate[2]))
    with channel, pytest.raises(grpc.RpcError, match=r"yandex.cloud.compute.v9.Nothing/Get"):
        channel.unary_unary("/yandex.cloud.compute.v9.Nothing/Get")(b"")


def test_a_wrong_field_is_named(cloud: Cloud) -> None:
    refused = cloud.refused("lockbox.v1.SecretService/Create", folder_id=FOLDER, name="x" * 200)
    assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "name" in violations(refused)


def test_a_taken_port_is_an_error_and_not_shared(cloud: Cloud, certificate: Certificate) -> None:
    with pytest.raises(PortTaken), emulated(certificate, port=cloud.emulator.port):
        pass
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken), emulated(certificate, port=port):
            pass


def test_one_state_has_one_emulator(cloud: Cloud, certificate: Certificate, tmp_path: Path) -> None:
    with pytest.raises(AlreadyRuns), emulated(certificate, tmp_path / "state"):
        pass


def test_calls_fail_and_wait_on_demand(certificate: Certificate) -> None:
    with emulated(certificate, faults=Faults((Fault("NetworkService/List", grpc.StatusCode.INTERNAL, 1.0),), 0.05)) as cloud:
        start = time.monotonic()
        assert cloud.refused(f"{NETWORK}/List", folder_id=FOLDER).code() is grpc.StatusCode.INTERNAL
        assert time.monotonic() - start >= 0.05
        assert yandex.network(cloud)


@pytest.mark.parametrize(
    "text",
    ["List", "List:NOPE:1", "List:OK:1", "List:INTERNAL:2", "List:INTERNAL:often", "List:INTERNAL:nan", "NoSuch/List:INTERNAL:1"],
)
def test_a_fault_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(FaultUnknown):
        faults.parse(text)


@pytest.mark.parametrize("text", ["mdb.clusters.count", "mdb.clusters.count=many", "no.such=1"])
def test_a_quota_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(QuotaUnknown):
        quotas.parse((text,))


# -- operations


def test_the_sdk_waits_for_an_operation(certificate: Certificate) -> None:
    with emulated(certificate, options=Options(async_s=0.3)) as cloud:
        operation = cloud(f"{NETWORK}/Create", folder_id=FOLDER, name="slow")
        assert not operation.done
        made = cloud.sdk.wait_operation_and_get_result(
            operation,
            response_type=descriptors.message("vpc.v1.Network"),
            meta_type=descriptors.message("vpc.v1.CreateNetworkMetadata"),
            timeout=20,
        )
        assert made.response.name == "slow"
        assert made.meta.network_id == made.response.id


def test_the_answer_says_when_to_poll(certificate: Certificate) -> None:
    with emulated(certificate, options=Options(async_s=0.2)) as cloud:
        operation = cloud(f"{NETWORK}/Create", folder_id=FOLDER, name="slow")
        stub = cloud.stub("operation.OperationService")
        request = descriptors.methods("operation.OperationService")["Get"].request(operation_id=operation.id)
        _, call = stub.Get.with_call(request)
        assert int(dict(call.initial_metadata())["x-operation-poll-interval"]) >= 1


def test_a_cluster_is_shown_while_it_is_made(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    backing = Slow()
    with emulated(certificate, backing=backing) as cloud:
        yandex.subnet(cloud, network := yandex.network(cloud))
        backing.release.clear()
        monkeypatch.setattr(operations, "ANSWERED_WITHIN_S", 0.0)
        operation = cloud(f"{KAFKA}/Create", _kafka_request(network))
        metadata = descriptors.message("mdb.kafka.v1.CreateClusterMetadata")()
        operation.metadata.Unpack(metadata)
        assert cloud(f"{KAFKA}/Get", cluster_id=metadata.cluster_id).status == 1  # CREATING
        backing.release.set()
        _wait(cloud, operation)
        assert cloud(f"{KAFKA}/Get", cluster_id=metadata.cluster_id).status == 2  # RUNNING


def test_what_is_made_quickly_is_done_in_the_first_answer(certificate: Certificate) -> None:
    with emulated(certificate, backing=Slow()) as cloud:
        yandex.subnet(cloud, network := yandex.network(cloud))
        cluster = yandex.kafka(cloud, network)
        assert cloud.done(f"{TOPIC}/Create", cluster_id=cluster, topic_spec={"name": "t", "partitions": {"value": 1}}).name == "t"


def test_strict_refuses_the_second_operation_on_a_cluster_in_the_clouds_words(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    backing = Slow()
    with emulated(certificate, backing=backing, options=Options(is_strict=True)) as cloud:
        yandex.subnet(cloud, network := yandex.network(cloud))
        _wait(cloud, cloud(f"{KAFKA}/Create", _kafka_request(network)))
        cluster = cloud(f"{KAFKA}/List", folder_id=FOLDER).clusters[0].id
        backing.topic_release.clear()
        monkeypatch.setattr(operations, "ANSWERED_WITHIN_S", 0.0)
        first = cloud(f"{TOPIC}/Create", cluster_id=cluster, topic_spec={"name": "a", "partitions": {"value": 1}})
        refused = cloud.refused(f"{TOPIC}/Create", cluster_id=cluster, topic_spec={"name": "b", "partitions": {"value": 1}})
        assert refused.details() == f'conflicting operation "{first.id}" detected'
        backing.topic_release.set()
        _wait(cloud, first)
        _wait(cloud, cloud(f"{TOPIC}/Create", cluster_id=cluster, topic_spec={"name": "b", "partitions": {"value": 1}}))


def test_the_same_call_with_the_same_key_is_one_operation(cloud: Cloud) -> None:
    keyed = Cloud(cloud.emulator, cloud.ca, metadata=(("idempotency-key", "one"),))
    first = keyed(f"{NETWORK}/Create", folder_id=FOLDER, name="once")
    assert keyed(f"{NETWORK}/Create", folder_id=FOLDER, name="once").id == first.id
    assert keyed(f"{NETWORK}/Create", folder_id=FOLDER, name="other").id != first.id
    assert cloud.refused(f"{NETWORK}/Create", folder_id=FOLDER, name="once").code() is grpc.StatusCode.ALREADY_EXISTS


def test_what_cannot_be_made_real_is_the_operations_error_and_leaves_nothing(certificate: Certificate) -> None:
    backing = Slow()
    with emulated(certificate, backing=backing) as cloud:
        yandex.subnet(cloud, network := yandex.network(cloud))
        backing.failure = BackingFailed(subject="cluster kafka", why="no space is left")
        operation = _wait(cloud, cloud(f"{KAFKA}/Create", _kafka_request(network)))
        assert "no space is left" in operation.error.message
        assert not cloud(f"{KAFKA}/List", folder_id=FOLDER).clusters
        assert len(backing.removed) == 1
        backing.failure = None
        assert yandex.kafka(cloud, network)


def test_a_finished_operation_leaves_no_lock_behind(certificate: Certificate) -> None:
    with emulated(certificate, backing=Slow()) as cloud:
        yandex.subnet(cloud, network := yandex.network(cloud))
        cluster = yandex.kafka(cloud, network)
        for name in ("a", "b"):
            _wait(cloud, cloud(f"{TOPIC}/Create", cluster_id=cluster, topic_spec={"name": name, "partitions": {"value": 1}}))
        cloud.emulator.state.operations.stop()
        assert cloud.emulator.state.operations._locks == {}


def test_operations_of_a_resource_are_listed(cloud: Cloud) -> None:
    network = yandex.network(cloud)
    cloud.done(f"{NETWORK}/Update", network_id=network, update_mask={"paths": ["description"]}, description="x")
    found = cloud(f"{NETWORK}/ListOperations", network_id=network).operations
    assert [operation.description for operation in found] == ["Update Network", "Create Network"]


# -- drift


def test_what_was_removed_behind_its_back_is_not_found(certificate: Certificate) -> None:
    backing = Slow()
    with emulated(certificate, backing=backing) as cloud:
        yandex.subnet(cloud, network := yandex.network(cloud))
        cluster = yandex.kafka(cloud, network)
        for name in ("kept", "lost"):
            cloud.done(f"{TOPIC}/Create", cluster_id=cluster, topic_spec={"name": name, "partitions": {"value": 1}})
        backing.inventory = Inventory(exists=True, topics=frozenset({"kept"}))
        assert cloud.refused(f"{TOPIC}/Get", cluster_id=cluster, topic_name="lost").code() is grpc.StatusCode.NOT_FOUND
        assert [topic.name for topic in cloud(f"{TOPIC}/List", cluster_id=cluster).topics] == ["kept"]
        backing.inventory = Inventory(exists=True)
        cloud.done(f"{TOPIC}/Create", cluster_id=cluster, topic_spec={"name": "lost", "partitions": {"value": 1}})
        backing.inventory = Inventory(exists=False)
        assert cloud.refused(f"{KAFKA}/Get", cluster_id=cluster).code() is grpc.StatusCode.NOT_FOUND
        backing.inventory = Inventory(exists=True)
        assert yandex.kafka(cloud, network)  # its name is free again


def test_a_password_goes_with_the_user_that_has_gone(certificate: Certificate) -> None:
    backing = Slow()
    with emulated(certificate, backing=backing) as cloud:
        yandex.subnet(cloud, network := yandex.network(cloud))
        cluster = yandex.postgres(cloud, network)
        for name in ("kept", "lost"):
            spec = {"name": name, "generate_password": {"value": True}}
            cloud.done("mdb.postgresql.v1.UserService/Create", cluster_id=cluster, user_spec=spec)
        backing.inventory = Inventory(exists=True, users=frozenset({"kept"}))
        assert len(cloud("mdb.postgresql.v1.UserService/List", cluster_id=cluster).users) == 1
        assert len(cloud("lockbox.v1.SecretService/List", folder_id=FOLDER).secrets) == 1
        backing.inventory = Inventory(exists=False)
        assert not cloud("mdb.postgresql.v1.ClusterService/List", folder_id=FOLDER).clusters
        assert not cloud("lockbox.v1.SecretService/List", folder_id=FOLDER).secrets


def test_what_is_being_made_is_not_taken_for_lost(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others list a cluster's topics while one is made; the broker does not have it yet."""
    backing = Slow()
    backing.inventory = Inventory(exists=True, topics=frozenset())
    with emulated(certificate, backing=backing) as cloud:
        yandex.subnet(cloud, network := yandex.network(cloud))
        cluster = yandex.kafka(cloud, network)
        backing.topic_release.clear()
        monkeypatch.setattr(operations, "ANSWERED_WITHIN_S", 0.0)
        operation = cloud(f"{TOPIC}/Create", cluster_id=cluster, topic_spec={"name": "t", "partitions": {"value": 1}})
        assert not operation.done
        assert [topic.name for topic in cloud(f"{TOPIC}/List", cluster_id=cluster).topics] == ["t"]
        backing.inventory = Inventory(exists=True, topics=frozenset({"t"}))
        backing.topic_release.set()
        assert not _wait(cloud, operation).HasField("error")
        assert cloud(f"{TOPIC}/Get", cluster_id=cluster, topic_name="t").name == "t"
        backing.inventory = Inventory(exists=True, topics=frozenset())
        assert cloud.refused(f"{TOPIC}/Get", cluster_id=cluster, topic_name="t").code() is grpc.StatusCode.NOT_FOUND


def test_an_id_of_the_real_cloud_is_refused_and_not_called_deleted(cloud: Cloud) -> None:
    refused = cloud.refused(f"{KAFKA}/Get", cluster_id="c9qrealreal0000clust")
    assert refused.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "none of this emulator's" in refused.details()


# -- what survives


def test_everything_is_there_after_a_restart(certificate: Certificate, tmp_path: Path) -> None:
    with emulated(certificate, tmp_path) as cloud:
        yandex.subnet(cloud, network := yandex.network(cloud))
        cluster = yandex.kafka(cloud, network)
        before = cloud(f"{KAFKA}/Get", cluster_id=cluster), cloud(f"{KAFKA}/ListHosts", cluster_id=cluster)
    with emulated(certificate, tmp_path) as cloud:
        assert (cloud(f"{KAFKA}/Get", cluster_id=cluster), cloud(f"{KAFKA}/ListHosts", cluster_id=cluster)) == before


def test_what_a_kill_interrupted_is_taken_back_and_can_be_made_anew(
    certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backing = Slow()
    with emulated(certificate, tmp_path, backing) as cloud:
        yandex.subnet(cloud, network := yandex.network(cloud))
        kept = yandex.kafka(cloud, network, "kept")
        backing.release.clear()
        monkeypatch.setattr(operations, "ANSWERED_WITHIN_S", 0.0)
        operation = cloud(f"{KAFKA}/Create", _kafka_request(network, "half"))
        (tmp_path / "killed").mkdir()
        (tmp_path / "killed" / "journal.jsonl").write_bytes((tmp_path / "journal.jsonl").read_bytes())  # as a kill leaves it
        backing.release.set()
    monkeypatch.undo()
    restarted = Slow()
    with emulated(certificate, tmp_path / "killed", restarted) as cloud:
        assert len(restarted.removed) == 1  # what the kill left half made
        found = cloud("operation.OperationService/Get", operation_id=operation.id)
        assert found.done
        assert "stopped while this ran" in found.error.message
        assert [cluster.id for cluster in cloud(f"{KAFKA}/List", folder_id=FOLDER).clusters] == [kept]
        assert yandex.kafka(cloud, network, "half")


def test_a_line_cut_short_by_a_kill_is_dropped(certificate: Certificate, tmp_path: Path) -> None:
    with emulated(certificate, tmp_path) as cloud:
        network = yandex.network(cloud, "whole")
    journal = tmp_path / "journal.jsonl"
    with journal.open("ab") as file:
        file.write(b'{"put":[["vpc.v1.Network","x"')
    with emulated(certificate, tmp_path) as cloud:
        assert [found.id for found in cloud(f"{NETWORK}/List", folder_id=FOLDER).networks] == [network]


def test_a_damaged_journal_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"version":1}\nnonsense\n{}\n')
    with pytest.raises(JournalDamaged, match=r"cannot be read") as caught:
        Journal(path)
    assert "line 2" in caught.value.why


def test_a_journal_of_another_version_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"version":99}\n')
    with pytest.raises(JournalDamaged):
        Journal(path)


def test_the_journal_is_private_and_is_compacted(
    certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.yandex.engine.journal.SPARE_LINES", 20)
    monkeypatch.setattr("kit.yandex.engine.operations.KEPT_OPERATIONS", 3)
    with emulated(certificate, tmp_path / "state") as cloud:
        network = yandex.network(cloud)
        for number in range(60):
            cloud.done(f"{NETWORK}/Update", network_id=network, update_mask={"paths": ["description"]}, description=str(number))
    journal = tmp_path / "state" / "journal.jsonl"
    assert journal.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert len(journal.read_text().splitlines()) < 60
    with emulated(certificate, tmp_path / "state") as cloud:
        assert cloud(f"{NETWORK}/Get", network_id=network).description == "59"


def _network_record(name: str, description: str = "") -> Record:
    return Record(name, FOLDER, descriptors.message("vpc.v1.Network")(id=name, description=description))


def _put(journal: Journal, record: Record) -> None:
    with journal.transaction() as change:
        change.put(record)


def _on_disk(path: Path, folder: Path) -> dict[str, str]:
    """What another emulator would read at this moment."""
    copied = folder / "copied.jsonl"
    copied.write_bytes(path.read_bytes())
    journal = Journal(copied)
    try:
        return {record.key: record.message.description for record in journal.all("vpc.v1.Network")}
    finally:
        journal.close()


def test_every_change_is_on_disk_also_the_one_that_compacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kit.yandex.engine.journal.SPARE_LINES", 5)
    path = tmp_path / "state" / "journal.jsonl"
    journal = Journal(path)
    for number in range(20):
        _put(journal, _network_record("n", str(number)))
        assert _on_disk(path, tmp_path) == {"n": str(number)}
    journal.close()


def test_a_change_that_could_not_be_written_never_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state" / "journal.jsonl"
    journal = Journal(path)
    _put(journal, _network_record("a"))
    with monkeypatch.context() as full:
        full.setattr("os.fdatasync", lambda descriptor: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(OSError, match="No space left"):
            _put(journal, _network_record("b"))
    _put(journal, _network_record("c"))
    assert [record.key for record in journal.all("vpc.v1.Network")] == ["a", "c"]
    journal.close()
    assert set(_on_disk(path, tmp_path)) == {"a", "c"}


# -- lists, quotas, coverage


def test_pages_hold_everything_once(certificate: Certificate) -> None:
    with emulated(certificate, options=Options(quotas={"vpc.networks.count": 7})) as cloud:
        _look_through_pages(cloud)


def _look_through_pages(cloud: Cloud) -> None:
    names = {f"n{number}" for number in range(7)}
    for name in names:
        yandex.network(cloud, name)
    seen, token = [], ""
    while True:
        answer = cloud(f"{NETWORK}/List", folder_id=FOLDER, page_size=3, page_token=token)
        seen += [network.name for network in answer.networks]
        token = answer.next_page_token
        if not token:
            break
        assert len(answer.networks) == 3
    assert sorted(seen) == sorted(names)
    assert violations(cloud.refused(f"{NETWORK}/List", folder_id=FOLDER, page_token="nonsense")) == ["page_token"]


def test_a_list_is_filtered_by_name_and_other_filters_are_refused(cloud: Cloud) -> None:
    yandex.network(cloud, "one")
    two = yandex.network(cloud, "two")
    assert [found.id for found in cloud(f"{NETWORK}/List", folder_id=FOLDER, filter='name = "two"').networks] == [two]
    assert violations(cloud.refused(f"{NETWORK}/List", folder_id=FOLDER, filter="name IN (a)")) == ["filter"]


def test_a_quota_is_enforced_and_shown(certificate: Certificate) -> None:
    with emulated(certificate, options=Options(quotas=quotas.parse(("vpc.networks.count=1",)))) as cloud:
        yandex.network(cloud)
        refused = cloud.refused(f"{NETWORK}/Create", folder_id=FOLDER, name="second")
        assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "vpc.networks.count" in refused.details()
        where: dict[str, Any] = {"resource": {"id": ids.CLOUD, "type": "resource-manager.cloud"}}
        found = cloud("quotamanager.v1.QuotaLimitService/Get", quota_id="vpc.networks.count", **where)
        assert (found.limit.value, found.usage.value) == (1, 1)


def test_the_coverage_page_is_current() -> None:
    assert (ROOT / "docs" / "yandex-coverage.md").read_text() == coverage.page(), (
        "kit yandex coverage --page > docs/yandex-coverage.md"
    )


def test_every_method_is_counted() -> None:
    assert sum(coverage.counts().values()) == len(descriptors.catalogue())


def test_a_thousand_topics_take_seconds(certificate: Certificate, tmp_path: Path) -> None:
    """The promise is three seconds on a quiet machine; this bound only finds a broken one."""
    with emulated(certificate, tmp_path) as cloud:
        yandex.subnet(cloud, network := yandex.network(cloud))
        cluster = yandex.kafka(cloud, network)
        start = time.monotonic()
        for number in range(1000):
            cloud(f"{TOPIC}/Create", cluster_id=cluster, topic_spec={"name": f"t{number}", "partitions": {"value": 1}})
        elapsed_s = time.monotonic() - start
        print(json.dumps({"topics": 1000, "seconds": round(elapsed_s, 2)}))
        assert elapsed_s < 30
        assert len(cloud(f"{TOPIC}/List", cluster_id=cluster, page_size=1000).topics) == 1000


def _kafka_request(network: str, name: str = "kafka") -> Any:
    make = descriptors.methods(KAFKA)["Create"].request
    return make(folder_id=FOLDER, name=name, network_id=network, environment=1, config_spec=yandex.BROKERS)


def _wait(cloud: Cloud, operation: Any) -> Any:
    end = time.monotonic() + 20
    while not operation.done and time.monotonic() < end:
        time.sleep(0.02)
        operation = cloud("operation.OperationService/Get", operation_id=operation.id)
    assert operation.done
    return operation
