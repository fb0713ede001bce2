"""The whole configuration, the real terraform and provider, and real stores behind the emulated cloud: made, used, damaged,
mended, taken away.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from kit import workspace
from kit.adapters.docker.client import Docker
from kit.endpoints import Secret
from kit.stores import catalog, kafka_admin, kafka_topics
from kit.stores import kafka as kafka_store
from kit.stores.contract import Ready
from kit.yandex.backing.local import LocalBacking
from kit.yandex.engine import ids
from tests.support.holding import holding
from tests.terraform import test_restore
from tests.terraform.planning import KAFKA_PASSWORD, REDIS_PASSWORD
from tests.terraform.test_rehearsal import Rehearsal, rehearsal

NAME = f"yc-tf-{os.getpid()}"
SECONDS_FOR_ALL = 90  # on two cores, everything built
TIMES_SLOWER = 3  # other people's work on the same computer


@dataclass
class Cloud:
    terraform: Rehearsal
    backing: LocalBacking

    def password(self, name: str) -> Secret:
        place = self.terraform.outputs()["secrets"][name]
        return Secret(self.terraform.payload(place["secret_id"])[place["key"]])

    def topics(self) -> set[str]:
        return {topic.name for topic in kafka_topics.actual(self.admin()) if not topic.name.startswith("__")}

    def admin(self) -> Any:
        local = self.backing.local
        return kafka_admin.connect(kafka_store.admin_endpoint(local.endpoints().kafka, local.credentials()), local.trust())

    def planned(self) -> dict[str, str]:
        """Address → what the next plan would do with it."""
        lines = self.terraform.terraform("plan", "-json", "-input=false").stdout.splitlines()
        changes = [event["change"] for event in map(json.loads, lines) if event["type"] == "planned_change"]
        return {change["resource"]["addr"]: change["action"] for change in changes if change["action"] not in ("noop", "read")}


@pytest.fixture(scope="module")
def cloud(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    place = workspace.find(NAME)
    home = tmp_path_factory.mktemp(NAME)
    backing = LocalBacking(NAME, workspace.Workspace(NAME, place.assets, home, place.cache))
    with holding(backing.local.workspace):
        try:
            backing.prepare()
            with rehearsal(tmp_path_factory.mktemp("terraform"), backing) as it:
                started = time.monotonic()
                it.change("apply")
                seconds = time.monotonic() - started
                print(f"\napplied with everything behind it after {seconds:.0f} s")
                assert seconds < SECONDS_FOR_ALL * TIMES_SLOWER
                yield Cloud(it, backing)
        finally:
            backing.purge()


def test_a_second_plan_is_empty(cloud: Cloud) -> None:
    assert cloud.terraform.is_unchanged()


@pytest.mark.parametrize("store", ["kafka", "postgres", "redis", "clickhouse"])
def test_each_store_takes_the_password_that_the_cloud_has(cloud: Cloud, store: str) -> None:
    passwords = {
        "kafka": lambda: Secret(KAFKA_PASSWORD),
        "redis": lambda: Secret(REDIS_PASSWORD),
        "postgres": lambda: cloud.password("postgres_password"),
        "clickhouse": lambda: cloud.password("clickhouse_password"),
    }
    local, module = cloud.backing.local, catalog.module(store)
    endpoint = module.with_password(local.endpoints().store(store), passwords[store]())
    answer = module.probe(endpoint, local.trust())
    assert isinstance(answer, Ready), answer
    wrong = module.probe(module.with_password(endpoint, Secret("another")), local.trust())
    assert not isinstance(wrong, Ready)


def test_each_key_opens_its_own_bucket(cloud: Cloud) -> None:
    store = cloud.backing.object_store()
    assert store is not None
    buckets = {name: cloud.terraform.outputs()["endpoints"]["s3"][name]["bucket"] for name in ("filestore", "nodestore")}
    for own, other in (("filestore", "nodestore"), ("nodestore", "filestore")):
        key_id, secret = (cloud.password(f"{own}_{half}").reveal() for half in ("access_key", "secret_key"))
        session = boto3.session.Session(key_id, secret, region_name="ru-central1")
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        s3 = session.client("s3", endpoint_url=f"https://{store.host}:{store.port}", verify=str(store.ca_file), config=config)
        s3.put_object(Bucket=buckets[own], Key="tried", Body=own.encode())
        assert s3.get_object(Bucket=buckets[own], Key="tried")["Body"].read() == own.encode()
        with pytest.raises(ClientError) as caught:
            s3.get_object(Bucket=buckets[other], Key="tried")
        assert caught.value.response["Error"]["Code"] == "AccessDenied"


def test_the_topics_are_those_of_the_configuration(cloud: Cloud) -> None:
    wanted = {
        address.partition('"')[2].rstrip('"]')
        for address in cloud.terraform.terraform("state", "list").stdout.splitlines()
        if address.startswith('yandex_mdb_kafka_topic.sentry["')
    }
    assert len(wanted) > 50
    assert cloud.topics() == wanted | {"kit-smoke"}


def test_what_was_removed_behind_its_back_is_planned_and_mended(cloud: Cloud) -> None:
    kafka_topics.delete(cloud.admin(), ["ingest-events"])
    time.sleep(1.5)  # a look may be a second old
    assert cloud.planned() == {'yandex_mdb_kafka_topic.sentry["ingest-events"]': "create"}
    cloud.terraform.change("apply")
    assert "ingest-events" in cloud.topics()
    assert cloud.terraform.is_unchanged()


def test_a_lost_broker_is_planned_with_all_that_was_on_it(cloud: Cloud) -> None:
    topics = cloud.topics()
    Docker().stop_and_remove(f"{cloud.backing.local.stack.name}-kafka", 0)
    time.sleep(1.5)
    planned = cloud.planned()
    assert planned["yandex_mdb_kafka_cluster.sentry"] == "create"
    assert sum(address.startswith("yandex_mdb_kafka_topic.") for address in planned) == len(topics)
    assert set(planned.values()) == {"create"}
    cloud.terraform.change("apply")
    assert cloud.topics() == topics
    local = cloud.backing.local
    sentry = dataclasses.replace(local.endpoints().kafka, password=Secret(KAFKA_PASSWORD))
    assert isinstance(kafka_store.probe(sentry, local.trust()), Ready)
    assert cloud.terraform.is_unchanged()


STORED = {  # store → what is written as Sentry's own user, and how it is read again
    "postgres": (
        ("CREATE TABLE project (id serial PRIMARY KEY, slug citext)", "INSERT INTO project (slug) VALUES ('internal')"),
        "SELECT slug FROM project",
    ),
    "clickhouse": (
        (
            "CREATE TABLE events (day Date, id UInt64, title String) ENGINE = MergeTree(day, id, 8192)",
            "INSERT INTO events VALUES ('2026-11-28', 7, 'ZeroDivisionError')",
        ),
        "SELECT title FROM events",
    ),
}


def asked(cloud: Cloud, store: str, query: str) -> str:
    local, module = cloud.backing.local, catalog.module(store)
    endpoint = module.with_password(local.endpoints().store(store), cloud.password(f"{store}_password"))
    if store == "clickhouse":
        return module.ask(endpoint, local.trust(), query, "sentry").strip()
    with module.connected(endpoint, local.trust()) as server:
        ran = server.execute(query)
        return "".join(row[0] for row in ran.fetchall()) if ran.description else ""


@pytest.mark.parametrize("store", STORED)
def test_a_lost_store_comes_back_out_of_its_backup_with_what_was_in_it(cloud: Cloud, store: str) -> None:
    """The event and the row were written by Sentry's own user; afterwards that user, with a password made anew, reads them."""
    it, client = cloud.terraform, test_restore.as_client(cloud.terraform)
    package = f"mdb.{test_restore.PACKAGES[store]}.v1"
    writes, read = STORED[store]
    for query in writes:
        asked(cloud, store, query)
    written = asked(cloud, store, read)
    assert written
    client.done(f"{package}.ClusterService/Backup", cluster_id=(lost := test_restore.cluster_id(it, store)))
    (backup,) = client(f"{package}.BackupService/List", folder_id=ids.FOLDER).backups
    Docker().stop_and_remove(f"{cloud.backing.local.stack.name}-{store}", 0)
    time.sleep(1.5)  # a look may be a second old
    assert not client(f"{package}.ClusterService/List", folder_id=ids.FOLDER).clusters
    test_restore.restore(it, store, backup.id)
    assert test_restore.cluster_id(it, store) != lost
    it.change("apply")
    assert asked(cloud, store, read) == written
    assert it.is_unchanged()
    client.done(f"{package}.BackupService/Delete", backup_id=backup.id)


def test_nothing_is_left_after_destroy(cloud: Cloud) -> None:
    cloud.terraform.change("destroy")
    assert cloud.terraform.left() == []
    docker, name = Docker(), cloud.backing.local.stack.name
    found = [each.name for each in (*docker.containers(), *docker.volumes(), *docker.networks()) if each.name.startswith(name)]
    assert found == []
