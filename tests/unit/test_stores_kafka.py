"""Kafka's pure parts: what the schemas ask for, how it compares with a broker, and the login's arithmetic."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.report import topics as report
from kit.sentry.lines import topics as view
from kit.stores import kafka_topics
from kit.stores.contract import StoreError
from kit.stores.kafka_topics import PARTITIONS, Comparison, Difference, Topic
from kit.stores.wire import kafka as kafka_wire
from kit.stores.wire.tls import ProtocolBroken
from tests.support.program import ROOT

KEPT = {"retention.ms": "86400000", "cleanup.policy": "compact,delete"}
EVENTS = Topic("events", 1, KEPT)


def compared(actual: Topic, desired: Topic = EVENTS) -> tuple[Difference, ...]:
    return kafka_topics.compare([desired], [actual]).different


@pytest.mark.parametrize(("schemas", "count"), [("1.0.4", 75), ("2.1.39", 129)])
def test_every_topic_of_the_schemas_is_wanted_with_its_settings(schemas: str, count: int) -> None:
    wanted = {topic.name: topic for topic in kafka_topics.of_schemas(ROOT / "terraform" / "topics" / f"{schemas}.json")}
    assert len(wanted) == count
    assert wanted["ingest-events"].settings["max.message.bytes"] == "10000000"
    assert wanted["snuba-commit-log"].is_count_enforced
    assert all(topic.settings and topic.partitions >= 1 for topic in wanted.values())
    assert all(isinstance(value, str) for topic in wanted.values() for value in topic.settings.values())


def test_an_enforced_count_of_partitions_is_taken_over(tmp_path: Path) -> None:
    file = tmp_path / "schemas.json"
    file.write_text('{"topics": {"clock": {"partitions": 3, "enforced": true, "config": {"retention.ms": "5"}}}}')
    assert kafka_topics.of_schemas(file) == (Topic("clock", 3, {"retention.ms": "5"}, is_count_enforced=True),)


@pytest.mark.parametrize("text", [None, "[]", "{", '{"topics": {"clock": {}}}'])
def test_a_file_that_is_no_list_of_topics_is_named(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "schemas.json").write_text(text)
    with pytest.raises(StoreError, match=r"schemas\.json"):
        kafka_topics.of_schemas(tmp_path / "schemas.json")


def test_the_complaint_counts_what_is_to_be_mended() -> None:
    wanted = [EVENTS, Topic("absent", 1, KEPT)]
    assert view.complaint(kafka_topics.compare(wanted, [EVENTS, Topic("absent", 1, KEPT), Topic("theirs", 1, {})])) is None
    there = [Topic("events", 1, {"retention.ms": "1", "cleanup.policy": "compact"})]
    assert view.complaint(kafka_topics.compare(wanted, there)) == "1 missing, 1 different"


def test_what_the_broker_sets_besides_makes_no_difference() -> None:
    assert compared(Topic("events", 1, {**KEPT, "segment.bytes": "1073741824"})) == ()


def test_the_order_of_policies_makes_no_difference() -> None:
    assert compared(Topic("events", 1, {**KEPT, "cleanup.policy": "delete,compact"})) == ()


def test_a_setting_that_differs_is_named_with_both_values() -> None:
    assert compared(Topic("events", 1, {**KEPT, "retention.ms": "1"})) == (Difference("events", "retention.ms", "86400000", "1"),)


@pytest.mark.parametrize(
    ("wanted", "is_enforced", "actual", "is_different"),
    [(1, False, 8, False), (1, True, 8, True), (2, False, 1, True), (2, True, 2, False)],
)
def test_partitions_are_at_least_as_many_or_exactly_where_enforced(
    wanted: int, is_enforced: bool, actual: int, is_different: bool
) -> None:
    found = compared(Topic("events", actual, KEPT), Topic("events", wanted, KEPT, is_enforced))
    assert [each.setting for each in found] == ([PARTITIONS] if is_different else [])


def test_foreign_topics_are_extra_and_no_fault_and_the_broker_s_own_are_not_seen() -> None:
    found = kafka_topics.compare(
        [EVENTS], [EVENTS, Topic("theirs", 1, {}), Topic("__consumer_offsets", 4, {}), kafka_topics.SMOKE]
    )
    assert found == Comparison(same=("events",), missing=(), extra=("theirs",), different=())
    assert found.is_same


def test_the_table_shows_first_what_needs_a_look() -> None:
    wanted = [EVENTS, Topic("absent", 1, KEPT), Topic("fine", 1, KEPT)]
    there = [Topic("events", 1, {**KEPT, "retention.ms": "1"}), Topic("fine", 1, KEPT), Topic("theirs", 1, {})]
    assert report.table(kafka_topics.compare(wanted, there)) == (
        "missing    absent\n"
        "different  events  retention.ms is 1, wanted 86400000\n"
        "extra      theirs  asked for by nobody; left alone\n"
        "same       fine\n"
        "1 as wanted, 1 missing, 1 different, 1 extra\n"
    )


def test_an_answer_cut_short_is_no_answer() -> None:
    answer = kafka_wire.Answer(b"\x00\x05ab")
    with pytest.raises(ProtocolBroken):
        answer.text()
