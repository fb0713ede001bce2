"""A stack goes from one line of Sentry to another, its stores with it: Kafka 3.9 for clients that Kafka 4 refuses, and back."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from kit import verify as checks
from kit.stores import kafka, kafka_admin
from kit.targets.local.target import LocalTarget
from tests.support.program import Program, Ran
from tests.support.reach import local_target


@pytest.fixture
def of_profile(scratch: Program) -> Stores:
    return Stores(scratch)


@dataclass(frozen=True)
class Place:
    """In the topic that `smoke` writes to: the next offset, and how far its group has read."""

    following: int
    committed: int


class Stores:
    """The five stores of one stack, brought up for one profile after another."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def up(self, profile: str, *words: str) -> Ran:
        return self.program("up", "--local", "--only", "stores", "--profile", profile, *words, timeout_s=1800)

    @property
    def local(self) -> LocalTarget:
        return local_target(self.program)

    def kafka_version(self) -> str:
        """The program's own word."""
        argv = ["java", "-cp", "/opt/kafka/libs/*", "kafka.Kafka", "--version"]
        return self.local.docker.exec(f"{self.program.stack}-kafka", argv).output.split()[-1]

    def place(self) -> Place:
        from confluent_kafka import Consumer, TopicPartition

        settings = kafka_admin.settings(self.local.endpoints().kafka, self.local.trust())
        consumer = Consumer({**settings, "group.id": kafka.SMOKE_TOPIC}, logger=kafka_admin.QUIET)
        partition = TopicPartition(kafka.SMOKE_TOPIC, 0)
        try:
            return Place(
                consumer.get_watermark_offsets(partition, timeout=20)[1], consumer.committed([partition], timeout=20)[0].offset
            )
        finally:
            consumer.close()

    def smoke(self) -> None:
        """A record, written and read back."""
        kafka.smoke(self.local.endpoints().kafka, self.local.trust())


def test_kafka_follows_the_profile_and_a_queue_is_deleted_only_with_leave(of_profile: Stores) -> None:
    first = of_profile.up("current")
    assert first.exit_code == 0, first.stderr
    assert of_profile.kafka_version().startswith("4.")
    of_profile.smoke()
    written = of_profile.place()
    assert written.following == written.committed >= 1

    refused = of_profile.up("seed")
    assert refused.exit_code == 16
    assert "delete volume/kafka (it has the format of kafka, which kafka-3 does not take over)" in refused.stderr
    assert of_profile.kafka_version().startswith("4.")
    assert of_profile.place() == written

    allowed = of_profile.up("seed", "--yes")
    assert allowed.exit_code == 0, allowed.stderr
    assert of_profile.kafka_version().startswith("3.9.")
    local = of_profile.local
    promises = checks.from_host(local.endpoints(), local.ports(), local.trust(), local.stack.name)
    assert [promise for promise in promises if not promise.holds] == []
    of_profile.smoke()
    written = of_profile.place()

    # From here on nothing is lost: the volume keeps the format that both lines open.
    for profile, version in (("current", "4."), ("seed", "3.9.")):
        changed = of_profile.up(profile)
        assert changed.exit_code == 0, changed.stderr
        assert of_profile.kafka_version().startswith(version)
        assert of_profile.place() == written
        of_profile.smoke()
        assert of_profile.place() == Place(written.following + 1, written.committed + 1)
        written = of_profile.place()
    assert of_profile.up("seed", "--plan").stdout == "nothing to do\n"
