"""`kit capacity` as a user calls it: tables, data, variables that plan, and what it does not understand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kit.adapters.yandex.client import Quota
from kit.blueprint import file
from kit.blueprint.load import Load
from kit.blueprint.stack import Stack
from kit.capacity.check import PlanFills
from kit.errors import KitError
from kit.targets.cloud import load
from kit.workspace import Workspace
from tests.support.in_process import Kit
from tests.support.program import ROOT


def test_a_load_is_shown_beside_a_size(here: Kit) -> None:
    ran = here(
        "capacity", "--events", "1000/s", "--event-kb", "10", "--transactions", "200/s", "--retention", "30", "--size", "ha"
    )
    assert ran.exit_code == 0
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("1000 events/s of 10 KB, 200 transactions/s, 3 times as much at the peak, kept for 30 days")
    assert next(line for line in lines if "disk of a broker" in line).split()[0] == "✗"
    assert "3,110 million PUT" in ran.stdout
    assert "PUT/s, one object an event" in ran.stdout
    assert "the disk of ClickHouse, grown to 400 GB, would be full on 20" in ran.stdout
    assert "ingest-events              = 24\n" in ran.stdout


def test_requests_are_no_matter_where_they_are_few(here: Kit) -> None:
    assert "one object an event" not in here("capacity", "--events", "50/s", "--size", "small").stdout


def test_the_same_as_data(here: Kit) -> None:
    found = here("capacity", "--events", "86.4M/d", "--peak", "2", "--retention", "30", "--size", "large", "-o", "json").json
    assert found["load"] == {"events": 1000, "event_kb": 10, "transactions": 0, "peak": 2, "retention_days": 30}
    assert (found["against"], found["fits"], found["full"]) == ("large", True, [])
    assert found["object_storage"]["puts_a_month"] == 2_592_000_000
    assert found["variables"]["topic_partitions"]["ingest-events"] == 24
    assert {each["source"] for each in found["assumptions"].values()} == {"measured", "published", "assumed"}


def test_variables_alone(here: Kit) -> None:
    said = here("capacity", "--events", "300/s", "--retention", "30", "-o", "tfvars").stdout
    assert said.startswith(
        '# For 300 events/s of 10 KB, 3 times as much at the peak, kept for 30 days\nsize           = "standard"\n'
    )
    assert "\u2717" not in said


def test_without_a_load_a_size_tells_what_it_carries(here: Kit) -> None:
    assert here("capacity", "--size", "large", "--retention", "30").stdout.startswith(
        "size large carries about 2000 events/s of 10 KB"
    )
    found = here("capacity", "-o", "json").json
    assert (found["against"], found["retention_days"]) == ("demo", 90)
    assert 1 < found["carried"]["events"] < 20
    halves = here("capacity", "-o", "json", "--event-kb", "5", "--peak", "1").json["carried"]
    assert (halves["event_kb"], halves["peak"]) == (5, 1)
    assert halves["events"] > found["carried"]["events"]


@pytest.mark.parametrize("option", [("--check",), ("-o", "tfvars")])
def test_what_is_about_a_load_is_refused_without_one(here: Kit, option: tuple[str, ...]) -> None:
    refused = here("capacity", "--event-kb", "5", *option)
    assert (refused.exit_code, "KIT-CAPACITY-NO-LOAD" in refused.stderr) == (10, True)


def test_what_is_planned_is_compared_with_the_load_that_is_stated_beside_it(here: Kit) -> None:
    (here.home / "kit.yaml").write_text("sentry: {retention_days: 30}\nload: {events: 50/s}\ncloud: {size: small}\n")
    assert here("capacity", "--check").exit_code == 0
    assert here("capacity", "--check", "--events", "100/s").exit_code == 3, "too small, and nothing is full yet"
    refused = here("capacity", "--check", "--events", "900/s", "-o", "json")
    assert (refused.exit_code, refused.json["error"]["code"]) == (19, "KIT-CAPACITY-FULL")
    assert "would be full on 20" in refused.json["error"]["what"]


def test_another_description_can_be_compared_with(here: Kit) -> None:
    other = here.home / "other.yaml"
    other.write_text("cloud: {size: ha, resources: {kafka: {disk_size: 4000}}}\n")
    found = here("capacity", "--events", "50/s", "--against", str(other), "-o", "json").json
    (disk,) = (row for row in found["resources"] if (row["part"], row["what"]) == ("kafka", "disk of a broker"))
    assert (found["against"], disk["there"]) == ("ha", 4000)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--events many", "KIT-CAPACITY-LOAD"),
        ("--events 300", "KIT-CAPACITY-LOAD"),
        ("--events 300/s --event-kb big", "KIT-CAPACITY-LOAD"),
        ("--events 300/s --transactions -1/s", "KIT-CAPACITY-LOAD"),
        ("--events 300/s --peak 0.5", "KIT-CAPACITY-LOAD"),
        ("--events 300/s --retention 0", "KIT-USAGE"),
        ("--events 300/s --size huge", "KIT-CAPACITY-SIZE"),
        ("--size ha --against nowhere.yaml", "KIT-USAGE"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_to_write(words: str, code: str, here: Kit) -> None:
    error = here("capacity", *words.split(), "-o", "json").json["error"]
    assert (error["code"], bool(error["fix"])) == (code, True)
    assert list(here.home.iterdir()) == []


def test_two_things_to_compare_with_are_one_too_many(here: Kit) -> None:
    (here.home / "kit.yaml").write_text("name: it\n")
    assert here("capacity", "--size", "ha", "--against", "kit.yaml").exit_code == 10


def test_a_load_that_no_size_carries_has_a_code_of_its_own(here: Kit) -> None:
    error = here("capacity", "--events", "2000/s", "--transactions", "400/s", "--retention", "90", "-o", "json").json["error"]
    assert (error["code"], "all of it lies on one host" in error["why"]) == ("KIT-CAPACITY-LIMIT", True)


def test_only_what_prints_variables_of_terraform_takes_them_as_an_output(here: Kit) -> None:
    assert here("status", "-o", "tfvars").exit_code == 10


# -- kit.yaml


def test_a_load_in_kit_yaml_is_read() -> None:
    described = file.parse("load: {events: 300/s, event_kb: 6.5, transactions: 5.184M/d, peak: 2}", "kit.yaml")
    assert described.load == Load(300, 6.5, 60, 2)
    assert Stack().load is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("load:\n  events: 300\n", "'300' is not a number and a unit of time"),
        ("load:\n  event_kb: 0\n", "'0' is not the size of an event"),
        ("load:\n  evnts: 1/s\n", "unknown key 'evnts'"),
        ("load:\n  peak: [3]\n", "a word is expected"),
    ],
)
def test_what_is_wrong_with_it_has_its_line(text: str, says: str) -> None:
    with pytest.raises(file.BadBlueprint) as refused:
        file.parse(text, "kit.yaml")
    assert "kit.yaml:2 " in refused.value.what
    assert says in refused.value.why


# -- a plan of the cloud


def cloud(stack: Stack, quota: Quota | KitError | None = None, *, is_applied: bool = False, rehearses: bool = False) -> Any:
    def quotas(cloud_id: str, service: str) -> dict[str, Quota]:
        assert (cloud_id, service) == ("b1gcloud", "storage")
        if isinstance(quota, KitError):
            raise quota
        return {load.VOLUME: quota} if quota else {}

    clients = SimpleNamespace(given=stack.cloud.get, setting=stack.cloud.get, yandex=SimpleNamespace(quotas=quotas))
    place = SimpleNamespace(rehearses=rehearses)
    return SimpleNamespace(
        stack=stack, clients=clients, place=place, is_applied=is_applied, workspace=Workspace("it", ROOT, ROOT, ROOT)
    )


def stack(text: str) -> Stack:
    return file.parse(text, "kit.yaml")


STATED = "sentry: {retention_days: 30}\nload: {events: 50/s, transactions: 10/s}\n"


def test_a_plan_that_fills_is_refused_with_the_date() -> None:
    load.refuse_full(cloud(stack(f"{STATED}cloud: {{size: small}}")), "b1gcloud")
    few = f"{STATED}cloud: {{size: small, disk_growth: null, resources: {{clickhouse: {{disk_size: 64}}}}}}"
    with pytest.raises(PlanFills, match="the disk of ClickHouse would be full on 20"):
        load.refuse_full(cloud(stack(few)), "b1gcloud")
    load.refuse_full(cloud(stack(few.replace("disk_growth: null", "disk_growth: {limit: 4}"))), "b1gcloud")
    load.refuse_full(cloud(stack("cloud: {size: demo}")), "b1gcloud")


def test_a_quota_of_object_storage_that_fills_is_refused() -> None:
    """What is used already is somebody else's, until the stack stands."""
    there = stack(f"{STATED}cloud: {{size: small}}")
    quota = Quota(load.VOLUME, 600 * load.GB, 500 * load.GB)
    with pytest.raises(PlanFills, match="the quota of Object Storage would be full on 20"):
        load.refuse_full(cloud(there, quota), "b1gcloud")
    load.refuse_full(cloud(there, quota, is_applied=True), "b1gcloud")
    load.refuse_full(cloud(there, KitError(what="no", why="denied", fix="-")), "b1gcloud")
    load.refuse_full(cloud(there, Quota(load.VOLUME, None, None)), "b1gcloud")


def test_a_quota_refuses_no_rehearsal_and_is_told() -> None:
    there, quota = stack(f"{STATED}cloud: {{size: small}}"), Quota(load.VOLUME, 100 * load.GB, 0)
    (said,) = load.refuse_full(cloud(there, quota, rehearses=True), "b1gcloud")
    assert said.startswith("the quota of Object Storage would be full on 20")
    assert "ask for 454 GB of storage.volume.size in the real cloud" in said
    few = stack(f"{STATED}cloud: {{size: small, disk_growth: null, resources: {{clickhouse: {{disk_size: 64}}}}}}")
    with pytest.raises(PlanFills, match="the disk of ClickHouse would be full"):
        load.refuse_full(cloud(few, quota, rehearses=True), "b1gcloud")


def test_a_plan_says_what_its_size_carries() -> None:
    assert load.carried(cloud(stack("sentry: {retention_days: 30}\ncloud: {size: small}"))).startswith(
        "size small carries about 51 events/s of 10 KB and 10 transactions/s for 30 days"
    )
    assert "about 0 events/s" not in load.carried(cloud(Stack()))
